/* check_interrupt.c - signals that come while the loop waits, and just before it does. */
#include "interpose.h"
#include "support.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static volatile sig_atomic_t interruptions;

static void note(int signum)
{
    (void)signum;
    interruptions++;
}

static void stop(struct asyncore_timer *timer)
{
    asyncore_stop(timer->map);
}

/* A signal every 5 ms, for which nobody has asked the library: each ends a wait, none lengthens the
 * whole, and nobody is taken for ready. */
START_TEST(test_timer_in_a_storm)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    const struct sigaction action = {.sa_handler = note}; /* without SA_RESTART */
    const struct itimerval often = {.it_value = {.tv_usec = 5000},
                                    .it_interval = {.tv_usec = 5000}};
    struct asyncore_timer timer = {0};
    double start;

    a.wants_write = false;
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    start = now();
    ck_assert_int_eq(asyncore_call_later(&timer, 0.2, stop, NULL), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert(now() - start >= 0.2);
    ck_assert(now() - start < 10); /* begun anew with each signal it would never end */
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0}}, NULL);
    ck_assert_int_ge(interruptions, 3);
    assert_trace("");
    close(peer);
}
END_TEST

static void raise_signal(void)
{
    raise(SIGUSR1);
}

static void trace_signal(struct asyncore_signal_handler *handler)
{
    (void)handler;
    add_to_trace("S ");
}

/* It comes after the last look for signals, and before the wait: that must not sleep. */
START_TEST(test_just_before_the_wait)
{
    static struct probe a;
    struct asyncore_signal_handler handler = {0};
    const int peer = probe_channel(&a, "A", NULL);

    ck_assert_int_eq(asyncore_add_signal_handler(&handler, SIGUSR1, trace_signal, NULL), 0);
    for (int i = 0; i < _i; i++)
        ck_assert_int_eq(asyncore_poll(0.001, NULL), 0);
    calls.before_wait = raise_signal;
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace("S ");
    asyncore_remove_signal_handler(&handler);
    close(peer);
}
END_TEST

/* The same, for who stops the loop in a signal handler of his own. */
static void stop_in_signal(int signum)
{
    (void)signum;
    asyncore_stop(NULL);
}

START_TEST(test_stop_just_before_the_wait)
{
    static struct probe a;
    const struct sigaction action = {.sa_handler = stop_in_signal, .sa_flags = SA_RESTART};
    const int peer = probe_channel(&a, "A", NULL);

    sigaction(SIGUSR1, &action, NULL);
    calls.before_wait = raise_signal;
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("interrupt");
    TCase *tcase = add_case(suite, "interrupt");

    tcase_add_test(tcase, test_timer_in_a_storm);
    tcase_add_loop_test(tcase, test_just_before_the_wait, 0, 3);
    tcase_add_test(tcase, test_stop_just_before_the_wait);
    return run_suite(suite);
}
