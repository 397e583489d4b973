/* check_time_client.c - the Time protocol's client: four bytes however they come, or a named error;
 * and what an answer says. */
#include "outcome.h"
#include "support.h"

#include "time_server.h"

#include <stdlib.h>
#include <string.h>

static void ask(const struct sockaddr_in *addr, double timeout)
{
    ck_assert_int_eq(time_client_init(&client, &time_client_class, (const struct sockaddr *)addr,
                                      sizeof *addr, timeout, done, NULL),
                     0);
}

START_TEST(test_answer)
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);
    int peer;

    ask(&addr, 20);
    peer = accept(listener, NULL, NULL);
    ck_assert_int_eq(send(peer, "\x83\xaa\x7e\x80", 4, 0), 4);
    close(peer);
    assert_done(0);
    ck_assert_uint_eq(seconds_seen, TIME1970);
    close(listener);
}
END_TEST

START_TEST(test_answer_byte_by_byte)
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);
    int peer;

    ask(&addr, 20);
    peer = accept(listener, NULL, NULL);
    for (const char *byte = "\x01\x02\x03\x04"; *byte != '\0'; byte++) {
        ck_assert_int_eq(calls, 0);
        ck_assert_int_eq(send(peer, byte, 1, MSG_NOSIGNAL), 1);
        wait_readable(asyncore_fileno(&client.base));
        poll_once(NULL);
    }
    assert_done(0); /* without the end of the connection */
    ck_assert_uint_eq(seconds_seen, 0x01020304);
    close(peer);
    close(listener);
}
END_TEST

START_TEST(test_more_than_four_bytes)
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);
    int peer;

    ask(&addr, 20);
    peer = accept(listener, NULL, NULL);
    ck_assert_int_eq(send(peer, "\x00\x00\x00\x01\x83\xaa\x7e\x80", 8, 0), 8);
    close(peer);
    assert_done(0);
    ck_assert_uint_eq(seconds_seen, 1);
    close(listener);
}
END_TEST

START_TEST(test_refused)
{
    const struct sockaddr_in addr = nowhere();

    ask(&addr, 20);
    assert_done(-ECONNREFUSED);
}
END_TEST

START_TEST(test_closed_early)
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);
    int peer;

    ask(&addr, 20);
    peer = accept(listener, NULL, NULL);
    if (_i > 0)
        ck_assert_int_eq(send(peer, "\x83\xaa\x7e", (size_t)_i, 0), _i);
    close(peer);
    assert_done(-EPROTO);
    ck_assert_uint_eq(client.received, (size_t)_i);
    close(listener);
}
END_TEST

START_TEST(test_reset)
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);
    int peer;

    ask(&addr, 20);
    peer = accept(listener, NULL, NULL);
    ck_assert_int_eq(send(peer, "\x83", 1, 0), 1);
    wait_readable(asyncore_fileno(&client.base));
    poll_once(NULL); /* connected */
    reset(peer);
    assert_done(-EPROTO);
    close(listener);
}
END_TEST

/* The answer and the reset both before the first pass: what was delivered counts. */
START_TEST(test_answer_then_reset)
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);
    int peer;

    ask(&addr, 20);
    peer = accept(listener, NULL, NULL);
    ck_assert_int_eq(send(peer, "\x01\x02\x03\x04", 4, 0), 4);
    wait_readable(asyncore_fileno(&client.base));
    reset(peer);
    assert_done(0);
    ck_assert_uint_eq(seconds_seen, 0x01020304);
    close(listener);
}
END_TEST

START_TEST(test_timeout)
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);

    ask(&addr, 0.05); /* connects, and never hears anything */
    assert_done(-ETIMEDOUT);
    close(listener);
}
END_TEST

START_TEST(test_closed_by_its_owner)
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);

    ask(&addr, 20);
    asyncore_close(&client.base);
    assert_done(-ECANCELED);
    close(listener);
}
END_TEST

static void close_client(struct asyncore_timer *timer)
{
    (void)timer;
    asyncore_close(&client.base);
}

/* In a pass that comes so late that the timeout is due as well. */
START_TEST(test_closed_before_a_late_timeout)
{
    static struct asyncore_timer timer;
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);

    ck_assert_int_eq(asyncore_call_later(&timer, 0.01, close_client, NULL), 0);
    ask(&addr, 0.02);
    usleep(50000);
    assert_done(-ECANCELED);
    close(listener);
}
END_TEST

START_TEST(test_refused_at_once)
{
    const struct sockaddr_in multicast = {.sin_family = AF_INET,
                                          .sin_addr = {.s_addr = htonl(0xe0000001)}};

    ck_assert_int_lt(time_client_init(&client, &time_client_class,
                                      (const struct sockaddr *)&multicast, sizeof multicast, 20,
                                      done, NULL),
                     0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_int_eq(calls, 0);
}
END_TEST

START_TEST(test_bad_arguments)
{
    const struct sockaddr_in addr = loopback(htons(37));

    ck_assert_int_eq(time_client_init(&client, &time_client_class, (const struct sockaddr *)&addr,
                                      sizeof addr, -1, done, NULL),
                     -EINVAL);
    ck_assert_int_eq(
        time_client_init(&client, NULL, (const struct sockaddr *)&addr, sizeof addr, 1, done, NULL),
        -EINVAL);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_int_eq(calls, 0);
}
END_TEST

START_TEST(test_own_server)
{
    static struct time_server server;
    struct sockaddr_in addr = loopback(0);
    struct sockaddr_storage bound;
    socklen_t boundlen;

    ck_assert_int_eq(
        time_server_init(&server, &time_server_class, (struct sockaddr *)&addr, sizeof addr, NULL),
        0);
    asyncore_getsockname(&server.base, &bound, &boundlen);
    memcpy(&addr, &bound, sizeof addr);
    ask(&addr, 20);
    while (calls == 0)
        poll_once(NULL);
    ck_assert_int_eq(client.error, 0);
    ck_assert_int_le(llabs(time_client_nearest(seconds_seen, time(NULL)) - time(NULL)), 2);
}
END_TEST

START_TEST(test_nearest)
{
    const time_t rollover = 2085978496; /* 2036-02-07 06:28:16 UTC */

    ck_assert_int_eq(time_client_nearest(TIME1970, 5), 0);
    ck_assert_int_eq(time_client_nearest(TIME1970, -5), 0);
    ck_assert_int_eq(time_client_nearest(0, rollover - 100), rollover);
    ck_assert_int_eq(time_client_nearest(0xffffffff, rollover + 100), rollover - 1);
    ck_assert_int_eq(time_client_nearest(123010304, 2208988700), 2208988800);
}
END_TEST

static void assert_offset(uint32_t seconds, time_t here, long nanoseconds, double low)
{
    const struct timespec at = {.tv_sec = here, .tv_nsec = nanoseconds};
    const struct time_offset offset = time_client_offset(seconds, &at, 0.25);

    ck_assert_double_eq_tol(offset.low, low, 1e-6);
    ck_assert_double_eq_tol(offset.high, low + 1.25, 1e-6);
}

START_TEST(test_offset)
{
    const time_t in_2036 = 2085978496, in_2040 = 2208988800;

    assert_offset(TIME1970 + 100, 100, 0, 0);
    assert_offset(TIME1970 + 100, 100, 750000000, -0.75); /* the local clock may be ahead */
    assert_offset(TIME1970 + 105, 100, 500000000, 4.5);
    assert_offset(TIME1970 - 5, 100, 0, -105);
    /* one of the clocks in the next era, or both */
    assert_offset(0, in_2036 - 3, 0, 3);
    assert_offset(0xffffffff, in_2036 + 3, 0, -4);
    assert_offset(123010304, in_2040, 250000000, -0.25);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("time_client");
    TCase *tcase = add_case(suite, "time_client");

    tcase_add_test(tcase, test_answer);
    tcase_add_test(tcase, test_answer_byte_by_byte);
    tcase_add_test(tcase, test_more_than_four_bytes);
    tcase_add_test(tcase, test_refused);
    tcase_add_loop_test(tcase, test_closed_early, 0, 4);
    tcase_add_test(tcase, test_reset);
    tcase_add_test(tcase, test_answer_then_reset);
    tcase_add_test(tcase, test_timeout);
    tcase_add_test(tcase, test_closed_by_its_owner);
    tcase_add_test(tcase, test_closed_before_a_late_timeout);
    tcase_add_test(tcase, test_refused_at_once);
    tcase_add_test(tcase, test_bad_arguments);
    tcase_add_test(tcase, test_own_server);
    tcase_add_test(tcase, test_nearest);
    tcase_add_test(tcase, test_offset);
    return run_suite(suite);
}
