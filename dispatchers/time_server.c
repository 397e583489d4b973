/* time_server.c - the Time protocol's server, see time_server.h. */
#include "time_server.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void time_server_bytes(time_t now, unsigned char bytes[4])
{
    const uint32_t seconds = (uint32_t)((uint64_t)now + TIME1970);

    bytes[0] = (unsigned char)(seconds >> 24);
    bytes[1] = (unsigned char)(seconds >> 16);
    bytes[2] = (unsigned char)(seconds >> 8);
    bytes[3] = (unsigned char)seconds;
}

/* ==================================================
 * the channel
 */

/* A close with input unread is a reset, and a reset may overtake the answer.  So what the client
 * has sent is read and forgotten; one that sends faster than it is read is not waited for. */
static void discard_input(int fd)
{
    char input[16384];
    int tries = 16;

    while (tries-- > 0 && recv(fd, input, sizeof input, MSG_DONTWAIT) == (ssize_t)sizeof input)
        ;
}

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
    if ((size_t)n == left) {
        discard_input(asyncore_fileno(self));
        return asyncore_close(self);
    }
    if (asyncore_fileno(self) < 0 || channel->deadline.target != NULL)
        return 0;
    return asyncore_call_later(&channel->deadline, 2, time_channel_expired, asyncore_get_map(self));
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
                     socklen_t addrlen, time_t now, struct asyncore_map *map)
{
    struct time_channel *channel = calloc(1, sizeof *channel);
    int rc;

    if (channel == NULL) {
        close(fd);
        return -ENOMEM;
    }
    rc = asyncore_init_accepted(&channel->base, cls, fd, addr, addrlen, map);
    if (rc < 0) {
        free(channel);
        return rc;
    }
    time_server_bytes(now, channel->answer);
    /* A connection just accepted can be written: there is no need to ask the poller. */
    return asyncore_write(&channel->base);
}

/* ==================================================
 * the listener
 */

static int system_clock(struct timespec *now)
{
    /* time() may still give the second that has just ended. */
    return clock_gettime(CLOCK_REALTIME, now);
}

static int time_server_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                       const struct sockaddr *addr, socklen_t addrlen)
{
    struct time_server *server = (struct time_server *)self;
    struct timespec now;

    if (server->clock(&now) < 0) {
        close(fd);
        return 0;
    }
    return time_channel_new(&time_channel_class, fd, addr, addrlen, now.tv_sec,
                            asyncore_get_map(self));
}

const struct asyncore_class time_server_class = {
    .name = "time_server",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_accepted = time_server_handle_accepted,
};

static int begin_to_listen(struct asyncore_dispatcher *self, const struct sockaddr *addr,
                           socklen_t addrlen)
{
    const int on = 1;
    int rc = asyncore_create_socket(self, addr->sa_family, SOCK_STREAM);

    if (rc < 0)
        return rc;
    if (addr->sa_family == AF_INET6 &&
        setsockopt(asyncore_fileno(self), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
        return -errno;
    rc = asyncore_set_reuse_addr(self);
    if (rc == 0)
        rc = asyncore_bind(self, addr, addrlen);
    if (rc == 0)
        rc = asyncore_listen(self, SOMAXCONN);
    return rc;
}

int time_server_init(struct time_server *self, const struct asyncore_class *cls,
                     const struct sockaddr *addr, socklen_t addrlen, struct asyncore_map *map)
{
    int rc = asyncore_init(&self->base, cls, -1, map);

    if (rc < 0)
        return rc;
    self->clock = system_clock;
    rc = begin_to_listen(&self->base, addr, addrlen);
    if (rc < 0)
        asyncore_close(&self->base);
    return rc;
}

int time_server_init_socket(struct time_server *self, const struct asyncore_class *cls, int fd,
                            struct asyncore_map *map)
{
    int rc = asyncore_init(&self->base, cls, fd, map);

    if (rc < 0)
        return rc;
    self->clock = system_clock;
    rc = asyncore_listen(&self->base, SOMAXCONN);
    if (rc < 0)
        asyncore_close(&self->base);
    return rc;
}
