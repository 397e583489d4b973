/* states.c - see states.h. */
#define _GNU_SOURCE /* POLLRDHUP */
#include "states.h"

#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/* What poll() says, if it is asked for all that it knows. */
enum { IN = POLLIN, OUT = POLLOUT, PRI = POLLPRI, ERR = POLLERR, HUP = POLLHUP };
#ifdef POLLRDHUP
enum { RDHUP = POLLRDHUP };
#else
enum { RDHUP = 0 };
#endif
const int poll_all = IN | OUT | PRI | RDHUP;

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

const struct state states[] = {
    {"tcp idle", tcp_idle, OUT, W},
    {"tcp data", tcp_data, IN | OUT, R | W},
    {"tcp data, then closed", tcp_data_and_close, IN | OUT | RDHUP, R | W},
    {"tcp closed", tcp_closed, IN | OUT | RDHUP, R | W},
    {"tcp shut by the peer", tcp_shutdown_by_peer, IN | OUT | RDHUP, R | W},
    {"tcp shut by both", tcp_shutdown_by_both, IN | OUT | HUP | RDHUP, R | W},
    {"tcp reset", tcp_reset, IN | OUT | ERR | HUP | RDHUP, R | W},
    {"tcp reset behind data", tcp_reset_behind_data, IN | OUT | ERR | HUP | RDHUP, R | W},
    {"tcp full", tcp_full, 0, 0},
    {"tcp urgent", tcp_urgent, PRI | OUT, W | X},
    {"tcp urgent and data", tcp_urgent_and_data, PRI | IN | OUT, R | W | X},
    {"tcp never connected", tcp_never_connected, OUT | HUP, R | W},
    {"tcp refused", tcp_refused, IN | OUT | ERR | HUP | RDHUP, R | W},
    {"tcp just connected", tcp_connecting_done, OUT, W},
    {"tcp listener", tcp_listener, 0, 0},
    {"tcp listener with a client", tcp_listener_with_client, IN, R},
    {"unix idle", unix_pair, OUT, W},
    {"unix closed", unix_closed, IN | OUT | HUP | RDHUP, R | W},
    {"unix data, then closed", unix_data_and_close, IN | OUT | HUP | RDHUP, R | W},
    {"unix shut by the peer", unix_shutdown_by_peer, IN | OUT | RDHUP, R | W},
    {"pipe, read end", pipe_read_end, 0, 0},
    {"pipe, read end, data", pipe_read_end_data, IN, R},
    {"pipe, writer gone", pipe_writer_gone, HUP, R},
    {"pipe, writer gone, data left", pipe_writer_gone_data_left, IN | HUP, R},
    {"pipe, write end", pipe_write_end, OUT, W},
    {"pipe, full", pipe_full, 0, 0},
    {"pipe, reader gone", pipe_reader_gone, OUT | ERR, R | W},
    {"udp idle", udp_idle, OUT, W},
    {"udp unreachable", udp_unreachable, OUT | ERR, R | W},
    {"/dev/null", dev_null, IN | OUT, R | W},
    {"regular file", regular_file, IN | OUT, R | W},
};

_Static_assert(sizeof states / sizeof states[0] == STATES, "all of them");

static bool is_reached(const struct state *state, int polled)
{
#ifdef __linux__
    return polled == state->polled;
#else
    return (polled & state->polled) == state->polled;
#endif
}

void reach(const struct state *state, int ends[2])
{
    struct pollfd pollfd = {.events = (short)poll_all};
    int tries = 0;

    ends[0] = ends[1] = -1;
    state->make(ends);
    ck_assert_int_ge(ends[0], 0);
    pollfd.fd = ends[0];
    do {
        ck_assert_msg(tries++ < 10000, "%s: poll() says %#x", state->name,
                      (unsigned)pollfd.revents);
        if (tries > 1)
            poll(NULL, 0, 1);
        ck_assert_int_ge(poll(&pollfd, 1, 0), 0);
    } while (!is_reached(state, pollfd.revents));
}
