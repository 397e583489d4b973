/*
 * 10.2 Fill in: ending in good order.
 *
 * SIGTERM should not end this echo server like a light: nobody is let in any more, those who are here are
 * served until they go, and then the loop ends by itself, and the program with exit status 0.
 */
#include "exercise.h"
#include <signal.h>

static struct asyncore_dispatcher server;

/* Called by the loop when SIGTERM has come. */
static void end(struct asyncore_signal_handler *self)
{
    (void)self; /* FILL IN */
}

static int echo_channel_handle_read(struct asyncore_dispatcher *self)
{
    char data[4096];
    ssize_t n = asyncore_recv(self, data, sizeof data);

    if (n > 0)
        n = asyncore_send(self, data, (size_t)n);
    return n < 0 ? (int)n : 0;
}

static bool echo_channel_readable(struct asyncore_dispatcher *self)
{
    return asyncore_out_buffer((struct asyncore_dispatcher_with_send *)self) <= 65536;
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
    .destroy = echo_channel_destroy,
};

static int server_handle_accepted(struct asyncore_dispatcher *self, int sock,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    struct asyncore_dispatcher_with_send *channel = calloc(1, sizeof *channel);
    int rc =
        asyncore_dispatcher_with_send_init(channel, &echo_channel_class, sock, addr, addrlen, NULL);

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
    static struct asyncore_signal_handler term;

    asyncore_add_signal_handler(&term, SIGTERM, end, NULL);
    return serve(&server, &server_class, SOCK_STREAM);
}
