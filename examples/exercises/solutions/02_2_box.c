/*
 * 2.2 Fill in: the two questions of a box.
 *
 * An echo with room for one piece: what has come is in the box until it is sent back.  handle_read
 * overwrites what is in there, and handle_write has nothing to send when it is empty.  So: when may each of them
 * be called?
 */
#include "exercise.h"

struct channel {
    struct asyncore_dispatcher base;
    char box[64];
    size_t sent, size; /* of what is in the box */
};

static bool is_empty(const struct asyncore_dispatcher *base)
{
    const struct channel *self = (const struct channel *)base;

    return self->sent == self->size;
}

static bool channel_readable(struct asyncore_dispatcher *base)
{
    return is_empty(base);
}

static bool channel_writable(struct asyncore_dispatcher *base)
{
    return !is_empty(base);
}

static int channel_handle_read(struct asyncore_dispatcher *base)
{
    struct channel *self = (struct channel *)base;
    ssize_t n = asyncore_recv(base, self->box, sizeof self->box);

    if (n < 0)
        return (int)n;
    self->sent = 0;
    self->size = (size_t)n;
    return 0;
}

static int channel_handle_write(struct asyncore_dispatcher *base)
{
    struct channel *self = (struct channel *)base;
    ssize_t n = asyncore_send(base, self->box + self->sent, self->size - self->sent);

    if (n > 0)
        self->sent += (size_t)n;
    return n < 0 ? (int)n : 0;
}

static void channel_destroy(struct asyncore_dispatcher *self)
{
    free(self);
}

static const struct asyncore_class channel_class = {
    .name = "channel",
    .super = &asyncore_dispatcher_class,
    .readable = channel_readable,
    .writable = channel_writable,
    .handle_read = channel_handle_read,
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

    return serve(&server, &server_class, SOCK_STREAM);
}
