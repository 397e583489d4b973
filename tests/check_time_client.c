/* check_time_client.c - the Time protocol's client: four bytes however they come, or a named error.
 */
#include "support.h"

#include "time_client.h"
#include "time_server.h"

#include <stdlib.h>
#include <string.h>

static struct time_client client;
static int calls, error_seen;
static uint32_t seconds_seen;

static void done(struct time_client *self, int error, uint32_t seconds)
{
    ck_assert_ptr_eq(self, &client);
    ck_assert_int_eq(asyncore_fileno(&self->base), -1);
    calls++;
    error_seen = error;
    seconds_seen = seconds;
}

static void ask(const struct sockaddr_in *addr, double timeout)
{
    ck_assert_int_eq(time_client_init(&client, &time_client_class, (const struct sockaddr *)addr,
                                      sizeof *addr, timeout, done, NULL),
                     0);
}

static void assert_done(int error)
{
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* no timer is left to wait for */
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(error_seen, error);
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

START_TEST(test_bad_timeout)
{
    const struct sockaddr_in addr = loopback(htons(37));

    ck_assert_int_eq(time_client_init(&client, &time_client_class, (const struct sockaddr *)&addr,
                                      sizeof addr, -1, done, NULL),
                     -EINVAL);
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
    ck_assert_int_eq(error_seen, 0);
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
    tcase_add_test(tcase, test_refused_at_once);
    tcase_add_test(tcase, test_bad_timeout);
    tcase_add_test(tcase, test_own_server);
    tcase_add_test(tcase, test_nearest);
    return run_suite(suite);
}
