/*
 * serve.h - what the servers do that have their sockets to themselves.  Inline, for in a loop
 * written by hand it would be.
 */
#ifndef SERVE_H
#define SERVE_H

#include <arpa/inet.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 16384 }; /* bytes that one read takes at most, of all contenders */

/* What a peer has not taken yet. */
struct rest {
    char *data; /* NULL: nothing */
    size_t start, size;
};

enum echoed { ALL_SENT, SOME_LEFT, ENDED };

void rest_keep(struct rest *rest, const char *data, size_t size);
void rest_drop(struct rest *rest);
enum echoed rest_send(int fd, struct rest *rest);

/* Reads once and sends that back. */
static inline enum echoed echo(int fd, struct rest *rest)
{
    char buffer[READ_SIZE];
    const ssize_t size = recv(fd, buffer, sizeof buffer, 0);
    ssize_t sent;

    if (size <= 0)
        return size < 0 && (errno == EAGAIN || errno == EINTR) ? ALL_SENT : ENDED;
    sent = send(fd, buffer, (size_t)size, MSG_NOSIGNAL);
    if (sent == size)
        return ALL_SENT;
    if (sent < 0 && errno != EAGAIN && errno != EINTR)
        return ENDED;
    if (sent < 0)
        sent = 0;
    rest_keep(rest, buffer + sent, (size_t)(size - sent));
    return SOME_LEFT;
}

/* The time by RFC 868. */
static inline uint32_t time_bytes(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return htonl((uint32_t)((uint64_t)now.tv_sec + 2208988800U));
}

/* Four bytes always fit.  Should the client be gone there is nobody to tell. */
static inline void tell_time(int fd)
{
    const uint32_t bytes = time_bytes();

    (void)send(fd, &bytes, sizeof bytes, MSG_NOSIGNAL);
}

#endif
