/*
 * check_cpython_api.c - CPython's TestAPI of test_asyncore.py: what handlers are called between a
 * server and a client, for IPv4, IPv6 and AF_UNIX.  The tests have their names there; those that
 * need neither are in check_cpython_socket.c.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* ==================================================
 * the families, and the pollers
 */

enum { SELECT, POLLERS }; /* what the loop may wait with */

static int families[3], family_count, family;

/* The test's number says the family; number / family_count is the poller. */
static void begin(int number)
{
    ck_assert_int_eq(number / family_count, SELECT);
    family = families[number % family_count];
}

static char unix_path[64];

/* A loopback address of the family, whose port the system chooses. */
static socklen_t any_address(int of, struct sockaddr_storage *addr)
{
    const struct sockaddr_in in = loopback(0);
    const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_un un = {.sun_family = AF_UNIX};

    switch (of) {
    case AF_INET:
        memcpy(addr, &in, sizeof in);
        return sizeof in;
    case AF_INET6:
        memcpy(addr, &in6, sizeof in6);
        return sizeof in6;
    default:
        snprintf(un.sun_path, sizeof un.sun_path, "%s", unix_path);
        memcpy(addr, &un, sizeof un);
        return sizeof un;
    }
}

static bool has_family(int candidate)
{
    struct sockaddr_storage addr;
    const socklen_t addrlen = any_address(candidate, &addr);
    const int fd = socket(candidate, SOCK_STREAM, 0);
    const bool has = fd >= 0 && bind(fd, (struct sockaddr *)&addr, addrlen) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

/* ==================================================
 * BaseTestHandler, BaseServer, BaseClient
 */

struct tester {
    struct asyncore_dispatcher base;
    bool flag;
};

static struct tester server, client, handlers[4];
static size_t handler_count;
static const struct asyncore_class *handler_class;          /* of those that the server makes */
static void (*handler_begin)(struct asyncore_dispatcher *); /* what they do first; may be NULL */
static struct sockaddr_storage server_addr;
static socklen_t server_addrlen;

static int not_supposed_to_be_called(struct asyncore_dispatcher *self)
{
    char repr[256];

    asyncore_repr(self, repr, sizeof repr);
    ck_abort_msg("a handler of %s that is not supposed to be called", repr);
    return 0;
}

static int reraise(struct asyncore_dispatcher *self, int error)
{
    (void)self;
    ck_abort_msg("handle_error: %s", strerror(-error));
    return 0;
}

static const struct asyncore_class base_handler_class = {
    .name = "BaseTestHandler",
    .super = &asyncore_dispatcher_class,
    .handle_accept = not_supposed_to_be_called,
    .handle_connect = not_supposed_to_be_called,
    .handle_expt = not_supposed_to_be_called,
    .handle_close = not_supposed_to_be_called,
    .handle_error = reraise,
};

static int server_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    struct asyncore_dispatcher *handler = &handlers[handler_count].base;

    ck_assert_uint_lt(handler_count++, sizeof handlers / sizeof handlers[0]);
    ck_assert_int_eq(
        asyncore_init_accepted(handler, handler_class, fd, addr, addrlen, asyncore_get_map(self)),
        0);
    if (handler_begin != NULL)
        handler_begin(handler);
    return 0;
}

static const struct asyncore_class base_server_class = {
    .name = "BaseServer",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = server_handle_accepted,
    .handle_error = reraise,
};

static int do_nothing(struct asyncore_dispatcher *self)
{
    (void)self;
    return 0;
}

static const struct asyncore_class base_client_class = {
    .name = "BaseClient",
    .super = &base_handler_class,
    .handle_connect = do_nothing,
};

static void make_listener(const struct asyncore_class *cls)
{
    ck_assert_int_eq(asyncore_init(&server.base, cls, -1, NULL), 0);
    ck_assert_int_eq(asyncore_create_socket(&server.base, family, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_set_reuse_addr(&server.base), 0);
    server_addrlen = any_address(family, &server_addr);
    if (family == AF_UNIX)
        unlink(unix_path); /* the test before may have left it */
    ck_assert_int_eq(asyncore_bind(&server.base, (struct sockaddr *)&server_addr, server_addrlen),
                     0);
    ck_assert_int_eq(asyncore_listen(&server.base, 5), 0);
    ck_assert_int_eq(asyncore_getsockname(&server.base, &server_addr, &server_addrlen), 0);
}

static void make_server(const struct asyncore_class *its_handler_class,
                        void (*its_handler_begin)(struct asyncore_dispatcher *))
{
    handler_class = its_handler_class;
    handler_begin = its_handler_begin;
    make_listener(&base_server_class);
}

static void make_client(const struct asyncore_class *cls)
{
    ck_assert_int_eq(asyncore_init(&client.base, cls, -1, NULL), 0);
    ck_assert_int_eq(asyncore_create_socket(&client.base, family, SOCK_STREAM), 0);
    ck_assert_int_eq(
        asyncore_connect(&client.base, (struct sockaddr *)&server_addr, server_addrlen), 0);
}

/* Not for ever: the test's time is limited. */
static void loop_waiting_for_flag(const struct tester *instance)
{
    do {
        ck_assert_uint_gt(asyncore_map_count(NULL), 0);
        poll_once(NULL);
    } while (!instance->flag);
}

/* The flag is the client's, whose server makes such handlers. */
static void check_client(int number, const struct asyncore_class *its_handler_class,
                         void (*its_handler_begin)(struct asyncore_dispatcher *),
                         const struct asyncore_class *cls)
{
    begin(number);
    make_server(its_handler_class, its_handler_begin);
    make_client(cls);
    loop_waiting_for_flag(&client);
}

/* The flag is the listener's. */
static void check_listener(int number, const struct asyncore_class *cls)
{
    begin(number);
    make_listener(cls);
    make_client(&base_client_class);
    loop_waiting_for_flag(&server);
}

static int set_flag(struct asyncore_dispatcher *self)
{
    ((struct tester *)self)->flag = true;
    return 0;
}

static int set_flag_and_close(struct asyncore_dispatcher *self)
{
    set_flag(self);
    return asyncore_close(self);
}

/* ==================================================
 * TestAPI: one handler after the other
 */

START_TEST(test_handle_connect)
{
    static const struct asyncore_class client_class = {.super = &base_client_class,
                                                       .handle_connect = set_flag};

    check_client(_i, &base_handler_class, NULL, &client_class);
}
END_TEST

START_TEST(test_handle_accept)
{
    static const struct asyncore_class listener_class = {.super = &base_handler_class,
                                                         .handle_accept = set_flag};

    check_listener(_i, &listener_class);
}
END_TEST

static int listener_handle_accept(struct asyncore_dispatcher *self)
{
    return asyncore_dispatcher_class.handle_accept(self);
}

static int listener_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                    const struct sockaddr *addr, socklen_t addrlen)
{
    (void)addr;
    (void)addrlen;
    close(fd);
    return set_flag(self);
}

START_TEST(test_handle_accepted)
{
    static const struct asyncore_class listener_class = {
        .super = &base_handler_class,
        .handle_accept = listener_handle_accept,
        .handle_accepted = listener_handle_accepted,
    };

    check_listener(_i, &listener_class);
}
END_TEST

static void send_kilobyte(struct asyncore_dispatcher *self)
{
    char data[1024];

    memset(data, 'x', sizeof data);
    ck_assert_int_eq(asyncore_send(self, data, sizeof data), (ssize_t)sizeof data);
}

START_TEST(test_handle_read)
{
    static const struct asyncore_class client_class = {.super = &base_client_class,
                                                       .handle_read = set_flag};

    check_client(_i, &base_handler_class, send_kilobyte, &client_class);
}
END_TEST

START_TEST(test_handle_write)
{
    static const struct asyncore_class client_class = {.super = &base_client_class,
                                                       .handle_write = set_flag};

    check_client(_i, &base_handler_class, NULL, &client_class);
}
END_TEST

static void close_at_once(struct asyncore_dispatcher *self)
{
    ck_assert_int_eq(asyncore_close(self), 0);
}

static int client_recv(struct asyncore_dispatcher *self)
{
    char buffer[1024];
    const ssize_t n = asyncore_recv(self, buffer, sizeof buffer);

    return n < 0 ? (int)n : 0;
}

/* It is recv() that finds the end. */
START_TEST(test_handle_close)
{
    static const struct asyncore_class client_class = {
        .super = &base_client_class,
        .handle_read = client_recv,
        .handle_close = set_flag_and_close,
    };

    check_client(_i, &base_handler_class, close_at_once, &client_class);
    ck_assert_int_eq(asyncore_fileno(&client.base), -1);
}
END_TEST

static int send_chunk(struct asyncore_dispatcher *self)
{
    static const char data[128];
    const ssize_t n = asyncore_send(self, data, sizeof data);

    return n < 0 ? (int)n : 0;
}

static int recv_chunk_and_close(struct asyncore_dispatcher *self)
{
    char data[128];
    const ssize_t n = asyncore_recv(self, data, sizeof data);

    ck_assert_int_gt(n, 0);
    return asyncore_close(self);
}

/* A connection that breaks while it is written to: ECONNRESET and EPIPE are handle_close. */
START_TEST(test_handle_close_after_conn_broken)
{
    static const struct asyncore_class client_class = {
        .super = &base_client_class,
        .handle_write = send_chunk,
        .handle_close = set_flag_and_close,
        .handle_expt = set_flag_and_close,
    };
    static const struct asyncore_class closing_class = {
        .super = &base_handler_class,
        .writable = asyncore_never,
        .handle_read = recv_chunk_and_close,
    };

    check_client(_i, &closing_class, NULL, &client_class);
    ck_assert_int_eq(asyncore_fileno(&client.base), -1);
}
END_TEST

static void send_urgent(struct asyncore_dispatcher *self)
{
    ck_assert_int_eq(send(asyncore_fileno(self), "\364", 1, MSG_OOB), 1);
}

static int recv_urgent(struct asyncore_dispatcher *self)
{
    char byte;

    ck_assert_int_eq(recv(asyncore_fileno(self), &byte, 1, MSG_OOB), 1);
    ck_assert_int_eq((unsigned char)byte, 244);
    return set_flag(self);
}

START_TEST(test_handle_expt)
{
    static const struct asyncore_class client_class = {.super = &base_client_class,
                                                       .handle_expt = recv_urgent};

    begin(_i);
    if (family != AF_UNIX) /* which has no urgent data everywhere */
        check_client(_i, &base_handler_class, send_urgent, &client_class);
}
END_TEST

static int divide_by_zero(struct asyncore_dispatcher *self)
{
    (void)self;
    return -EDOM;
}

static int expect_division(struct asyncore_dispatcher *self, int error)
{
    ck_assert_int_eq(error, -EDOM);
    return set_flag(self);
}

START_TEST(test_handle_error)
{
    static const struct asyncore_class client_class = {
        .super = &base_client_class,
        .handle_write = divide_by_zero,
        .handle_error = expect_division,
    };

    check_client(_i, &base_handler_class, NULL, &client_class);
}
END_TEST

/* ==================================================
 * TestAPI: attributes
 */

static void assert_flags(const struct tester *tester, bool connected, bool accepting)
{
    ck_assert_int_eq(asyncore_connected(&tester->base), connected);
    ck_assert_int_eq(asyncore_accepting(&tester->base), accepting);
}

START_TEST(test_connection_attributes)
{
    begin(_i);
    make_server(&base_handler_class, NULL);
    make_client(&base_client_class);
    assert_flags(&server, false, true);
    ck_assert(!asyncore_accepting(&client.base)); /* it may be connected already */

    while (!asyncore_connected(&client.base))
        poll_once(NULL);
    ck_assert_int_eq(asyncore_loop(0.01, NULL, 100), 0);
    assert_flags(&server, false, true);
    assert_flags(&client, true, false);

    ck_assert_int_eq(asyncore_close(&client.base), 0);
    assert_flags(&server, false, true);
    assert_flags(&client, false, false);

    ck_assert_int_eq(asyncore_close(&server.base), 0);
    assert_flags(&server, false, false);
}
END_TEST

/* ==================================================
 * TestAPI.test_quick_connect
 */

static int connect_to_server(void)
{
    const int fd = socket(family, SOCK_STREAM, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&server_addr, server_addrlen), 0);
    return fd;
}

static int handle_one_byte(struct asyncore_dispatcher *self)
{
    char byte;
    const ssize_t n = asyncore_recv(self, &byte, 1);

    if (n == 1) {
        ck_assert_int_eq(byte, 'x');
        server.flag = true;
    }
    return n < 0 ? (int)n : 0;
}

/* A client that is gone before the server has looked: CPython has a thread connect and reset while
 * another loops; here each of the moments that may be hit is tried. */
START_TEST(test_quick_connect)
{
    static const struct asyncore_class reading_class = {
        .super = &base_handler_class,
        .writable = asyncore_never,
        .handle_read = handle_one_byte,
        .handle_close = asyncore_close,
    };
    int lasting, quick;

    begin(_i);
    if (family == AF_UNIX)
        return;
    make_server(&reading_class, NULL);
    reset(connect_to_server()); /* while it waits to be accepted */
    lasting = connect_to_server();
    send_all(lasting, "x");
    loop_waiting_for_flag(&server);
    close(lasting);

    quick = connect_to_server(); /* between its acceptance and its first event */
    for (const size_t before = handler_count; handler_count == before;)
        poll_once(NULL);
    reset(quick);
    server.flag = false;
    lasting = connect_to_server();
    send_all(lasting, "x");
    loop_waiting_for_flag(&server);
    close(lasting);

    while (asyncore_map_count(NULL) > 1)
        poll_once(NULL);
    assert_flags(&server, false, true);
}
END_TEST

static void add_tests(Suite *suite)
{
    const TTest *const tests[] = {
        test_handle_connect,
        test_handle_accept,
        test_handle_accepted,
        test_handle_read,
        test_handle_write,
        test_handle_close,
        test_handle_close_after_conn_broken,
        test_handle_expt,
        test_handle_error,
        test_connection_attributes,
        test_quick_connect,
    };
    TCase *tcase = add_case(suite, "TestAPI");

    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
        tcase_add_loop_test(tcase, tests[i], 0, family_count * POLLERS);
}

int main(void)
{
    char directory[] = "/tmp/asyncore-check-XXXXXX";
    Suite *suite = suite_create("cpython_api");
    int result;

    if (mkdtemp(directory) == NULL) {
        perror(directory);
        return EXIT_FAILURE;
    }
    snprintf(unix_path, sizeof unix_path, "%s/socket", directory);
    families[family_count++] = AF_INET;
    families[family_count++] = AF_UNIX;
    if (has_family(AF_INET6))
        families[family_count++] = AF_INET6;
    else
        fprintf(stderr, "no IPv6 here: its tests are left out\n");
    add_tests(suite);
    result = run_suite(suite);
    unlink(unix_path);
    rmdir(directory);
    return result;
}
