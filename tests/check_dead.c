/*
 * check_dead.c - descriptors that were closed behind the library's back: each is found, whoever
 * else there is, and handle_close called; its number may be another's by then.
 */
#include "interpose.h"
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
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

static void probe_on(struct probe *probe, const char *name, int fd)
{
    probe_init(probe, name, NULL);
    ck_assert_int_eq(asyncore_set_socket(&probe->base, fd, NULL), 0);
}

/* Opens all that the library opens for itself, which would take the number of the dead one. */
static void settle(void)
{
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
}

static void close_behind(struct probe *probe)
{
    ck_assert_int_eq(close(asyncore_fileno(&probe->base)), 0);
}

/* It is found within about a second, in few passes, and nothing else happens. */
static void assert_found(const char *expected)
{
    const double start = now();

    forget_calls();
    while (trace[0] == '\0')
        ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace(expected);
    ck_assert(now() - start < 3);
    ck_assert_int_le(calls.waits, 4);
}

static void assert_alive(struct probe *probe, int peer)
{
    char expected[64];

    snprintf(expected, sizeof expected, "%s.handle_read %s.recv=1 ", probe->name, probe->name);
    probe->on_read = recv_some;
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&probe->base));
    poll_once(NULL);
    assert_trace(expected);
}

/* ==================================================
 * found
 */

START_TEST(test_alone)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    const double start = now();

    settle();
    if (_i == 1) { /* it is not watched yet */
        asyncore_del_channel(&a.base);
        asyncore_add_channel(&a.base, NULL);
    }
    close_behind(&a);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert(now() - start < 3);
    assert_trace("A.handle_close ");
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
}
END_TEST

/* Nobody's class asks anything: the loop sleeps in one pass. */
START_TEST(test_every_third_of_many)
{
    enum { COUNT = 200 };
    static struct asyncore_dispatcher quiets[COUNT];
    static int peers[COUNT];
    const double start = now();
    int ends[2], dead = 0;

    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        ck_assert_int_eq(asyncore_init(&quiets[i], &quiet_class, ends[0], NULL), 0);
        peers[i] = ends[1];
    }
    settle();
    ck_assert_int_eq(asyncore_loop(0, NULL, 2), 0); /* they were looked for a moment ago */
    for (int i = 0; i < COUNT; i += 3, dead++)
        close(asyncore_fileno(&quiets[i]));
    forget_calls();
    while (quiets_closed < dead)
        ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    ck_assert(now() - start < 3);
    ck_assert_int_le(calls.waits, 6);
    ck_assert_int_eq(quiets_closed, dead);
    ck_assert_uint_eq(asyncore_map_count(NULL), COUNT - (size_t)dead);
    for (int i = 0; i < COUNT; i++)
        close(peers[i]);
    while (asyncore_map_count(NULL) > 0)
        poll_once(NULL);
}
END_TEST

START_TEST(test_among_others)
{
    static struct probe a, b, c;
    const int peers[] = {probe_channel(&b, "B", NULL), probe_channel(&a, "A", NULL),
                         probe_channel(&c, "C", NULL)};

    settle();
    close_behind(&a);
    assert_found("A.handle_close ");
    assert_alive(&b, peers[0]);
    assert_alive(&c, peers[2]);
    for (int i = 0; i < 3; i++)
        close(peers[i]);
}
END_TEST

START_TEST(test_short_waits)
{
    static struct probe a, b;
    const int peers[] = {probe_channel(&a, "A", NULL), probe_channel(&b, "B", NULL)};

    settle();
    close_behind(&a);
    for (int i = 0; i < 3; i++) /* who never waits finds it too */
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("A.handle_close ");
    close(peers[0]);
    close(peers[1]);
}
END_TEST

/* Somebody is ready in each pass.  Ten seconds later, on a clock that is set forward. */
START_TEST(test_busy_map)
{
    static struct probe a, b;
    const int peers[] = {probe_channel(&a, "A", NULL), probe_channel(&b, "B", NULL)};

    b.wants_write = true;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    close_behind(&a);
    trace[0] = '\0';
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    calls.later = 11;
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    ck_assert_ptr_nonnull(strstr(trace, "A.handle_close "));
    ck_assert_ptr_nonnull(strstr(trace, "B.handle_write "));
    ck_assert_int_eq(a.destroyed, 1);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

static int stay(struct probe *self)
{
    (void)self;
    return 0;
}

/* A handle_close that does nothing is called again each pass, and the others go on. */
START_TEST(test_handle_close_that_does_nothing)
{
    static struct probe a, b;
    const int peers[] = {probe_channel(&a, "A", NULL), probe_channel(&b, "B", NULL)};

    a.on_close = stay;
    b.on_read = recv_some;
    settle();
    close_behind(&a);
    assert_found("A.handle_close ");
    for (int i = 0; i < 5; i++) {
        send_all(peers[1], "x");
        wait_readable(asyncore_fileno(&b.base));
        poll_once(NULL);
        assert_trace("A.handle_close B.handle_read B.recv=1 ");
    }
    asyncore_close(&a.base);
    ck_assert_int_eq(a.destroyed, 1);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

/* Nor twice in a pass, by the poller and by the loop that looks. */
START_TEST(test_found_once)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_close = stay;
    settle();
    close_behind(&a);
    calls.later = 11;
    poll_once(NULL);
    assert_trace("A.handle_close ");
    asyncore_close(&a.base);
    close(peer);
}
END_TEST

/* Refused by the poller, as its predicate has changed; ready, for the file is open under another
 * number; and found dead: there is room for all that. */
START_TEST(test_found_in_every_way)
{
    enum { COUNT = 20 };
    static struct probe probes[COUNT];
    int peers[COUNT], others[COUNT];

    for (int i = 0; i < COUNT; i++)
        peers[i] = probe_channel(&probes[i], "A", NULL);
    settle();
    for (int i = 0; i < COUNT; i++) {
        others[i] = dup(asyncore_fileno(&probes[i].base));
        probes[i].wants_write = true;
        send_all(peers[i], "x");
        wait_readable(others[i]);
    }
    for (int i = 0; i < COUNT; i++)
        close_behind(&probes[i]);
    calls.later = 11;
    poll_once(NULL);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(probes[i].destroyed, 1);
        close(peers[i]);
        close(others[i]);
    }
    ck_assert_ptr_null(strstr(trace, "handle_read"));
}
END_TEST

static int reopen(struct probe *self)
{
    int ends[2];

    asyncore_close(&self->base);
    tcp_pair(ends);
    self->fd = ends[1];
    ck_assert_int_eq(asyncore_set_socket(&self->base, ends[0], NULL), 0);
    return 0;
}

START_TEST(test_opened_again_in_handle_close)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_close = reopen;
    settle();
    close_behind(&a);
    assert_found("A.handle_close ");
    assert_alive(&a, a.fd);
    ck_assert_int_eq(a.destroyed, 0);
    close(a.fd);
    close(peer);
}
END_TEST

/* ==================================================
 * in every state
 */

START_TEST(test_while_connecting)
{
    static struct probe a, l;
    struct sockaddr_in addr;
    const bool wants[][2] = {{true, false}, {false, true}, {false, false}};

    probe_listen(&l, "L", NULL, &addr);
    l.wants_read = false;
    settle();
    for (size_t i = 0; i < 3; i++) {
        probe_init(&a, "A", NULL);
        a.wants_read = wants[i][0];
        a.wants_write = wants[i][1];
        ck_assert_int_eq(asyncore_create_socket(&a.base, AF_INET, SOCK_STREAM), 0);
        ck_assert_int_eq(asyncore_connect(&a.base, (struct sockaddr *)&addr, sizeof addr), 0);
        ck_assert(asyncore_connecting(&a.base));
        close_behind(&a);
        assert_found("A.handle_close ");
        ck_assert(!asyncore_connecting(&a.base));
        ck_assert_int_eq(a.destroyed, 1);
    }
}
END_TEST

START_TEST(test_listener)
{
    static struct probe a, l;
    struct sockaddr_in addr;
    const int peer = probe_channel(&a, "A", NULL);

    probe_listen(&l, "L", NULL, &addr);
    settle();
    close_behind(&l);
    assert_found("L.handle_close ");
    assert_alive(&a, peer);
    close(peer);
}
END_TEST

/* Nobody watches it, so nobody notices, until it is asked for. */
START_TEST(test_without_interest)
{
    static struct probe a, b;
    const int peers[] = {probe_channel(&a, "A", NULL), probe_channel(&b, "B", NULL)};

    a.wants_read = false;
    settle();
    close_behind(&a);
    ck_assert_int_eq(asyncore_poll(0.01, NULL), 0);
    assert_trace("");
    a.wants_read = true;
    assert_found("A.handle_close ");
    close(peers[0]);
    close(peers[1]);
}
END_TEST

START_TEST(test_always_ready)
{
    static struct probe a;

    probe_on(&a, "A", open("/dev/null", O_RDWR));
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("A.handle_read ");
    close_behind(&a);
    calls.later = 11;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_ptr_nonnull(strstr(trace, "A.handle_close "));
    ck_assert_int_eq(a.destroyed, 1);
}
END_TEST

/* A pipe that has hung up, asked for writing alone: the poller has laid it aside. */
START_TEST(test_hung_up)
{
    static struct probe a;
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    close(ends[1]);
    probe_on(&a, "A", ends[0]);
    a.wants_read = false;
    a.wants_write = true;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asyncore_poll(0.001, NULL), 0);
    assert_trace("");
    close_behind(&a);
    for (int i = 0; i < 3 && trace[0] == '\0'; i++)
        ck_assert_int_eq(asyncore_poll(0.5, NULL), 0);
    assert_trace("A.handle_close ");
}
END_TEST

static atomic_bool over;

/* After five seconds, unless it is over before. */
static void *stop_later(void *map)
{
    const struct timespec moment = {.tv_nsec = 50000000};

    for (int i = 0; i < 100 && !atomic_load(&over); i++)
        nanosleep(&moment, NULL);
    asyncore_stop(map);
    return NULL;
}

/* The same hang-up ends the wait after which the dead would have been looked for. */
START_TEST(test_behind_a_hang_up)
{
    enum { COUNT = 100 };
    static struct asyncore_dispatcher quiets[COUNT];
    static struct asyncore_dispatcher hung;
    static const struct asyncore_class hung_class = {
        .super = &quiet_class, .readable = asyncore_never, .writable = asyncore_always};
    static int peers[COUNT];
    pthread_t thread;
    int ends[2];

    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        ck_assert_int_eq(asyncore_init(&quiets[i], &quiet_class, ends[0], NULL), 0);
        peers[i] = ends[1];
    }
    settle();
    ck_assert_int_eq(pipe(ends), 0);
    close(ends[1]);
    ck_assert_int_eq(asyncore_loop(0, NULL, 2), 0);
    close(asyncore_fileno(&quiets[50]));
    ck_assert_int_eq(asyncore_init(&hung, &hung_class, -1, NULL), 0);
    ck_assert_int_eq(asyncore_set_socket(&hung, ends[0], NULL), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_later, NULL), 0);
    forget_calls();
    /* A wait with an end may end with nothing, and the next one finds it; or the alarm ends it. */
    for (int i = 0; i == 0 || (quiets_closed == 0 && _i == 1 && i < 3); i++)
        ck_assert_int_eq(asyncore_poll(_i == 0 ? -1 : 4, NULL), 0);
    ck_assert_int_le(calls.waits, _i == 0 ? 3 : 4);
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    ck_assert_int_eq(quiets_closed, 1);
    for (int i = 0; i < COUNT; i++)
        close(peers[i]);
}
END_TEST

/* In a handler: the other one was found ready in this pass, and is dead when its turn comes. */
static int close_other_behind(struct probe *self)
{
    close_behind(self->other);
    return recv_some(self);
}

START_TEST(test_in_a_handler)
{
    static struct probe a, b;
    const int peers[] = {probe_channel(&a, "A", NULL), probe_channel(&b, "B", NULL)};

    a.on_read = close_other_behind;
    a.other = &b;
    b.on_read = recv_some;
    for (int i = 0; i < 2; i++)
        send_all(peers[i], "x");
    wait_readable(asyncore_fileno(&a.base));
    wait_readable(asyncore_fileno(&b.base));
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=1 B.handle_read B.handle_close B.recv=0 ");
    close(peers[0]);
    close(peers[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dead");
    TCase *tcase = add_case(suite, "dead");

    tcase_add_loop_test(tcase, test_alone, 0, 2);
    tcase_add_test(tcase, test_every_third_of_many);
    tcase_add_test(tcase, test_among_others);
    tcase_add_test(tcase, test_short_waits);
    tcase_add_test(tcase, test_busy_map);
    tcase_add_test(tcase, test_handle_close_that_does_nothing);
    tcase_add_test(tcase, test_found_once);
    tcase_add_test(tcase, test_found_in_every_way);
    tcase_add_test(tcase, test_opened_again_in_handle_close);
    tcase_add_test(tcase, test_while_connecting);
    tcase_add_test(tcase, test_listener);
    tcase_add_test(tcase, test_without_interest);
    tcase_add_test(tcase, test_always_ready);
    tcase_add_test(tcase, test_hung_up);
    tcase_add_loop_test(tcase, test_behind_a_hang_up, 0, 2);
    tcase_add_test(tcase, test_in_a_handler);
    return run_suite(suite);
}
