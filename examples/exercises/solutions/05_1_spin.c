/*
 * 5.1 Fix: the server that never sleeps.
 *
 * It greets whoever comes, and waits until he goes.  While anybody is there it takes all of a processor.
 * ASYNCORE_TRACE=lint says why.  Repair the channel: one method is missing.
 */
#include "exercise.h"

static const char greeting[] = "hello\n";

struct channel {
    struct asyncore_dispatcher base;
    size_t sent; /* of the greeting */
};

static bool channel_writable(struct asyncore_dispatcher *base)
{
    return ((struct channel *)base)->sent < strlen(greeting);
}

static int channel_handle_write(struct asyncore_dispatcher *base)
{
    struct channel *self = (struct channel *)base;
    ssize_t n = asyncore_send(base, greeting + self->sent, strlen(greeting) - self->sent);

    if (n < 0)
        return (int)n;
    self->sent += (size_t)n;
    return 0;
}

static int channel_handle_read(struct asyncore_dispatcher *self)
{
    char data[4096]; /* of no interest; at the end the default of handle_close closes */
    ssize_t n = asyncore_recv(self, data, sizeof data);

    return n < 0 ? (int)n : 0;
}

static void channel_destroy(struct asyncore_dispatcher *self)
{
    free(self);
}

static const struct asyncore_class channel_class = {
    .name = "channel",
    .super = &asyncore_dispatcher_class,
    .writable = channel_writable,
    .handle_read = channel_handle_read,
    .handle_write = channel_handle_write,
    .destroy = channel_destroy,
};

static int greeter_handle_accepted(struct asyncore_dispatcher *self, int sock,
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

static const struct asyncore_class greeter_class = {
    .name = "greeter",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = greeter_handle_accepted,
};

int main(void)
{
    struct asyncore_dispatcher greeter;

    return serve(&greeter, &greeter_class, SOCK_STREAM);
}
