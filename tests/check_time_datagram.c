/* check_time_datagram.c - the Time protocol over UDP: what is answered and what is not, and how often. */
#include "datagrams.h"

#include "rate_limit.h"

#include <string.h>

static int broken_clock(struct timespec *now)
{
    (void)now;
    return -1;
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
        send_datagram(fd, "", 0);
        poll_once(NULL);
        assert_outcome(fd, TIME_ANSWERED);
    }
    close(fd);
}
END_TEST

/* A signal came first. */
START_TEST(test_interrupted)
{
    int fd;

    serve_on(INADDR_LOOPBACK);
    fd = client();
    send_datagram(fd, "", 0);
    receive_error = EINTR;
    poll_once(NULL);
    ck_assert_uint_eq(server.service.counts[TIME_ANSWERED], 0);
    assert_outcome(fd, TIME_ANSWERED);
    close(fd);
}
END_TEST

/* A sandbox that does not let it receive several at once. */
START_TEST(test_one_by_one)
{
    int fd;

    serve_on(_i == 0 ? INADDR_LOOPBACK : INADDR_ANY);
    fd = client();
    receive_error = EPERM;
    send_datagram(fd, "", 0);
    poll_once(NULL);
    ck_assert(server.one_by_one);
    assert_outcome(fd, TIME_ANSWERED);
    assert_ask(fd, "", 0, TIME_ANSWERED);
    ck_assert_int_eq(asyncore_handle_read(&server.base), -EAGAIN);
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
    ck_assert_int_eq(
        time_datagram_init(&second, NULL, (struct sockaddr *)&server_addr, server_addrlen, NULL),
        -EINVAL);
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
    tcase_add_test(tcase, test_limit);
    tcase_add_test(tcase, test_clock_that_cannot_be_read);
    tcase_add_test(tcase, test_others_have_their_turn);
    tcase_add_test(tcase, test_closed_by_whom_it_tells);
    tcase_add_test(tcase, test_answer_that_cannot_be_sent);
    tcase_add_test(tcase, test_errors_that_pass);
    tcase_add_test(tcase, test_interrupted);
    tcase_add_loop_test(tcase, test_one_by_one, 0, 2);
    tcase_add_test(tcase, test_error_that_does_not_pass);
    tcase_add_test(tcase, test_port_in_use);
    return run_suite(suite);
}
