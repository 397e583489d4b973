/*
 * check_dead_numbers.c - descriptors closed behind the library's back, whose numbers or files live
 * on: with a stranger, with another dispatcher, with the library itself; and what wakes the loop.
 */
#include "interpose.h"
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void settle(void)
{
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
}

static void unix_pair(int ends[2])
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

/* Readable, on one end of a pair; returns the other. */
static int open_probe(struct probe *self, const char *name)
{
    int ends[2];

    unix_pair(ends);
    probe_init(self, name, NULL);
    ck_assert_int_eq(asyncore_init(&self->base, &probe_class, ends[0], NULL), 0);
    self->on_read = recv_some;
    return ends[1];
}

static void assert_alive(struct probe *probe, int peer)
{
    char expected[64];

    snprintf(expected, sizeof expected, "%s.handle_read %s.recv=1 ", probe->name, probe->name);
    send_all(peer, "x");
    poll_once(NULL);
    assert_trace(expected);
}

/* Nobody is called, and the loop sleeps. */
static void assert_quiet(void)
{
    forget_calls();
    ck_assert_int_eq(asyncore_poll(0.05, NULL), 0);
    ck_assert_int_eq(asyncore_poll(0.05, NULL), 0);
    ck_assert_int_le(calls.waits, 4);
    assert_trace("");
}

/* ==================================================
 * the file lives on under another number
 */

START_TEST(test_duplicate_open)
{
    static struct probe a, b;
    const int peers[] = {open_probe(&a, "A"), open_probe(&b, "B")};
    int duplicate;

    settle();
    duplicate = dup(asyncore_fileno(&a.base));
    close(asyncore_fileno(&a.base));
    if (_i == 1)
        send_all(peers[0], "x"); /* the file is readable, the descriptor is no more */
    for (int i = 0; i < 3 && a.destroyed == 0; i++)
        ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    ck_assert_ptr_nonnull(strstr(trace, "A.handle_close "));
    ck_assert_int_eq(a.destroyed, 1);
    trace[0] = '\0';
    send_all(peers[0], "x"); /* and now nobody hears of it */
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_quiet();
    assert_alive(&b, peers[1]);
    close(duplicate);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

/* Closed as it should be: no trace is left of it, though its file is still open and ready. */
START_TEST(test_duplicate_of_a_closed_one)
{
    static struct probe a, b;
    const int peers[] = {open_probe(&a, "A"), open_probe(&b, "B")};
    int duplicate;

    settle();
    duplicate = dup(asyncore_fileno(&a.base));
    if (_i == 1) {
        asyncore_del_channel(&a.base);
        close(asyncore_fileno(&a.base));
    } else {
        asyncore_close(&a.base);
    }
    send_all(peers[0], "x");
    assert_quiet();
    assert_alive(&b, peers[1]);
    close(duplicate);
    close(peers[0]);
    close(peers[1]);
    ck_assert_int_eq(asyncore_close(&a.base), 0);
}
END_TEST

/* ==================================================
 * the number lives on
 */

/* A stranger's, who is in no map; the old file is open still, and ready. */
START_TEST(test_number_of_a_stranger)
{
    static struct probe a, b;
    const int peers[] = {open_probe(&a, "A"), open_probe(&b, "B")};
    const int number = asyncore_fileno(&a.base);
    int duplicate, ends[2];

    settle();
    duplicate = dup(number);
    unix_pair(ends);
    ck_assert_int_eq(dup2(ends[0], number), number);
    assert_alive(&b, peers[1]);
    asyncore_close(&a.base); /* the stranger's number, alas */
    ck_assert_int_eq(a.destroyed, 1);
    send_all(peers[0], "x");
    send_all(ends[1], "x");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_quiet();
    assert_alive(&b, peers[1]);
    close(duplicate);
    close(ends[0]);
    close(ends[1]);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

/* Another dispatcher's, while the old file is open and ready: the events of that are not its. */
START_TEST(test_number_of_a_newcomer)
{
    static struct probe a, b, n;
    const int peers[] = {open_probe(&a, "A"), open_probe(&b, "B")};
    const int number = asyncore_fileno(&a.base);
    int duplicate, ends[2];

    trace_log();
    settle();
    duplicate = dup(number);
    unix_pair(ends);
    ck_assert_int_eq(dup2(ends[0], number), number);
    close(ends[0]);
    probe_init(&n, "N", NULL);
    ck_assert_int_eq(asyncore_init(&n.base, &probe_class, number, NULL), 0);
    n.on_read = recv_some;
    assert_trace("[error] A.handle_close ");
    ck_assert_int_eq(a.destroyed, 1);
    send_all(peers[0], "x");
    assert_quiet();
    assert_alive(&n, ends[1]);
    assert_alive(&b, peers[1]);
    close(duplicate);
    close(ends[1]);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

static struct probe newcomer;

static int replace_other(struct probe *self)
{
    const int number = asyncore_fileno(&self->other->base);
    int ends[2];

    unix_pair(ends);
    ck_assert_int_eq(dup2(ends[0], number), number);
    close(ends[0]);
    self->fd = ends[1];
    probe_init(&newcomer, "N", NULL);
    ck_assert_int_eq(asyncore_init(&newcomer.base, &probe_class, number, NULL), 0);
    newcomer.on_read = recv_some;
    return recv_some(self);
}

/* In a handler, and the other has an event in this very pass. */
START_TEST(test_number_of_a_newcomer_in_a_pass)
{
    static struct probe a, b;
    const int peers[] = {open_probe(&a, "A"), open_probe(&b, "B")};

    trace_log();
    settle();
    a.on_read = replace_other;
    a.other = &b;
    send_all(peers[0], "x");
    send_all(peers[1], "x");
    poll_once(NULL);
    assert_trace("A.handle_read [error] B.handle_close A.recv=1 ");
    assert_quiet();
    assert_alive(&newcomer, a.fd);
    close(a.fd);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

/* The same dispatcher's, by dup2(): nobody can see that.  The others go on, and once its interest
 * changes, it is the new file that is watched. */
START_TEST(test_another_file_under_the_number)
{
    static struct probe a, b;
    const int peers[] = {open_probe(&a, "A"), open_probe(&b, "B")};
    const int number = asyncore_fileno(&a.base);
    int duplicate, ends[2];

    settle();
    duplicate = dup(number);
    if (_i == 1)
        close(duplicate);
    unix_pair(ends);
    ck_assert_int_eq(dup2(ends[0], number), number);
    close(ends[0]);
    assert_alive(&b, peers[1]);
    a.wants_read = false;
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    a.wants_read = true;
    assert_alive(&a, ends[1]);
    assert_alive(&b, peers[1]);
    a.wants_write = true;
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("A.handle_write ");
    a.wants_write = false;
    if (_i == 0)
        close(duplicate);
    close(ends[1]);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dead_numbers");
    TCase *tcase = add_case(suite, "dead_numbers");

    tcase_add_loop_test(tcase, test_duplicate_open, 0, 2);
    tcase_add_loop_test(tcase, test_duplicate_of_a_closed_one, 0, 2);
    tcase_add_test(tcase, test_number_of_a_stranger);
    tcase_add_test(tcase, test_number_of_a_newcomer);
    tcase_add_test(tcase, test_number_of_a_newcomer_in_a_pass);
    tcase_add_loop_test(tcase, test_another_file_under_the_number, 0, 2);
    return run_suite(suite);
}
