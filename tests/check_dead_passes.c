/*
 * check_dead_passes.c - descriptors that were closed behind the library's back, and passes that fail
 * or end before their turn comes; and loops of the program's own.
 */
#include "interpose.h"
#include "support.h"

static int quiet_and_leave(struct asyncore_dispatcher *self)
{
    quiet_handle_close(self);
    return asyncore_ExitNow;
}

static const struct asyncore_class leaving_class = {
    .super = &quiet_class,
    .handle_close = quiet_and_leave,
};

static void settle(void)
{
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
}

/* Two of them, and the first one leaves the pass: the second is not forgotten. */
START_TEST(test_exit_now)
{
    static struct asyncore_dispatcher quiets[2];
    int peers[2];

    for (int i = 0; i < 2; i++)
        peers[i] = quiet_channel(&quiets[i], &leaving_class);
    settle();
    for (int i = 0; i < 2; i++)
        close(asyncore_fileno(&quiets[i]));
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(asyncore_loop(-1, NULL, -1), asyncore_ExitNow);
        ck_assert_int_eq(quiets_closed, i + 1);
        close(peers[i]);
    }
}
END_TEST

/* The wait that should have told of it. */
START_TEST(test_wait_fails)
{
    static struct asyncore_dispatcher quiet;
    const int peer = quiet_channel(&quiet, &quiet_class);

    settle();
    close(asyncore_fileno(&quiet));
    calls.fail_wait = ENOMEM;
    ck_assert_int_eq(asyncore_poll(0, NULL), -ENOMEM);
    ck_assert_int_eq(quiets_closed, 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_int_eq(quiets_closed, 1);
    close(peer);
}
END_TEST

static void stop(struct asyncore_timer *timer)
{
    asyncore_stop(timer->map);
}

/* What wakes the loop is dead too: it gets another, and does not look around for ever. */
START_TEST(test_wait_fails_without_a_wakeup)
{
    static struct asyncore_dispatcher quiet;
    struct asyncore_timer timer = {0};
    const int peer = quiet_channel(&quiet, &quiet_class);
    int wakeup;

    ck_assert_int_eq(asyncore_poll(0, NULL), 0); /* what the poller opens for itself is open */
    wakeup = dup(0);
    close(wakeup);
    settle();
    ck_assert_int_eq(close(wakeup), 0);
    calls.fail_wait = ENOMEM;
    ck_assert_int_eq(asyncore_poll(0, NULL), -ENOMEM);
    ck_assert_int_eq(asyncore_loop(0, NULL, 3), 0);
    ck_assert_int_eq(asyncore_call_later(&timer, 0.9, stop, NULL), 0);
    forget_calls();
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_int_le(calls.waits, 4);
    close(peer);
}
END_TEST

/* The system says so instead of the socket. */
START_TEST(test_events)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    ck_assert_int_eq(close(asyncore_fileno(&a.base)), 0);
    ck_assert_int_eq(asyncore_handle_connect_event(&a.base), -EBADF);
    ck_assert_int_eq(asyncore_exception(&a.base), 0);
    assert_trace("A.handle_close ");
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dead_passes");
    TCase *tcase = add_case(suite, "dead_passes");

    tcase_add_test(tcase, test_exit_now);
    tcase_add_test(tcase, test_wait_fails);
    tcase_add_test(tcase, test_wait_fails_without_a_wakeup);
    tcase_add_test(tcase, test_events);
    return run_suite(suite);
}
