/*
 * check_dead_alarm.c - how a loop that waits for ever is woken to look for descriptors that were closed
 * behind the library's back: by a timer in epoll's set, so that no wait needs a time-out for that.
 */
#include "interpose.h"
#include "support.h"

#include <fcntl.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

/* A pass that would have waited for ever, but has something to read. */
static void pass(struct asyncore_dispatcher *self, int peer)
{
    send_all(peer, "x");
    wait_readable(asyncore_fileno(self));
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
}

/* What the first pass opens that waits, but not for ever. */
static void open_wakeup(void)
{
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(10, NULL), 0);
}

static bool on_epoll(void)
{
    return strcmp(asyncore_map_get_poller(NULL), "epoll") == 0;
}

static void close_behind_and_find(struct asyncore_dispatcher *self)
{
    const int before = quiets_closed;

    close(asyncore_fileno(self));
    calls.waits = 0;
    while (quiets_closed == before)
        ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    ck_assert_int_le(calls.waits, 4);
}

/* However many passes there are, it is set once, and again when it has rung. */
START_TEST(test_set_once)
{
    static struct asyncore_dispatcher a, b;
    const int peers[] = {quiet_channel(&a, &quiet_class), quiet_channel(&b, &quiet_class)};

    open_wakeup();
    calls.clock = SECOND;
    for (int i = 0; i < 10; i++)
        pass(&a, peers[0]);
    ck_assert_int_eq(calls.alarms, on_epoll() ? 1 : 0);
    calls.clock += 2 * SECOND;
    for (int i = 0; i < 10; i++)
        pass(&a, peers[0]);
    ck_assert_int_eq(calls.alarms, on_epoll() ? 2 : 0);
    ck_assert_int_eq(calls.timers, on_epoll() ? 1 : 0);
    calls.clock = 0; /* Check looks at it, too */
    close_behind_and_find(&b);
    asyncore_close(&a);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

/* Set in a wait for ever, it rings in one that has an end, which is no shorter. */
START_TEST(test_rings_in_a_wait_with_an_end)
{
    static struct asyncore_dispatcher a;
    const int peer = quiet_channel(&a, &quiet_class);
    const double timeouts[] = {1, 3};

    open_wakeup();
    calls.clock = SECOND;
    for (int i = 0; i < 2; i++) {
        const int64_t begun = calls.clock + SECOND / 2;

        pass(&a, peer);
        calls.clock = begun;
        ck_assert_int_eq(asyncore_poll(timeouts[i], NULL), 0);
        ck_assert_int_ge(calls.clock - begun, (int64_t)timeouts[i] * SECOND);
    }
    calls.clock = 0;
    asyncore_close(&a);
    close(peer);
}
END_TEST

/* Nor does a timer fire before its time. */
static int64_t fired_at;

static void fire(struct asyncore_timer *timer)
{
    fired_at = calls.clock;
    asyncore_stop(timer->map);
}

START_TEST(test_rings_while_a_timer_waits)
{
    static struct asyncore_dispatcher a;
    struct asyncore_timer timer = {0};
    const int peer = quiet_channel(&a, &quiet_class);

    open_wakeup();
    calls.clock = SECOND;
    pass(&a, peer);
    ck_assert_int_eq(asyncore_call_later(&timer, 5, fire, NULL), 0);
    calls.waits = 0;
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_int_eq(fired_at, 6 * SECOND);
    ck_assert_int_le(calls.waits, 4);
    calls.clock = 0;
    asyncore_close(&a);
    close(peer);
}
END_TEST

/* No descriptor left for it, or no place in the set: the waits have time-outs, and it is not asked for
 * again and again. */
START_TEST(test_not_to_be_had)
{
    static struct asyncore_dispatcher a, b;
    const int peers[] = {quiet_channel(&a, &quiet_class), quiet_channel(&b, &quiet_class)};

    open_wakeup();
    if (_i == 0) {
        calls.fail_timer = EMFILE;
    } else {
        calls.fail_operation = 1; /* EPOLL_CTL_ADD */
        calls.fail_control = ENOSPC;
        calls.fail_count = 1;
    }
    for (int i = 0; i < 10; i++)
        pass(&a, peers[0]);
    ck_assert_int_eq(calls.timers, on_epoll() ? 1 : 0);
    close_behind_and_find(&b);
    calls.fail_count = 0;
    asyncore_close(&a);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

/* ==================================================
 * closed by somebody, too
 */

enum { NUMBERS = 256 };

static void note_open(bool *open)
{
    for (int fd = 0; fd < NUMBERS; fd++)
        open[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* Closes what was opened since; returns it, or -1. */
static int close_opened(const bool *open)
{
    for (int fd = 0; fd < NUMBERS; fd++) {
        if (!open[fd] && fcntl(fd, F_GETFD) >= 0) {
            close(fd);
            return fd;
        }
    }
    return -1;
}

/* Its number is a newcomer's by then: so it will not ring, and another is set. */
START_TEST(test_number_of_a_newcomer)
{
    static struct asyncore_dispatcher a, b;
    const int peer = quiet_channel(&a, &quiet_class);
    bool open[NUMBERS];
    int ends[2], alarm;

    open_wakeup();
    tcp_pair(ends);
    note_open(open);
    pass(&a, peer);
    alarm = close_opened(open);
    ck_assert(!on_epoll() || alarm >= 0);
    if (alarm >= 0) {
        ck_assert_int_eq(dup2(ends[0], alarm), alarm);
        close(ends[0]);
        ends[0] = alarm;
    }
    ck_assert_int_eq(asyncore_init(&b, &quiet_class, ends[0], NULL), 0);
    pass(&b, ends[1]);
    ck_assert_int_eq(calls.timers, on_epoll() ? 2 : 0);
    close_behind_and_find(&a);
    asyncore_close(&b);
    close(peer);
    close(ends[1]);
}
END_TEST

/* It had rung, and is to be set again: what has its number now is not touched, nor closed. */
START_TEST(test_number_of_a_stranger)
{
    static struct asyncore_dispatcher a, b;
    const int peers[] = {quiet_channel(&a, &quiet_class), quiet_channel(&b, &quiet_class)};
    bool open[NUMBERS];
    int alarm, stranger;

    open_wakeup();
    note_open(open);
    calls.clock = SECOND;
    pass(&a, peers[0]);
    calls.clock += 2 * SECOND;
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    calls.clock = 0;
    alarm = close_opened(open);
    ck_assert(!on_epoll() || alarm >= 0);
    stranger = dup(0);
    for (int i = 0; i < 3; i++)
        pass(&a, peers[0]);
    ck_assert_int_eq(calls.timers, on_epoll() ? 2 : 0);
    ck_assert_int_eq(close(stranger), 0);
    close_behind_and_find(&b);
    asyncore_close(&a);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dead_alarm");
    TCase *tcase = add_case(suite, "dead_alarm");

    tcase_add_test(tcase, test_set_once);
    tcase_add_test(tcase, test_rings_in_a_wait_with_an_end);
    tcase_add_test(tcase, test_rings_while_a_timer_waits);
    tcase_add_loop_test(tcase, test_not_to_be_had, 0, 2);
    tcase_add_test(tcase, test_number_of_a_newcomer);
    tcase_add_test(tcase, test_number_of_a_stranger);
    return run_suite(suite);
}
