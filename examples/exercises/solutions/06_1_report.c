/*
 * 6.1 Fix: the report that ends in the middle.
 *
 * Whoever comes gets a report of eight megabytes.  On the machine of its author he gets all of it; over a
 * slow line the end is missing, and nobody is told.  Repair the channel, and hold up nobody meanwhile.
 */
#include "exercise.h"

static char report[8000000];

struct channel {
    struct asyncore_dispatcher base;
    size_t sent;
};

static int channel_handle_write(struct asyncore_dispatcher *base)
{
    struct channel *self = (struct channel *)base;
    ssize_t n = asyncore_send(base, report + self->sent, sizeof report - self->sent);

    if (n < 0)
        return (int)n;
    self->sent += (size_t)n;
    /* What was not taken is sent when there is room: handle_write is called again. */
    return self->sent < sizeof report ? 0 : asyncore_close(base);
}

static void channel_destroy(struct asyncore_dispatcher *self)
{
    free(self);
}

static const struct asyncore_class channel_class = {
    .name = "channel",
    .super = &asyncore_dispatcher_class,
    .readable = asyncore_never,
    .handle_write = channel_handle_write,
    .destroy = channel_destroy,
};

static int server_handle_accepted(struct asyncore_dispatcher *self, int sock,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    struct channel *channel = calloc(1, sizeof *channel);
    int rc = asyncore_init_accepted((struct asyncore_dispatcher *)channel, &channel_class, sock,
                                    addr, addrlen, NULL);

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

    for (size_t i = 0; i < sizeof report; i++)
        report[i] = (char)('a' + i % 26);
    return serve(&server, &server_class, SOCK_STREAM);
}
