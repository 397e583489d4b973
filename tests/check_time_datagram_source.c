/* check_time_datagram_source.c - the Time protocol over UDP: who is answered, and from where. */
#define _GNU_SOURCE /* struct in6_pktinfo */
#include "datagrams.h"

#include <arpa/inet.h>
#include <string.h>

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
    serve_as_it_is();
    return true;
}

/* A client on ::1; -1 where there is no IPv6. */
static int client_6(void)
{
    struct sockaddr_in6 peer = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int fd = socket(AF_INET6, SOCK_DGRAM, 0);

    peer.sin6_port = own_port();
    if (fd >= 0 && connect(fd, (struct sockaddr *)&peer, sizeof peer) == 0)
        return fd;
    close(fd);
    return -1;
}

static void assert_ask_6(void)
{
    const int fd = client_6();

    if (fd >= 0)
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

/* ---- sources and destinations that are no single host ---- */

START_TEST(test_ipv4_sources)
{
    static const struct {
        in_addr_t address;
        in_port_t port;
        enum time_outcome outcome;
    } cases[] = {
        {INADDR_ANY, 5000, TIME_NOT_UNICAST},
        {INADDR_BROADCAST, 5000, TIME_NOT_UNICAST},
        {INADDR_ALLHOSTS_GROUP, 5000, TIME_NOT_UNICAST},
        {INADDR_LOOPBACK, 0, TIME_SOURCE_PORT},
    };
    int fd;

    serve_on(INADDR_LOOPBACK);
    server.any_port = true; /* which is no reason to answer these */
    fd = client();
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sockaddr_in addr = loopback(htons(cases[i].port));

        addr.sin_addr.s_addr = htonl(cases[i].address);
        forged_source = (const struct sockaddr *)&addr;
        assert_ask(fd, "", 0, cases[i].outcome);
        forged_source = NULL;
    }
    assert_ask(fd, "", 0, TIME_ANSWERED);
    close(fd);
}
END_TEST

START_TEST(test_ipv6_sources)
{
    static const char *const addresses[] = {"::", "ff02::1", "::ffff:224.0.0.1", "::ffff:0.0.0.0"};
    const struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd;

    if (time_datagram_init(&server, &time_datagram_class, (const struct sockaddr *)&own, sizeof own,
                           NULL) < 0)
        return;
    serve_as_it_is();
    fd = client_6();
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_port = htons(5000)};

        ck_assert_int_eq(inet_pton(AF_INET6, addresses[i], &addr.sin6_addr), 1);
        forged_source = (const struct sockaddr *)&addr;
        assert_ask(fd, "", 0, TIME_NOT_UNICAST);
        forged_source = NULL;
    }
    assert_ask(fd, "", 0, TIME_ANSWERED);
    close(fd);
}
END_TEST

/* The answer leaves by the interface that a link-local address belongs to; else the route decides. */
START_TEST(test_ipv6_destinations)
{
    static const struct {
        const char *address;
        enum time_outcome outcome;
        unsigned interface;
    } cases[] = {
        {"ff02::1", TIME_NOT_UNICAST, 0},
        {"::ffff:224.0.0.1", TIME_NOT_UNICAST, 0},
        {"fe80::1", TIME_ANSWERED, 7},
        {"2001:db8::1", TIME_ANSWERED, 0},
    };
    int fd;

    if (!serve_on_6(false) || (fd = client_6()) < 0)
        return;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct in6_pktinfo info = {.ipi6_ifindex = 7}, back = {0};
        const uint64_t before = server.service.counts[cases[i].outcome];

        ck_assert_int_eq(inet_pton(AF_INET6, cases[i].address, &info.ipi6_addr), 1);
        forged_destination = &info;
        answered_from = &back;
        send_datagram(fd, "", 0);
        poll_once(NULL);
        forged_destination = NULL;
        ck_assert_uint_eq(server.service.counts[cases[i].outcome], before + 1);
        ck_assert_uint_eq(back.ipi6_ifindex, cases[i].interface);
        if (cases[i].outcome == TIME_ANSWERED)
            ck_assert_mem_eq(&back.ipi6_addr, &info.ipi6_addr, sizeof info.ipi6_addr);
    }
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("time_datagram_source");
    TCase *tcase = add_case(suite, "time_datagram_source");

    tcase_add_test(tcase, test_ports_of_services);
    tcase_add_test(tcase, test_own_port);
    tcase_add_test(tcase, test_own_datagram);
    tcase_add_test(tcase, test_answer_comes_from_where_was_asked);
    tcase_add_test(tcase, test_broadcast);
    tcase_add_test(tcase, test_ipv6);
    tcase_add_test(tcase, test_both_families_on_one_socket);
    tcase_add_test(tcase, test_ipv6_leaves_ipv4_alone);
    tcase_add_test(tcase, test_ipv4_sources);
    tcase_add_test(tcase, test_ipv6_sources);
    tcase_add_test(tcase, test_ipv6_destinations);
    return run_suite(suite);
}
