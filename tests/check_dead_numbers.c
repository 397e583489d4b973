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

/* It wants nothing any more, and what its file still says is nothing to it. */
START_TEST(test_duplicate_of_one_that_wants_nothing)
{
    static struct probe a;
    const int peer = open_probe(&a, "A");
    int duplicate;

    settle();
    duplicate = dup(asyncore_fileno(&a.base));
    close(asyncore_fileno(&a.base));
    a.wants_read = false;
    send_all(peer, "x");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(asyncore_check(NULL), 0);
    assert_quiet();
    close(duplicate);
    close(peer);
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

/* ==================================================
 * the library's own: what wakes the loop, and epoll's set, are opened when they are needed, and get
 * the lowest number that is free
 */

START_TEST(test_number_of_the_wakeup)
{
    static struct probe b, a;
    const int peers[] = {open_probe(&b, "B"), open_probe(&a, "A")};
    const int number = dup(0);

    ck_assert_int_eq(dup2(asyncore_fileno(&b.base), number), number); /* nothing below is free */
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    if (_i == 1) {
        close(asyncore_fileno(&a.base));
    } else { /* B's number is the lower one */
        close(asyncore_fileno(&b.base));
    }
    for (int i = 0; i < 10 && trace[0] == '\0'; i++)
        ck_assert_int_eq(asyncore_poll(0.3, NULL), 0);
    assert_trace(_i == 1 ? "A.handle_close " : "B.handle_close ");
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0); /* it works */
    if (_i == 1)
        assert_alive(&b, peers[0]);
    else
        assert_alive(&a, peers[1]);
    close(number);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

/* What wakes the loop, while the number is already another's. */
START_TEST(test_number_of_the_wakeup_taken)
{
    static struct probe a, b;
    const int peer = open_probe(&b, "B");
    int number, ends[2];

    unix_pair(ends);
    ck_assert_int_eq(asyncore_map_set_poller(NULL, NULL), 0); /* which has its own descriptor */
    number = dup(0);
    close(number);
    settle();
    ck_assert_int_eq(dup2(ends[0], number), number);
    close(ends[0]);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_init(&a.base, &probe_class, number, NULL), 0);
    a.on_read = recv_some;
    assert_alive(&a, ends[1]);
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0); /* it has another one */
    assert_trace("");
    assert_alive(&b, peer);
    close(ends[1]);
    close(peer);
}
END_TEST

static int kill_other_too(struct probe *self)
{
    close(asyncore_fileno(&self->other->base));
    return asyncore_close(&self->base);
}

/* The set is made anew because one was dead, and by then another is. */
START_TEST(test_number_of_the_set)
{
    static struct probe b, a, c;
    const int peers[] = {open_probe(&b, "B"), open_probe(&a, "A"), open_probe(&c, "C")};

    settle();
    a.on_close = kill_other_too; /* B's number is the lower one */
    a.other = &b;
    close(asyncore_fileno(&a.base));
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(asyncore_poll(0.3, NULL), 0);
    assert_trace("A.handle_close B.handle_close ");
    assert_alive(&c, peers[2]);
    for (int i = 0; i < 3; i++)
        close(peers[i]);
}
END_TEST

START_TEST(test_number_of_another_poller)
{
    static struct probe b, c;
    const int peers[] = {open_probe(&b, "B"), open_probe(&c, "C")};

    settle();
    close(asyncore_fileno(&b.base));
    if (asyncore_map_set_poller(NULL, "epoll") < 0)
        ck_assert_int_eq(asyncore_map_set_poller(NULL, "poll"), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(asyncore_poll(0.3, NULL), 0);
    assert_trace("B.handle_close ");
    assert_alive(&c, peers[1]);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

/* ==================================================
 * what wakes the loop, closed by somebody
 */

/* Closes all that the first pass opens that waits, but not for ever. */
static void close_wakeup(void)
{
    enum { NUMBERS = 256 };
    bool open[NUMBERS];

    for (int fd = 0; fd < NUMBERS; fd++)
        open[fd] = fcntl(fd, F_GETFD) >= 0;
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(10, NULL), 0);
    for (int fd = 0; fd < NUMBERS; fd++)
        if (!open[fd] && fcntl(fd, F_GETFD) >= 0)
            close(fd);
}

static void stop(struct asyncore_timer *timer)
{
    (void)timer;
    asyncore_stop(NULL);
}

static void *stop_soon(void *map)
{
    const struct timespec moment = {.tv_nsec = 100000000};

    nanosleep(&moment, NULL);
    asyncore_stop(map);
    return NULL;
}

/* Another thread stops the loop while it sleeps. */
START_TEST(test_wakeup_is_dead)
{
    static struct probe a;
    const int peer = open_probe(&a, "A");
    pthread_t thread;

    close_wakeup();
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_soon, NULL), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    pthread_join(thread, NULL);
    assert_alive(&a, peer);
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace("");
    close(peer);
}
END_TEST

/* It goes on for many passes, without a spin, and ends well. */
START_TEST(test_wakeup_is_dead_for_long)
{
    static struct probe a;
    struct asyncore_timer timer = {0};
    const int peer = open_probe(&a, "A");

    close_wakeup();
    for (int i = 0; i < 10; i++)
        assert_alive(&a, peer);
    ck_assert_int_eq(asyncore_call_later(&timer, 0.1, stop, NULL), 0);
    forget_calls();
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_int_le(calls.waits, 6);
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace("");
    close(peer);
}
END_TEST

/* Once it is known to be dead, its number is anybody's, and must not be closed. */
START_TEST(test_wakeup_is_dead_and_its_number_a_strangers)
{
    static struct probe a;
    const int peer = open_probe(&a, "A");
    int strangers[8];

    close_wakeup();
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    for (int i = 0; i < 8; i++)
        strangers[i] = dup(0);
    settle();
    close(peer);
    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    for (int i = 0; i < 8; i++)
        ck_assert_int_eq(close(strangers[i]), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dead_numbers");
    TCase *tcase = add_case(suite, "dead_numbers");

    tcase_add_loop_test(tcase, test_duplicate_open, 0, 2);
    tcase_add_test(tcase, test_duplicate_of_one_that_wants_nothing);
    tcase_add_loop_test(tcase, test_duplicate_of_a_closed_one, 0, 2);
    tcase_add_test(tcase, test_number_of_a_stranger);
    tcase_add_test(tcase, test_number_of_a_newcomer);
    tcase_add_test(tcase, test_number_of_a_newcomer_in_a_pass);
    tcase_add_loop_test(tcase, test_another_file_under_the_number, 0, 2);
    tcase_add_loop_test(tcase, test_number_of_the_wakeup, 0, 2);
    tcase_add_test(tcase, test_number_of_the_wakeup_taken);
    tcase_add_test(tcase, test_number_of_the_set);
    tcase_add_test(tcase, test_number_of_another_poller);
    tcase_add_test(tcase, test_wakeup_is_dead);
    tcase_add_test(tcase, test_wakeup_is_dead_for_long);
    tcase_add_test(tcase, test_wakeup_is_dead_and_its_number_a_strangers);
    return run_suite(suite);
}
