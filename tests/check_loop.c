/* check_loop.c - the pass and the loop: order, time-outs, and every way to leave. */
#include "support.h"

#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

START_TEST(test_empty_map)
{
    const double start = now();

    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    ck_assert(now() - start < 5);
}
END_TEST

START_TEST(test_count)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.trace_predicates = true;
    ck_assert_int_eq(asyncore_loop(0, NULL, 2), 0);
    assert_trace("A.readable A.writable A.readable A.writable ");
    ck_assert_int_eq(asyncore_loop(0, NULL, 0), 0);
    assert_trace("");
    close(peer);
}
END_TEST

START_TEST(test_count_stops_when_the_map_is_empty)
{
    static struct probe a;

    a.on_read = recv_some;
    close(probe_channel(&a, "A", NULL));
    a.on_read = recv_some;
    ck_assert_int_eq(asyncore_loop(20, NULL, 10), 0);
    assert_trace("A.handle_read A.handle_close A.recv=0 ");
}
END_TEST

START_TEST(test_order)
{
    static struct probe a, b, c;
    /* so that the order of the descriptors is not that of the map */
    const int spare[2] = {dup(0), dup(0)};
    int peers[3];

    peers[2] = probe_channel(&c, "C", NULL);
    asyncore_del_channel(&c.base);
    close(spare[1]);
    peers[0] = probe_channel(&a, "A", NULL);
    close(spare[0]);
    peers[1] = probe_channel(&b, "B", NULL);
    ck_assert_int_eq(asyncore_add_channel(&c.base, NULL), 0);
    for (int i = 0; i < 3; i++)
        send_all(peers[i], "x");
    wait_readable(asyncore_fileno(&a.base));
    wait_readable(asyncore_fileno(&b.base));
    wait_readable(asyncore_fileno(&c.base));
    a.trace_predicates = b.trace_predicates = c.trace_predicates = true;
    a.wants_write = b.wants_write = c.wants_write = true;
    poll_once(NULL);
    assert_trace("A.readable A.writable B.readable B.writable C.readable C.writable "
                 "A.handle_read B.handle_read C.handle_read "
                 "A.handle_write B.handle_write C.handle_write ");
    for (int i = 0; i < 3; i++)
        close(peers[i]);
}
END_TEST

static int add_newcomer(struct probe *self)
{
    static struct probe newcomer;

    recv_some(self);
    self->fd = probe_channel(&newcomer, "N", NULL);
    newcomer.trace_predicates = true;
    newcomer.on_read = recv_some;
    send_all(self->fd, "x");
    return 0;
}

START_TEST(test_newcomer_waits_for_the_next_pass)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = add_newcomer;
    send_all(peer, "x");
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=1 ");
    poll_once(NULL);
    assert_trace("N.readable N.writable N.handle_read N.recv=1 ");
    close(peer);
    close(a.fd);
}
END_TEST

static bool add_in_predicate(struct probe *self)
{
    if (self->fd < 0)
        add_newcomer(self);
    return true;
}

START_TEST(test_newcomer_of_a_predicate_waits_too)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    a.on_readable = add_in_predicate; /* it comes behind B, who is still to be asked */
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("A.recv=1 ");
    poll_once(NULL);
    assert_trace("N.readable N.writable N.handle_read N.recv=1 ");
    close(peer);
    close(other);
    close(a.fd);
}
END_TEST

static struct asyncore_dispatcher known;

static int known_handle_read(struct asyncore_dispatcher *self)
{
    char byte;

    add_to_trace("K.handle_read ");
    return (int)asyncore_recv(self, &byte, 1);
}

static const struct asyncore_class known_class = {.writable = asyncore_never,
                                                  .handle_read = known_handle_read};

static bool add_known_in_predicate(struct probe *self)
{
    int ends[2];

    if (self->fd >= 0)
        return true;
    tcp_pair(ends);
    self->fd = ends[1];
    ck_assert_int_eq(asyncore_init(&known, &known_class, ends[0], NULL), 0);
    send_all(ends[1], "x");
    wait_readable(ends[0]);
    return true;
}

/* Nobody asks it, and still it is watched from the next pass on only. */
START_TEST(test_newcomer_with_known_predicates_waits_too)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_readable = add_known_in_predicate;
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    poll_once(NULL);
    assert_trace("K.handle_read ");
    close(peer);
    close(a.fd);
}
END_TEST

/* ---- time-outs ---- */

START_TEST(test_waits_no_shorter_than_asked)
{
    static struct probe a;
    static const double timeouts[] = {0.0000001, 0.0009, 0.0201, 0.2};
    const int peer = probe_channel(&a, "A", NULL);

    for (size_t i = 0; i < sizeof timeouts / sizeof timeouts[0]; i++) {
        const double start = now();

        ck_assert_int_eq(asyncore_poll(timeouts[i], NULL), 0);
        ck_assert(now() - start >= timeouts[i]);
    }
    a.wants_read = false; /* nobody wants anything: sleeps */
    {
        const double start = now();

        ck_assert_int_eq(asyncore_poll(0.05, NULL), 0);
        ck_assert(now() - start >= 0.05);
    }
    close(peer);
}
END_TEST

START_TEST(test_odd_timeouts)
{
    static struct probe a;
    static const double forever[] = {-1, -1e300, -INFINITY, 1e300, INFINITY};
    const int peer = probe_channel(&a, "A", NULL);

    ck_assert_int_eq(asyncore_poll(NAN, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_loop(NAN, NULL, -1), -EINVAL);
    send_all(peer, "x");
    for (size_t i = 0; i < sizeof forever / sizeof forever[0]; i++)
        ck_assert_int_eq(asyncore_poll(forever[i], NULL), 0);
    assert_trace("A.handle_read A.handle_read A.handle_read A.handle_read A.handle_read ");
    close(peer);
}
END_TEST

static void note_signal(int number)
{
    (void)number;
}

START_TEST(test_signal_ends_the_pass)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    const struct itimerval soon = {.it_value = {.tv_usec = 20000},
                                   .it_interval = {.tv_usec = 20000}};
    const struct sigaction action = {.sa_handler = note_signal};

    a.wants_write = false;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0); /* not for ever */
    assert_trace("");                             /* and nobody was taken for ready */
    ck_assert_int_eq(asyncore_loop(-1, NULL, 3), 0);
    assert_trace("");
    close(peer);
}
END_TEST

/* ---- ExitNow ---- */

static int exit_now(struct probe *self)
{
    (void)self;
    return asyncore_ExitNow;
}

START_TEST(test_exit_now)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    a.on_read = exit_now;
    b.on_read = recv_some;
    send_all(peer, "x");
    send_all(other, "y");
    wait_readable(asyncore_fileno(&b.base));
    ck_assert_int_eq(asyncore_poll(20, NULL), asyncore_ExitNow);
    assert_trace("A.handle_read ");
    ck_assert_uint_eq(asyncore_map_count(NULL), 2); /* nothing is closed */
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), asyncore_ExitNow);
    assert_trace("A.handle_read ");
    a.on_read = recv_some;
    ck_assert_int_eq(asyncore_poll(20, NULL), 0); /* B's event is still there */
    assert_trace("A.handle_read A.recv=1 B.handle_read B.recv=1 ");
    close(peer);
    close(other);
}
END_TEST

static int exit_in_error(struct probe *self, int error)
{
    (void)self;
    (void)error;
    return asyncore_ExitNow;
}

static int fail_with_eio(struct probe *self)
{
    (void)self;
    return -EIO;
}

START_TEST(test_exit_now_from_everywhere)
{
    static struct probe a, l;
    struct sockaddr_in addr;
    int peer = probe_channel(&a, "A", NULL);

    a.on_expt = exit_now;
    ck_assert_int_eq(send(peer, "!", 1, MSG_OOB), 1);
    ck_assert_int_eq(asyncore_poll(20, NULL), asyncore_ExitNow);
    a.wants_read = false;
    a.wants_write = true;
    a.on_write = exit_now;
    ck_assert_int_eq(asyncore_poll(20, NULL), asyncore_ExitNow);
    a.on_write = fail_with_eio;
    a.on_error = exit_in_error;
    ck_assert_int_eq(asyncore_poll(20, NULL), asyncore_ExitNow);
    a.wants_read = true;
    a.wants_write = false;
    a.on_read = recv_some;
    a.on_close = exit_now; /* through recv() */
    close(peer);
    ck_assert_int_eq(asyncore_poll(20, NULL), asyncore_ExitNow);
    asyncore_close(&a.base);
    probe_listen(&l, "L", NULL, &addr);
    peer = tcp_connect(&addr);
    l.on_accept = exit_now;
    ck_assert_int_eq(asyncore_poll(20, NULL), asyncore_ExitNow);
    close(peer);
}
END_TEST

static int fail_in_error(struct probe *self, int error)
{
    (void)self;
    return error;
}

START_TEST(test_failing_handle_error_leaves_the_pass)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = fail_with_eio;
    a.on_error = fail_in_error;
    send_all(peer, "x");
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), -EIO);
    ck_assert_int_ge(asyncore_fileno(&a.base), 0);
    close(peer);
}
END_TEST

static int return_a_count(struct probe *self)
{
    char buffer[8];

    return (int)asyncore_recv(&self->base, buffer, sizeof buffer);
}

START_TEST(test_result_above_zero_is_no_error)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = return_a_count;
    send_all(peer, "abc");
    poll_once(NULL);
    assert_trace("A.handle_read ");
    close(peer);
}
END_TEST

/* ---- stop ---- */

static int stop(struct probe *self)
{
    asyncore_stop(asyncore_get_map(&self->base));
    return recv_some(self);
}

START_TEST(test_stop_in_a_handler)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    a.on_read = stop;
    b.on_read = recv_some;
    send_all(peer, "x");
    send_all(other, "x");
    wait_readable(asyncore_fileno(&a.base));
    wait_readable(asyncore_fileno(&b.base));
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("A.handle_read A.recv=1 B.handle_read B.recv=1 "); /* the pass goes on */
    ck_assert_int_eq(asyncore_loop(0, NULL, 1), 0);                 /* it is used up */
    close(peer);
    close(other);
}
END_TEST

START_TEST(test_stop_before_the_loop)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.trace_predicates = true;
    asyncore_stop(NULL);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("");
    close(peer);
}
END_TEST

static void stop_in_signal(int number)
{
    (void)number;
    asyncore_stop(NULL);
}

START_TEST(test_stop_in_a_signal_handler)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    const struct itimerval soon = {.it_value = {.tv_usec = 20000}};
    const struct sigaction action = {.sa_handler = stop_in_signal, .sa_flags = SA_RESTART};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    close(peer);
}
END_TEST

static bool raise_signal(struct probe *self)
{
    (void)self;
    raise(SIGUSR1);
    return true;
}

/* The signal comes after the last look at the flag and before select(): it must not sleep. */
START_TEST(test_stop_just_before_the_wait)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    const struct sigaction action = {.sa_handler = stop_in_signal};

    sigaction(SIGUSR1, &action, NULL);
    a.on_readable = raise_signal;
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    close(peer);
}
END_TEST

static void *wake_and_stop(void *map)
{
    const struct timespec moment = {.tv_nsec = 10000000};

    for (int i = 0; i < 3; i++) {
        nanosleep(&moment, NULL);
        asyncore_wakeup(map);
    }
    nanosleep(&moment, NULL);
    asyncore_stop(map);
    return NULL;
}

START_TEST(test_wakeup_and_stop_from_a_thread)
{
    static struct probe a;
    struct asyncore_map *map = asyncore_map_new();
    const int peer = probe_channel(&a, "A", map);
    pthread_t thread;
    size_t passes = 0;

    a.trace_predicates = true;
    ck_assert_int_eq(pthread_create(&thread, NULL, wake_and_stop, map), 0);
    ck_assert_int_eq(asyncore_loop(-1, map, -1), 0);
    pthread_join(thread, NULL);
    for (const char *c = trace; (c = strstr(c, "A.readable")) != NULL; c++)
        passes++;
    ck_assert_uint_ge(passes, 2);
    ck_assert_uint_le(passes, 6);
    ck_assert_uint_eq(asyncore_map_count(map), 1); /* what wakes is not in the map */
    close(peer);
    ck_assert_int_eq(asyncore_map_free(map), 0);
}
END_TEST

START_TEST(test_wakeups_are_not_lost)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    ck_assert_int_eq(asyncore_loop(0, NULL, 1), 0);
    for (int i = 0; i < 200000; i++) { /* more than a pipe holds */
        asyncore_wakeup(NULL);
        if (i % 1000 == 0)
            ck_assert_int_eq(asyncore_loop(-1, NULL, 1), 0);
    }
    asyncore_stop(NULL);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    close(peer);
}
END_TEST

/* ---- misuse ---- */

static int poll_inside(struct probe *self)
{
    recv_some(self);
    add_to_trace("%d %d %d ", asyncore_poll(0, NULL) == -EBUSY,
                 asyncore_loop(0, NULL, -1) == -EBUSY, asyncore_map_free(NULL) == -EBUSY);
    return 0;
}

START_TEST(test_pass_inside_a_pass)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    a.on_read = poll_inside;
    b.on_read = recv_some;
    send_all(peer, "x");
    send_all(other, "x");
    wait_readable(asyncore_fileno(&a.base));
    wait_readable(asyncore_fileno(&b.base));
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=1 1 1 1 B.handle_read B.recv=1 ");
    close(peer);
    close(other);
}
END_TEST

static struct asyncore_map *inner;

static int poll_another_map(struct probe *self)
{
    recv_some(self);
    ck_assert_int_eq(asyncore_poll(20, inner), 0);
    return 0;
}

START_TEST(test_pass_of_another_map_inside_a_pass)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL);
    int other;

    inner = asyncore_map_new();
    other = probe_channel(&b, "B", inner);
    a.on_read = poll_another_map;
    b.on_read = recv_some;
    send_all(peer, "x");
    send_all(other, "x");
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=1 B.handle_read B.recv=1 ");
    close(peer);
    close(other);
    asyncore_map_free(inner);
}
END_TEST

/* A descriptor closed behind the library's back: CPython's select fails for ever. */
START_TEST(test_dead_descriptor)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    b.on_read = recv_some;
    send_all(other, "x");
    wait_readable(asyncore_fileno(&b.base));
    close(asyncore_fileno(&a.base));
    poll_once(NULL);
    assert_trace("A.handle_close B.handle_read B.recv=1 ");
    ck_assert_int_eq(a.destroyed, 1);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    close(peer);
    close(other);
}
END_TEST

START_TEST(test_number_of_a_dead_descriptor_used_again)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), number = asyncore_fileno(&a.base);
    int ends[2];

    trace_log();
    tcp_pair(ends);
    ck_assert_int_eq(dup2(ends[0], number), number); /* closes A's */
    close(ends[0]);
    probe_init(&b, "B", NULL);
    ck_assert_int_eq(asyncore_init(&b.base, &probe_class, number, NULL), 0);
    assert_trace("[error] A.handle_close "); /* which must not take B along: CPython orphans it */
    ck_assert_int_eq(a.destroyed, 1);
    b.on_read = recv_some;
    send_all(ends[1], "x");
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=1 ");
    close(ends[1]);
    close(peer);
}
END_TEST

static struct probe *partner;

static int close_partner(struct probe *self)
{
    asyncore_close(&partner->base);
    return asyncore_close(&self->base);
}

/* The one whose number is taken closes the one that takes it, in the middle of that. */
START_TEST(test_number_of_a_dead_descriptor_taken_by_a_partner)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), number = asyncore_fileno(&a.base);
    int ends[2];

    trace_log();
    tcp_pair(ends);
    ck_assert_int_eq(dup2(ends[0], number), number);
    close(ends[0]);
    probe_init(&b, "B", NULL);
    partner = &b;
    a.on_close = close_partner;
    ck_assert_int_eq(asyncore_set_socket(&b.base, number, NULL), 0);
    assert_trace("[error] A.handle_close ");
    ck_assert_int_eq(a.destroyed, 1);
    ck_assert_int_eq(b.destroyed, 0); /* it was closed, and then opened */
    ck_assert_ptr_eq(asyncore_map_get(NULL, number), &b.base);
    asyncore_close(&b.base);
    ck_assert_int_eq(b.destroyed, 1);
    close(ends[1]);
    close(peer);
}
END_TEST

/* Daemons close all that they have inherited, and what they should not. */
START_TEST(test_descriptors_of_the_wakeup_closed)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL);
    const int ends[2] = {dup(0), dup(0)}; /* the numbers that it will have */
    int other;

    ck_assert_int_eq(asyncore_loop(0, NULL, 1), 0); /* opens what else the map needs */
    close(ends[0]);
    close(ends[1]);
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_loop(10, NULL, 1), 0);
    ck_assert_int_ge(fcntl(ends[0], F_GETFD), 0);
    asyncore_wakeup(NULL); /* which nobody will ever read */
    close(ends[0]);
    close(ends[1]);
    if (_i == 0) { /* they are used again, or not */
        other = probe_channel(&b, "B", NULL);
        send_all(other, "x");
        wait_readable(asyncore_fileno(&b.base));
    } else {
        other = dup(0);
        close(other);
    }
    a.on_read = b.on_read = recv_some;
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    ck_assert_int_eq(asyncore_loop(-1, NULL, 1), 0);
    assert_trace(_i == 0 ? "A.handle_read A.recv=1 B.handle_read B.recv=1 "
                         : "A.handle_read A.recv=1 ");
    a.on_readable = raise_signal; /* whose handler stops the loop, just before it waits */
    ck_assert(signal(SIGUSR1, stop_in_signal) != SIG_ERR);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    close(peer);
    if (_i == 0)
        close(other);
}
END_TEST

static int stop_and_nest(struct probe *self)
{
    recv_some(self);
    asyncore_stop(NULL);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), -EBUSY);
    return 0;
}

START_TEST(test_nested_loop_does_not_take_the_stop)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = stop_and_nest;
    send_all(peer, "x");
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("A.handle_read A.recv=1 ");
    close(peer);
}
END_TEST

/* ---- readwrite, for loops of one's own ---- */

#define assert_readwrite(flags, expected)                                                          \
    do {                                                                                           \
        ck_assert_int_eq(asyncore_readwrite(&a.base, flags), 0);                                   \
        assert_trace(expected);                                                                    \
    } while (0)

static int stay(struct probe *self)
{
    (void)self;
    return 0;
}

static int fail_with_epipe(struct probe *self)
{
    (void)self;
    return -EPIPE;
}

static int close_and_fail(struct probe *self)
{
    close_self(self);
    return -EPIPE;
}

START_TEST(test_readwrite)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_close = stay;
    assert_readwrite(0, "");
    assert_readwrite(POLLIN, "A.handle_read ");
    assert_readwrite(POLLOUT, "A.handle_write ");
    assert_readwrite(POLLPRI, "A.handle_expt ");
    assert_readwrite(POLLHUP, "A.handle_close ");
    assert_readwrite(POLLERR, "A.handle_close ");
    assert_readwrite(POLLNVAL, "A.handle_close ");
    assert_readwrite(POLLIN | POLLOUT | POLLPRI, "A.handle_read A.handle_write A.handle_expt ");
    assert_readwrite(POLLIN | POLLHUP,
                     "A.handle_read "); /* there is more to read: CPython closes */
    a.on_read = recv_some;
    assert_readwrite(POLLIN | POLLOUT, "A.handle_read A.recv=EAGAIN A.handle_write ");
    a.on_write = fail_with_eio;
    assert_readwrite(POLLOUT | POLLPRI, "A.handle_write A.handle_error(EIO) A.handle_close ");
    a.on_write = fail_with_epipe; /* which is an end, as in Python */
    assert_readwrite(POLLOUT | POLLPRI, "A.handle_write A.handle_close ");
    a.on_write = exit_now;
    ck_assert_int_eq(asyncore_readwrite(&a.base, POLLOUT | POLLPRI), asyncore_ExitNow);
    assert_trace("A.handle_write ");
    a.on_write = _i == 0 ? close_self : close_and_fail;
    a.on_close = NULL;
    assert_readwrite(POLLOUT | POLLPRI | POLLHUP, "A.handle_write ");
    close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *tcase = add_case(suite, "loop");

    tcase_add_test(tcase, test_empty_map);
    tcase_add_test(tcase, test_count);
    tcase_add_test(tcase, test_count_stops_when_the_map_is_empty);
    tcase_add_test(tcase, test_order);
    tcase_add_test(tcase, test_newcomer_waits_for_the_next_pass);
    tcase_add_test(tcase, test_newcomer_of_a_predicate_waits_too);
    tcase_add_test(tcase, test_newcomer_with_known_predicates_waits_too);
    tcase_add_test(tcase, test_waits_no_shorter_than_asked);
    tcase_add_test(tcase, test_odd_timeouts);
    tcase_add_test(tcase, test_signal_ends_the_pass);
    tcase_add_test(tcase, test_exit_now);
    tcase_add_test(tcase, test_exit_now_from_everywhere);
    tcase_add_test(tcase, test_failing_handle_error_leaves_the_pass);
    tcase_add_test(tcase, test_result_above_zero_is_no_error);
    tcase_add_test(tcase, test_stop_in_a_handler);
    tcase_add_test(tcase, test_stop_before_the_loop);
    tcase_add_test(tcase, test_stop_in_a_signal_handler);
    tcase_add_test(tcase, test_stop_just_before_the_wait);
    tcase_add_test(tcase, test_wakeup_and_stop_from_a_thread);
    tcase_add_test(tcase, test_wakeups_are_not_lost);
    tcase_add_test(tcase, test_pass_inside_a_pass);
    tcase_add_test(tcase, test_pass_of_another_map_inside_a_pass);
    tcase_add_test(tcase, test_dead_descriptor);
    tcase_add_test(tcase, test_number_of_a_dead_descriptor_used_again);
    tcase_add_test(tcase, test_number_of_a_dead_descriptor_taken_by_a_partner);
    tcase_add_loop_test(tcase, test_descriptors_of_the_wakeup_closed, 0, 2);
    tcase_add_test(tcase, test_nested_loop_does_not_take_the_stop);
    tcase_add_loop_test(tcase, test_readwrite, 0, 2);
    return run_suite(suite);
}
