/* check_time_server_limits.c - the Time protocol's server when there is too little of something, or too
 * much. */
#include "support.h"

#include "rate_limit.h"
#include "time_server.h"

#include <string.h>
#include <sys/resource.h>

static struct time_server server;
static struct sockaddr_in server_addr;

static int test_clock(struct timespec *now)
{
    *now = (struct timespec){0};
    return 0;
}

static void serve(void)
{
    const struct sockaddr_in any = loopback(0);
    struct sockaddr_storage bound;
    socklen_t boundlen;

    ck_assert_int_eq(time_server_init(&server, &time_server_class, (const struct sockaddr *)&any,
                                      sizeof any, NULL),
                     0);
    ck_assert_int_eq(asyncore_getsockname(&server.base, &bound, &boundlen), 0);
    memcpy(&server_addr, &bound, sizeof server_addr);
    server.service.clock = test_clock;
}

/* That it is 1970. */
static void assert_answer(int client)
{
    char answer[8];

    ck_assert_int_eq(recv_to_end(client, answer, sizeof answer), 4);
    ck_assert_mem_eq(answer, "\x83\xaa\x7e\x80", 4);
    close(client);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1); /* the listener */
}

/* ---- what the system says: see tests/meson.build ---- */

ssize_t __real_send(int fd, const void *data, size_t size, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t size, int flags);

static int send_error; /* of the next one with an answer */

ssize_t __wrap_send(int fd, const void *data, size_t size, int flags)
{
    if (send_error == 0 || size != 4)
        return __real_send(fd, data, size, flags);
    errno = send_error;
    send_error = 0;
    return -1;
}

int __real_accept4(int fd, struct sockaddr *addr, socklen_t *size, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *size, int flags);

static bool full; /* the system has one file left: the server's spare one */

int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *size, int flags)
{
    if (!full || server.spare < 0)
        return __real_accept4(fd, addr, size, flags);
    errno = ENFILE;
    return -1;
}

/* ---- what does not go out at once ---- */

START_TEST(test_answer_that_waits)
{
    int client;

    serve();
    client = tcp_connect(&server_addr);
    send_error = EAGAIN;
    poll_once(NULL);
    ck_assert_uint_eq(asyncore_map_count(NULL), 2);
    ck_assert_uint_eq(server.service.counts[TIME_LATER], 1);
    poll_once(NULL);
    assert_answer(client);
}
END_TEST

START_TEST(test_answer_that_is_refused)
{
    int client;
    char byte;

    trace_log();
    serve();
    client = tcp_connect(&server_addr);
    send_error = EACCES;
    poll_once(NULL);
    assert_trace("[error] ");
    ck_assert_uint_eq(server.service.counts[TIME_UNSENT], 1);
    ck_assert_int_eq(recv_to_end(client, &byte, 1), 0);
    close(client);
    ck_assert(asyncore_accepting(&server.base));
}
END_TEST

static const int ways_to_go[] = {EPIPE, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH};

/* Which is no mistake, and nothing to be logged. */
START_TEST(test_client_that_has_gone)
{
    int client;

    trace_log();
    serve();
    client = tcp_connect(&server_addr);
    send_error = ways_to_go[_i];
    poll_once(NULL);
    assert_trace("");
    ck_assert_uint_eq(server.service.counts[TIME_UNSENT], 1);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    close(client);
}
END_TEST

/* ---- many, too many, and too often ---- */

START_TEST(test_all_that_wait_are_answered)
{
    int clients[20];

    serve();
    for (int i = 0; i < 20; i++)
        clients[i] = tcp_connect(&server_addr);
    poll_once(NULL);
    ck_assert_uint_eq(server.service.counts[TIME_ANSWERED], 20);
    for (int i = 0; i < 20; i++)
        assert_answer(clients[i]);
}
END_TEST

START_TEST(test_limit)
{
    static struct rate_limit limit;
    char byte;
    int client;

    ck_assert_int_eq(rate_limit_init(&limit, 1, 1), 0);
    limit.interval *= 1000; /* no token comes back while the test runs */
    limit.depth *= 1000;
    serve();
    server.service.limit = &limit;
    client = tcp_connect(&server_addr);
    poll_once(NULL);
    assert_answer(client);
    client = tcp_connect(&server_addr);
    poll_once(NULL);
    ck_assert_int_eq(recv_to_end(client, &byte, 1), -ECONNRESET);
    close(client);
    ck_assert_uint_eq(server.service.counts[TIME_LIMITED], 1);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
}
END_TEST

static void set_descriptor_limit(rlim_t count)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = count;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Without a descriptor to be had, all are answered still, one after the other. */
START_TEST(test_no_descriptor_left)
{
    struct rlimit limit;
    int clients[3], next;

    skip_under_valgrind("lets the system take what there is no descriptor for, and closes it");
    trace_log();
    serve();
    ck_assert_int_ge(server.spare, 0);
    for (int i = 0; i < 3; i++)
        clients[i] = tcp_connect(&server_addr);
    poll_once(NULL);
    for (int i = 0; i < 3; i++) {
        assert_answer(clients[i]);
        clients[i] = tcp_connect(&server_addr);
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    next = dup(STDOUT_FILENO); /* the lowest that is free */
    close(next);
    set_descriptor_limit((rlim_t)next);
    poll_once(NULL);
    set_descriptor_limit(limit.rlim_cur);
    assert_trace("[error] "); /* the library's, of the accept that failed */
    ck_assert_uint_eq(server.starved, 1);
    ck_assert_int_ge(server.spare, 0);
    for (int i = 0; i < 3; i++)
        assert_answer(clients[i]);
}
END_TEST

START_TEST(test_no_file_left)
{
    int clients[3], next;

    trace_log();
    serve();
    for (int i = 0; i < 3; i++)
        clients[i] = tcp_connect(&server_addr);
    full = true;
    poll_once(NULL);
    assert_trace("[error] ");
    ck_assert_uint_eq(server.starved, 1);
    ck_assert_int_ge(server.spare, 0);
    for (int i = 0; i < 3; i++)
        assert_answer(clients[i]);
    next = tcp_connect(&server_addr);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0); /* the listener is not waited for */
    assert_answer(next);
}
END_TEST

/* Nor is there the spare one: the clients wait, and nobody spins. */
START_TEST(test_no_spare_descriptor_left)
{
    struct rlimit limit;
    int client, passes = 0;

    skip_under_valgrind("lets the system take what there is no descriptor for, and closes it");
    trace_log();
    serve();
    client = tcp_connect(&server_addr);
    poll_once(NULL);
    assert_answer(client); /* what the pass needs is open now */
    client = tcp_connect(&server_addr);
    getrlimit(RLIMIT_NOFILE, &limit);
    set_descriptor_limit(0);
    for (const double begun = cpu_seconds(); passes < 5; passes++) {
        ck_assert_int_eq(asyncore_poll(0.05, NULL), 0);
        ck_assert(cpu_seconds() - begun < 5);
    }
    ck_assert_int_eq(server.spare, -1);
    ck_assert_uint_le(server.starved, 5);
    set_descriptor_limit(limit.rlim_cur);
    while (server.service.counts[TIME_ANSWERED] < 2)
        poll_once(NULL);
    assert_answer(client);
    ck_assert_int_ge(server.spare, 0);
}
END_TEST

static void close_server(struct time_service *service, const struct sockaddr *addr,
                         socklen_t addrlen, enum time_outcome outcome)
{
    (void)addr;
    (void)addrlen;
    ck_assert_ptr_eq(service, &server.service);
    ck_assert_int_eq(outcome, TIME_ANSWERED);
    asyncore_close(&server.base);
}

START_TEST(test_closed_by_whom_it_tells)
{
    int first, second;

    serve();
    server.service.heard = close_server;
    first = tcp_connect(&server_addr);
    second = tcp_connect(&server_addr);
    poll_once(NULL);
    ck_assert_uint_eq(server.service.counts[TIME_ANSWERED], 1);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    ck_assert_int_eq(server.spare, -1);
    close(first);
    close(second);
}
END_TEST

START_TEST(test_socket_from_elsewhere)
{
    int client, fd;

    fd = tcp_listen(&server_addr);
    ck_assert_int_eq(time_server_init_socket(&server, &time_server_class, fd, NULL), 0);
    server.service.clock = test_clock;
    client = tcp_connect(&server_addr);
    poll_once(NULL);
    assert_answer(client);
    asyncore_close(&server.base);
    ck_assert_int_eq(time_server_init_socket(&server, &time_server_class, 1000, NULL), -EBADF);
    fd = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(time_server_init_socket(&server, &time_server_class, fd, NULL), -EOPNOTSUPP);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("time_server_limits");
    TCase *tcase = add_case(suite, "time_server_limits");

    tcase_add_test(tcase, test_answer_that_waits);
    tcase_add_test(tcase, test_answer_that_is_refused);
    tcase_add_loop_test(tcase, test_client_that_has_gone, 0, 5);
    tcase_add_test(tcase, test_all_that_wait_are_answered);
    tcase_add_test(tcase, test_limit);
    tcase_add_test(tcase, test_no_descriptor_left);
    tcase_add_test(tcase, test_no_file_left);
    tcase_add_test(tcase, test_no_spare_descriptor_left);
    tcase_add_test(tcase, test_closed_by_whom_it_tells);
    tcase_add_test(tcase, test_socket_from_elsewhere);
    return run_suite(suite);
}
