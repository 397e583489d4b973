/* check_time_client_udp.c - the Time protocol's client over UDP: one datagram of four bytes, from who was
 * asked. */
#include "outcome.h"
#include "support.h"

#include "time_server.h"

/* A peer that is no dispatcher. */
static int udp_peer(struct sockaddr_in *addr)
{
    const struct timeval patience = {.tv_sec = 20};
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t size = sizeof *addr;

    *addr = loopback(0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)addr, sizeof *addr), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)addr, &size), 0);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    return fd;
}

static void ask_udp(const struct sockaddr_in *addr, double timeout)
{
    ck_assert_int_eq(time_client_udp_init(&client, &time_client_udp_class,
                                          (const struct sockaddr *)addr, sizeof *addr, timeout,
                                          done, NULL),
                     0);
}

/* The question, which is empty; *addr gets where it came from. */
static void hear(int peer, struct sockaddr_in *addr)
{
    char question[16];
    socklen_t size = sizeof *addr;

    ck_assert_int_eq(recvfrom(peer, question, sizeof question, 0, (struct sockaddr *)addr, &size),
                     0);
}

static void tell(int peer, const struct sockaddr_in *addr, const char *answer, size_t size)
{
    ck_assert_int_eq(sendto(peer, answer, size, 0, (const struct sockaddr *)addr, sizeof *addr),
                     (ssize_t)size);
}

START_TEST(test_udp_answer)
{
    struct sockaddr_in addr, asker;
    const int peer = udp_peer(&addr);

    ask_udp(&addr, 20);
    hear(peer, &asker);
    tell(peer, &asker, "\x83\xaa\x7e\x80", 4);
    assert_done(0);
    ck_assert_uint_eq(seconds_seen, TIME1970);
    ck_assert_uint_eq(client.questions, 1);
    close(peer);
}
END_TEST

/* What somebody else sends to the client's port is not the answer. */
START_TEST(test_udp_stranger)
{
    struct sockaddr_in addr, stranger_addr, asker;
    const int peer = udp_peer(&addr), stranger = udp_peer(&stranger_addr);

    ask_udp(&addr, 20);
    hear(peer, &asker);
    tell(stranger, &asker, "\x00\x00\x00\x07", 4);
    tell(peer, &asker, "\x01\x02\x03\x04", 4);
    assert_done(0);
    ck_assert_uint_eq(seconds_seen, 0x01020304);
    ck_assert_uint_eq(client.others, 0);
    close(stranger);
    close(peer);
}
END_TEST

START_TEST(test_udp_other_sizes)
{
    static const size_t sizes[] = {0, 1, 3, 5, 8, 1000};
    static const char zeros[1000];
    struct sockaddr_in addr, asker;
    const int peer = udp_peer(&addr);

    ask_udp(&addr, 20);
    hear(peer, &asker);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        tell(peer, &asker, zeros, sizes[i]);
    tell(peer, &asker, "\x01\x02\x03\x04", 4);
    assert_done(0);
    ck_assert_uint_eq(seconds_seen, 0x01020304);
    ck_assert_uint_eq(client.others, sizeof sizes / sizeof sizes[0]);
    close(peer);
}
END_TEST

/* The first two are lost. */
START_TEST(test_udp_asks_again)
{
    struct sockaddr_in addr, asker;
    const int peer = udp_peer(&addr);

    ask_udp(&addr, 20);
    hear(peer, &asker);
    client.again.target(&client.again);
    hear(peer, &asker);
    client.again.target(&client.again);
    hear(peer, &asker);
    tell(peer, &asker, "\x01\x02\x03\x04", 4);
    assert_done(0);
    ck_assert_uint_eq(client.questions, 3);
    close(peer);
}
END_TEST

START_TEST(test_udp_timeout)
{
    struct sockaddr_in addr, asker;
    const int peer = udp_peer(&addr);

    skip_under_valgrind("is too slow for 60 ms");
    ask_udp(&addr, 0.06);
    assert_done(-ETIMEDOUT);
    ck_assert_uint_ge(client.questions, 2); /* the loop may be held up for long */
    ck_assert_uint_le(client.questions, TIME_CLIENT_QUESTIONS);
    for (unsigned i = 0; i < client.questions; i++)
        hear(peer, &asker);
    ck_assert_int_eq(recv(peer, &asker, sizeof asker, MSG_DONTWAIT), -1);
    close(peer);
}
END_TEST

/* The loop is held up, so that the end and the next question come due in one pass. */
START_TEST(test_udp_late_timeout)
{
    struct sockaddr_in addr;
    const int peer = udp_peer(&addr);

    ask_udp(&addr, 0.3);
    usleep(250000);
    poll_once(NULL); /* the second question, for which it was time long ago */
    usleep(100000);
    assert_done(-ETIMEDOUT);
    for (unsigned i = 0; i < client.questions; i++)
        hear(peer, &addr);
    ck_assert_int_eq(recv(peer, &addr, sizeof addr, MSG_DONTWAIT), -1);
    close(peer);
}
END_TEST

START_TEST(test_udp_refused)
{
    struct sockaddr_in addr;
    const int peer = udp_peer(&addr);

    /* It has the port, and takes nothing from anybody but itself. */
    ck_assert_int_eq(connect(peer, (struct sockaddr *)&addr, sizeof addr), 0);
    ask_udp(&addr, 20);
    assert_done(-ECONNREFUSED);
    close(peer);
}
END_TEST

/* The refusal of the first question is heard of as the second is sent. */
START_TEST(test_udp_refused_and_asked_again)
{
    struct sockaddr_in addr;
    const int peer = udp_peer(&addr);

    ck_assert_int_eq(connect(peer, (struct sockaddr *)&addr, sizeof addr), 0);
    ask_udp(&addr, 20);
    wait_readable(asyncore_fileno(&client.base));
    client.again.target(&client.again);
    assert_done(-ECONNREFUSED);
    close(peer);
}
END_TEST

START_TEST(test_udp_refused_at_once)
{
    const struct sockaddr_in broadcast = {.sin_family = AF_INET,
                                          .sin_addr = {.s_addr = htonl(INADDR_BROADCAST)}};

    ck_assert_int_eq(time_client_udp_init(&client, &time_client_udp_class,
                                          (const struct sockaddr *)&broadcast, sizeof broadcast, 20,
                                          done, NULL),
                     -EACCES);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_int_eq(calls, 0);
}
END_TEST

START_TEST(test_udp_closed_by_its_owner)
{
    struct sockaddr_in addr;
    const int peer = udp_peer(&addr);

    ask_udp(&addr, 20);
    asyncore_close(&client.base);
    assert_done(-ECANCELED);
    close(peer);
}
END_TEST

/* The client's clocks: within a moment before the test's own. */
START_TEST(test_round_trip)
{
    struct sockaddr_in addr, asker;
    const int peer = udp_peer(&addr);
    struct timespec before, now;

    clock_gettime(CLOCK_REALTIME, &before);
    ask_udp(&addr, 20);
    hear(peer, &asker);
    usleep(50000);
    tell(peer, &asker, "\x01\x02\x03\x04", 4);
    assert_done(0);
    clock_gettime(CLOCK_REALTIME, &now);
    ck_assert_double_ge(client.round_trip, 0.05);
    ck_assert_double_le(client.round_trip, 20);
    ck_assert_int_ge(client.answered_at.tv_sec, before.tv_sec);
    ck_assert_int_le(client.answered_at.tv_sec, now.tv_sec);
    close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("time_client_udp");
    TCase *tcase = add_case(suite, "time_client_udp");

    tcase_add_test(tcase, test_udp_answer);
    tcase_add_test(tcase, test_udp_stranger);
    tcase_add_test(tcase, test_udp_other_sizes);
    tcase_add_test(tcase, test_udp_asks_again);
    tcase_add_test(tcase, test_udp_timeout);
    tcase_add_test(tcase, test_udp_late_timeout);
    tcase_add_test(tcase, test_udp_refused);
    tcase_add_test(tcase, test_udp_refused_and_asked_again);
    tcase_add_test(tcase, test_udp_refused_at_once);
    tcase_add_test(tcase, test_udp_closed_by_its_owner);
    tcase_add_test(tcase, test_round_trip);
    return run_suite(suite);
}
