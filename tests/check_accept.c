/* check_accept.c - listeners: the order of calls, and that nothing closes them. */
#include "interpose.h"
#include "support.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

START_TEST(test_one_accept_in_a_pass)
{
    static struct probe l;
    struct sockaddr_in addr;
    int first, second;

    probe_listen(&l, "L", NULL, &addr);
    l.wants_write = true; /* which a listener is never asked for */
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    first = tcp_connect(&addr);
    second = tcp_connect(&addr);
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_accepted ");
    close(l.fd);
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_accepted ");
    close(l.fd);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    close(first);
    close(second);
}
END_TEST

static struct probe child;

static int make_child(struct probe *self, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    probe_init(&child, "C", asyncore_get_map(&self->base));
    child.on_read = recv_some;
    return asyncore_init_accepted(&child.base, &probe_class, fd, addr, addrlen,
                                  asyncore_get_map(&self->base));
}

START_TEST(test_child_is_served_in_the_next_pass)
{
    static struct probe l;
    struct sockaddr_in addr;
    struct sockaddr_storage peer, expected;
    socklen_t peerlen, expectedlen = sizeof expected;
    int client;

    probe_listen(&l, "L", NULL, &addr);
    l.on_accepted = make_child;
    client = tcp_connect(&addr);
    send_all(client, "hi");
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_accepted ");
    ck_assert(asyncore_connected(&child.base));
    ck_assert((fcntl(asyncore_fileno(&child.base), F_GETFL) & O_NONBLOCK) != 0);
    ck_assert((fcntl(asyncore_fileno(&child.base), F_GETFD) & FD_CLOEXEC) != 0);
    getsockname(client, (struct sockaddr *)&expected, &expectedlen);
    ck_assert_int_eq(asyncore_addr(&child.base, &peer, &peerlen), 0);
    ck_assert_mem_eq(&peer, &expected, expectedlen);
    poll_once(NULL);
    assert_trace("C.handle_read C.recv=2 "); /* handle_connect is not called */
    close(client);
}
END_TEST

START_TEST(test_default_handle_accepted_closes)
{
    struct asyncore_dispatcher *l = calloc(1, sizeof *l);
    struct sockaddr_in addr = loopback(0);
    struct sockaddr_storage bound;
    socklen_t boundlen;
    char byte;
    int client;

    trace_log();
    asyncore_init(l, &asyncore_dispatcher_class, -1, NULL);
    asyncore_create_socket(l, AF_INET, SOCK_STREAM);
    asyncore_bind(l, (struct sockaddr *)&addr, sizeof addr);
    asyncore_listen(l, 5);
    asyncore_set_ignore_log_types(l, 0);
    asyncore_getsockname(l, &bound, &boundlen);
    client = tcp_connect((struct sockaddr_in *)&bound);
    poll_once(NULL);
    assert_trace("[warning] ");
    ck_assert_int_eq(recv_to_end(client, &byte, 1), 0);
    close(client);
    asyncore_close(l);
    free(l);
}
END_TEST

static int fail_and_close(struct probe *self, int fd, const struct sockaddr *addr,
                          socklen_t addrlen)
{
    (void)self;
    (void)addr;
    (void)addrlen;
    close(fd);
    return -EIO;
}

/* "The worst server bug" of CPython: the listener is closed. */
START_TEST(test_failing_handle_accepted_leaves_the_listener)
{
    static struct probe l;
    struct sockaddr_in addr;
    int client;

    trace_log();
    probe_listen(&l, "L", NULL, &addr);
    l.on_accepted = fail_and_close;
    client = tcp_connect(&addr);
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_accepted [error] ");
    ck_assert(asyncore_accepting(&l.base));
    close(client);
    l.on_accepted = NULL;
    client = tcp_connect(&addr);
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_accepted ");
    close(client);
    close(l.fd);
}
END_TEST

static int fail_and_close_listener(struct probe *self, int fd, const struct sockaddr *addr,
                                   socklen_t addrlen)
{
    asyncore_close(&self->base);
    return fail_and_close(self, fd, addr, addrlen);
}

/* There is no listener any more to say it of. */
START_TEST(test_failing_handle_accepted_that_closes_the_listener)
{
    static struct probe l;
    struct sockaddr_in addr;
    int client;

    trace_log();
    probe_listen(&l, "L", NULL, &addr);
    l.on_accepted = fail_and_close_listener;
    client = tcp_connect(&addr);
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_accepted ");
    ck_assert_int_eq(l.destroyed, 1);
    close(client);
}
END_TEST

static int serve_child_at_once(struct probe *self, int fd, const struct sockaddr *addr,
                               socklen_t addrlen)
{
    make_child(self, fd, addr, addrlen);
    return asyncore_handle_read(&child.base); /* -EAGAIN: nothing is there yet */
}

START_TEST(test_would_block_in_handle_accepted_is_no_failure)
{
    static struct probe l;
    struct sockaddr_in addr;
    int client;

    trace_log();
    probe_listen(&l, "L", NULL, &addr);
    l.on_accepted = serve_child_at_once;
    client = tcp_connect(&addr);
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_accepted C.handle_read C.recv=EAGAIN ");
    close(client);
}
END_TEST

static int close_listener(struct probe *self, int fd, const struct sockaddr *addr,
                          socklen_t addrlen)
{
    make_child(self, fd, addr, addrlen);
    return asyncore_close(&self->base);
}

START_TEST(test_listener_closes_itself_in_handle_accepted)
{
    static struct probe l;
    struct sockaddr_in addr;
    int client;

    probe_listen(&l, "L", NULL, &addr);
    l.on_accepted = close_listener;
    client = tcp_connect(&addr);
    send_all(client, "x");
    close(client);
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0); /* ends with the child */
    assert_trace("L.handle_accept L.handle_accepted C.handle_read C.recv=1 "
                 "C.handle_read C.handle_close C.recv=0 ");
    ck_assert_int_eq(l.destroyed, 1);
    ck_assert_int_eq(child.destroyed, 1);
}
END_TEST

START_TEST(test_accept_with_nothing_there)
{
    static struct probe l;
    struct sockaddr_in addr;

    probe_listen(&l, "L", NULL, &addr);
    ck_assert_int_eq(asyncore_accept(&l.base, NULL, NULL), -EAGAIN);
    ck_assert_int_eq(asyncore_read(&l.base), 0); /* a false alarm harms nobody */
    assert_trace("L.handle_accept ");
    ck_assert_int_eq(asyncore_write(&l.base), 0); /* it did not happen */
    assert_trace("");
}
END_TEST

/* The client is gone before it is accepted: an ordinary channel, which hears of it. */
START_TEST(test_reset_before_accept)
{
    static struct probe l;
    struct sockaddr_in addr;

    probe_listen(&l, "L", NULL, &addr);
    l.on_accepted = make_child;
    reset(tcp_connect(&addr));
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_accepted ");
    ck_assert(asyncore_connected(&child.base)); /* CPython says no, and programs spin on it */
    poll_once(NULL);
    assert_trace("C.handle_read C.handle_close C.recv=0 ");
    ck_assert(asyncore_accepting(&l.base));
}
END_TEST

/* accept() fails for good: that is handle_error's, as in Python. */
START_TEST(test_listener_shut_down)
{
    static struct probe l;
    struct sockaddr_in addr;

    probe_listen(&l, "L", NULL, &addr);
    ck_assert_int_eq(shutdown(asyncore_fileno(&l.base), SHUT_RDWR), 0);
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_error(EINVAL) L.handle_close ");
}
END_TEST

/* ---- no descriptors left ---- */

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

static void give_descriptors_back(void)
{
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int passes;

static bool count_pass(struct probe *self)
{
    (void)self;
    passes++;
    return true;
}

static void stop_loop(struct asyncore_timer *timer)
{
    asyncore_stop(timer->map);
}

static void loop_for(double seconds)
{
    struct asyncore_timer timer = {0};

    asyncore_call_later(&timer, seconds, stop_loop, NULL);
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0);
    asyncore_cancel(&timer);
}

START_TEST(test_no_descriptor_left)
{
    static struct probe l;
    struct sockaddr_in addr;
    double cpu;
    int client;

    trace_log();
    probe_listen(&l, "L", NULL, &addr);
    ck_assert_int_eq(asyncore_loop(0, NULL, 1), 0); /* has the descriptors of asyncore_stop() */
    l.on_readable = count_pass;
    client = tcp_connect(&addr);
    leave_no_descriptor();
    cpu = cpu_seconds();
    loop_for(1);
    ck_assert(cpu_seconds() - cpu < 0.3);
    ck_assert_int_le(passes, 25); /* CPython would not be here any more, others make a million */
    ck_assert_int_ge(passes, 3);
    ck_assert(asyncore_accepting(&l.base));
    ck_assert_ptr_nonnull(strstr(trace, "L.handle_accept [error] L.handle_accept "));
    ck_assert_ptr_null(strstr(strstr(trace, "[error]") + 1, "[error]")); /* says it once */
    ck_assert_ptr_null(strstr(trace, "handle_error"));
    trace[0] = '\0';

    give_descriptors_back();
    loop_for(0.3);
    assert_trace("L.handle_accept L.handle_accepted ");
    close(client);
    close(l.fd);
}
END_TEST

/* It is said again after ten seconds, should it last. */
START_TEST(test_no_descriptor_left_for_long)
{
    static struct probe l;
    struct sockaddr_in addr;
    int client;

    trace_log();
    probe_listen(&l, "L", NULL, &addr);
    ck_assert_int_eq(asyncore_loop(0, NULL, 1), 0);
    client = tcp_connect(&addr);
    leave_no_descriptor();
    poll_once(NULL);
    assert_trace("L.handle_accept [error] ");
    calls.later = 9.5;
    poll_once(NULL);
    assert_trace("L.handle_accept ");
    calls.later = 11;
    poll_once(NULL);
    assert_trace("L.handle_accept [error] ");
    give_descriptors_back();
    close(client);
}
END_TEST

/* A channel's end frees a descriptor: the client that waits is served without further delay. */
START_TEST(test_close_resumes_listeners)
{
    static struct probe l, c;
    struct sockaddr_in addr;
    int client, peer;

    trace_log();
    probe_listen(&l, "L", NULL, &addr);
    peer = probe_channel(&c, "C", NULL);
    client = tcp_connect(&addr);
    leave_no_descriptor();
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("L.handle_accept [error] ");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0); /* paused */
    assert_trace("");
    asyncore_close(&c.base);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("L.handle_accept L.handle_accepted ");
    give_descriptors_back();
    close(client);
    close(peer);
    close(l.fd);
}
END_TEST

static int fail_before_accepting(struct probe *self)
{
    (void)self;
    passes++;
    return -ENOMEM;
}

/* The connection stays in the backlog: without a pause this would spin. */
START_TEST(test_handle_accept_without_memory_pauses)
{
    static struct probe l;
    struct sockaddr_in addr;
    int client;

    trace_log();
    probe_listen(&l, "L", NULL, &addr);
    l.on_accept = fail_before_accepting;
    client = tcp_connect(&addr);
    loop_for(0.5);
    ck_assert_int_ge(passes, 2);
    ck_assert_int_le(passes, 10);
    ck_assert(asyncore_accepting(&l.base));
    trace[0] = '\0';
    l.on_accept = NULL;
    loop_for(0.2);
    assert_trace("L.handle_accept L.handle_accepted ");
    close(client);
    close(l.fd);
}
END_TEST

static struct probe *to_close;

static bool close_it_in_predicate(struct probe *self)
{
    (void)self;
    if (to_close != NULL)
        asyncore_close(&to_close->base);
    to_close = NULL;
    return false;
}

static const struct asyncore_class listener_class = {
    .super = &probe_class,
    .readable = asyncore_always,
    .writable = asyncore_never,
};

/* The end of a channel comes from a predicate, after listeners that are never asked have been seen
 * to. */
START_TEST(test_close_in_a_predicate_resumes_listeners)
{
    static struct probe l, c, idle;
    struct sockaddr_in addr;
    int client, peers[2], fd;

    trace_log();
    probe_listen(&l, "L", NULL, &addr);
    fd = dup(asyncore_fileno(&l.base));
    asyncore_close(&l.base);
    ck_assert_int_eq(asyncore_init(&l.base, &listener_class, fd, NULL), 0);
    peers[0] = probe_channel(&c, "C", NULL);
    peers[1] = probe_channel(&idle, "I", NULL);
    client = tcp_connect(&addr);
    leave_no_descriptor();
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("L.handle_accept [error] ");
    to_close = &c;
    idle.on_readable = close_it_in_predicate;
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("L.handle_accept L.handle_accepted ");
    give_descriptors_back();
    close(client);
    close(peers[0]);
    close(peers[1]);
    close(l.fd);
}
END_TEST

START_TEST(test_accept_reports_what_is_missing)
{
    static struct probe l;
    struct sockaddr_in addr;
    char text[512];
    FILE *file;
    int client;

    trace_log();
    probe_listen(&l, "L", NULL, &addr);
    client = tcp_connect(&addr);
    wait_readable(asyncore_fileno(&l.base));
    leave_no_descriptor();
    ck_assert_int_eq(asyncore_accept(&l.base, NULL, NULL), -EMFILE);
    give_descriptors_back();
    assert_trace("[error] ");
    file = fmemopen(text, sizeof text, "w");
    asyncore_dump_map(NULL, file);
    fclose(file);
    ck_assert_msg(strstr(text, ", listening, pauses for want of descriptors") != NULL, "%s", text);
    close(client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("accept");
    TCase *tcase = add_case(suite, "accept");

    tcase_add_test(tcase, test_one_accept_in_a_pass);
    tcase_add_test(tcase, test_child_is_served_in_the_next_pass);
    tcase_add_test(tcase, test_default_handle_accepted_closes);
    tcase_add_test(tcase, test_failing_handle_accepted_leaves_the_listener);
    tcase_add_test(tcase, test_failing_handle_accepted_that_closes_the_listener);
    tcase_add_test(tcase, test_would_block_in_handle_accepted_is_no_failure);
    tcase_add_test(tcase, test_listener_closes_itself_in_handle_accepted);
    tcase_add_test(tcase, test_accept_with_nothing_there);
    tcase_add_test(tcase, test_reset_before_accept);
    tcase_add_test(tcase, test_listener_shut_down);
    if (getenv("VALGRIND") ==
        NULL) { /* whose accept() takes the connection before it says EMFILE */
        tcase_add_test(tcase, test_no_descriptor_left);
        tcase_add_test(tcase, test_no_descriptor_left_for_long);
        tcase_add_test(tcase, test_close_resumes_listeners);
        tcase_add_test(tcase, test_close_in_a_predicate_resumes_listeners);
    }
    tcase_add_test(tcase, test_handle_accept_without_memory_pauses);
    tcase_add_test(tcase, test_accept_reports_what_is_missing);
    return run_suite(suite);
}
