/* check_threads.c - a map for each thread, and what reaches into the map of another. */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What fails in a thread ends the test at once. */
#define THREAD_ASSERT(condition)                                                                   \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "thread: %s:%d: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* ==================================================
 * eight threads, each with all that there is
 */

enum { THREADS = 8, PAIRS = 10, ROUNDS = 300 };

struct end {
    struct asyncore_dispatcher base;
    struct worker *worker;
    int left; /* echoes to go; -1: answers */
};

static struct worker {
    pthread_t thread;
    struct asyncore_map *map;
    struct asyncore_timer every, later;
    struct asyncore_call call;
    int fired, called, destroyed, logged;
} workers[THREADS];

static int end_handle_read(struct asyncore_dispatcher *self)
{
    struct end *end = (struct end *)self;
    char buffer[64];
    const ssize_t n = asyncore_recv(self, buffer, sizeof buffer);

    if (n <= 0)
        return (int)n;
    if (end->left == 0)
        return asyncore_close(self);
    if (end->left > 0)
        end->left--;
    THREAD_ASSERT(asyncore_send(self, buffer, (size_t)n) == n);
    return 0;
}

static int end_handle_close(struct asyncore_dispatcher *self)
{
    asyncore_log_info(self, "end", ASYNCORE_INFO);
    ((struct end *)self)->worker->logged++;
    return asyncore_close(self);
}

static void end_destroy(struct asyncore_dispatcher *self)
{
    ((struct end *)self)->worker->destroyed++;
    free(self);
}

static const struct asyncore_class end_class = {
    .name = "end",
    .writable = asyncore_never,
    .handle_read = end_handle_read,
    .handle_close = end_handle_close,
    .destroy = end_destroy,
};

static void add_end(struct worker *worker, int fd, int left)
{
    struct end *end = calloc(1, sizeof *end);

    THREAD_ASSERT(end != NULL);
    THREAD_ASSERT(asyncore_init(&end->base, &end_class, fd, worker->map) == 0);
    end->worker = worker;
    end->left = left;
    if (left > 0)
        THREAD_ASSERT(asyncore_send(&end->base, "hello", 5) == 5);
}

static void fire(struct asyncore_timer *timer)
{
    struct worker *worker =
        (struct worker *)(void *)((char *)timer - offsetof(struct worker, every));

    worker->fired++;
    if (worker->destroyed == 2 * PAIRS)
        asyncore_cancel(timer);
}

static void make(struct asyncore_call *call)
{
    struct worker *worker = (struct worker *)(void *)((char *)call - offsetof(struct worker, call));

    if (++worker->called < ROUNDS)
        THREAD_ASSERT(asyncore_call_soon_threadsafe(call, make, worker->map) == 0);
}

static void *work(void *arg)
{
    struct worker *self = arg;

    for (int round = 0; round < 5; round++) {
        self->destroyed = self->called = self->fired = 0;
        self->map = asyncore_map_new();
        THREAD_ASSERT(self->map != NULL);
        for (int i = 0; i < PAIRS; i++) {
            int ends[2];

            THREAD_ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
            add_end(self, ends[0], ROUNDS + i);
            add_end(self, ends[1], -1);
        }
        THREAD_ASSERT(asyncore_call_every(&self->every, 0.001, fire, self->map) == 0);
        THREAD_ASSERT(asyncore_call_soon_threadsafe(&self->call, make, self->map) == 0);
        THREAD_ASSERT(asyncore_loop(-1, self->map, -1) == 0);
        THREAD_ASSERT(self->destroyed == 2 * PAIRS);
        THREAD_ASSERT(self->fired > 0);
        THREAD_ASSERT(asyncore_map_count(self->map) == 0);
        THREAD_ASSERT(asyncore_map_free(self->map) == 0);
    }
    return NULL;
}

static atomic_int log_lines;

static void count_lines(enum asyncore_log_type type, const char *message)
{
    THREAD_ASSERT(type == ASYNCORE_INFO && strcmp(message, "end") == 0);
    atomic_fetch_add(&log_lines, 1);
}

START_TEST(test_a_map_for_each)
{
    int logged = 0;

    asyncore_set_log(count_lines);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        logged += workers[i].logged;
    }
    ck_assert_int_eq(logged, THREADS * 5 * PAIRS); /* one of each pair hears of the end */
    ck_assert_int_eq(atomic_load(&log_lines), logged);
}
END_TEST

/* ==================================================
 * wake-ups and stops from outside
 */

enum { WAKERS = 2, WAKEUPS = 100000 };

static struct asyncore_map *woken_map;
static atomic_int wakers_left;
static int passes;

static void *wake(void *arg)
{
    (void)arg;
    for (int i = 0; i < WAKEUPS; i++)
        asyncore_wakeup(woken_map);
    atomic_fetch_sub(&wakers_left, 1);
    asyncore_wakeup(woken_map); /* this one may not be lost */
    return NULL;
}

/* The loop sleeps for ever but for them. */
START_TEST(test_wakeups)
{
    static struct probe a;
    pthread_t threads[WAKERS];
    int peer;

    woken_map = _i == 0 ? NULL : asyncore_map_new();
    peer = probe_channel(&a, "A", woken_map);
    atomic_store(&wakers_left, WAKERS);
    for (int i = 0; i < WAKERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, wake, NULL), 0);
    while (atomic_load(&wakers_left) > 0) {
        ck_assert_int_eq(asyncore_loop(-1, woken_map, 1), 0);
        passes++;
    }
    for (int i = 0; i < WAKERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_le(passes, WAKERS * (WAKEUPS + 1) + 1);
    assert_trace("");
    close(peer);
    ck_assert_int_eq(asyncore_map_free(woken_map), 0);
}
END_TEST

enum { STOPS = 5000 };
static atomic_int stops_seen, stops_made;

static void *stop_again_and_again(void *arg)
{
    (void)arg;
    for (int i = 0; i < STOPS; i++) {
        atomic_fetch_add(&stops_made, 1);
        asyncore_stop(woken_map);
        while (atomic_load(&stops_seen) < i + 1) /* the loop has ended, and begins again */
            sched_yield();
    }
    return NULL;
}

START_TEST(test_stops)
{
    static struct probe a;
    pthread_t thread;
    const int peer = probe_channel(&a, "A", NULL);

    woken_map = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_again_and_again, NULL), 0);
    for (int i = 0; i < STOPS; i++) {
        ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
        ck_assert_int_eq(atomic_load(&stops_made), i + 1); /* none ends two loops */
        atomic_fetch_add(&stops_seen, 1);
    }
    pthread_join(thread, NULL);
    close(peer);
}
END_TEST

static atomic_bool loop_is_over;

static void *stop_and_wake(void *arg)
{
    (void)arg;
    while (!atomic_load(&loop_is_over)) {
        asyncore_stop(woken_map);
        asyncore_wakeup(woken_map);
    }
    return NULL;
}

/* Two threads that do nothing but stop; the poller changes meanwhile. */
START_TEST(test_stops_without_end)
{
    static struct probe a;
    pthread_t threads[2];
    const int peer = probe_channel(&a, "A", NULL);
    size_t pollers = 0;

    woken_map = NULL;
    while (asyncore_poller_name(pollers) != NULL)
        pollers++;
    ck_assert_uint_gt(pollers, 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, stop_and_wake, NULL), 0);
    for (size_t i = 0; i < 2000; i++) {
        ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
        if (i % 10 == 0)
            ck_assert_int_eq(asyncore_map_set_poller(NULL, asyncore_poller_name(i / 10 % pollers)),
                             0);
    }
    atomic_store(&loop_is_over, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    close(peer);
}
END_TEST

/* ==================================================
 * pollers opened, and logs written, at the same time
 */

static void *open_and_close(void *arg)
{
    (void)arg;
    for (int i = 0; i < 200; i++) {
        struct asyncore_map *map = asyncore_map_new();
        struct asyncore_dispatcher dispatcher;
        struct asyncore_timer timer = {0};
        int ends[2];

        THREAD_ASSERT(map != NULL);
        THREAD_ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
        THREAD_ASSERT(asyncore_init(&dispatcher, &asyncore_dispatcher_class, ends[0], map) == 0);
        asyncore_set_ignore_log_types(&dispatcher, 0);
        close(ends[1]);
        asyncore_log_info(&dispatcher, "a word", ASYNCORE_WARNING);
        asyncore_wakeup(map);
        THREAD_ASSERT(asyncore_poll(-1, map) == 0);
        asyncore_cancel(&timer);
        THREAD_ASSERT(asyncore_map_free(map) == 0);
    }
    return NULL;
}

static void count_any(enum asyncore_log_type type, const char *message)
{
    (void)type;
    if (strcmp(message, "a word") == 0)
        atomic_fetch_add(&log_lines, 1);
}

START_TEST(test_maps_come_and_go)
{
    pthread_t threads[THREADS];

    asyncore_set_log(count_any);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, open_and_close, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_int_eq(atomic_load(&log_lines), THREADS * 200);
}
END_TEST

/* A map goes from one thread to another: no two use it at a time. */
static void *one_pass(void *map)
{
    THREAD_ASSERT(asyncore_poll(20, map) == 0);
    return NULL;
}

START_TEST(test_map_handed_over)
{
    static struct probe a;
    struct asyncore_map *map = asyncore_map_new();
    const int peer = probe_channel(&a, "A", map);
    pthread_t thread;

    a.on_read = recv_some;
    for (int i = 0; i < 20; i++) {
        send_all(peer, "x");
        ck_assert_int_eq(pthread_create(&thread, NULL, one_pass, map), 0);
        pthread_join(thread, NULL);
        assert_trace("A.handle_read A.recv=1 ");
        send_all(peer, "x");
        poll_once(map);
        assert_trace("A.handle_read A.recv=1 ");
    }
    ck_assert_int_eq(asyncore_map_free(map), 0);
    close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *tcase = add_case(suite, "threads");

    tcase_add_test(tcase, test_a_map_for_each);
    tcase_add_loop_test(tcase, test_wakeups, 0, 2);
    tcase_add_test(tcase, test_stops);
    tcase_add_test(tcase, test_stops_without_end);
    tcase_add_test(tcase, test_maps_come_and_go);
    tcase_add_test(tcase, test_map_handed_over);
    return run_suite(suite);
}
