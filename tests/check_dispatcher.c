/* check_dispatcher.c - construction, attributes, and the use of what cannot be used. */
#include "support.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/un.h>

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(test_without_a_socket)
{
    static struct probe a;

    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_fileno(&a.base), -1);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    ck_assert(!asyncore_connected(&a.base));
    ck_assert(!asyncore_accepting(&a.base));
    ck_assert(!asyncore_connecting(&a.base));
    ck_assert_int_eq(asyncore_close(&a.base), 0);
    ck_assert_int_eq(a.destroyed, 1);
}
END_TEST

START_TEST(test_on_a_connected_socket)
{
    static struct probe a;
    struct sockaddr_storage addr, expected;
    socklen_t addrlen, expectedlen = sizeof expected;
    int ends[2];

    tcp_pair(ends);
    ck_assert((fcntl(ends[0], F_GETFL) & O_NONBLOCK) == 0);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_init(&a.base, &probe_class, ends[0], NULL), 0);
    ck_assert((fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
    ck_assert(asyncore_connected(&a.base));
    ck_assert_ptr_eq(asyncore_map_get(NULL, ends[0]), &a.base);
    getsockname(ends[1], (struct sockaddr *)&expected, &expectedlen);
    ck_assert_int_eq(asyncore_addr(&a.base, &addr, &addrlen), 0);
    ck_assert_int_eq(addrlen, expectedlen);
    ck_assert_mem_eq(&addr, &expected, addrlen);
    asyncore_close(&a.base);
    ck_assert(!is_open(ends[0]));
    ck_assert_int_eq(asyncore_addr(&a.base, &addr, &addrlen), 0); /* outlives the close */
    close(ends[1]);
}
END_TEST

START_TEST(test_on_an_unconnected_socket)
{
    static struct probe a;
    struct sockaddr_storage addr;
    socklen_t addrlen;

    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_init(&a.base, &probe_class, socket(AF_INET, SOCK_STREAM, 0), NULL),
                     0);
    ck_assert(!asyncore_connected(&a.base));
    ck_assert_int_eq(asyncore_addr(&a.base, &addr, &addrlen), -ENOTCONN);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
}
END_TEST

/* CPython would take it for a channel and call handle_read. */
START_TEST(test_on_a_listening_socket)
{
    static struct probe a;
    struct sockaddr_in addr;
    const int fd = tcp_listen(&addr);
    int client;

    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_init(&a.base, &probe_class, fd, NULL), 0);
    ck_assert(asyncore_accepting(&a.base));
    client = tcp_connect(&addr);
    poll_once(NULL);
    assert_trace("A.handle_accept A.handle_accepted ");
    close(client);
    close(a.fd);
}
END_TEST

START_TEST(test_init_failures_close_the_descriptor)
{
    struct asyncore_dispatcher d;
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(asyncore_init(&d, &probe_class, ends[0], NULL), -ENOTSOCK);
    ck_assert(!is_open(ends[0]));
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    ck_assert_int_eq(asyncore_close(&d), -EINVAL);
    ck_assert_int_eq(asyncore_init(&d, NULL, ends[1], NULL), -EINVAL);
    ck_assert(!is_open(ends[1]));
    ck_assert_int_eq(asyncore_init(NULL, &probe_class, -1, NULL), -EINVAL);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(asyncore_init_accepted(NULL, &probe_class, ends[0], NULL, 0, NULL), -ENOMEM);
    ck_assert(!is_open(ends[0]));
    ck_assert_int_eq(asyncore_init_accepted(&d, NULL, ends[1], NULL, 0, NULL), -EINVAL);
    ck_assert(!is_open(ends[1]));
    ck_assert_int_eq(asyncore_init_accepted(&d, &probe_class, -1, NULL, 0, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_init(&d, &probe_class, -2, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_init(&d, &probe_class, 1 << 20, NULL), -EBADF);
}
END_TEST

/* Numbers that no descriptor has, and some that it might: an error, or handle_close() when it is
 * found out; never a crash, and the others go on. */
START_TEST(test_numbers_of_no_descriptor)
{
    static const int numbers[] = {
        INT_MIN,        -2,      -1,          1000,   FD_SETSIZE - 1, FD_SETSIZE,
        FD_SETSIZE + 1, 1 << 20, INT_MAX - 1, INT_MAX};
    static struct probe b;
    const int number = numbers[_i], peer = probe_channel(&b, "B", NULL);
    static struct probe a;
    struct asyncore_dispatcher file;
    int rc;

    ck_assert_int_eq(fcntl(number, F_GETFD), -1);
    probe_init(&a, "A", NULL);
    ck_assert_int_lt(asyncore_set_socket(&a.base, number, NULL), 0);
    if (number != -1)
        ck_assert_int_lt(asyncore_init(&a.base, &probe_class, number, NULL), 0);
    ck_assert_int_lt(
        asyncore_file_dispatcher_init(&file, &asyncore_file_dispatcher_class, number, NULL), 0);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    probe_init(&a, "A", NULL);
    rc = asyncore_init_accepted(&a.base, &probe_class, number, NULL, 0, NULL);
    a.on_read = b.on_read = recv_some;
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&b.base));
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asyncore_poll(0.001, NULL), 0);
    ck_assert_ptr_nonnull(strstr(trace, "B.handle_read B.recv=1 "));
    ck_assert_int_eq(strstr(trace, "A.handle_close ") != NULL, rc == 0);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    close(peer);
}
END_TEST

/* Its peer has no address, or says no more of it than some systems do. */
START_TEST(test_accepted_without_an_address)
{
    static struct probe a;
    const struct sockaddr unknown = {.sa_family = AF_UNSPEC};
    struct sockaddr_storage addr;
    socklen_t addrlen;
    char text[64], expected[64];
    int ends[2];

    tcp_pair(ends);
    ck_assert_int_eq(asyncore_init_accepted(&a.base, &probe_class, ends[0],
                                            _i == 0 ? NULL : &unknown, _i == 0 ? 16 : 1, NULL),
                     0);
    ck_assert(asyncore_connected(&a.base));
    ck_assert_int_eq(asyncore_addr(&a.base, &addr, &addrlen), -ENOTCONN);
    asyncore_repr(&a.base, text, sizeof text);
    snprintf(expected, sizeof expected, "<probe connected fd %d>", ends[0]);
    ck_assert_str_eq(text, expected);
    close(ends[1]);
}
END_TEST

START_TEST(test_create_socket)
{
    static struct probe a;
    int fd, type = 0;
    socklen_t size = sizeof type;

    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_create_socket(&a.base, AF_INET6, SOCK_STREAM), 0);
    fd = asyncore_fileno(&a.base);
    ck_assert((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    ck_assert((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size), 0);
    ck_assert_int_eq(type, SOCK_STREAM);
    ck_assert_int_eq(asyncore_create_socket(&a.base, 9999, SOCK_STREAM), -EAFNOSUPPORT);
    ck_assert_int_eq(asyncore_fileno(&a.base), fd); /* the old one stays */
}
END_TEST

/* CPython leaves the first socket open and in the map. */
START_TEST(test_second_socket_replaces_the_first)
{
    static struct probe a;
    int first, ends[2];

    probe_init(&a, "A", NULL);
    asyncore_create_socket(&a.base, AF_INET, SOCK_STREAM);
    first = asyncore_fileno(&a.base);
    tcp_pair(ends);
    ck_assert_int_eq(asyncore_set_socket(&a.base, ends[0], NULL), 0);
    ck_assert(!is_open(first));
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    ck_assert_ptr_eq(asyncore_map_get(NULL, ends[0]), &a.base);
    ck_assert_int_eq(a.destroyed, 0);
    ck_assert_int_eq(asyncore_set_socket(&a.base, ends[0], NULL), 0); /* the same one again */
    ck_assert(is_open(ends[0]));
    ck_assert_int_eq(asyncore_set_socket(&a.base, -1, NULL), -EINVAL);
    close(ends[1]);
}
END_TEST

START_TEST(test_bind_and_listen)
{
    static struct probe a, b;
    struct sockaddr_in addr;
    struct sockaddr_storage bound;
    socklen_t boundlen;

    probe_listen(&a, "A", NULL, &addr);
    ck_assert(asyncore_accepting(&a.base));
    ck_assert_int_eq(asyncore_addr(&a.base, &bound, &boundlen), 0);
    ck_assert_int_eq(((struct sockaddr_in *)&bound)->sin_port, 0); /* as it was asked for */

    probe_init(&b, "B", NULL);
    asyncore_create_socket(&b.base, AF_INET, SOCK_STREAM);
    ck_assert_int_eq(asyncore_bind(&b.base, (struct sockaddr *)&addr, sizeof addr), -EADDRINUSE);
    ck_assert_int_eq(asyncore_addr(&b.base, &bound, &boundlen), -ENOTCONN);
    ck_assert_int_eq(asyncore_bind(&b.base, NULL, 0), -EINVAL);
    ck_assert_int_eq(asyncore_connect(&a.base, (struct sockaddr *)&addr, sizeof addr), -EOPNOTSUPP);
    assert_trace("");
}
END_TEST

START_TEST(test_failing_listen_changes_nothing)
{
    static struct probe a;

    probe_init(&a, "A", NULL);
    asyncore_create_socket(&a.base, AF_INET, SOCK_DGRAM);
    ck_assert_int_eq(asyncore_listen(&a.base, 5), -EOPNOTSUPP);
    ck_assert(!asyncore_accepting(&a.base));
}
END_TEST

START_TEST(test_set_reuse_addr)
{
    static struct probe a;
    int on = 0;
    socklen_t size = sizeof on;

    probe_init(&a, "A", NULL);
    asyncore_create_socket(&a.base, AF_INET, SOCK_STREAM);
    ck_assert_int_eq(asyncore_set_reuse_addr(&a.base), 0);
    getsockopt(asyncore_fileno(&a.base), SOL_SOCKET, SO_REUSEADDR, &on, &size);
    ck_assert_int_ne(on, 0);
}
END_TEST

static void assert_all_answer(struct asyncore_dispatcher *d, int error)
{
    struct sockaddr_storage addr;
    struct sockaddr_in in = loopback(0);
    socklen_t addrlen;
    char byte = 0;

    ck_assert_int_eq(asyncore_add_channel(d, NULL), error);
    ck_assert_int_eq(asyncore_del_channel(d), error);
    ck_assert_int_eq(asyncore_set_reuse_addr(d), error);
    ck_assert_int_eq(asyncore_bind(d, (struct sockaddr *)&in, sizeof in), error);
    ck_assert_int_eq(asyncore_listen(d, 1), error);
    ck_assert_int_eq(asyncore_connect(d, (struct sockaddr *)&in, sizeof in), error);
    ck_assert_int_eq(asyncore_accept(d, NULL, NULL), error);
    ck_assert_int_eq(asyncore_recv(d, &byte, 1), error);
    ck_assert_int_eq(asyncore_send(d, &byte, 1), error);
    ck_assert_int_eq(asyncore_send_last(d, &byte, 1), error);
    ck_assert_int_eq(asyncore_accepted_send_last(d, -1, &byte, 1), error);
    ck_assert_int_eq(asyncore_dispatcher_class.recv(d, &byte, 1), error);
    ck_assert_int_eq(asyncore_dispatcher_class.send(d, &byte, 1), error);
    ck_assert_int_eq(asyncore_file_dispatcher_class.recv(d, &byte, 1), error);
    ck_assert_int_eq(asyncore_file_dispatcher_class.send(d, &byte, 1), error);
    ck_assert_int_eq(asyncore_getsockname(d, &addr, &addrlen), error);
    ck_assert_int_eq(asyncore_fileno(d), -1);
    ck_assert_int_eq(asyncore_read(d), error);
    ck_assert_int_eq(asyncore_write(d), error);
    ck_assert_int_eq(asyncore_exception(d), error);
    ck_assert_int_eq(asyncore_readwrite(d, 1), error);
    ck_assert_int_eq(asyncore_handle_read_event(d), error);
    ck_assert_int_eq(asyncore_handle_write_event(d), error);
    ck_assert_int_eq(asyncore_handle_expt_event(d), error);
    ck_assert_int_eq(asyncore_handle_connect_event(d), error);
    ck_assert(!asyncore_connected(d));
    ck_assert(!asyncore_accepting(d));
    ck_assert(!asyncore_connecting(d));
}

static void assert_no_handler_runs(struct asyncore_dispatcher *d, int error)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(asyncore_handle_connect(d), error);
    ck_assert_int_eq(asyncore_handle_accept(d), error);
    ck_assert_int_eq(asyncore_handle_accepted(d, ends[0], NULL, 0), error);
    ck_assert(!is_open(ends[0]));
    ck_assert_int_eq(asyncore_handle_read(d), error);
    ck_assert_int_eq(asyncore_handle_write(d), error);
    ck_assert_int_eq(asyncore_handle_expt(d), error);
    ck_assert_int_eq(asyncore_handle_close(d), error);
    ck_assert_int_eq(asyncore_handle_error(d, -EIO), error);
    ck_assert(!asyncore_readable(d));
    ck_assert(!asyncore_writable(d));
    asyncore_log(d, "a last word");
    asyncore_log_info(d, "and another", ASYNCORE_ERROR);
    asyncore_set_ignore_log_types(d, 0);
    assert_trace(error == -EBADF ? "[log] [error] " : "");
    close(ends[1]);
}

START_TEST(test_uninitialised)
{
    struct asyncore_dispatcher d;
    struct sockaddr_storage addr;
    socklen_t addrlen;
    int ends[2];
    char text[64];

    trace_log();
    memset(&d, 0, sizeof d);
    assert_all_answer(&d, -EINVAL);
    assert_no_handler_runs(&d, -EINVAL);
    assert_all_answer(NULL, -EINVAL);
    assert_no_handler_runs(NULL, -EINVAL);
    ck_assert_int_eq(asyncore_close(&d), -EINVAL);
    ck_assert_int_eq(asyncore_close(NULL), -EINVAL);
    ck_assert_int_eq(asyncore_create_socket(&d, AF_INET, SOCK_STREAM), -EINVAL);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(asyncore_set_socket(&d, ends[0], NULL), -EINVAL);
    ck_assert_int_eq(asyncore_set_socket(NULL, ends[1], NULL), -EINVAL);
    ck_assert(!is_open(ends[0]) && !is_open(ends[1]));
    ck_assert_int_eq(asyncore_addr(&d, &addr, &addrlen), -EINVAL);
    ck_assert_ptr_null(asyncore_get_map(&d));
    asyncore_repr(&d, text, sizeof text);
    ck_assert_str_eq(text, "<uninitialised dispatcher>");
}
END_TEST

START_TEST(test_closed)
{
    static struct probe a;

    trace_log();
    close(probe_channel(&a, "A", NULL));
    asyncore_close(&a.base);
    assert_all_answer(&a.base, -EBADF);
    assert_no_handler_runs(&a.base, -EBADF);
    ck_assert_int_eq(asyncore_close(&a.base), 0);
    ck_assert_int_eq(a.destroyed, 1);
}
END_TEST

START_TEST(test_no_socket)
{
    static struct probe a;

    probe_init(&a, "A", NULL);
    assert_all_answer(&a.base, -EBADF);
}
END_TEST

START_TEST(test_unix_addresses)
{
    static struct probe a;
    struct sockaddr_un path = {.sun_family = AF_UNIX}, back;
    struct sockaddr_storage addr;
    socklen_t addrlen;
    char text[ASYNCORE_ADDRSTRLEN];

    snprintf(path.sun_path, sizeof path.sun_path, "/tmp/asyncore-check-%ld-and-a-rather-long-name",
             (long)getpid());
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_create_socket(&a.base, AF_UNIX, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_bind(&a.base, (struct sockaddr *)&path, sizeof path), 0);
    ck_assert_int_eq(asyncore_listen(&a.base, 5), 0);
    ck_assert_int_eq(asyncore_addr(&a.base, &addr, &addrlen), 0);
    memcpy(&back, &addr, sizeof back);
    ck_assert_str_eq(back.sun_path, path.sun_path);
    asyncore_ntop((struct sockaddr *)&addr, addrlen, text, sizeof text);
    ck_assert_str_eq(text, path.sun_path);
    unlink(path.sun_path);
    asyncore_close(&a.base); /* so long an address is the system's to keep */
    ck_assert_int_eq(asyncore_addr(&a.base, &addr, &addrlen), -ENOTCONN);
}
END_TEST

/* The peer has chosen it, and it is written into logs and traces, where a line is a message. */
START_TEST(test_ntop_of_a_name_that_is_no_line)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/tmp/x\nerror: \033[31m\177"};
    char text[ASYNCORE_ADDRSTRLEN];

    ck_assert_str_eq(asyncore_ntop((struct sockaddr *)&un, sizeof un, text, sizeof text),
                     "/tmp/x?error: ?[31m?");
    un.sun_path[0] = '\0';
    ck_assert_str_eq(asyncore_ntop((struct sockaddr *)&un, sizeof un, text, sizeof text),
                     "@tmp/x?error: ?[31m?");
    ck_assert_ptr_null(asyncore_ntop((struct sockaddr *)&un, sizeof un, NULL, 0));
}
END_TEST

START_TEST(test_ntop)
{
    struct sockaddr_in in = loopback(htons(37));
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(8037)};
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "\0abstract"};
    struct sockaddr odd = {.sa_family = 250};
    char text[ASYNCORE_ADDRSTRLEN], small[8];

    in6.sin6_addr = in6addr_loopback;
    ck_assert_str_eq(asyncore_ntop((struct sockaddr *)&in, sizeof in, text, sizeof text),
                     "127.0.0.1:37");
    ck_assert_str_eq(asyncore_ntop((struct sockaddr *)&in6, sizeof in6, text, sizeof text),
                     "[::1]:8037");
    ck_assert_str_eq(asyncore_ntop((struct sockaddr *)&un, sizeof(sa_family_t), text, sizeof text),
                     "(unnamed)");
    ck_assert_str_eq(
        asyncore_ntop((struct sockaddr *)&un, sizeof(sa_family_t) + 9, text, sizeof text),
        "@abstract");
    ck_assert_str_eq(asyncore_ntop(&odd, sizeof odd, text, sizeof text), "(address family 250)");
    ck_assert_str_eq(asyncore_ntop(NULL, 0, text, sizeof text), "(none)");
    ck_assert_str_eq(asyncore_ntop(&odd, 1, text, sizeof text), "(none)");
    ck_assert_ptr_null(asyncore_ntop(&odd, sizeof odd, NULL, 0));
    ck_assert_str_eq(asyncore_ntop((struct sockaddr *)&in, sizeof in, small, sizeof small),
                     "127.0.0");
}
END_TEST

START_TEST(test_repr)
{
    static struct probe a;
    struct sockaddr_in addr;
    char text[128], expected[128];
    const struct sockaddr_in peer = loopback(htons(4711));
    int ends[2];

    probe_listen(&a, "A", NULL, &addr);
    asyncore_repr(&a.base, text, sizeof text);
    snprintf(expected, sizeof expected, "<probe listening 127.0.0.1:%d fd %d>",
             ntohs(addr.sin_port), asyncore_fileno(&a.base));
    ck_assert_str_eq(text, expected);
    asyncore_close(&a.base);
    tcp_pair(ends);
    ck_assert_int_eq(asyncore_init_accepted(&a.base, &probe_class, ends[0],
                                            (const struct sockaddr *)&peer, sizeof peer, NULL),
                     0);
    asyncore_repr(&a.base, text, sizeof text);
    snprintf(expected, sizeof expected, "<probe connected 127.0.0.1:4711 fd %d>", ends[0]);
    ck_assert_str_eq(text, expected);
    asyncore_close(&a.base);
    ck_assert_int_eq(asyncore_repr(&a.base, text, 4), (int)strlen("<probe 127.0.0.1:4711 closed>"));
    ck_assert_str_eq(text, "<pr");
    close(ends[1]);
}
END_TEST

START_TEST(test_version)
{
    char text[32];

    snprintf(text, sizeof text, "%d.%d.%d", ASYNCORE_VERSION_MAJOR, ASYNCORE_VERSION_MINOR,
             ASYNCORE_VERSION_PATCH);
    ck_assert_str_eq(text, ASYNCORE_VERSION);
    ck_assert_str_eq(asyncore_version(), ASYNCORE_VERSION);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dispatcher");
    TCase *tcase = add_case(suite, "dispatcher");

    tcase_add_test(tcase, test_without_a_socket);
    tcase_add_test(tcase, test_on_a_connected_socket);
    tcase_add_test(tcase, test_on_an_unconnected_socket);
    tcase_add_test(tcase, test_on_a_listening_socket);
    tcase_add_test(tcase, test_init_failures_close_the_descriptor);
    tcase_add_loop_test(tcase, test_accepted_without_an_address, 0, 2);
    tcase_add_test(tcase, test_create_socket);
    tcase_add_test(tcase, test_second_socket_replaces_the_first);
    tcase_add_test(tcase, test_bind_and_listen);
    tcase_add_test(tcase, test_failing_listen_changes_nothing);
    tcase_add_test(tcase, test_set_reuse_addr);
    tcase_add_test(tcase, test_uninitialised);
    tcase_add_test(tcase, test_closed);
    tcase_add_test(tcase, test_no_socket);
    tcase_add_test(tcase, test_unix_addresses);
    tcase_add_test(tcase, test_ntop);
    tcase_add_test(tcase, test_ntop_of_a_name_that_is_no_line);
    tcase_add_test(tcase, test_repr);
    tcase_add_test(tcase, test_version);
    tcase = add_kernel_case(suite, "numbers");
    tcase_add_loop_test(tcase, test_numbers_of_no_descriptor, 0, 10);
    return run_suite(suite);
}
