/* check_poller_errors.c - what the pollers do when a system call fails. */
#include "interpose.h"
#include "support.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef ASYNCORE__HAVE_EPOLL
#include <sys/epoll.h>
#endif

/* ==================================================
 * errors of the wait
 */

START_TEST(test_wait_fails)
{
    static const int errors[] = {ENOMEM, EINVAL, EFAULT, EBADF};
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = recv_some;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        send_all(peer, "x");
        wait_readable(asyncore_fileno(&a.base));
        calls.fail_wait = errors[i];
        ck_assert_int_eq(asyncore_poll(20, NULL), -errors[i]);
        assert_trace("");
        calls.fail_wait = errors[i];
        ck_assert_int_eq(asyncore_loop(20, NULL, -1), -errors[i]);
        assert_trace("");
        calls.fail_wait = EINTR;
        ck_assert_int_eq(asyncore_poll(20, NULL), 0);
        assert_trace("");
        poll_once(NULL); /* and nothing is lost */
        assert_trace("A.handle_read A.recv=1 ");
    }
    close(peer);
}
END_TEST

/* ==================================================
 * errors of epoll_ctl
 */

#ifdef ASYNCORE__HAVE_EPOLL
static void fail_control(int operation, int error, int count)
{
    calls.fail_operation = operation;
    calls.fail_control = error;
    calls.fail_count = count;
}

static int live_on(struct probe *self, int error)
{
    (void)self;
    (void)error;
    return 0;
}

static const int refusals[] = {ENOMEM, ENOSPC, EEXIST, ENOENT, EINVAL};

/* One that the set does not take is told so, and the others go on. */
START_TEST(test_not_taken)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL);
    int other;
    char expected[128];

    ck_assert_int_eq(asyncore_map_set_poller(NULL, "epoll"), 0);
    a.on_read = recv_some;
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    other = probe_channel(&b, "B", NULL);
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    fail_control(EPOLL_CTL_ADD, refusals[_i], 1);
    ck_assert_int_eq(asyncore_poll(20, NULL), 0);
    snprintf(expected, sizeof expected, "B.handle_error(%s) B.handle_close A.handle_read A.recv=1 ",
             refusals[_i] == EINVAL ? "EINVAL" : strerror(refusals[_i]));
    assert_trace(expected);
    ck_assert_int_eq(b.destroyed, 1);
    close(other);
    close(peer);
}
END_TEST

/* If it lives, it is asked for again, until it is taken. */
START_TEST(test_not_taken_but_alive)
{
    static struct probe b;
    const int other = probe_channel(&b, "B", NULL);

    ck_assert_int_eq(asyncore_map_set_poller(NULL, "epoll"), 0);
    b.on_error = live_on;
    b.on_read = recv_some;
    send_all(other, "x");
    fail_control(EPOLL_CTL_ADD, refusals[_i], 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    trace[0] = '\0';
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=1 ");
    close(other);
}
END_TEST

/* A change of interest that fails: the next pass tries again. */
START_TEST(test_change_not_taken)
{
    static struct probe b;
    const int other = probe_channel(&b, "B", NULL);

    ck_assert_int_eq(asyncore_map_set_poller(NULL, "epoll"), 0);
    b.on_error = live_on;
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    b.wants_write = true;
    fail_control(EPOLL_CTL_MOD, refusals[_i], 1);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    trace[0] = '\0';
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("B.handle_write ");
    close(other);
}
END_TEST

static const int disappearances[] = {EBADF, ENOENT, EPERM};

/* A removal that fails: who was removed is removed, and another set is opened for the others. */
START_TEST(test_removal_not_taken)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);
    int copy;

    ck_assert_int_eq(asyncore_map_set_poller(NULL, "epoll"), 0);
    a.on_read = recv_some;
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    copy = dup(asyncore_fileno(&b.base)); /* so that it stays in the set */
    fail_control(EPOLL_CTL_DEL, disappearances[_i], 1);
    ck_assert_int_eq(asyncore_close(&b.base), 0);
    ck_assert_int_eq(calls.fail_count, 0);
    send_all(other, "x");
    wait_readable(copy);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    calls.clock = 1000000000;
    ck_assert_int_eq(asyncore_poll(60, NULL), 0); /* nor does it keep the loop awake */
    ck_assert_int_ge(calls.clock, 61 * INT64_C(1000000000));
    calls.clock = 0;
    assert_trace("");
    send_all(peer, "x");
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=1 ");
    close(copy);
    close(other);
    close(peer);
}
END_TEST

START_TEST(test_eperm_is_always_ready)
{
    static struct probe b;
    const int other = probe_channel(&b, "B", NULL);

    ck_assert_int_eq(asyncore_map_set_poller(NULL, "epoll"), 0);
    fail_control(EPOLL_CTL_ADD, EPERM, 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asyncore_poll(20, NULL), 0);
    assert_trace("B.handle_read B.handle_read B.handle_read ");
    b.wants_read = false;
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    close(other);
}
END_TEST

static void *stop_it(void *map)
{
    asyncore_stop(map);
    return NULL;
}

/* What wakes the loop is not taken: it must not sleep for ever. */
START_TEST(test_wakeup_not_taken)
{
    static struct probe b;
    const int other = probe_channel(&b, "B", NULL);
    pthread_t thread;

    ck_assert_int_eq(asyncore_map_set_poller(NULL, "epoll"), 0);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    fail_control(EPOLL_CTL_ADD, ENOSPC, 1000000);
    ck_assert_int_eq(pthread_create(&thread, NULL, stop_it, NULL), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    pthread_join(thread, NULL);
    fail_control(0, 0, 0);
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace("");
    close(other);
}
END_TEST
#endif

/* ==================================================
 * several that cannot be watched, among good ones, in one pass
 */

START_TEST(test_closed_before_it_is_watched)
{
    enum { COUNT = 30 };
    static struct probe probes[COUNT];
    int peers[COUNT];
    char expected[4096] = "";

    for (int i = 0; i < COUNT; i++) {
        peers[i] = probe_channel(&probes[i], i % 3 == 0 ? "D" : "A", NULL);
        probes[i].on_read = recv_some;
        send_all(peers[i], "x");
        wait_readable(asyncore_fileno(&probes[i].base));
    }
    asyncore_wakeup(NULL); /* what that opens takes no dead one's number */
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    trace[0] = '\0';
    for (int i = 0; i < COUNT; i++) { /* all are to be watched anew */
        asyncore_del_channel(&probes[i].base);
        asyncore_add_channel(&probes[i].base, NULL);
        send_all(peers[i], "x");
        wait_readable(asyncore_fileno(&probes[i].base));
    }
    for (int i = 0; i < COUNT; i += 3) {
        close(asyncore_fileno(&probes[i].base));
        strcat(expected, "D.handle_close ");
    }
    for (int i = 0; i < COUNT; i++)
        strcat(expected, i % 3 == 0 ? "" : "A.handle_read A.recv=1 ");
    poll_once(NULL);
    assert_trace(expected);
    for (int i = 0; i < COUNT; i++)
        close(peers[i]);
}
END_TEST

/* ==================================================
 * no memory
 */

/* There is no room for one more: the others are served as before. */
START_TEST(test_no_memory_for_another)
{
    enum { COUNT = 40 };
    static struct probe probes[COUNT];
    static int peers[COUNT];
    int refused = 0;

    for (int i = 0; i < COUNT; i++) {
        for (int n = 1; n <= 6; n++) {
            static struct probe none;
            int ends[2], rc;

            tcp_pair(ends);
            probe_init(&none, "N", NULL);
            calls.fail_malloc = n;
            rc = asyncore_set_socket(&none.base, ends[0], NULL);
            calls.fail_malloc = 0;
            ck_assert(rc == 0 || rc == -ENOMEM);
            refused += rc < 0;
            asyncore_close(&none.base);
            close(ends[1]);
            if (i > 0) {
                send_all(peers[0], "x");
                wait_readable(asyncore_fileno(&probes[0].base));
            }
            ck_assert_int_eq(asyncore_poll(0, NULL), 0);
            assert_trace(i > 0 ? "A.handle_read A.recv=1 " : "");
        }
        peers[i] = probe_channel(&probes[i], "A", NULL);
        probes[i].on_read = recv_some;
    }
    ck_assert_int_gt(refused, 5);
    for (int i = 0; i < COUNT; i++)
        close(peers[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("poller_errors");
    TCase *tcase = add_case(suite, "poller_errors");

    tcase_add_test(tcase, test_wait_fails);
#ifdef ASYNCORE__HAVE_EPOLL
    tcase_add_loop_test(tcase, test_not_taken, 0, sizeof refusals / sizeof refusals[0]);
    tcase_add_loop_test(tcase, test_not_taken_but_alive, 0, sizeof refusals / sizeof refusals[0]);
    tcase_add_loop_test(tcase, test_change_not_taken, 0, sizeof refusals / sizeof refusals[0]);
    tcase_add_loop_test(tcase, test_removal_not_taken, 0,
                        sizeof disappearances / sizeof disappearances[0]);
    tcase_add_test(tcase, test_eperm_is_always_ready);
    tcase_add_test(tcase, test_wakeup_not_taken);
#endif
    tcase_add_test(tcase, test_closed_before_it_is_watched);
    tcase_add_test(tcase, test_no_memory_for_another);
    return run_suite(suite);
}
