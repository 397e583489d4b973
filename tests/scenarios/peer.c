/* peer.c - the other ends: plain blocking sockets and pipes, which never wait long. */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_TO_SEND = 200, PATIENCE_TO_RECV = 100 }; /* milliseconds */

static long long milliseconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

int peer_dial(struct world *world, const char *name, const struct sockaddr_in *addr)
{
    const struct timeval patience = {.tv_usec = PATIENCE_TO_SEND * 1000};
    const int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    int error = 0;

    without_delay(fd);
    must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience), "SO_SNDTIMEO");
    if (connect(fd, (const struct sockaddr *)addr, sizeof *addr) < 0)
        error = errno == EINPROGRESS ? ETIMEDOUT : errno;
    world_add_peer(world, name, fd, false);
    if (error != 0)
        peer_close(world_peer(world, name));
    return -error;
}

void peer_close(struct peer *peer)
{
    if (peer->fd >= 0)
        close(peer->fd);
    peer->fd = -1;
}

/* A pipe has no MSG_DONTWAIT and no MSG_NOSIGNAL.  The signal must not be ignored while the library
 * runs, which is to do without. */
static ssize_t write_some(const struct peer *peer, const unsigned char *bytes, size_t length)
{
    void (*before)(int);
    ssize_t n;
    int error;

    if (!peer->is_pipe)
        return send(peer->fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    fcntl(peer->fd, F_SETFL, O_NONBLOCK);
    before = signal(SIGPIPE, SIG_IGN);
    n = write(peer->fd, bytes, length);
    error = errno;
    signal(SIGPIPE, before);
    errno = error;
    return n;
}

static int peer_send(const struct peer *peer, const struct text *text)
{
    const long long end = milliseconds() + PATIENCE_TO_SEND;
    struct pollfd waiting = {.fd = peer->fd, .events = POLLOUT};
    size_t sent = 0;

    while (sent < text->length) {
        const ssize_t n = write_some(peer, text->bytes + sent, text->length - sent);
        const long long left = end - milliseconds();

        if (n >= 0)
            sent += (size_t)n;
        else if (errno != EAGAIN || left <= 0)
            return -errno;
        else
            poll(&waiting, 1, (int)left);
    }
    return 0;
}

static int peer_recv(const struct peer *peer, size_t size)
{
    struct pollfd waiting = {.fd = peer->fd, .events = POLLIN};
    unsigned char first[64], buffer[65536]; /* more than the first are only counted */
    const char *end = NULL;
    size_t length = 0;
    bool once = peer->is_pipe;

    while (length < size && end == NULL) {
        const size_t room = size - length < sizeof buffer ? size - length : sizeof buffer;
        const int ready = peer->fd >= 0 ? poll(&waiting, 1, PATIENCE_TO_RECV) : 1;
        const ssize_t n = ready > 0 ? read(peer->fd, buffer, room) : 0;

        if (n < 0)
            end = errno_name(errno);
        else if (n == 0)
            end = ready > 0 ? "eof" : "timeout";
        else if (length < sizeof first)
            memcpy(first + length, buffer,
                   (size_t)n < sizeof first - length ? (size_t)n : sizeof first - length);
        length += n > 0 ? (size_t)n : 0;
        if (once)
            break;
    }
    printf("  %s got ", peer->name);
    print_data(first, length);
    if (end != NULL && !peer->is_pipe)
        printf(" %s", end);
    putchar('\n');
    return 0;
}

static int peer_reset(struct peer *peer)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (setsockopt(peer->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0)
        return -errno;
    peer_close(peer);
    return 0;
}

int peer_command(struct peer *peer, const struct command *command)
{
    const struct text *text = &command->given.text;

    switch (command->order) {
    case PEER_SEND:
        return peer_send(peer, text);
    case PEER_RECV:
        return peer_recv(peer, (size_t)command->given.number);
    case PEER_SHUTDOWN:
        return shutdown(peer->fd, SHUT_WR) < 0 ? -errno : 0;
    case PEER_OOB:
        return send(peer->fd, text->bytes, text->length, MSG_OOB | MSG_NOSIGNAL) < 0 ? -errno : 0;
    case PEER_RESET:
        return peer_reset(peer);
    default:
        peer_close(peer);
        return 0;
    }
}
