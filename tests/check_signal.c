/* check_signal.c - signals, which the loop calls for, whatever map and thread it runs for. */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct named {
    struct asyncore_signal_handler handler;
    const char *name;
    struct named *other;
};

static void trace_it(struct asyncore_signal_handler *handler)
{
    add_to_trace("%s ", ((struct named *)handler)->name);
}

static void add(struct named *self, const char *name, int signum,
                void (*target)(struct asyncore_signal_handler *), struct asyncore_map *map)
{
    self->name = name;
    ck_assert_int_eq(asyncore_add_signal_handler(&self->handler, signum, target, map), 0);
}

/* A map with somebody in it, so that the loop runs. */
static int keep_running(struct probe *probe, struct asyncore_map *map)
{
    return probe_channel(probe, "A", map);
}

static void pass(struct asyncore_map *map)
{
    ck_assert_int_eq(asyncore_poll(-1, map), 0);
}

/* ==================================================
 * when
 */

START_TEST(test_from_the_loop)
{
    static struct probe a;
    struct named s = {0};
    const int peer = keep_running(&a, NULL);

    add(&s, "S", SIGUSR1, trace_it, NULL);
    raise(SIGUSR1);
    assert_trace(""); /* not from the signal handler */
    pass(NULL);
    assert_trace("S ");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    raise(SIGUSR1);
    raise(SIGUSR1);
    raise(SIGUSR1);
    pass(NULL);
    assert_trace("S "); /* not counted */
    asyncore_remove_signal_handler(&s.handler);
    close(peer);
}
END_TEST

START_TEST(test_keeps_no_loop_running)
{
    struct named s = {0};

    add(&s, "S", SIGUSR1, trace_it, NULL);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    raise(SIGUSR1);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* nor when one has come */
    ck_assert_int_eq(asyncore_map_free(NULL), 0);     /* removes it */
    ck_assert_int_eq(asyncore_add_signal_handler(&s.handler, SIGUSR1, trace_it, NULL), 0);
    asyncore_remove_signal_handler(&s.handler);
}
END_TEST

START_TEST(test_after_reads_and_timers)
{
    static struct probe a;
    struct named s = {0};
    const int peer = keep_running(&a, NULL);

    add(&s, "S", SIGUSR1, trace_it, NULL);
    a.on_read = recv_some;
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    raise(SIGUSR1);
    pass(NULL);
    assert_trace("A.handle_read A.recv=1 S ");
    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    close(peer);
}
END_TEST

static int leave(struct probe *self)
{
    recv_some(self);
    return asyncore_ExitNow;
}

/* The pass is left by ExitNow: what came waits for the next. */
START_TEST(test_not_lost_by_exit_now)
{
    static struct probe a;
    struct named s = {0};
    const int peer = keep_running(&a, NULL);

    asyncore_wakeup(NULL);
    pass(NULL);
    add(&s, "S", SIGUSR1, trace_it, NULL);
    a.on_read = leave;
    a.wants_write = _i == 1;
    a.wants_read = _i == 0;
    a.on_write = leave;
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    raise(SIGUSR1);
    ck_assert_int_eq(asyncore_poll(-1, NULL), asyncore_ExitNow);
    trace[0] = '\0';
    a.wants_write = false;
    ck_assert_int_eq(asyncore_poll(2, NULL), 0);
    assert_trace("S ");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    close(peer);
}
END_TEST

/* The same, and the next pass may not sleep at all. */
START_TEST(test_at_once_after_exit_now)
{
    static struct probe a;
    struct named s = {0};
    const int peer = keep_running(&a, NULL);
    struct timespec before, after;

    asyncore_wakeup(NULL);
    pass(NULL);
    add(&s, "S", SIGUSR1, trace_it, NULL);
    a.wants_write = true;
    a.wants_read = false;
    a.on_write = leave; /* after the wake-up was read */
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    raise(SIGUSR1);
    ck_assert_int_eq(asyncore_poll(-1, NULL), asyncore_ExitNow);
    trace[0] = '\0';
    a.wants_write = false;
    clock_gettime(CLOCK_MONOTONIC, &before);
    ck_assert_int_eq(asyncore_poll(3, NULL), 0);
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_trace("S ");
    ck_assert_int_le(after.tv_sec - before.tv_sec, 1);
    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    close(peer);
}
END_TEST

/* ==================================================
 * several
 */

START_TEST(test_several_for_one_signal)
{
    static struct probe a;
    struct named s[3] = {{.name = NULL}};
    const int peer = keep_running(&a, NULL);

    add(&s[0], "0", SIGUSR1, trace_it, NULL);
    add(&s[1], "1", SIGUSR2, trace_it, NULL);
    add(&s[2], "2", SIGUSR1, trace_it, NULL);
    raise(SIGUSR1);
    pass(NULL);
    assert_trace("0 2 ");
    raise(SIGUSR2);
    raise(SIGUSR1);
    pass(NULL);
    assert_trace("0 1 2 ");
    asyncore_remove_signal_handler(&s[0].handler);
    raise(SIGUSR1);
    pass(NULL);
    assert_trace("2 ");
    for (int i = 0; i < 3; i++)
        asyncore_remove_signal_handler(&s[i].handler);
    close(peer);
}
END_TEST

START_TEST(test_several_maps)
{
    static struct probe a[3];
    struct asyncore_map *maps[3];
    struct named s[3] = {{.name = NULL}};
    int peers[3];

    for (int i = 0; i < 3; i++) {
        maps[i] = asyncore_map_new();
        peers[i] = keep_running(&a[i], maps[i]);
        add(&s[i], i == 0 ? "0" : i == 1 ? "1" : "2", SIGUSR1, trace_it, maps[i]);
    }
    raise(SIGUSR1);
    for (int i = 2; i >= 0; i--)
        pass(maps[i]);
    assert_trace("2 1 0 ");
    ck_assert_int_eq(asyncore_map_free(maps[1]), 0);
    raise(SIGUSR1);
    pass(maps[0]);
    pass(maps[2]);
    assert_trace("0 2 ");
    asyncore_map_free(maps[0]);
    asyncore_map_free(maps[2]);
    for (int i = 0; i < 3; i++)
        close(peers[i]);
}
END_TEST

START_TEST(test_every_signal)
{
    static struct probe a;
    static struct named s[NSIG];
    static char names[NSIG][8], expected[8 * NSIG];
    const int peer = keep_running(&a, NULL);
    int count = 0;

    skip_if_emulated("keeps signals for itself");
    for (int i = 1; i < NSIG; i++) {
        snprintf(names[i], sizeof names[i], "%d", i);
        s[i].name = names[i];
        if (asyncore_add_signal_handler(&s[i].handler, i, trace_it, NULL) < 0)
            continue;
        ck_assert(i != SIGKILL && i != SIGSTOP);
        snprintf(expected + strlen(expected), sizeof expected - strlen(expected), "%d ", i);
        count++;
    }
    ck_assert_int_ge(count, 28);
    for (int i = NSIG - 1; i > 0; i--)
        if (s[i].handler.map != NULL)
            raise(i);
    pass(NULL);
    assert_trace(expected);
    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    close(peer);
}
END_TEST

/* ==================================================
 * changes from inside
 */

static void remove_self(struct asyncore_signal_handler *handler)
{
    trace_it(handler);
    asyncore_remove_signal_handler(handler);
    asyncore_remove_signal_handler(handler); /* does nothing */
}

static void remove_other(struct asyncore_signal_handler *handler)
{
    trace_it(handler);
    asyncore_remove_signal_handler(&((struct named *)handler)->other->handler);
}

static void add_again(struct asyncore_signal_handler *handler)
{
    trace_it(handler);
    asyncore_remove_signal_handler(handler);
    ck_assert_int_eq(asyncore_add_signal_handler(handler, SIGUSR1, trace_it, NULL), 0);
}

static void add_other(struct asyncore_signal_handler *handler)
{
    struct named *other = ((struct named *)handler)->other;

    trace_it(handler);
    ck_assert_int_eq(asyncore_add_signal_handler(&other->handler, SIGUSR1, trace_it, NULL), 0);
}

static void free_map(struct asyncore_signal_handler *handler)
{
    trace_it(handler);
    add_to_trace("%d %d ", asyncore_map_free(NULL) == -EBUSY, asyncore_poll(0, NULL) == -EBUSY);
}

static void raise_again(struct asyncore_signal_handler *handler)
{
    trace_it(handler);
    raise(SIGUSR1);
}

static const struct {
    void (*target)(struct asyncore_signal_handler *);
    int who, other; /* of three */
    const char *first, *second;
} changes[] = {
    {remove_self, 0, 0, "0 1 2 ", "1 2 "},
    {remove_self, 1, 1, "0 1 2 ", "0 2 "},
    {remove_self, 2, 2, "0 1 2 ", "0 1 "},
    {remove_other, 0, 1, "0 2 ", "0 2 "}, /* though its signal has come */
    {remove_other, 0, 2, "0 1 ", "0 1 "},
    {remove_other, 1, 0, "0 1 2 ", "1 2 "},
    {remove_other, 2, 1, "0 1 2 ", "0 2 "},
    {add_again, 1, 1, "0 1 2 ", "0 2 1 "}, /* it is the last one now */
    {add_again, 2, 2, "0 1 2 ", "0 1 2 "},
    {free_map, 1, 1, "0 1 1 1 2 ", "0 1 1 1 2 "},
    {raise_again, 2, 2, "0 1 2 ", "0 1 2 "},
};

enum { CHANGES = sizeof changes / sizeof changes[0] };

START_TEST(test_changes_in_target)
{
    static const char *const names[] = {"0", "1", "2"};
    static struct probe a;
    struct named s[3] = {{.name = NULL}};
    const int peer = keep_running(&a, NULL);

    for (int i = 0; i < 3; i++)
        add(&s[i], names[i], SIGUSR1, i == changes[_i].who ? changes[_i].target : trace_it, NULL);
    s[changes[_i].who].other = &s[changes[_i].other];
    raise(SIGUSR1);
    pass(NULL);
    assert_trace(changes[_i].first);
    raise(SIGUSR1);
    pass(NULL);
    assert_trace(changes[_i].second);
    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    close(peer);
}
END_TEST

START_TEST(test_add_in_target)
{
    static struct probe a;
    struct named s = {0}, n = {.name = "N"};
    const int peer = keep_running(&a, NULL);

    add(&s, "S", SIGUSR1, add_other, NULL);
    s.other = &n;
    raise(SIGUSR1);
    pass(NULL);
    assert_trace("S "); /* what came before it was added is not its */
    s.handler.target = trace_it;
    raise(SIGUSR1);
    pass(NULL);
    assert_trace("S N ");
    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    close(peer);
}
END_TEST

/* Removed between the signal and the loop; and then added again. */
START_TEST(test_removed_when_it_has_come)
{
    static struct probe a;
    struct named s = {0};
    const int peer = keep_running(&a, NULL);

    add(&s, "S", SIGUSR1, trace_it, NULL);
    raise(SIGUSR1);
    asyncore_remove_signal_handler(&s.handler);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    add(&s, "S", SIGUSR1, trace_it, NULL);
    raise(SIGUSR1);
    asyncore_remove_signal_handler(&s.handler);
    add(&s, "S", SIGUSR1, trace_it, NULL);
    pass(NULL);
    assert_trace("");
    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    close(peer);
}
END_TEST

/* ==================================================
 * dispositions
 */

static void foreign(int signum)
{
    (void)signum;
    add_to_trace("foreign ");
}

static void foreign_info(int signum, siginfo_t *info, void *context)
{
    (void)signum;
    (void)info;
    (void)context;
}

START_TEST(test_old_disposition)
{
    struct sigaction old = {.sa_handler = SIG_DFL}, now;
    struct named s[2] = {{.name = NULL}};

    if (_i == 1)
        old.sa_handler = SIG_IGN;
    if (_i == 2) {
        old.sa_handler = foreign;
        old.sa_flags = SA_NODEFER | SA_ONSTACK;
        sigaddset(&old.sa_mask, SIGUSR2);
    }
    if (_i == 3) {
        old.sa_sigaction = foreign_info;
        old.sa_flags = SA_SIGINFO;
    }
    ck_assert_int_eq(sigaction(SIGUSR1, &old, NULL), 0);
    for (int round = 0; round < 3; round++) {
        add(&s[0], "0", SIGUSR1, trace_it, NULL);
        add(&s[1], "1", SIGUSR1, trace_it, NULL);
        asyncore_remove_signal_handler(&s[round & 1].handler);
        sigaction(SIGUSR1, NULL, &now);
        ck_assert(now.sa_handler != old.sa_handler); /* not before the last */
        ck_assert_int_ne(now.sa_flags & SA_RESTART, 0);
        if (round == 2)
            asyncore_map_free(NULL);
        asyncore_remove_signal_handler(&s[!(round & 1)].handler);
        sigaction(SIGUSR1, NULL, &now);
        ck_assert(now.sa_handler == old.sa_handler);
        ck_assert_int_eq(now.sa_flags & (SA_NODEFER | SA_ONSTACK | SA_SIGINFO | SA_RESTART),
                         old.sa_flags);
        if (_i == 2)
            ck_assert_int_eq(sigismember(&now.sa_mask, SIGUSR2), 1);
    }
}
END_TEST

START_TEST(test_somebody_elses_meanwhile)
{
    struct named s = {0};
    struct sigaction now;

    add(&s, "S", SIGUSR1, trace_it, NULL);
    signal(SIGUSR1, foreign);
    asyncore_remove_signal_handler(&s.handler);
    sigaction(SIGUSR1, NULL, &now);
    ck_assert(now.sa_handler == foreign); /* it stays */
    raise(SIGUSR1);
    assert_trace("foreign ");
}
END_TEST

START_TEST(test_bad_arguments)
{
    static const int bad[] = {0, -1, NSIG, NSIG + 1, SIGKILL, SIGSTOP, 1 << 30, -(1 << 30)};
    struct named s = {0};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        ck_assert_int_eq(asyncore_add_signal_handler(&s.handler, bad[i], trace_it, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_add_signal_handler(NULL, SIGUSR1, trace_it, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_add_signal_handler(&s.handler, SIGUSR1, NULL, NULL), -EINVAL);
    asyncore_remove_signal_handler(NULL);
    asyncore_remove_signal_handler(&s.handler);
    add(&s, "S", SIGUSR1, trace_it, NULL);
    ck_assert_int_eq(asyncore_add_signal_handler(&s.handler, SIGUSR1, trace_it, NULL), -EBUSY);
    ck_assert_int_eq(asyncore_add_signal_handler(&s.handler, SIGUSR2, remove_self, NULL), -EBUSY);
    asyncore_remove_signal_handler(&s.handler);
    add(&s, "S", SIGUSR2, trace_it, NULL); /* and the failures left nothing behind */
    asyncore_remove_signal_handler(&s.handler);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("signal");
    TCase *tcase = add_case(suite, "signal");

    tcase_add_test(tcase, test_from_the_loop);
    tcase_add_test(tcase, test_keeps_no_loop_running);
    tcase_add_test(tcase, test_after_reads_and_timers);
    tcase_add_loop_test(tcase, test_not_lost_by_exit_now, 0, 2);
    tcase_add_test(tcase, test_at_once_after_exit_now);
    tcase_add_test(tcase, test_several_for_one_signal);
    tcase_add_test(tcase, test_several_maps);
    tcase_add_test(tcase, test_every_signal);
    tcase_add_loop_test(tcase, test_changes_in_target, 0, CHANGES);
    tcase_add_test(tcase, test_add_in_target);
    tcase_add_test(tcase, test_removed_when_it_has_come);
    tcase_add_loop_test(tcase, test_old_disposition, 0, 4);
    tcase_add_test(tcase, test_somebody_elses_meanwhile);
    tcase_add_test(tcase, test_bad_arguments);
    return run_suite(suite);
}
