/* check_timer.c - calls in the future. */
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct named_timer {
    struct asyncore_timer timer;
    const char *name;
    struct named_timer *other;
};

static void fire(struct asyncore_timer *timer)
{
    add_to_trace("%s ", ((struct named_timer *)timer)->name);
}

static void set(struct named_timer *timer, double seconds, void (*target)(struct asyncore_timer *))
{
    ck_assert_int_eq(asyncore_call_later(&timer->timer, seconds, target, NULL), 0);
}

START_TEST(test_order_of_time)
{
    struct named_timer a = {.name = "a"}, b = {.name = "b"}, c = {.name = "c"};

    set(&a, 0.5, fire); /* long enough, however late the others are set */
    set(&b, 0.01, fire);
    set(&c, 0.02, fire);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* ends when no timer is left */
    assert_trace("b c a ");
}
END_TEST

START_TEST(test_equal_times_fire_in_the_order_of_the_calls)
{
    static struct named_timer timers[100];
    static char names[100][4], expected[512];

    for (int i = 0; i < 100; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%d ", i);
        timers[i].name = names[i];
        set(&timers[i], 0, fire);
    }
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace(expected);
}
END_TEST

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

START_TEST(test_never_early)
{
    struct named_timer a = {.name = "a"};

    for (int i = 0; i < 20; i++) {
        const double start = now(), delay = i * 0.0013;

        set(&a, delay, fire);
        ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
        ck_assert(now() - start >= delay);
    }
}
END_TEST

START_TEST(test_cancel)
{
    struct named_timer a = {.name = "a"}, b = {.name = "b"};

    asyncore_cancel(&a.timer); /* not set yet */
    asyncore_cancel(NULL);
    set(&a, 0, fire);
    set(&b, 0, fire);
    asyncore_cancel(&a.timer);
    asyncore_cancel(&a.timer);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("b ");
    asyncore_cancel(&b.timer); /* it has fired */
    set(&a, 1000, fire);
    asyncore_cancel(&a.timer);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* a cancelled timer keeps no loop */
}
END_TEST

/* A copy of a timer was never set, whatever is written in it; nor is one that a copy is put over. */
START_TEST(test_cancel_a_copy)
{
    struct named_timer a = {.name = "a"}, b = {.name = "b"}, copy;

    set(&a, 0, fire);
    set(&b, 0, fire);
    copy = a;
    asyncore_cancel(&copy.timer);
    copy = b;
    asyncore_cancel(&b.timer);
    b = copy;
    asyncore_cancel(&b.timer);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("a ");
}
END_TEST

START_TEST(test_set_anew)
{
    struct named_timer a = {.name = "a"}, b = {.name = "b"};

    set(&a, 1000, fire);
    set(&b, 0.01, fire);
    set(&a, 0, fire);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("a b ");
}
END_TEST

static void fire_and_cancel_other(struct asyncore_timer *timer)
{
    fire(timer);
    asyncore_cancel(&((struct named_timer *)timer)->other->timer);
    asyncore_cancel(timer);
}

START_TEST(test_cancel_another_that_is_due)
{
    struct named_timer a = {.name = "a"}, b = {.name = "b"};

    a.other = &b;
    set(&a, 0, fire_and_cancel_other);
    set(&b, 0, fire);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("a ");
}
END_TEST

static void fire_for_ever(struct asyncore_timer *timer)
{
    fire(timer);
    asyncore_call_later(timer, 0, fire_for_ever, NULL);
}

START_TEST(test_set_in_target_fires_in_the_next_pass)
{
    static struct probe p;
    struct named_timer a = {.name = "a"};
    const int peer = probe_channel(&p, "P", NULL);

    send_all(peer, "x");
    wait_readable(asyncore_fileno(&p.base));
    set(&a, 0, fire_for_ever);
    ck_assert_int_eq(asyncore_loop(-1, NULL, 2), 0);
    assert_trace("P.handle_read a P.handle_read a "); /* it starves nobody */
    asyncore_cancel(&a.timer);
    close(peer);
}
END_TEST

static struct named_timer from_handler = {.name = "h"};

static int set_timer(struct probe *self)
{
    recv_some(self);
    return asyncore_call_later(&from_handler.timer, 0, fire, NULL);
}

START_TEST(test_set_in_a_handler_fires_in_the_next_pass)
{
    static struct probe p;
    const int peer = probe_channel(&p, "P", NULL);

    p.on_read = set_timer;
    send_all(peer, "x");
    poll_once(NULL);
    assert_trace("P.handle_read P.recv=1 ");
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0); /* which does not wait */
    assert_trace("h ");
    close(peer);
}
END_TEST

static void close_probe(struct asyncore_timer *timer)
{
    fire(timer);
    asyncore_close_all(NULL, false);
}

START_TEST(test_timer_cuts_the_wait)
{
    static struct probe p;
    struct named_timer a = {.name = "a"};
    const int peer = probe_channel(&p, "P", NULL);

    set(&a, 0.02, close_probe);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("a ");
    ck_assert_int_eq(p.destroyed, 1);
    close(peer);
}
END_TEST

START_TEST(test_bad_arguments)
{
    struct named_timer a = {.name = "a"};

    ck_assert_int_eq(asyncore_call_later(NULL, 1, fire, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_call_later(&a.timer, 1, NULL, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_call_later(&a.timer, -1, fire, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_call_later(&a.timer, NAN, fire, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_call_every(NULL, 1, fire, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_call_every(&a.timer, 1, NULL, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_call_every(&a.timer, -1, fire, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_call_later(&a.timer, INFINITY, fire, NULL), 0);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(asyncore_map_free(NULL), 0); /* cancels it */
    asyncore_cancel(&a.timer);
}
END_TEST

struct measured_timer {
    struct asyncore_timer timer;
    double earliest, latest; /* it is due in between */
};

static double last_earliest;
static int fired;

static void check_order(struct asyncore_timer *timer)
{
    const struct measured_timer *self = (struct measured_timer *)timer;

    ck_assert(self->latest >= last_earliest);
    ck_assert(self->earliest <= now());
    last_earliest = self->earliest;
    fired++;
}

static void set_at_random(struct measured_timer *self, unsigned *seed)
{
    const double before = now();
    double delay;

    *seed = *seed * 1103515245U + 12345U;
    delay = (*seed >> 8) % 1000 / 1e5;
    ck_assert_int_eq(asyncore_call_later(&self->timer, delay, check_order, NULL), 0);
    self->earliest = before + delay;
    self->latest = now() + delay;
}

START_TEST(test_many_in_any_order)
{
    enum { COUNT = 20000 };
    static struct measured_timer timers[COUNT];
    unsigned seed = 1;

    for (int i = 0; i < COUNT; i++)
        set_at_random(&timers[i], &seed);
    for (int i = 0; i < COUNT; i += 4)
        asyncore_cancel(&timers[i].timer);
    for (int i = 1; i < COUNT; i += 4)
        set_at_random(&timers[i], &seed);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_int_eq(fired, COUNT * 3 / 4);
}
END_TEST

/* ---- call_every and reset ---- */

static int calls;

static void count_to_three(struct asyncore_timer *timer)
{
    fire(timer);
    if (++calls == 3)
        asyncore_cancel(timer);
}

static void every(struct named_timer *timer, double seconds,
                  void (*target)(struct asyncore_timer *))
{
    ck_assert_int_eq(asyncore_call_every(&timer->timer, seconds, target, NULL), 0);
}

START_TEST(test_call_every)
{
    struct named_timer a = {.name = "a"};
    const double start = now();

    every(&a, 0.01, count_to_three);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* ends when it is cancelled */
    ck_assert(now() - start >= 0.03);
    assert_trace("a a a ");
}
END_TEST

static double called_at[20];

static void hold_up(struct asyncore_timer *timer)
{
    const struct timespec a_while = {.tv_nsec = 15000000};

    called_at[calls++] = now();
    if (calls % 2 == 1)
        nanosleep(&a_while, NULL);
    if (calls == 20)
        asyncore_cancel(timer);
}

/* Due at 10, 20, 30...: the first lasts until 25, the second is late, but the third is due at 30,
 * less than an interval after it. */
START_TEST(test_call_every_does_not_drift)
{
    struct named_timer a = {.name = "a"};
    double shortest = 1;

    every(&a, 0.01, hold_up);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    for (int i = 1; i < 20; i++)
        if (called_at[i] - called_at[i - 1] < shortest)
            shortest = called_at[i] - called_at[i - 1];
    ck_assert_msg(shortest < 0.0095, "never less than %f s between two calls", shortest);
}
END_TEST

static void count(struct asyncore_timer *timer)
{
    (void)timer;
    calls++;
}

START_TEST(test_call_every_does_not_make_up_for_what_it_missed)
{
    const struct timespec a_while = {.tv_nsec = 100000000};
    struct named_timer a = {.name = "a"};
    double start;

    every(&a, 0.01, count);
    nanosleep(&a_while, NULL);
    start = now();
    for (int i = 0; i < 10; i++)
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_ge(calls, 1);
    ck_assert_int_le(calls, 2 + (int)((now() - start) / 0.01));
    asyncore_cancel(&a.timer);
}
END_TEST

START_TEST(test_call_every_0_seconds_is_once_a_pass)
{
    struct named_timer a = {.name = "a"};

    every(&a, 0, fire);
    ck_assert_int_eq(asyncore_loop(-1, NULL, 4), 0);
    assert_trace("a a a a ");
    asyncore_cancel(&a.timer);
}
END_TEST

static void later_instead(struct asyncore_timer *timer)
{
    fire(timer);
    asyncore_call_later(timer, 0, fire, NULL);
}

START_TEST(test_call_every_becomes_call_later)
{
    struct named_timer a = {.name = "a"};

    every(&a, 0, later_instead);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("a a ");
}
END_TEST

START_TEST(test_reset)
{
    struct named_timer a = {.name = "a"}, b = {.name = "b"};

    ck_assert_int_eq(asyncore_reset(NULL), -EINVAL);
    ck_assert_int_eq(asyncore_reset(&a.timer), -EINVAL);
    set(&a, 0.02, fire);
    set(&b, 0.02, fire);
    ck_assert_int_eq(asyncore_reset(&a.timer), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("b a ");
    ck_assert_int_eq(asyncore_reset(&b.timer), 0); /* it has fired */
    set(&a, 1000, fire);
    asyncore_cancel(&a.timer);
    a.timer.interval = 0;
    ck_assert_int_eq(asyncore_reset(&a.timer), 0); /* it was cancelled */
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("a b ");
}
END_TEST

static struct named_timer crowd[50];

static void cancel_all(struct asyncore_timer *timer)
{
    for (int i = 0; i < 50; i++)
        asyncore_cancel(&crowd[i].timer);
    fire(timer);
}

START_TEST(test_a_target_cancels_all_that_are_due)
{
    for (int i = 0; i < 50; i++) {
        crowd[i].name = "t";
        set(&crowd[i], 0, cancel_all);
    }
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("t ");
}
END_TEST

START_TEST(test_between_maps)
{
    struct asyncore_map *map = asyncore_map_new();
    struct named_timer a = {.name = "a"};

    set(&a, 0, fire);
    ck_assert_int_eq(asyncore_call_later(&a.timer, 0, fire, map), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("");
    ck_assert_int_eq(asyncore_loop(-1, map, -1), 0);
    assert_trace("a ");
    ck_assert_int_eq(asyncore_map_free(map), 0);
}
END_TEST

START_TEST(test_a_million)
{
    const int count = getenv("VALGRIND") == NULL ? 1000000 : 20000;
    struct asyncore_timer *timers = calloc((size_t)count, sizeof *timers);
    unsigned seed = 1;

    ck_assert_ptr_nonnull(timers);
    for (int i = 0; i < count; i++) {
        seed = seed * 1103515245U + 12345U;
        ck_assert_int_eq(asyncore_call_later(&timers[i], 1000 + seed % 1000, fire, NULL), 0);
    }
    for (int i = 0; i < count; i++)
        asyncore_cancel(&timers[i]);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("");
    free(timers);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timer");
    TCase *tcase = add_case(suite, "timer");

    tcase_add_test(tcase, test_order_of_time);
    tcase_add_test(tcase, test_equal_times_fire_in_the_order_of_the_calls);
    tcase_add_test(tcase, test_never_early);
    tcase_add_test(tcase, test_cancel);
    tcase_add_test(tcase, test_cancel_a_copy);
    tcase_add_test(tcase, test_set_anew);
    tcase_add_test(tcase, test_cancel_another_that_is_due);
    tcase_add_test(tcase, test_set_in_target_fires_in_the_next_pass);
    tcase_add_test(tcase, test_set_in_a_handler_fires_in_the_next_pass);
    tcase_add_test(tcase, test_timer_cuts_the_wait);
    tcase_add_test(tcase, test_bad_arguments);
    tcase_add_test(tcase, test_many_in_any_order);
    tcase_add_test(tcase, test_call_every);
    tcase_add_test(tcase, test_call_every_does_not_drift);
    tcase_add_test(tcase, test_call_every_does_not_make_up_for_what_it_missed);
    tcase_add_test(tcase, test_call_every_0_seconds_is_once_a_pass);
    tcase_add_test(tcase, test_call_every_becomes_call_later);
    tcase_add_test(tcase, test_reset);
    tcase_add_test(tcase, test_a_target_cancels_all_that_are_due);
    tcase_add_test(tcase, test_between_maps);
    tcase_add_test(tcase, test_a_million);
    return run_suite(suite);
}
