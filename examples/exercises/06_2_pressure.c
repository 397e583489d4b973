/*
 * 6.2 Fill in: readable() of an echo channel.
 *
 * The echo is right, and one client that sends and never reads fills the memory with what waits for him.
 * readable() must make him wait: not more than MAX_WAITING bytes are kept before he is heard no more.
 */
#include "exercise.h"

#define MAX_WAITING 65536

struct echo_channel {
    struct asyncore_dispatcher_with_send base;
    bool eof; /* the client has sent all */
};

static bool echo_channel_readable(struct asyncore_dispatcher *base)
{
    const struct echo_channel *self = (struct echo_channel *)base;

    return !self->eof; /* FILL IN: asyncore_out_buffer() says how much waits */
}

static int echo_channel_handle_read(struct asyncore_dispatcher *self)
{
    char data[8192];
    ssize_t n = asyncore_recv(self, data, sizeof data);

    if (n > 0)
        n = asyncore_send(self, data, (size_t)n);
    return n < 0 ? (int)n : 0;
}

static int echo_channel_handle_eof(struct asyncore_dispatcher *base)
{
    struct echo_channel *self = (struct echo_channel *)base;

    self->eof = true;
    return asyncore_close_when_done(&self->base);
}

static void echo_channel_destroy(struct asyncore_dispatcher *self)
{
    asyncore_dispatcher_with_send_class.destroy(self);
    free(self);
}

static const struct asyncore_class echo_channel_class = {
    .name = "echo_channel",
    .super = &asyncore_dispatcher_with_send_class,
    .readable = echo_channel_readable,
    .handle_read = echo_channel_handle_read,
    .handle_eof = echo_channel_handle_eof,
    .destroy = echo_channel_destroy,
};

static int server_handle_accepted(struct asyncore_dispatcher *self, int sock,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    struct echo_channel *channel = calloc(1, sizeof *channel);
    int rc = asyncore_dispatcher_with_send_init((struct asyncore_dispatcher_with_send *)channel,
                                                &echo_channel_class, sock, addr, addrlen, NULL);

    (void)self;
    if (rc < 0)
        free(channel);
    return rc;
}

static const struct asyncore_class server_class = {
    .name = "server",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = server_handle_accepted,
};

int main(void)
{
    struct asyncore_dispatcher server;

    return serve(&server, &server_class, SOCK_STREAM);
}
