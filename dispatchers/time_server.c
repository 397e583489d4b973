/* time_server.c - the Time protocol's server over TCP, see time_server.h. */
#include "time_server.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/eventfd.h>
#endif

/* A close with input unread is a reset, and a reset may overtake the answer.  So what the client
 * has sent is read and forgotten; one that sends faster than it is read is not waited for. */
static void discard_input(int fd)
{
    char input[4096];
    int tries = 64;

    while (tries-- > 0 && recv(fd, input, sizeof input, MSG_DONTWAIT) == (ssize_t)sizeof input)
        ;
}

/* ==================================================
 * the channel
 */

static void time_channel_expired(struct asyncore_timer *deadline)
{
    struct time_channel *channel =
        (struct time_channel *)(void *)((char *)deadline - offsetof(struct time_channel, deadline));

    asyncore_close(&channel->base);
}

static int time_channel_handle_write(struct asyncore_dispatcher *self)
{
    struct time_channel *channel = (struct time_channel *)self;
    const size_t left = sizeof channel->answer - channel->sent;
    const ssize_t n = asyncore_send_last(self, channel->answer + channel->sent, left);

    if (n < 0)
        return (int)n;
    channel->sent += (size_t)n;
    if ((size_t)n < left)
        return 0;
    discard_input(asyncore_fileno(self));
    return asyncore_close(self);
}

static void time_channel_destroy(struct asyncore_dispatcher *self)
{
    struct time_channel *channel = (struct time_channel *)self;

    asyncore_cancel(&channel->deadline);
    free(channel);
}

const struct asyncore_class time_channel_class = {
    .name = "time_channel",
    .super = &asyncore_dispatcher_class,
    .readable = asyncore_never,
    .handle_write = time_channel_handle_write,
    .destroy = time_channel_destroy,
};

int time_channel_new(const struct asyncore_class *cls, int fd, const struct sockaddr *addr,
                     socklen_t addrlen, const unsigned char answer[4], size_t sent,
                     struct asyncore_map *map)
{
    struct time_channel *channel = calloc(1, sizeof *channel);
    int rc =
        asyncore_init_accepted((struct asyncore_dispatcher *)channel, cls, fd, addr, addrlen, map);

    if (rc < 0) {
        free(channel);
        return rc;
    }
    memcpy(channel->answer, answer, sizeof channel->answer);
    channel->sent = sent;
    rc = asyncore_call_later(&channel->deadline, 2, time_channel_expired, map);
    if (rc < 0)
        asyncore_close(&channel->base);
    return rc;
}

/* ==================================================
 * the listener answers
 */

/* Before it was answered: nobody's mistake. */
static bool has_gone(ssize_t error)
{
    return error == -EPIPE || error == -ECONNRESET || error == -ETIMEDOUT ||
           error == -EHOSTUNREACH || error == -ENETUNREACH;
}

/* Nearly always the connection is over before it could be anybody's. */
static int answer(struct time_server *self, int fd, const struct sockaddr *addr, socklen_t addrlen,
                  time_t now, enum time_outcome *outcome)
{
    unsigned char bytes[4];
    ssize_t n;

    time_service_bytes(now, bytes);
    n = asyncore_accepted_send_last(&self->base, fd, bytes, sizeof bytes);
    if (n >= 0 && n < (ssize_t)sizeof bytes) {
        *outcome = TIME_LATER;
        return time_channel_new(&time_channel_class, fd, addr, addrlen, bytes, (size_t)n,
                                asyncore_get_map(&self->base));
    }
    *outcome = n < 0 ? TIME_UNSENT : TIME_ANSWERED;
    if (n > 0)
        discard_input(fd);
    close(fd);
    return n > 0 || has_gone(n) ? 0 : (int)n;
}

/* Without a word, and without leaving anything behind that the system would keep for a minute. */
static void reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

static int time_server_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                       const struct sockaddr *addr, socklen_t addrlen)
{
    struct time_server *server = (struct time_server *)self;
    struct time_service *service = &server->service;
    enum time_outcome outcome;
    struct timespec now;
    int rc = 0;

    if (!time_service_admits(service, addr)) {
        outcome = TIME_LIMITED;
        reset(fd);
    } else if (service->clock(&now) < 0) {
        outcome = TIME_UNKNOWN;
        close(fd);
    } else {
        rc = answer(server, fd, addr, addrlen, now.tv_sec, &outcome);
    }
    time_service_note(service, addr, addrlen, outcome);
    return rc;
}

/* ==================================================
 * a descriptor to spare
 */

/* One that can be had again without a path; where there is an eventfd, of a file of its own, which helps
 * also when it is the system that has no file left. */
static int open_spare(int listener)
{
#ifdef __linux__
    (void)listener;
    return eventfd(0, EFD_CLOEXEC);
#else
    return fcntl(listener, F_DUPFD_CLOEXEC, 0);
#endif
}

static void keep_spare(struct time_server *server)
{
    if (server->spare < 0)
        server->spare = open_spare(asyncore_fileno(&server->base));
}

static void give_spare(struct time_server *server)
{
    if (server->spare >= 0)
        close(server->spare);
    server->spare = -1;
}

static int time_server_handle_accept(struct asyncore_dispatcher *self)
{
    struct time_server *server = (struct time_server *)self;
    int rc = asyncore_accept_many(self);

    if (rc == -EMFILE || rc == -ENFILE) {
        server->starved++;
        give_spare(server);
        rc = asyncore_accept_many(self);
    }
    keep_spare(server);
    return rc;
}

static void time_server_destroy(struct asyncore_dispatcher *self)
{
    give_spare((struct time_server *)self);
}

const struct asyncore_class time_server_class = {
    .name = "time_server",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_accept = time_server_handle_accept,
    .handle_accepted = time_server_handle_accepted,
    .destroy = time_server_destroy,
};

/* ==================================================
 * its beginning
 */

static int begin(struct time_server *self, const struct asyncore_class *cls, int fd,
                 struct asyncore_map *map)
{
    time_service_init(&self->service);
    self->spare = -1;
    self->starved = 0;
    return asyncore_init(&self->base, cls, fd, map);
}

static int begin_to_listen(struct time_server *self)
{
    const int rc = asyncore_listen(&self->base, TIME_BACKLOG);

    if (rc == 0)
        keep_spare(self);
    return rc;
}

int time_server_init(struct time_server *self, const struct asyncore_class *cls,
                     const struct sockaddr *addr, socklen_t addrlen, struct asyncore_map *map)
{
    int rc = begin(self, cls, -1, map);

    if (rc < 0)
        return rc;
    rc = time_service_bind(&self->base, SOCK_STREAM, addr, addrlen);
    if (rc == 0)
        rc = begin_to_listen(self);
    if (rc < 0)
        asyncore_close(&self->base);
    return rc;
}

int time_server_init_socket(struct time_server *self, const struct asyncore_class *cls, int fd,
                            struct asyncore_map *map)
{
    int rc = begin(self, cls, fd, map);

    if (rc < 0)
        return rc;
    rc = begin_to_listen(self);
    if (rc < 0)
        asyncore_close(&self->base);
    return rc;
}
