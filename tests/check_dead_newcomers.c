/*
 * check_dead_newcomers.c - the number of a descriptor that was closed behind the library's back is
 * another dispatcher's, and the one that is put out for it does something.
 */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

static int leave(struct probe *self)
{
    asyncore_close(&self->base);
    return asyncore_ExitNow;
}

/* The one that is put out wants to leave the loop, and who takes the number hears of it. */
START_TEST(test_newcomer_with_exit_now)
{
    static struct probe a, n;
    const int peer = probe_channel(&a, "A", NULL), number = asyncore_fileno(&a.base);
    int ends[2];

    trace_log();
    tcp_pair(ends);
    ck_assert_int_eq(dup2(ends[0], number), number);
    close(ends[0]);
    a.on_close = leave;
    probe_init(&n, "N", NULL);
    ck_assert_int_eq(asyncore_set_socket(&n.base, number, NULL), asyncore_ExitNow);
    assert_trace("[error] A.handle_close ");
    ck_assert_int_eq(asyncore_fileno(&n.base), -1);
    ck_assert_int_eq(fcntl(number, F_GETFD), -1); /* the library's, also when this fails */
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    close(ends[1]);
    close(peer);
}
END_TEST

static int add_other(struct probe *self)
{
    ck_assert_int_eq(asyncore_add_channel(&self->other->base, NULL), 0);
    return asyncore_close(&self->base);
}

static int close_other_and_self(struct probe *self)
{
    asyncore_close(&self->other->base);
    return asyncore_close(&self->base);
}

/* Back into a map where somebody has the number, who does this when he is put out. */
static const struct {
    int (*on_close)(struct probe *self);
    int result;
    size_t count; /* of dispatchers in the map */
} returns[] = {
    {close_self, 0, 1},
    {add_other, 0, 1},
    {close_other_and_self, -EBADF, 0},
    {leave, asyncore_ExitNow, 0},
};

START_TEST(test_number_of_one_that_returns)
{
    static struct probe a, b;
    const int peer = probe_channel(&b, "B", NULL);

    trace_log();
    ck_assert_int_eq(asyncore_del_channel(&b.base), 0);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_set_socket(&a.base, asyncore_fileno(&b.base), NULL), 0);
    a.on_close = returns[_i].on_close;
    a.other = &b;
    ck_assert_int_eq(asyncore_add_channel(&b.base, NULL), returns[_i].result);
    assert_trace("[error] A.handle_close ");
    ck_assert_int_eq(a.destroyed, 1);
    ck_assert_uint_eq(asyncore_map_count(NULL), returns[_i].count);
    if (returns[_i].result == 0) {
        send_all(peer, "x");
        poll_once(NULL);
        assert_trace("B.handle_read ");
    }
    asyncore_close(&b.base);
    close(peer);
}
END_TEST

/* Another socket has the dispatcher's number; ends[1] is its peer. */
static void steal_number(struct probe *from, int ends[2])
{
    const int number = asyncore_fileno(&from->base);

    tcp_pair(ends);
    ck_assert_int_eq(dup2(ends[0], number), number);
    close(ends[0]);
}

/* The handle_close of the one that is put out does something about the newcomer, which is no dispatcher
 * yet, and leaves. */
static struct asyncore_dispatcher *coming;

static int close_newcomer(struct probe *self)
{
    asyncore_close(&self->base);
    add_to_trace("%d ", asyncore_close(coming));
    return asyncore_ExitNow;
}

static void free_it(struct asyncore_dispatcher *self)
{
    add_to_trace("N.destroy ");
    free(self);
}

static const struct asyncore_class freed_class = {.destroy = free_it};

START_TEST(test_newcomer_closed_before_it_comes)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL), number = asyncore_fileno(&a.base);
    char expected[64];
    int ends[2];

    trace_log();
    a.on_close = close_newcomer;
    steal_number(&a, ends);
    coming = malloc(sizeof *coming);
    ck_assert_int_eq(asyncore_init(coming, &freed_class, number, NULL), asyncore_ExitNow);
    snprintf(expected, sizeof expected, "[error] A.handle_close %d ", -EINVAL);
    assert_trace(expected); /* whose memory is still the caller's */
    ck_assert_int_eq(asyncore_close(coming), -EINVAL);
    ck_assert_int_lt(fcntl(number, F_GETFD), 0);
    free(coming);
    close(ends[1]);
    close(peer);
}
END_TEST

/* The handle_close of the one that is put out gives the number to yet another. */
static struct probe usurper;

static int give_number_away(struct probe *self)
{
    asyncore_close(&self->base);
    probe_init(&usurper, "U", NULL);
    ck_assert_int_eq(asyncore_init(&usurper.base, &probe_class, self->fd, NULL), 0);
    return 0;
}

START_TEST(test_number_given_away_before_the_newcomer_comes)
{
    static struct probe a, n;
    const int peer = probe_channel(&a, "A", NULL), number = asyncore_fileno(&a.base);
    int ends[2];

    trace_log();
    a.on_close = give_number_away;
    a.fd = number;
    steal_number(&a, ends);
    probe_init(&n, "N", NULL);
    ck_assert_int_eq(asyncore_init(&n.base, &probe_class, number, NULL), 0);
    assert_trace("[error] A.handle_close [error] U.handle_close ");
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    ck_assert_int_eq(asyncore_check(NULL), 0);
    n.on_read = recv_some;
    send_all(ends[1], "x");
    wait_readable(number);
    poll_once(NULL);
    assert_trace("N.handle_read N.recv=1 ");
    close(ends[1]);
    close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dead_newcomers");
    TCase *tcase = add_case(suite, "dead_newcomers");

    tcase_add_test(tcase, test_newcomer_with_exit_now);
    tcase_add_loop_test(tcase, test_number_of_one_that_returns, 0,
                        sizeof returns / sizeof returns[0]);
    tcase_add_test(tcase, test_newcomer_closed_before_it_comes);
    tcase_add_test(tcase, test_number_given_away_before_the_newcomer_comes);
    return run_suite(suite);
}
