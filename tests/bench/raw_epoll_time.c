/*
 * raw_epoll_time.c - the least that a Time server on epoll can do: accept, send, close, written by
 * hand.  What the library costs is what its time server needs more than this.
 */
#define _GNU_SOURCE /* accept4 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: raw_epoll_time [--more]\n"
    "\n"
    "Serves the time by RFC 868 on a port of 127.0.0.1 that the system chooses, and prints the "
    "port.\n"
    "SIGTERM ends it.\n"
    "\n"
    "  --more  four bytes and the end in one segment: send(MSG_MORE), shutdown, close\n";

static int must(int result, const char *call)
{
    if (result < 0) {
        perror(call);
        exit(EXIT_FAILURE);
    }
    return result;
}

static int listen_on_loopback(void)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET,
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    socklen_t addrlen = sizeof addr;
    const int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");

    must(bind(fd, (struct sockaddr *)&addr, addrlen), "bind");
    must(listen(fd, SOMAXCONN), "listen");
    must(getsockname(fd, (struct sockaddr *)&addr, &addrlen), "getsockname");
    printf("%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    return fd;
}

static void answer(int fd, bool more)
{
    struct timespec now;
    uint32_t bytes;

    clock_gettime(CLOCK_REALTIME, &now);
    bytes = htonl((uint32_t)((uint64_t)now.tv_sec + 2208988800U));
    /* Four bytes always fit.  Should the client be gone there is nobody to tell. */
    (void)send(fd, &bytes, sizeof bytes, MSG_NOSIGNAL | (more ? MSG_MORE : 0));
    if (more)
        shutdown(fd, SHUT_WR);
    close(fd);
}

static void answer_all(int listener, bool more)
{
    for (;;) {
        const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            answer(fd, more);
        else if (errno == EAGAIN)
            return;
        else if (errno != ECONNABORTED && errno != EINTR)
            must(fd, "accept4");
    }
}

int main(int argc, char **argv)
{
    const bool more = argc == 2 && strcmp(argv[1], "--more") == 0;
    struct epoll_event event = {.events = EPOLLIN};
    int listener, epoll;

    if (argc > 1 && !more) {
        fputs(usage, stderr);
        return 2;
    }
    listener = listen_on_loopback();
    epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    must(epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event), "epoll_ctl");
    for (;;) {
        if (epoll_wait(epoll, &event, 1, -1) > 0)
            answer_all(listener, more);
        else if (errno != EINTR)
            must(-1, "epoll_wait");
    }
}
