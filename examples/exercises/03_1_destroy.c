/*
 * 3.1 Fix: the channel that is freed under its own feet.
 *
 * It counts what a client sends, and says at the end how much it was.  But the end is met in the middle of
 * handle_read, which goes on with memory that is free by then.  When may it be freed, and who says so?
 */
#include "exercise.h"

struct channel {
    struct asyncore_dispatcher base;
    size_t received;
};

static int channel_handle_read(struct asyncore_dispatcher *base)
{
    struct channel *self = (struct channel *)base;
    char data[4096];
    ssize_t n = asyncore_recv(base, data, sizeof data); /* at the end it calls handle_close */

    if (n < 0)
        return (int)n;
    self->received += (size_t)n;
    return 0;
}

static int channel_handle_close(struct asyncore_dispatcher *base)
{
    struct channel *self = (struct channel *)base;

    printf("%zu bytes\n", self->received);
    asyncore_close(base);
    free(self);
    return 0;
}

static const struct asyncore_class channel_class = {
    .name = "channel",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_read = channel_handle_read,
    .handle_close = channel_handle_close,
};

static int counter_handle_accepted(struct asyncore_dispatcher *self, int sock,
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

static const struct asyncore_class counter_class = {
    .name = "counter",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = counter_handle_accepted,
};

int main(void)
{
    struct asyncore_dispatcher counter;

    return serve(&counter, &counter_class, SOCK_STREAM);
}
