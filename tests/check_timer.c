/* check_timer.c - calls in the future. */
#include "support.h"

#include <math.h>
#include <stdio.h>
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

    set(&a, 0.03, fire);
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
    ck_assert_int_eq(asyncore_call_later(&a.timer, INFINITY, fire, NULL), 0);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(asyncore_map_free(NULL), 0); /* cancels it */
    asyncore_cancel(&a.timer);
}
END_TEST

static int64_t last_when;
static int fired;

static void check_order(struct asyncore_timer *timer)
{
    ck_assert(timer->when >= last_when);
    last_when = timer->when;
    fired++;
}

START_TEST(test_many_in_any_order)
{
    enum { COUNT = 20000 };
    static struct asyncore_timer timers[COUNT];
    unsigned seed = 1;

    for (int i = 0; i < COUNT; i++) {
        seed = seed * 1103515245U + 12345U;
        ck_assert_int_eq(
            asyncore_call_later(&timers[i], (seed >> 8) % 1000 / 1e5, check_order, NULL), 0);
    }
    for (int i = 0; i < COUNT; i += 4)
        asyncore_cancel(&timers[i]);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_int_eq(fired, COUNT * 3 / 4);
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
    tcase_add_test(tcase, test_set_anew);
    tcase_add_test(tcase, test_cancel_another_that_is_due);
    tcase_add_test(tcase, test_set_in_target_fires_in_the_next_pass);
    tcase_add_test(tcase, test_set_in_a_handler_fires_in_the_next_pass);
    tcase_add_test(tcase, test_timer_cuts_the_wait);
    tcase_add_test(tcase, test_bad_arguments);
    tcase_add_test(tcase, test_many_in_any_order);
    return run_suite(suite);
}
