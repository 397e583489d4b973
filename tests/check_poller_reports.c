/*
 * check_poller_reports.c - what each poller makes of each state of each kind of descriptor: what
 * select() says, row by row, and no event that nobody asked for keeps the loop from sleeping.
 */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>

enum { R = 1, W = 2, X = 4 };

/* Makes a descriptor, and maybe its peer, else -1. */
struct row {
    const char *name;
    void (*make)(int ends[2]);
    int until;    /* what poll() says once the state is reached */
    int reported; /* select()'s sets */
};

/* ---- TCP ---- */

static void tcp_idle(int ends[2])
{
    tcp_pair(ends);
}

static void tcp_data(int ends[2])
{
    tcp_pair(ends);
    send_all(ends[1], "x");
}

static void tcp_data_and_close(int ends[2])
{
    tcp_data(ends);
    close(ends[1]);
    ends[1] = -1;
}

static void tcp_closed(int ends[2])
{
    tcp_pair(ends);
    close(ends[1]);
    ends[1] = -1;
}

static void tcp_shutdown_by_peer(int ends[2])
{
    tcp_pair(ends);
    shutdown(ends[1], SHUT_WR);
}

static void tcp_shutdown_by_both(int ends[2])
{
    tcp_shutdown_by_peer(ends);
    shutdown(ends[0], SHUT_WR);
}

static void tcp_reset(int ends[2])
{
    tcp_pair(ends);
    reset(ends[1]);
    ends[1] = -1;
}

static void tcp_reset_behind_data(int ends[2])
{
    tcp_data(ends);
    reset(ends[1]);
    ends[1] = -1;
}

static void tcp_full(int ends[2])
{
    char block[4096] = "";

    tcp_pair(ends);
    for (int misses = 0; misses < 3;) { /* until it has settled */
        struct timespec moment = {.tv_nsec = 20000000};

        if (send(ends[0], block, sizeof block, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
            misses = 0;
            continue;
        }
        misses++;
        nanosleep(&moment, NULL);
    }
}

static void tcp_urgent(int ends[2])
{
    tcp_pair(ends);
    ck_assert_int_eq(send(ends[1], "!", 1, MSG_OOB), 1);
}

static void tcp_urgent_and_data(int ends[2])
{
    tcp_pair(ends);
    send_all(ends[1], "x");
    ck_assert_int_eq(send(ends[1], "!", 1, MSG_OOB), 1);
}

static void tcp_never_connected(int ends[2])
{
    ends[0] = socket(AF_INET, SOCK_STREAM, 0);
}

static void tcp_refused(int ends[2])
{
    const struct sockaddr_in addr = nowhere();

    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(ends[0], (const struct sockaddr *)&addr, sizeof addr);
}

static void tcp_connecting_done(int ends[2])
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);

    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(ends[0], (const struct sockaddr *)&addr, sizeof addr);
    ends[1] = accept(listener, NULL, NULL);
    close(listener);
}

static void tcp_listener(int ends[2])
{
    struct sockaddr_in addr;

    ends[0] = tcp_listen(&addr);
}

static void tcp_listener_with_client(int ends[2])
{
    struct sockaddr_in addr;

    ends[0] = tcp_listen(&addr);
    ends[1] = tcp_connect(&addr);
}

/* ---- AF_UNIX ---- */

static void unix_pair(int ends[2])
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void unix_closed(int ends[2])
{
    unix_pair(ends);
    close(ends[1]);
    ends[1] = -1;
}

static void unix_data_and_close(int ends[2])
{
    unix_pair(ends);
    send_all(ends[1], "x");
    close(ends[1]);
    ends[1] = -1;
}

static void unix_shutdown_by_peer(int ends[2])
{
    unix_pair(ends);
    shutdown(ends[1], SHUT_WR);
}

/* ---- pipes ---- */

static void pipe_read_end(int ends[2])
{
    ck_assert_int_eq(pipe(ends), 0);
}

static void pipe_read_end_data(int ends[2])
{
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
}

static void pipe_writer_gone(int ends[2])
{
    ck_assert_int_eq(pipe(ends), 0);
    close(ends[1]);
    ends[1] = -1;
}

static void pipe_writer_gone_data_left(int ends[2])
{
    pipe_read_end_data(ends);
    close(ends[1]);
    ends[1] = -1;
}

static void pipe_write_end(int ends[2])
{
    int swapped[2];

    ck_assert_int_eq(pipe(swapped), 0);
    ends[0] = swapped[1];
    ends[1] = swapped[0];
}

static void pipe_full(int ends[2])
{
    char block[4096] = "";

    pipe_write_end(ends);
    fcntl(ends[0], F_SETFL, O_WRONLY | O_NONBLOCK);
    while (write(ends[0], block, sizeof block) > 0)
        ;
}

static void pipe_reader_gone(int ends[2])
{
    pipe_write_end(ends);
    close(ends[1]);
    ends[1] = -1;
}

/* ---- datagrams ---- */

static void udp_connected_to(int ends[2], int peer)
{
    struct sockaddr_in addr;
    socklen_t size = sizeof addr;

    ck_assert_int_eq(getsockname(peer, (struct sockaddr *)&addr, &size), 0);
    ends[0] = socket(AF_INET, SOCK_DGRAM, 0);
    ck_assert_int_eq(connect(ends[0], (struct sockaddr *)&addr, sizeof addr), 0);
    ends[1] = peer;
}

static int udp_bound(void)
{
    const struct sockaddr_in addr = loopback(0);
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);

    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&addr, sizeof addr), 0);
    return fd;
}

static void udp_idle(int ends[2])
{
    udp_connected_to(ends, udp_bound());
}

static void udp_unreachable(int ends[2])
{
    udp_idle(ends);
    close(ends[1]);
    ends[1] = -1;
    send(ends[0], "x", 1, 0);
}

/* ---- files ---- */

static void dev_null(int ends[2])
{
    ends[0] = open("/dev/null", O_RDWR);
}

static void regular_file(int ends[2])
{
    FILE *file = tmpfile();

    ck_assert_ptr_nonnull(file);
    ends[0] = dup(fileno(file));
    fclose(file);
}

static const struct row rows[] = {
    {"tcp idle", tcp_idle, POLLOUT, W},
    {"tcp data", tcp_data, POLLIN, R | W},
    {"tcp data, then closed", tcp_data_and_close, POLLIN, R | W},
    {"tcp closed", tcp_closed, POLLIN, R | W},
    {"tcp shut by the peer", tcp_shutdown_by_peer, POLLIN, R | W},
    {"tcp shut by both", tcp_shutdown_by_both, POLLIN | POLLHUP, R | W},
    {"tcp reset", tcp_reset, POLLERR | POLLHUP, R | W},
    {"tcp reset behind data", tcp_reset_behind_data, POLLERR | POLLHUP, R | W},
    {"tcp full", tcp_full, 0, 0},
    {"tcp urgent", tcp_urgent, POLLPRI, W | X},
    {"tcp urgent and data", tcp_urgent_and_data, POLLPRI | POLLIN, R | W | X},
    {"tcp never connected", tcp_never_connected, POLLOUT | POLLHUP, R | W},
    {"tcp refused", tcp_refused, POLLERR, R | W},
    {"tcp just connected", tcp_connecting_done, POLLOUT, W},
    {"tcp listener", tcp_listener, 0, 0},
    {"tcp listener with a client", tcp_listener_with_client, POLLIN, R},
    {"unix idle", unix_pair, POLLOUT, W},
    {"unix closed", unix_closed, POLLIN | POLLHUP, R | W},
    {"unix data, then closed", unix_data_and_close, POLLIN | POLLHUP, R | W},
    {"unix shut by the peer", unix_shutdown_by_peer, POLLIN, R | W},
    {"pipe, read end", pipe_read_end, 0, 0},
    {"pipe, read end, data", pipe_read_end_data, POLLIN, R},
    {"pipe, writer gone", pipe_writer_gone, POLLHUP, R},
    {"pipe, writer gone, data left", pipe_writer_gone_data_left, POLLIN | POLLHUP, R},
    {"pipe, write end", pipe_write_end, POLLOUT, W},
    {"pipe, full", pipe_full, 0, 0},
    {"pipe, reader gone", pipe_reader_gone, POLLOUT | POLLERR, R | W},
    {"udp idle", udp_idle, POLLOUT, W},
    {"udp unreachable", udp_unreachable, POLLERR, R | W},
    {"/dev/null", dev_null, POLLIN | POLLOUT, R | W},
    {"regular file", regular_file, POLLIN | POLLOUT, R | W},
};

enum { ROWS = sizeof rows / sizeof rows[0] };

/* ==================================================
 * each row
 */

static void reach(const struct row *row, int ends[2])
{
    struct pollfd pollfd = {.events = POLLIN | POLLOUT | POLLPRI};
    int tries = 0;

    ends[0] = ends[1] = -1;
    row->make(ends);
    ck_assert_int_ge(ends[0], 0);
    pollfd.fd = ends[0];
    do {
        ck_assert_msg(tries++ < 10000, "%s: not reached", row->name);
        if (tries > 1)
            poll(NULL, 0, 1);
        ck_assert_int_ge(poll(&pollfd, 1, 0), 0);
    } while ((pollfd.revents & row->until) != row->until);
}

static void open_on(struct probe *probe, int fd, int interest)
{
    probe_init(probe, "A", NULL);
    probe->wants_read = (interest & R) != 0;
    probe->wants_write = (interest & W) != 0;
    ck_assert_int_eq(asyncore_set_socket(&probe->base, fd, NULL), 0);
}

static void assert_reported(const struct row *row, int interest)
{
    const int expected = row->reported & (interest | (interest != 0 ? X : 0));
    char text[128];

    snprintf(text, sizeof text, "%s%s%s", (expected & R) != 0 ? "A.handle_read " : "",
             (expected & W) != 0 ? "A.handle_write " : "",
             (expected & X) != 0 ? "A.handle_expt " : "");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_msg(strcmp(trace, text) == 0, "%s, interest %d: \"%s\" instead of \"%s\"", row->name,
                  interest, trace, text);
    trace[0] = '\0';
}

/* The rows are true: select() itself says so. */
START_TEST(test_the_table)
{
    const struct row *row = &rows[_i];
    struct timeval at_once = {0};
    fd_set sets[3];
    int ends[2], found = 0;

    reach(row, ends);
    for (int i = 0; i < 3; i++) {
        FD_ZERO(&sets[i]);
        FD_SET(ends[0], &sets[i]);
    }
    ck_assert_int_ge(select(ends[0] + 1, &sets[0], &sets[1], &sets[2], &at_once), 0);
    for (int i = 0; i < 3; i++)
        found |= FD_ISSET(ends[0], &sets[i]) ? 1 << i : 0;
    ck_assert_msg(found == row->reported, "%s: %d", row->name, found);
    close(ends[0]);
    if (ends[1] >= 0)
        close(ends[1]);
}
END_TEST

START_TEST(test_row)
{
    static const int interests[] = {R, W, R | W, 0};
    const struct row *row = &rows[_i];

    for (size_t i = 0; i < sizeof interests / sizeof interests[0]; i++) {
        static struct probe a;
        int ends[2];

        reach(row, ends);
        open_on(&a, ends[0], interests[i]);
        for (int pass = 0; pass < 3; pass++) /* again and again */
            assert_reported(row, interests[i]);
        asyncore_close(&a.base);
        if (ends[1] >= 0)
            close(ends[1]);
    }
}
END_TEST

/* The interest goes through all its values, while the descriptor stays as it is. */
START_TEST(test_row_with_changing_interest)
{
    static const int interests[] = {W, R, W, 0, W, R | W, 0, R | W, R, 0, R, R | W, W, R | W};
    static struct probe a;
    const struct row *row = &rows[_i];
    int ends[2];

    reach(row, ends);
    open_on(&a, ends[0], 0);
    for (size_t i = 0; i < sizeof interests / sizeof interests[0]; i++) {
        a.wants_read = (interests[i] & R) != 0;
        a.wants_write = (interests[i] & W) != 0;
        assert_reported(row, interests[i]);
    }
    if (ends[1] >= 0)
        close(ends[1]);
}
END_TEST

/* The state is reached while the descriptor is watched already. */
START_TEST(test_row_behind_a_busy_neighbour)
{
    static struct probe a, b;
    const struct row *row = &rows[_i];
    const int busy = probe_channel(&b, "B", NULL);
    int ends[2];

    reach(row, ends);
    open_on(&a, ends[0], R);
    send_all(busy, "x");
    wait_readable(asyncore_fileno(&b.base));
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_ptr_nonnull(strstr(trace, "B.handle_read "));
    ck_assert_int_eq(strstr(trace, "A.handle_read ") != NULL, (row->reported & R) != 0);
    close(busy);
    if (ends[1] >= 0)
        close(ends[1]);
}
END_TEST

static void stop(struct asyncore_timer *timer)
{
    (void)timer;
    asyncore_stop(NULL);
}

static int passes;

static bool count_pass(struct probe *self)
{
    passes++;
    return self->wants_read;
}

/* What is not reported must not wake the loop either, or not for long. */
START_TEST(test_no_spin)
{
    static const int interests[] = {R, W, 0};
    const struct row *row = &rows[_i];

    for (size_t i = 0; i < sizeof interests / sizeof interests[0]; i++) {
        static struct probe a;
        struct asyncore_timer timer = {0};
        int ends[2];

        if ((row->reported & (interests[i] | (interests[i] != 0 ? X : 0))) != 0)
            continue;
        reach(row, ends);
        open_on(&a, ends[0], interests[i]);
        a.on_readable = count_pass;
        passes = 0;
        ck_assert_int_eq(asyncore_call_later(&timer, 0.1, stop, NULL), 0);
        ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
        ck_assert_msg(passes <= 4, "%s, interest %d: %d passes", row->name, interests[i], passes);
        assert_trace("");
        asyncore_close(&a.base);
        if (ends[1] >= 0)
            close(ends[1]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("poller_reports");
    TCase *tcase = add_case(suite, "poller_reports");

    tcase_add_loop_test(tcase, test_the_table, 0, ROWS);
    tcase_add_loop_test(tcase, test_row, 0, ROWS);
    tcase_add_loop_test(tcase, test_row_with_changing_interest, 0, ROWS);
    tcase_add_loop_test(tcase, test_row_behind_a_busy_neighbour, 0, ROWS);
    tcase_add_loop_test(tcase, test_no_spin, 0, ROWS);
    return run_suite(suite);
}
