/* check_backlog.c - many who want to be accepted, none who can be, and one without a name. */
#include "interpose.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define SECOND INT64_C(1000000000)

static int accepted;

static int accept_and_close(struct probe *self, int fd, const struct sockaddr *addr,
                            socklen_t addrlen)
{
    (void)self;
    (void)addr;
    (void)addrlen;
    accepted++;
    close(fd);
    return 0;
}

static int answer(struct probe *self)
{
    char buffer[64];
    const ssize_t n = asyncore_recv(&self->base, buffer, sizeof buffer);

    return n > 0 ? (int)asyncore_send(&self->base, buffer, (size_t)n) : (int)n;
}

static void allow_descriptors(rlim_t count)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < count) {
        fprintf(stderr, "skipped: the hard limit of descriptors is %lu, below %lu\n",
                (unsigned long)limit.rlim_max, (unsigned long)count);
        exit(EXIT_SUCCESS);
    }
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* A thousand come at once: who is connected already is served in each pass. */
START_TEST(test_storm)
{
    enum { STORM = 1000 };
    static struct probe l, a;
    static int clients[STORM];
    struct sockaddr_in addr;
    char byte;
    int peer;

    allow_descriptors(STORM + 100);
    probe_listen(&l, "L", NULL, &addr);
    l.on_accepted = accept_and_close;
    peer = probe_channel(&a, "A", NULL);
    a.on_read = answer;
    for (int i = 0; i < STORM; i++)
        clients[i] = tcp_connect(&addr);
    for (int i = 0; i < STORM; i++) {
        send_all(peer, "x");
        wait_readable(asyncore_fileno(&a.base));
        trace[0] = '\0';
        poll_once(NULL);
        ck_assert_int_eq(recv_to_end(peer, &byte, 1), 1);
        ck_assert_int_eq(accepted, i + 1); /* and none of them is forgotten */
    }
    for (int i = 0; i < STORM; i++)
        close(clients[i]);
    close(peer);
}
END_TEST

/* ==================================================
 * no descriptor left, and several listeners
 */

static struct rlimit limit;

static void leave_no_descriptor(void)
{
    struct rlimit now;
    const int highest = dup(0);

    getrlimit(RLIMIT_NOFILE, &limit);
    now = limit;
    now.rlim_cur = (rlim_t)highest; /* all below are in use */
    close(highest);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &now), 0);
}

static size_t count_in_trace(const char *word)
{
    size_t count = 0;

    for (const char *c = trace; (c = strstr(c, word)) != NULL; c++)
        count++;
    return count;
}

/* They pause together, and go on together: not each with a pause, and a message, of its own. */
START_TEST(test_several_listeners_pause_as_one)
{
    enum { LISTENERS = 5 };
    static struct probe listeners[LISTENERS];
    struct sockaddr_in addrs[LISTENERS];
    int clients[LISTENERS];

    trace_log();
    for (int i = 0; i < LISTENERS; i++) {
        probe_listen(&listeners[i], "L", NULL, &addrs[i]);
        listeners[i].on_accepted = accept_and_close;
    }
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0); /* now all is open that the map needs */
    for (int i = 0; i < LISTENERS; i++) {
        clients[i] = tcp_connect(&addrs[i]);
        wait_readable(asyncore_fileno(&listeners[i].base));
    }
    leave_no_descriptor();
    forget_calls();
    calls.clock = SECOND;
    while (calls.clock < 3 * SECOND)
        ck_assert_int_eq(asyncore_poll(10, NULL), 0);
    calls.clock = 0;
    ck_assert_int_ge(calls.waits, 20); /* ten times a second it looks again */
    ck_assert_int_le(calls.waits, 45);
    ck_assert_uint_le(count_in_trace("L.handle_accept "), (size_t)LISTENERS * 21);
    ck_assert_uint_eq(count_in_trace("[error] "), 1);
    ck_assert_int_eq(accepted, 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (accepted < LISTENERS)
        poll_once(NULL);
    for (int i = 0; i < LISTENERS; i++)
        close(clients[i]);
}
END_TEST

/* Some systems hand over a connection that is gone already, and say only so. */
START_TEST(test_no_address)
{
    static struct probe l;
    struct sockaddr_in addr;
    int clients[2];

    probe_listen(&l, "L", NULL, &addr);
    l.on_accepted = accept_and_close;
    for (int i = 0; i < 2; i++)
        clients[i] = tcp_connect(&addr);
    wait_readable(asyncore_fileno(&l.base));
    calls.accept_nameless = 1;
    poll_once(NULL);
    assert_trace("L.handle_accept ");
    ck_assert_int_eq(calls.accept_nameless, 0);
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_accepted ");
    ck_assert(asyncore_accepting(&l.base));
    for (int i = 0; i < 2; i++)
        close(clients[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backlog");
    TCase *tcase = add_case(suite, "backlog");

    tcase_add_test(tcase, test_storm);
    if (getenv("VALGRIND") == NULL) /* whose accept() takes the connection before it says EMFILE */
        tcase_add_test(tcase, test_several_listeners_pause_as_one);
    tcase_add_test(tcase, test_no_address);
    return run_suite(suite);
}
