/* check_time_datagram.c - the Time protocol over UDP: who is answered, from where, and who is not. */
#include "support.h"

#include "rate_limit.h"
#include "time_datagram.h"

#include <string.h>

static struct time_datagram server;
static struct sockaddr_storage server_addr;
static socklen_t server_addrlen;
static time_t clock_shows = 2208988800; /* 2040-01-01: 123010304 */
static const unsigned char answer_2040[4] = {0x07, 0x54, 0xfd, 0x00};

static int test_clock(struct timespec *now)
{
    now->tv_sec = clock_shows;
    now->tv_nsec = 999999999;
    return 0;
}

static int broken_clock(struct timespec *now)
{
    (void)now;
    return -1;
}

/* ---- what the system says: see tests/meson.build ---- */

ssize_t __real_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *addr,
                      socklen_t addrlen);
ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *addr,
                      socklen_t addrlen);
ssize_t __real_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *addr,
                        socklen_t *addrlen);
ssize_t __wrap_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *addr,
                        socklen_t *addrlen);

static int send_error, receive_error;

ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *addr,
                      socklen_t addrlen)
{
    if (send_error == 0 || fd != asyncore_fileno(&server.base))
        return __real_sendto(fd, data, size, flags, addr, addrlen);
    errno = send_error;
    return -1;
}

ssize_t __wrap_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *addr,
                        socklen_t *addrlen)
{
    if (receive_error == 0)
        return __real_recvfrom(fd, buffer, size, flags, addr, addrlen);
    errno = receive_error;
    receive_error = 0;
    return -1;
}

/* ---- a server, and its clients ---- */

static void found(void)
{
    ck_assert_int_eq(asyncore_getsockname(&server.base, &server_addr, &server_addrlen), 0);
    server.service.clock = test_clock;
}

static void serve_on(in_addr_t address)
{
    struct sockaddr_in addr = loopback(0);

    addr.sin_addr.s_addr = htonl(address);
    ck_assert_int_eq(time_datagram_init(&server, &time_datagram_class, (struct sockaddr *)&addr,
                                        sizeof addr, NULL),
                     0);
    found();
}

static in_port_t own_port(void)
{
    return ((struct sockaddr_in *)&server_addr)->sin_port;
}

/* A socket that is bound to this address and port, 0 being any, and hears the one it asks alone. */
static int client_at(in_addr_t from, in_port_t port, in_addr_t to)
{
    const struct timeval patience = {.tv_sec = 20};
    /* The port has the same place in both families' addresses. */
    struct sockaddr_in addr = loopback(htons(port)), peer = loopback(own_port());
    const int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

    addr.sin_addr.s_addr = htonl(from);
    if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
        ck_assert_int_eq(errno, EACCES);
        close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    peer.sin_addr.s_addr = htonl(to);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&peer, sizeof peer), 0);
    return fd;
}

static int client(void)
{
    return client_at(INADDR_LOOPBACK, 0, INADDR_LOOPBACK);
}

static void send_datagram(int fd, const void *data, size_t size)
{
    ck_assert_int_eq(send(fd, data, size, 0), (ssize_t)size);
}

static void assert_outcome(int fd, enum time_outcome outcome)
{
    const uint64_t before = server.service.counts[outcome];
    unsigned char answer[8];

    wait_readable(asyncore_fileno(&server.base));
    poll_once(NULL);
    ck_assert_uint_eq(server.service.counts[outcome], before + 1);
    if (outcome == TIME_ANSWERED) {
        ck_assert_int_eq(recv(fd, answer, sizeof answer, 0), 4);
        ck_assert_mem_eq(answer, answer_2040, 4);
    } else {
        ck_assert_int_eq(recv(fd, answer, sizeof answer, MSG_DONTWAIT), -1);
    }
}

static void assert_ask(int fd, const void *data, size_t size, enum time_outcome outcome)
{
    send_datagram(fd, data, size);
    assert_outcome(fd, outcome);
}

/* ---- who is answered ---- */

/* Empty by the RFC, "\n" from Perl, a 0 from Java, 0b 00 00 00 from Tcl, more from scanners. */
START_TEST(test_requests_of_real_clients)
{
    const char zeros[64] = "";
    int fd;

    serve_on(INADDR_LOOPBACK);
    fd = client();
    assert_ask(fd, "", 0, TIME_ANSWERED);
    assert_ask(fd, "\n", 1, TIME_ANSWERED);
    assert_ask(fd, zeros, 1, TIME_ANSWERED);
    assert_ask(fd, "\x0b\0\0\0", 4, TIME_ANSWERED);
    assert_ask(fd, zeros, sizeof zeros, TIME_ANSWERED);
    close(fd);
}
END_TEST

START_TEST(test_too_long)
{
    const char zeros[1400] = "";
    int fd;

    serve_on(INADDR_LOOPBACK);
    fd = client();
    assert_ask(fd, zeros, 65, TIME_TOO_LONG);
    assert_ask(fd, zeros, sizeof zeros, TIME_TOO_LONG);
    assert_ask(fd, "", 0, TIME_ANSWERED);
    close(fd);
}
END_TEST

/* What another server would have answered, to a day. */
START_TEST(test_answers_of_others)
{
    static const struct {
        int32_t off;
        enum time_outcome outcome;
    } cases[] = {
        {0, TIME_IS_ANSWER},        {86400, TIME_IS_ANSWER},    {-86400, TIME_IS_ANSWER},
        {86401, TIME_ANSWERED},     {-86401, TIME_ANSWERED},    {-123010304, TIME_ANSWERED},
        {INT32_MAX, TIME_ANSWERED}, {INT32_MIN, TIME_ANSWERED},
    };
    int fd;

    serve_on(INADDR_LOOPBACK);
    fd = client();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const uint32_t seconds = htonl(123010304U + (uint32_t)cases[i].off);
        unsigned char data[8] = {0};

        memcpy(data, &seconds, sizeof seconds);
        assert_ask(fd, data, 4, cases[i].outcome);
        assert_ask(fd, data, 8, cases[i].outcome);
        assert_ask(fd, data, 5, TIME_ANSWERED);
    }
    close(fd);
}
END_TEST

/* A day before the protocol's numbers begin anew, and after. */
START_TEST(test_answers_at_the_turn)
{
    int fd;

    clock_shows = 2085978496; /* 2036-02-07 06:28:16: 0 */
    serve_on(INADDR_LOOPBACK);
    fd = client();
    assert_ask(fd, "\xff\xff\xff\xff", 4, TIME_IS_ANSWER);
    assert_ask(fd, "\0\0\0\1", 4, TIME_IS_ANSWER);
    close(fd);
}
END_TEST

/* ---- ports ---- */

START_TEST(test_ports_of_services)
{
    static const uint16_t ports[] = {7, 13, 19, 37, 1023, 2049};

    serve_on(INADDR_LOOPBACK);
    for (size_t i = 0; i < sizeof ports / sizeof ports[0]; i++) {
        const int fd = client_at(INADDR_LOOPBACK + 2, ports[i], INADDR_LOOPBACK);

        if (fd < 0) /* ports below 1024 are root's */
            continue;
        server.any_port = false;
        assert_ask(fd, "", 0, TIME_SOURCE_PORT);
        server.any_port = true;
        assert_ask(fd, "", 0, TIME_ANSWERED);
        close(fd);
    }
}
END_TEST

START_TEST(test_own_port)
{
    int fd;

    serve_on(INADDR_LOOPBACK);
    fd = client_at(INADDR_LOOPBACK + 2, ntohs(own_port()), INADDR_LOOPBACK);
    assert_ask(fd, "", 0, TIME_SOURCE_PORT);
    server.any_port = true;
    assert_ask(fd, "", 0, TIME_ANSWERED);
    close(fd);
}
END_TEST

/* Forged: from the server's own address and port.  Nothing goes round. */
START_TEST(test_own_datagram)
{
    serve_on(INADDR_LOOPBACK);
    ck_assert_int_eq(
        asyncore_sendto(&server.base, "", 0, (struct sockaddr *)&server_addr, server_addrlen), 0);
    assert_outcome(asyncore_fileno(&server.base), TIME_SOURCE_PORT);
    server.any_port = true; /* one answer, to itself, which is none to answer */
    ck_assert_int_eq(
        asyncore_sendto(&server.base, "", 0, (struct sockaddr *)&server_addr, server_addrlen), 0);
    wait_readable(asyncore_fileno(&server.base));
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_uint_eq(server.service.counts[TIME_ANSWERED], 1);
    ck_assert_uint_eq(server.service.counts[TIME_IS_ANSWER], 1);
}
END_TEST

/* ---- addresses ---- */

START_TEST(test_answer_comes_from_where_was_asked)
{
    serve_on(INADDR_ANY);
    for (in_addr_t to = INADDR_LOOPBACK; to < INADDR_LOOPBACK + 3; to++) {
        const int fd = client_at(INADDR_LOOPBACK, 0, to);

        assert_ask(fd, "", 0, TIME_ANSWERED);
        close(fd);
    }
}
END_TEST

START_TEST(test_broadcast)
{
    int fd;

    serve_on(INADDR_ANY);
    fd = client_at(INADDR_LOOPBACK, 0, 0x7fffffff);
    assert_ask(fd, "", 0, TIME_NOT_UNICAST);
    close(fd);
}
END_TEST

static bool serve_on_6(bool both)
{
    const struct sockaddr_in6 addr = {.sin6_family = AF_INET6};
    const int off = 0, fd = socket(AF_INET6, SOCK_DGRAM, 0);

    if (fd < 0)
        return false;
    if (both) {
        ck_assert_int_eq(setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off), 0);
        ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof addr), 0);
        ck_assert_int_eq(time_datagram_init_socket(&server, &time_datagram_class, fd, NULL), 0);
    } else {
        close(fd);
        ck_assert_int_eq(time_datagram_init(&server, &time_datagram_class,
                                            (const struct sockaddr *)&addr, sizeof addr, NULL),
                         0);
    }
    found();
    return true;
}

static void assert_ask_6(void)
{
    struct sockaddr_in6 peer = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int fd = socket(AF_INET6, SOCK_DGRAM, 0);

    peer.sin6_port = ((struct sockaddr_in6 *)&server_addr)->sin6_port;
    if (connect(fd, (struct sockaddr *)&peer, sizeof peer) == 0)
        assert_ask(fd, "", 0, TIME_ANSWERED);
    close(fd);
}

START_TEST(test_ipv6)
{
    if (serve_on_6(false))
        assert_ask_6();
}
END_TEST

/* A socket from elsewhere that takes IPv4 as well. */
START_TEST(test_both_families_on_one_socket)
{
    int fd;

    if (!serve_on_6(true))
        return;
    assert_ask_6();
    fd = client_at(INADDR_LOOPBACK, 0, INADDR_LOOPBACK + 1);
    assert_ask(fd, "", 0, TIME_ANSWERED);
    close(fd);
    fd = client_at(INADDR_LOOPBACK, 0, 0x7fffffff);
    assert_ask(fd, "", 0, TIME_NOT_UNICAST);
    close(fd);
}
END_TEST

START_TEST(test_ipv6_leaves_ipv4_alone)
{
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6};
    static struct time_datagram second;
    int rc;

    serve_on(INADDR_ANY);
    addr.sin6_port = own_port();
    rc = time_datagram_init(&second, &time_datagram_class, (struct sockaddr *)&addr, sizeof addr,
                            NULL);
    if (rc != -EAFNOSUPPORT)
        ck_assert_int_eq(rc, 0);
}
END_TEST

/* ---- limits, clocks ---- */

START_TEST(test_limit)
{
    static struct rate_limit limit;
    int fd, other;

    ck_assert_int_eq(rate_limit_init(&limit, 1, 2), 0);
    serve_on(INADDR_LOOPBACK);
    server.service.limit = &limit;
    limit.interval *= 1000; /* no token comes back while the test runs */
    limit.depth *= 1000;
    fd = client();
    other = client_at(INADDR_LOOPBACK + 1, 0, INADDR_LOOPBACK);
    assert_ask(fd, "", 0, TIME_ANSWERED);
    assert_ask(fd, "", 0, TIME_ANSWERED);
    assert_ask(fd, "", 0, TIME_LIMITED);
    assert_ask(other, "", 0, TIME_ANSWERED);
    close(other);
    close(fd);
}
END_TEST

START_TEST(test_clock_that_cannot_be_read)
{
    int fd;

    serve_on(INADDR_LOOPBACK);
    server.service.clock = broken_clock;
    fd = client();
    assert_ask(fd, "", 0, TIME_UNKNOWN);
    close(fd);
}
END_TEST

/* ---- floods and failures ---- */

START_TEST(test_others_have_their_turn)
{
    int fd;

    serve_on(INADDR_LOOPBACK);
    fd = client();
    for (int i = 0; i < 100; i++)
        send_datagram(fd, "", 0);
    poll_once(NULL);
    ck_assert_uint_eq(server.service.counts[TIME_ANSWERED], 64);
    poll_once(NULL);
    ck_assert_uint_eq(server.service.counts[TIME_ANSWERED], 100);
    close(fd);
}
END_TEST

static void close_server(struct time_service *service, const struct sockaddr *addr,
                         socklen_t addrlen, enum time_outcome outcome)
{
    char text[ASYNCORE_ADDRSTRLEN];

    ck_assert_ptr_eq(service, &server.service);
    ck_assert_int_eq(outcome, TIME_ANSWERED);
    ck_assert_int_eq(strncmp(asyncore_ntop(addr, addrlen, text, sizeof text), "127.0.0.1:", 10), 0);
    asyncore_close(&server.base);
}

START_TEST(test_closed_by_whom_it_tells)
{
    int fd;

    serve_on(INADDR_LOOPBACK);
    server.service.heard = close_server;
    fd = client();
    send_datagram(fd, "", 0);
    send_datagram(fd, "", 0);
    poll_once(NULL);
    ck_assert_uint_eq(server.service.counts[TIME_ANSWERED], 1);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    close(fd);
}
END_TEST

START_TEST(test_answer_that_cannot_be_sent)
{
    int fd;

    serve_on(INADDR_LOOPBACK);
    fd = client();
    send_error = EPERM;
    assert_ask(fd, "", 0, TIME_UNSENT);
    send_error = EAGAIN;
    assert_ask(fd, "", 0, TIME_UNSENT);
    send_error = 0;
    assert_ask(fd, "", 0, TIME_ANSWERED);
    close(fd);
}
END_TEST

START_TEST(test_errors_that_pass)
{
    static const int errors[] = {ECONNREFUSED, ECONNRESET, EHOSTUNREACH, EHOSTDOWN, ENETUNREACH,
                                 ENETDOWN,     EPROTO,     EMSGSIZE,     ENOMEM,    ENOBUFS};
    int fd;

    serve_on(INADDR_LOOPBACK);
    fd = client();
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        receive_error = errors[i];
        assert_ask(fd, "", 0, TIME_ANSWERED);
    }
    close(fd);
}
END_TEST

START_TEST(test_error_that_does_not_pass)
{
    int fd;

    trace_log();
    serve_on(INADDR_LOOPBACK);
    fd = client();
    send_datagram(fd, "", 0);
    receive_error = EBADMSG;
    poll_once(NULL);
    assert_trace("[error] ");
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    close(fd);
}
END_TEST

START_TEST(test_port_in_use)
{
    static struct time_datagram second;

    serve_on(INADDR_LOOPBACK);
    ck_assert_int_eq(time_datagram_init(&second, &time_datagram_class,
                                        (struct sockaddr *)&server_addr, server_addrlen, NULL),
                     -EADDRINUSE);
    ck_assert_int_eq(time_datagram_init_socket(&second, &time_datagram_class, 1000, NULL), -EBADF);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("time_datagram");
    TCase *tcase = add_case(suite, "time_datagram");

    tcase_add_test(tcase, test_requests_of_real_clients);
    tcase_add_test(tcase, test_too_long);
    tcase_add_test(tcase, test_answers_of_others);
    tcase_add_test(tcase, test_answers_at_the_turn);
    tcase_add_test(tcase, test_ports_of_services);
    tcase_add_test(tcase, test_own_port);
    tcase_add_test(tcase, test_own_datagram);
    tcase_add_test(tcase, test_answer_comes_from_where_was_asked);
    tcase_add_test(tcase, test_broadcast);
    tcase_add_test(tcase, test_ipv6);
    tcase_add_test(tcase, test_both_families_on_one_socket);
    tcase_add_test(tcase, test_ipv6_leaves_ipv4_alone);
    tcase_add_test(tcase, test_limit);
    tcase_add_test(tcase, test_clock_that_cannot_be_read);
    tcase_add_test(tcase, test_others_have_their_turn);
    tcase_add_test(tcase, test_closed_by_whom_it_tells);
    tcase_add_test(tcase, test_answer_that_cannot_be_sent);
    tcase_add_test(tcase, test_errors_that_pass);
    tcase_add_test(tcase, test_error_that_does_not_pass);
    tcase_add_test(tcase, test_port_in_use);
    return run_suite(suite);
}
