/*
 * 3.2 Fill in: handle_accepted.
 *
 * The channel is there: it says hello, and closes.  What is missing is the method of the listener that makes
 * one for each connection.  The descriptor is that method's, also when it fails.
 */
#include "exercise.h"

static int channel_handle_write(struct asyncore_dispatcher *self)
{
    /* A new connection always has room for six bytes. */
    asyncore_send(self, "hello\n", 6);
    return asyncore_close(self);
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

static int greeter_handle_accepted(struct asyncore_dispatcher *self, int sock,
                                   const struct sockaddr *addr, socklen_t addrlen)
{
    (void)self;
    (void)sock;
    (void)addr;
    (void)addrlen;
    (void)channel_class;
    return 0; /* FILL IN */
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
