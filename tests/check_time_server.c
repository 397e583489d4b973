/* check_time_server.c - the Time protocol's server: its bytes, and clients that behave badly. */
#include "support.h"

#include "time_server.h"

#include <string.h>

static struct time_server server;
static struct sockaddr_in server_addr;
static time_t clock_shows;

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

static void serve(const struct asyncore_class *cls, int (*clock)(struct timespec *))
{
    const struct sockaddr_in any = loopback(0);
    struct sockaddr_storage bound;
    socklen_t boundlen;

    ck_assert_int_eq(
        time_server_init(&server, cls, (const struct sockaddr *)&any, sizeof any, NULL), 0);
    ck_assert_int_eq(asyncore_getsockname(&server.base, &bound, &boundlen), 0);
    memcpy(&server_addr, &bound, sizeof server_addr);
    server.service.clock = clock;
}

static void assert_answer(int client, const char *bytes)
{
    char answer[8];

    ck_assert_int_eq(recv_to_end(client, answer, sizeof answer), 4);
    ck_assert_mem_eq(answer, bytes, 4);
    close(client);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1); /* the listener */
}

/* ---- the bytes ---- */

static const struct {
    time_t time;
    const char bytes[5];
} clocks[] = {
    {0, "\x83\xaa\x7e\x80"},           /* 1970-01-01: 2208988800 */
    {189302400, "\x8e\xf3\x05\x00"},   /* 1976-01-01: 2398291200, from the RFC */
    {315532800, "\x96\x79\x24\x80"},   /* 1980-01-01: 2524521600 */
    {420595200, "\x9c\xbc\x44\x80"},   /* 1983-05-01: 2629584000 */
    {2085978495, "\xff\xff\xff\xff"},  /* 2036-02-07 06:28:15 */
    {2085978496, "\x00\x00\x00\x00"},  /* 06:28:16 */
    {2208988800, "\x07\x54\xfd\x00"},  /* 2040-01-01: 123010304 */
    {4294967296, "\x83\xaa\x7e\x80"},  /* 2106-02-07: 2^32 later than 1970 */
    {-2208988800, "\x00\x00\x00\x00"}, /* 1900-01-01 */
};

START_TEST(test_bytes)
{
    unsigned char bytes[4];

    time_service_bytes(clocks[_i].time, bytes);
    ck_assert_mem_eq(bytes, clocks[_i].bytes, 4);
}
END_TEST

START_TEST(test_answer)
{
    int client;

    serve(&time_server_class, test_clock);
    clock_shows = clocks[_i].time;
    client = tcp_connect(&server_addr);
    poll_once(NULL); /* one pass is enough */
    assert_answer(client, clocks[_i].bytes);
}
END_TEST

START_TEST(test_clock_that_cannot_be_read)
{
    char byte;
    int client;

    serve(&time_server_class, broken_clock);
    client = tcp_connect(&server_addr);
    poll_once(NULL);
    ck_assert_int_eq(recv_to_end(client, &byte, 1), 0);
    close(client);
    ck_assert(asyncore_accepting(&server.base));
}
END_TEST

START_TEST(test_port_in_use)
{
    static struct time_server second;

    serve(&time_server_class, test_clock);
    ck_assert_int_eq(time_server_init(&second, &time_server_class, (struct sockaddr *)&server_addr,
                                      sizeof server_addr, NULL),
                     -EADDRINUSE);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    ck_assert_int_eq(asyncore_fileno(&second.base), -1);
}
END_TEST

START_TEST(test_no_class)
{
    const struct sockaddr_in any = loopback(0);

    ck_assert_int_eq(
        time_server_init(&server, NULL, (const struct sockaddr *)&any, sizeof any, NULL), -EINVAL);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
}
END_TEST

START_TEST(test_ipv6_leaves_ipv4_alone)
{
    static struct time_server second;
    struct sockaddr_in6 addr = {.sin6_family = AF_INET6};
    int rc;

    serve(&time_server_class, test_clock);
    addr.sin6_port = server_addr.sin_port;
    rc = time_server_init(&second, &time_server_class, (struct sockaddr *)&addr, sizeof addr, NULL);
    if (rc != -EAFNOSUPPORT)
        ck_assert_int_eq(rc, 0);
}
END_TEST

/* ---- writes that take less than they are given ---- */

static size_t piece;

static ssize_t send_piece(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    add_to_trace("send(%zu) ", size);
    return piece == 0 ? 0 : asyncore_dispatcher_class.send(self, data, size < piece ? size : piece);
}

static const struct asyncore_class piece_channel_class = {
    .super = &time_channel_class,
    .send = send_piece,
};

static int piece_server_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                        const struct sockaddr *addr, socklen_t addrlen)
{
    unsigned char answer[4];

    time_service_bytes(clock_shows, answer);
    return time_channel_new(&piece_channel_class, fd, addr, addrlen, answer, 0,
                            asyncore_get_map(self));
}

static const struct asyncore_class piece_server_class = {
    .super = &time_server_class,
    .handle_accepted = piece_server_handle_accepted,
};

START_TEST(test_partial_writes)
{
    int client;

    serve(&piece_server_class, test_clock);
    clock_shows = 0;
    piece = 1;
    client = tcp_connect(&server_addr);
    poll_once(NULL);
    assert_trace("");
    for (int i = 0; i < 4; i++)
        poll_once(NULL);
    assert_trace("send(4) send(3) send(2) send(1) ");
    assert_answer(client, "\x83\xaa\x7e\x80");
}
END_TEST

/* Two seconds, then it is closed: no client is waited for for ever. */
START_TEST(test_client_that_takes_nothing)
{
    char byte;
    int client;

    serve(&piece_server_class, test_clock);
    piece = 0;
    client = tcp_connect(&server_addr);
    poll_once(NULL);
    ck_assert_uint_eq(asyncore_map_count(NULL), 2);
    while (asyncore_map_count(NULL) > 1)
        ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    ck_assert_int_eq(recv_to_end(client, &byte, 1), 0);
    close(client);
}
END_TEST

START_TEST(test_client_that_goes_while_it_is_waited_for)
{
    int client;

    serve(&piece_server_class, test_clock);
    piece = 1;
    client = tcp_connect(&server_addr);
    poll_once(NULL);
    poll_once(NULL);
    assert_trace("send(4) ");
    reset(client);
    while (asyncore_map_count(NULL) > 1)
        poll_once(NULL);
    ck_assert(asyncore_accepting(&server.base));
}
END_TEST

/* ---- resets, at every stage ---- */

START_TEST(test_reset_before_accept)
{
    serve(&time_server_class, test_clock);
    reset(tcp_connect(&server_addr));
    poll_once(NULL);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    ck_assert(asyncore_accepting(&server.base));
}
END_TEST

static int client_to_reset;

static int reset_between(struct asyncore_dispatcher *self, int fd, const struct sockaddr *addr,
                         socklen_t addrlen)
{
    reset(client_to_reset);
    wait_readable(fd);
    return time_server_class.handle_accepted(self, fd, addr, addrlen);
}

static const struct asyncore_class reset_between_class = {
    .super = &time_server_class,
    .handle_accepted = reset_between,
};

START_TEST(test_reset_between_accept_and_write)
{
    trace_log();
    serve(&reset_between_class, test_clock);
    client_to_reset = tcp_connect(&server_addr);
    poll_once(NULL);
    assert_trace(""); /* nothing to make a noise about */
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    ck_assert(asyncore_accepting(&server.base));
}
END_TEST

static ssize_t send_then_reset(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    const ssize_t n = asyncore_dispatcher_class.send(self, data, size > 2 ? 2 : size);

    if (client_to_reset >= 0) {
        reset(client_to_reset);
        wait_readable(asyncore_fileno(self));
        client_to_reset = -1;
    }
    return n;
}

static const struct asyncore_class reset_channel_class = {
    .super = &time_channel_class,
    .send = send_then_reset,
};

static int reset_server_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                        const struct sockaddr *addr, socklen_t addrlen)
{
    return time_channel_new(&reset_channel_class, fd, addr, addrlen, (const unsigned char *)"time",
                            0, asyncore_get_map(self));
}

static const struct asyncore_class reset_server_class = {
    .super = &time_server_class,
    .handle_accepted = reset_server_handle_accepted,
};

START_TEST(test_reset_in_mid_write)
{
    serve(&reset_server_class, test_clock);
    client_to_reset = tcp_connect(&server_addr);
    poll_once(NULL);
    while (asyncore_map_count(NULL) > 1)
        poll_once(NULL);
    ck_assert_int_eq(client_to_reset, -1);
    ck_assert(asyncore_accepting(&server.base));
}
END_TEST

/* ---- clients that talk ---- */

START_TEST(test_early_bytes_do_not_reset)
{
    static char flood[100000];
    int client;

    serve(&time_server_class, test_clock);
    clock_shows = 0;
    client = tcp_connect(&server_addr);
    ck_assert_int_eq(send(client, flood, _i == 0 ? 1 : sizeof flood, 0),
                     (ssize_t)(_i == 0 ? 1 : sizeof flood));
    poll_once(NULL);
    assert_answer(client, "\x83\xaa\x7e\x80"); /* and then end of file, not ECONNRESET */
}
END_TEST

/* It is not read to the end, which a client could keep from coming: so it is reset after all. */
START_TEST(test_flood_is_not_waited_for)
{
    static char flood[16384];
    const int size = 1 << 20;
    char answer[8];
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    for (int i = 0; i < 17; i++)
        ck_assert_int_eq(send(ends[1], flood, sizeof flood, MSG_DONTWAIT), sizeof flood);
    ck_assert_int_eq(time_channel_new(&time_channel_class, ends[0], NULL, 0,
                                      (const unsigned char *)"1234", 0, NULL),
                     0);
    poll_once(NULL);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    ck_assert_int_eq(recv(ends[1], answer, sizeof answer, 0), 4);
    ck_assert_mem_eq(answer, "1234", 4);
    ck_assert_int_eq(recv(ends[1], answer, sizeof answer, 0), -1);
    ck_assert_int_eq(errno, ECONNRESET);
    close(ends[1]);
}
END_TEST

START_TEST(test_half_closed_client)
{
    int client;

    serve(&time_server_class, test_clock);
    clock_shows = 0;
    client = tcp_connect(&server_addr);
    shutdown(client, SHUT_WR);
    poll_once(NULL);
    assert_answer(client, "\x83\xaa\x7e\x80");
}
END_TEST

START_TEST(test_silent_clients_hold_nothing)
{
    int clients[200];

    serve(&time_server_class, test_clock);
    for (int i = 0; i < 200; i++) {
        clients[i] = tcp_connect(&server_addr);
        poll_once(NULL);
        ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    }
    for (int i = 0; i < 200; i++)
        close(clients[i]);
}
END_TEST

int main(void)
{
    const int clock_count = (int)(sizeof clocks / sizeof clocks[0]);
    Suite *suite = suite_create("time_server");
    TCase *tcase = add_case(suite, "time_server");

    tcase_add_loop_test(tcase, test_bytes, 0, clock_count);
    tcase_add_loop_test(tcase, test_answer, 0, clock_count);
    tcase_add_test(tcase, test_clock_that_cannot_be_read);
    tcase_add_test(tcase, test_port_in_use);
    tcase_add_test(tcase, test_no_class);
    tcase_add_test(tcase, test_ipv6_leaves_ipv4_alone);
    tcase_add_test(tcase, test_partial_writes);
    tcase_add_test(tcase, test_client_that_takes_nothing);
    tcase_add_test(tcase, test_client_that_goes_while_it_is_waited_for);
    tcase_add_test(tcase, test_reset_before_accept);
    tcase_add_test(tcase, test_reset_between_accept_and_write);
    tcase_add_test(tcase, test_reset_in_mid_write);
    tcase_add_loop_test(tcase, test_early_bytes_do_not_reset, 0, 2);
    tcase_add_test(tcase, test_flood_is_not_waited_for);
    tcase_add_test(tcase, test_half_closed_client);
    tcase_add_test(tcase, test_silent_clients_hold_nothing);
    return run_suite(suite);
}
