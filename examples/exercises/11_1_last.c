/*
 * 11.1 Fix: the last descriptor.
 *
 * An echo server with a handle_accept of its own.  When there is no descriptor left, and one more client waits,
 * it takes all of a processor.  Which call of the library's would have it pause, and serve those who wait
 * later?  Repair handle_accept.
 */
#include "exercise.h"

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

static int server_handle_accept(struct asyncore_dispatcher *self)
{
    struct asyncore_dispatcher_with_send *channel;
    int sock = accept(asyncore_fileno(self), NULL, NULL), rc;

    if (sock < 0)
        return 0; /* the client is gone */
    channel = calloc(1, sizeof *channel);
    rc = asyncore_dispatcher_with_send_init(channel, &echo_channel_class, sock, NULL, 0, NULL);
    if (rc < 0)
        free(channel);
    return rc;
}

static const struct asyncore_class server_class = {
    .name = "server",
    .super = &asyncore_dispatcher_class,
    .handle_accept = server_handle_accept,
};

int main(void)
{
    struct asyncore_dispatcher server;

    return serve(&server, &server_class, SOCK_STREAM);
}
