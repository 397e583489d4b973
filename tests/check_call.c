/* check_call.c - calls that are queued for the loop: each is made once, in its order, there. */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct named {
    struct asyncore_call call;
    const char *name;
    struct named *other;
    int times;
};

static void trace_it(struct asyncore_call *call)
{
    add_to_trace("%s ", ((struct named *)call)->name);
}

static void trace_differently(struct asyncore_call *call)
{
    add_to_trace("not %s ", ((struct named *)call)->name);
}

static void queue(struct named *self, const char *name, void (*target)(struct asyncore_call *))
{
    self->name = name;
    ck_assert_int_eq(asyncore_call_soon_threadsafe(&self->call, target, NULL), 0);
}

static void loop(void)
{
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
}

/* ==================================================
 * order and number
 */

START_TEST(test_order)
{
    struct named a = {.name = NULL}, b = a, c = a;

    queue(&b, "b", trace_it);
    queue(&a, "a", trace_it);
    queue(&c, "c", trace_it);
    assert_trace("");
    loop(); /* makes them, and ends, for nothing is left */
    assert_trace("b a c ");
    loop();
    assert_trace("");
    queue(&a, "a", trace_it); /* and again */
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace("a ");
}
END_TEST

START_TEST(test_queued_twice)
{
    struct named a = {.name = NULL}, b = a;

    queue(&a, "a", trace_it);
    queue(&b, "b", trace_it);
    queue(&a, "a", trace_it);
    queue(&a, "a", trace_differently); /* it keeps the target that it has */
    loop();
    assert_trace("a b ");
    queue(&a, "a", trace_differently);
    loop();
    assert_trace("not a ");
}
END_TEST

START_TEST(test_bad_arguments)
{
    struct named a = {.name = "a"};

    ck_assert_int_eq(asyncore_call_soon_threadsafe(NULL, trace_it, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_call_soon_threadsafe(&a.call, NULL, NULL), -EINVAL);
    loop();
    queue(&a, "a", trace_it); /* the failure left nothing behind */
    loop();
    assert_trace("a ");
}
END_TEST

/* ==================================================
 * from inside
 */

static void queue_again(struct asyncore_call *call)
{
    struct named *self = (struct named *)call;

    trace_it(call);
    if (--self->times > 0)
        queue(self, self->name, queue_again);
}

static void queue_other(struct asyncore_call *call)
{
    struct named *self = (struct named *)call;

    trace_it(call);
    queue(self->other, self->other->name, trace_it);
}

static void free_itself(struct asyncore_call *call)
{
    trace_it(call);
    free(call);
}

START_TEST(test_queued_again_in_target)
{
    static struct probe p;
    struct named a = {.times = 3}, b = {.name = NULL};
    const int peer = probe_channel(&p, "P", NULL);

    p.on_read = recv_some;
    queue(&a, "a", queue_again);
    queue(&b, "b", trace_it);
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&p.base));
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0); /* what they queue is for the next pass */
    assert_trace("P.handle_read P.recv=1 a b ");
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&p.base));
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0); /* and starves nobody */
    assert_trace("P.handle_read P.recv=1 a ");
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace("a ");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    close(peer);
}
END_TEST

START_TEST(test_others_in_target)
{
    struct named b = {.name = "b"}, a = {.other = &b};
    struct named *c = calloc(1, sizeof *c);

    ck_assert_ptr_nonnull(c);
    queue(&a, "a", queue_other);
    queue(c, "c", free_itself);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace("a c ");
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace("b ");
    queue(&a, "a", queue_other);
    queue(&b, "b", trace_it); /* queued already when a queues it */
    loop();
    assert_trace("a b ");
}
END_TEST

static void stop_and_free(struct asyncore_call *call)
{
    trace_it(call);
    add_to_trace("%d %d ", asyncore_map_free(NULL) == -EBUSY, asyncore_poll(0, NULL) == -EBUSY);
    asyncore_stop(NULL);
}

START_TEST(test_stop_in_target)
{
    struct named a = {.name = NULL}, b = a;
    static struct probe p;
    const int peer = probe_channel(&p, "P", NULL);

    queue(&a, "a", stop_and_free);
    queue(&b, "b", trace_it);
    loop();
    assert_trace("a 1 1 b ");
    close(peer);
}
END_TEST

static struct named from_handler;

static int queue_in_handler(struct probe *self)
{
    queue(&from_handler, "call", trace_it);
    return recv_some(self);
}

/* At the end of the current pass. */
START_TEST(test_from_a_handler)
{
    static struct probe p, q;
    const int peers[] = {probe_channel(&p, "P", NULL), probe_channel(&q, "Q", NULL)};

    p.on_read = queue_in_handler;
    q.on_read = recv_some;
    for (int i = 0; i < 2; i++)
        send_all(peers[i], "x");
    wait_readable(asyncore_fileno(&p.base));
    wait_readable(asyncore_fileno(&q.base));
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace("P.handle_read P.recv=1 Q.handle_read Q.recv=1 call ");
    close(peers[0]);
    close(peers[1]);
}
END_TEST

static void queue_in_signal_handler(int signum)
{
    (void)signum;
    asyncore_call_soon_threadsafe(&from_handler.call, trace_it, NULL);
}

START_TEST(test_from_a_signal_handler)
{
    static struct probe p;
    const int peer = probe_channel(&p, "P", NULL);

    from_handler.name = "call";
    signal(SIGUSR1, queue_in_signal_handler);
    raise(SIGUSR1);
    errno = ENOENT;
    raise(SIGUSR1);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace("call ");
    close(peer);
}
END_TEST

static int leave(struct probe *self)
{
    recv_some(self);
    return asyncore_ExitNow;
}

/* The pass is left by ExitNow, after the wake-up was read: the next one makes the call at once. */
START_TEST(test_at_once_after_exit_now)
{
    static struct probe p;
    struct named a = {.name = NULL};
    const int peer = probe_channel(&p, "P", NULL);
    double start;

    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    p.wants_read = false;
    p.wants_write = true;
    p.on_write = leave;
    queue(&a, "a", trace_it);
    ck_assert_int_eq(asyncore_poll(-1, NULL), asyncore_ExitNow);
    trace[0] = '\0';
    p.wants_write = false;
    start = now();
    ck_assert_int_eq(asyncore_poll(3, NULL), 0);
    assert_trace("a ");
    ck_assert(now() - start < 2);
    close(peer);
}
END_TEST

START_TEST(test_kept_by_exit_now)
{
    static struct probe p;
    struct named a = {.name = NULL};
    const int peer = probe_channel(&p, "P", NULL);

    p.on_read = leave;
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&p.base));
    queue(&a, "a", trace_it);
    ck_assert_int_eq(asyncore_poll(-1, NULL), asyncore_ExitNow);
    assert_trace("P.handle_read P.recv=1 ");
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace("a ");
    close(peer);
}
END_TEST

/* ==================================================
 * dropped
 */

START_TEST(test_dropped_with_the_map)
{
    struct asyncore_map *map = asyncore_map_new();
    struct named a = {.name = "a"}, b = {.name = "b"};

    ck_assert_int_eq(asyncore_call_soon_threadsafe(&a.call, trace_it, map), 0);
    ck_assert_int_eq(asyncore_call_soon_threadsafe(&b.call, trace_it, map), 0);
    ck_assert_int_eq(asyncore_map_free(map), 0);
    queue(&b, "b", trace_it); /* free for another */
    queue(&a, "a", trace_it);
    loop();
    assert_trace("b a ");
    queue(&a, "a", trace_it);
    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    loop();
    assert_trace("");
}
END_TEST

/* ==================================================
 * from other threads
 */

enum { THREADS = 8, CALLS = 20000 };

struct numbered {
    struct asyncore_call call;
    int thread, number;
    long payload; /* written before it is queued, and read in target, without a lock */
};

static struct numbered calls[THREADS][CALLS];
static int made[THREADS], total;
static pthread_t loop_thread;

static void take(struct asyncore_call *call)
{
    const struct numbered *self = (struct numbered *)call;

    /* Check remembers each assertion, which takes its time. */
    if (self->number != made[self->thread] || self->payload != 7L * self->number ||
        !pthread_equal(pthread_self(), loop_thread))
        ck_abort_msg("call %d of thread %d comes after %d", self->number, self->thread,
                     made[self->thread]);
    made[self->thread]++;
    if (++total == THREADS * CALLS)
        asyncore_stop(NULL);
}

static void *queue_all(void *arg)
{
    struct numbered *own = arg;

    for (int i = 0; i < CALLS; i++) {
        own[i].payload = 7L * own[i].number;
        if (asyncore_call_soon_threadsafe(&own[i].call, take, NULL) != 0)
            abort();
    }
    return NULL;
}

START_TEST(test_many_threads)
{
    static struct probe p;
    const int peer = probe_channel(&p, "P", NULL); /* so that the loop waits for them */
    pthread_t threads[THREADS];

    loop_thread = pthread_self();
    for (int t = 0; t < THREADS; t++)
        for (int i = 0; i < CALLS; i++)
            calls[t][i] = (struct numbered){.thread = t, .number = i};
    for (int t = 0; t < THREADS; t++)
        ck_assert_int_eq(pthread_create(&threads[t], NULL, queue_all, calls[t]), 0);
    loop();
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    for (int t = 0; t < THREADS; t++)
        ck_assert_int_eq(made[t], CALLS);
    close(peer);
}
END_TEST

/* One call that all of them queue: what was written before is seen by the target after. */
static atomic_int written;
static int seen, shared_calls;
static struct asyncore_call shared;
static atomic_int threads_left;

static void look(struct asyncore_call *call)
{
    (void)call;
    seen = atomic_load(&written);
    shared_calls++;
    if (atomic_load(&threads_left) == 0)
        asyncore_stop(NULL);
}

static void *write_and_queue(void *arg)
{
    (void)arg;
    for (int i = 0; i < CALLS; i++) {
        atomic_fetch_add_explicit(&written, 1, memory_order_relaxed);
        if (asyncore_call_soon_threadsafe(&shared, look, NULL) != 0)
            abort();
    }
    atomic_fetch_sub(&threads_left, 1);
    asyncore_call_soon_threadsafe(&shared, look, NULL);
    return NULL;
}

START_TEST(test_one_call_of_many_threads)
{
    static struct probe p;
    const int peer = probe_channel(&p, "P", NULL);
    pthread_t threads[THREADS];

    atomic_store(&threads_left, THREADS);
    for (int t = 0; t < THREADS; t++)
        ck_assert_int_eq(pthread_create(&threads[t], NULL, write_and_queue, NULL), 0);
    loop();
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    ck_assert_int_eq(seen, THREADS * CALLS);
    ck_assert_int_le(shared_calls, THREADS * (CALLS + 1));
    ck_assert_int_eq(asyncore_poll(0, NULL), 0); /* at most one that came in between */
    close(peer);
}
END_TEST

static atomic_bool waiting;

static bool about_to_wait(struct probe *self)
{
    (void)self;
    atomic_store(&waiting, true);
    return true;
}

static void *queue_later(void *arg)
{
    const struct timespec moment = {.tv_nsec = 20000000};

    while (!atomic_load(&waiting))
        nanosleep(&moment, NULL);
    nanosleep(&moment, NULL);
    if (asyncore_call_soon_threadsafe(arg, trace_it, NULL) != 0)
        abort();
    return NULL;
}

START_TEST(test_wakes)
{
    static struct probe p;
    struct named a = {.name = "a"};
    const int peer = probe_channel(&p, "P", NULL);
    pthread_t thread;

    p.on_readable = about_to_wait;
    ck_assert_int_eq(pthread_create(&thread, NULL, queue_later, &a.call), 0);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    pthread_join(thread, NULL);
    assert_trace("a ");
    close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("call");
    TCase *tcase = add_case(suite, "call");

    tcase_add_test(tcase, test_order);
    tcase_add_test(tcase, test_queued_twice);
    tcase_add_test(tcase, test_bad_arguments);
    tcase_add_test(tcase, test_queued_again_in_target);
    tcase_add_test(tcase, test_others_in_target);
    tcase_add_test(tcase, test_stop_in_target);
    tcase_add_test(tcase, test_from_a_handler);
    tcase_add_test(tcase, test_from_a_signal_handler);
    tcase_add_test(tcase, test_at_once_after_exit_now);
    tcase_add_test(tcase, test_kept_by_exit_now);
    tcase_add_test(tcase, test_dropped_with_the_map);
    tcase_add_test(tcase, test_many_threads);
    tcase_add_test(tcase, test_one_call_of_many_threads);
    tcase_add_test(tcase, test_wakes);
    return run_suite(suite);
}
