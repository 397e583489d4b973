/*
 * epoll.c - the contender written by hand, on epoll: the least that can be done.  What a library
 * costs is what it needs more than this.
 */
#include "contender.h"
#include "serve.h"

#include "timed/sandbox.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>

enum { MAX_EVENTS = 256 };

static int epoll;
static struct epoll_event events[MAX_EVENTS];

static bool open_epoll(const char *poller)
{
    epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    return poller == NULL || strcmp(poller, "epoll") == 0;
}

struct connection {
    int fd;
    struct rest rest;
};

static void about(void)
{
    printf("glibc %s; connection %zu\n", gnu_get_libc_version(), sizeof(struct connection));
}

static void control(int operation, int fd, uint32_t interest, epoll_data_t data)
{
    struct epoll_event event = {.events = interest, .data = data};

    must(epoll_ctl(epoll, operation, fd, &event), "epoll_ctl");
}

static int wait_for_events(void)
{
    const int count = epoll_wait(epoll, events, MAX_EVENTS, -1);

    return count < 0 && errno == EINTR ? 0 : must(count, "epoll_wait");
}

/* ==================================================
 * echo
 */

static void accept_all(int listener)
{
    int fd;

    while ((fd = accept_one(listener)) >= 0) {
        struct connection *connection = allocate(1, sizeof *connection);

        connection->fd = fd;
        control(EPOLL_CTL_ADD, fd, EPOLLIN, (epoll_data_t){.ptr = connection});
    }
}

static void serve_connection(struct connection *connection)
{
    const bool was_left = connection->rest.data != NULL;
    const enum echoed echoed = was_left ? rest_send(connection->fd, &connection->rest)
                                        : echo(connection->fd, &connection->rest);

    if (echoed == ENDED) {
        close(connection->fd);
        rest_drop(&connection->rest);
        free(connection);
    } else if (was_left != (echoed == SOME_LEFT)) {
        control(EPOLL_CTL_MOD, connection->fd, was_left ? EPOLLIN : EPOLLOUT,
                (epoll_data_t){.ptr = connection});
    }
}

static void serve_echo(int listener)
{
    control(EPOLL_CTL_ADD, listener, EPOLLIN, (epoll_data_t){.ptr = NULL});
    for (;;) {
        const int count = wait_for_events();

        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr != NULL)
                serve_connection(events[i].data.ptr);
            else
                accept_all(listener);
        }
    }
}

/* ==================================================
 * time
 */

static void serve_time(int listener)
{
    int fd;

    control(EPOLL_CTL_ADD, listener, EPOLLIN, (epoll_data_t){.ptr = NULL});
    for (;;) {
        wait_for_events();
        while ((fd = accept_one(listener)) >= 0) {
            tell_time(fd);
            close(fd);
        }
    }
}

/* The answer and the end in one segment.  What the client had sent would turn the close into a reset:
 * who minds reads it first. */
static void serve_segments(int listener, bool reads)
{
    char unread[64];
    int fd;

    control(EPOLL_CTL_ADD, listener, EPOLLIN, (epoll_data_t){.ptr = NULL});
    for (;;) {
        wait_for_events();
        while ((fd = accept_one(listener)) >= 0) {
            const uint32_t bytes = time_bytes();

            (void)send(fd, &bytes, sizeof bytes, MSG_NOSIGNAL | MSG_MORE);
            shutdown(fd, SHUT_WR);
            if (reads)
                (void)recv(fd, unread, sizeof unread, MSG_DONTWAIT);
            close(fd);
        }
    }
}

static void serve_time_more(int listener)
{
    serve_segments(listener, false);
}

static void serve_time_more_read(int listener)
{
    serve_segments(listener, true);
}

/* A kernel that looks at each call takes its time for it. */
static void shut_in(void)
{
    char message[256];

    if (timed_sandbox_guest() != NULL)
        return;
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl");
    if (timed_enter_sandbox(-1, message, sizeof message) == 0)
        return;
    fprintf(stderr, "%s\n", message);
    exit(EXIT_FAILURE);
}

static void serve_time_more_shut(int listener)
{
    shut_in();
    serve_segments(listener, true);
}

/* Answers one datagram; false if there is none. */
static bool answer_datagram(int fd)
{
    struct sockaddr_storage addr;
    socklen_t addrlen = sizeof addr;
    char question[64];
    uint32_t bytes;

    if (recvfrom(fd, question, sizeof question, 0, (struct sockaddr *)&addr, &addrlen) < 0)
        return false;
    bytes = time_bytes();
    (void)sendto(fd, &bytes, sizeof bytes, MSG_NOSIGNAL, (struct sockaddr *)&addr, addrlen);
    return true;
}

static void serve_time_udp(int fd)
{
    for (;;)
        answer_datagram(fd);
}

static void serve_time_udp_epoll(int fd)
{
    control(EPOLL_CTL_ADD, fd, EPOLLIN, (epoll_data_t){.ptr = NULL});
    for (;;) {
        wait_for_events();
        while (answer_datagram(fd))
            ;
    }
}

/* ==================================================
 * chain
 */

static void chain_open(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++)
        control(EPOLL_CTL_ADD, fds[i], EPOLLIN, (epoll_data_t){.u64 = i});
}

static void chain_pass(void)
{
    const int count = wait_for_events();

    for (int i = 0; i < count; i++)
        chain_step((size_t)events[i].data.u64);
}

const struct contender contender = {
    .open = open_epoll,
    .about = about,
    .echo = serve_echo,
    .time = serve_time,
    .time_more = serve_time_more,
    .time_more_read = serve_time_more_read,
    .time_more_shut = serve_time_more_shut,
    .time_udp = serve_time_udp,
    .time_udp_epoll = serve_time_udp_epoll,
    .chain_open = chain_open,
    .chain_pass = chain_pass,
};
