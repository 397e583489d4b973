/*
 * check_clock.c - timers and waits on a clock that stands still but in a wait, where it goes as far
 * as the wait would have lasted: each nanosecond counts, and a century takes no time.
 */
#include "interpose.h"
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOON INT64_C(43200000000000) /* the system has been up for half a day */
#define MILLISECOND INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static int fired;
static int64_t fired_at;

static void fire(struct asyncore_timer *timer)
{
    (void)timer;
    fired++;
    fired_at = calls.clock;
}

static void stop_clock(void)
{
    calls.clock = NOON;
}

/* Check measures what a test takes. */
static void let_clock_go(void)
{
    calls.clock = 0;
}

static void call_later(struct asyncore_timer *timer, int64_t nanoseconds)
{
    ck_assert_int_eq(asyncore_call_later(timer, (double)nanoseconds / 1e9, fire, NULL), 0);
}

static void loop(void)
{
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
}

/* ==================================================
 * how long a wait is
 */

/* Waits are rounded up: a timer costs one, and not one more for each try in its last millisecond. */
START_TEST(test_one_wait_for_a_timer)
{
    static const int64_t delays[] = {1,       999,     1000,    1001,    300000,  999999,
                                     1000000, 1000001, 1999999, 2900001, 17500000};

    for (size_t i = 0; i < sizeof delays / sizeof delays[0]; i++) {
        struct asyncore_timer timer = {0};

        forget_calls();
        stop_clock();
        call_later(&timer, delays[i]);
        loop();
        ck_assert_int_eq(calls.waits, 1);
        ck_assert_msg(fired_at >= NOON + delays[i], "%lld ns are over after %lld",
                      (long long)delays[i], (long long)(fired_at - NOON));
        ck_assert(fired_at <= NOON + delays[i] + MILLISECOND);
    }
    let_clock_go();
}
END_TEST

/* Nor is anybody early because two clocks are rounded, the one of the start and the one of now. */
START_TEST(test_never_early_by_a_nanosecond)
{
    for (int64_t i = 0; i < 2000; i++) {
        struct asyncore_timer timer = {0};
        const int64_t delay = 1 + i * 7919, start = NOON + i * 104729;

        calls.clock = start;
        call_later(&timer, delay);
        loop();
        ck_assert_int_ge(fired_at, start + delay);
    }
    ck_assert_int_eq(fired, 2000);
    let_clock_go();
}
END_TEST

START_TEST(test_cancelled_timer_wakes_nobody)
{
    static struct probe a;
    struct asyncore_timer timer = {0};
    const int peer = probe_channel(&a, "A", NULL);

    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    stop_clock();
    call_later(&timer, MILLISECOND);
    asyncore_cancel(&timer);
    ck_assert_int_eq(asyncore_poll(60, NULL), 0);
    ck_assert_int_ge(calls.clock, NOON + 60 * SECOND);
    ck_assert_int_eq(fired, 0);
    close(peer);
    let_clock_go();
}
END_TEST

/* ==================================================
 * far away
 */

static const struct {
    double seconds;
    int waits; /* that it may cost: no poller waits for longer than so and so */
} far_away[] = {
    {2100.5, 3},                  /* 2^31 microseconds, and more */
    {2148000, 5},                 /* 2^31 milliseconds */
    {4295000, 7},                 /* 2^32 milliseconds */
    {100 * 365.25 * 86400, 4000}, /* a century */
};

START_TEST(test_far_away)
{
    struct asyncore_timer timer = {0};
    const double seconds = far_away[_i].seconds;

    stop_clock();
    call_later(&timer, (int64_t)(seconds * 1e9));
    loop();
    ck_assert_int_eq(fired, 1);
    ck_assert_int_ge(fired_at, NOON + (int64_t)(seconds * 1e9));
    ck_assert_int_le(fired_at, NOON + (int64_t)(seconds * 1e9) + MILLISECOND);
    ck_assert_int_le(calls.waits, far_away[_i].waits);
    let_clock_go();
}
END_TEST

static const double beyond[] = {18446744073709551615.0, 1e19, 1e300, INFINITY};

/* Two centuries later they have not come. */
START_TEST(test_beyond)
{
    struct asyncore_timer later = {0}, every = {0}, soon = {0};

    stop_clock();
    ck_assert_int_eq(asyncore_call_later(&later, beyond[_i], fire, NULL), 0);
    ck_assert_int_eq(asyncore_call_every(&every, beyond[_i], fire, NULL), 0);
    for (int i = 0; i < 20; i++) {
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
        ck_assert_int_eq(fired, 0);
        calls.clock += 10 * 365 * 86400 * SECOND;
    }
    call_later(&soon, SECOND); /* and nobody else waits for them */
    ck_assert_int_eq(asyncore_poll(beyond[_i], NULL), 0);
    ck_assert_int_eq(fired, 1);
    asyncore_cancel(&later);
    asyncore_cancel(&every);
    let_clock_go();
}
END_TEST

/* ==================================================
 * a clock that stands, and one that jumps
 */

/* What is due is due, whether time has passed since the last pass or not. */
START_TEST(test_frozen)
{
    struct asyncore_timer a = {0}, b = {0};

    stop_clock();
    call_later(&a, 5 * MILLISECOND);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(fired, 0);
    calls.clock += 5 * MILLISECOND; /* to the nanosecond */
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(fired, 1);
    for (int i = 0; i < 10; i++) { /* it stands, and new ones are due in it */
        call_later(&b, 0);
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
        ck_assert_int_eq(fired, i + 2);
    }
    ck_assert_int_eq(calls.clock, NOON + 5 * MILLISECOND);
    let_clock_go();
}
END_TEST

/* The machine was asleep, or a handler slow: one call, not one for each interval that is over. */
START_TEST(test_every_after_a_jump)
{
    struct asyncore_timer timer = {0};

    stop_clock();
    ck_assert_int_eq(asyncore_call_every(&timer, 0.01, fire, NULL), 0);
    calls.clock += 3600 * SECOND + 3 * MILLISECOND;
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(fired, 1);
    calls.clock += 7 * MILLISECOND; /* here is the next */
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(fired, 2);
    asyncore_cancel(&timer);
    let_clock_go();
}
END_TEST

/* Somebody sets the time of day: nobody's time-out is any nearer, or any farther. */
START_TEST(test_clock_set)
{
    struct asyncore_timer timer = {0};

    stop_clock();
    call_later(&timer, 10 * SECOND);
    calls.clock_step = _i == 0 ? 86400 : -86400;
    ck_assert_int_eq(asyncore_poll(5, NULL), 0);
    ck_assert_int_eq(fired, 0);
    calls.clock_step = -calls.clock_step;
    loop();
    ck_assert_int_eq(fired, 1);
    ck_assert_int_ge(fired_at, NOON + 10 * SECOND);
    ck_assert_int_le(fired_at, NOON + 10 * SECOND + MILLISECOND);
    let_clock_go();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clock");
    TCase *tcase = add_case(suite, "clock");

    tcase_add_test(tcase, test_one_wait_for_a_timer);
    tcase_add_test(tcase, test_never_early_by_a_nanosecond);
    tcase_add_test(tcase, test_cancelled_timer_wakes_nobody);
    tcase_add_loop_test(tcase, test_far_away, 0, sizeof far_away / sizeof far_away[0]);
    tcase_add_loop_test(tcase, test_beyond, 0, sizeof beyond / sizeof beyond[0]);
    tcase_add_test(tcase, test_frozen);
    tcase_add_test(tcase, test_every_after_a_jump);
    tcase_add_loop_test(tcase, test_clock_set, 0, 2);
    return run_suite(suite);
}
