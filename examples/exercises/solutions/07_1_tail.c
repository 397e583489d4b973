/*
 * 7.1 Fix: the answer that loses its tail.
 *
 * For each byte that a client sends, the server answers with two thousand of the kind.  A client that says
 * "that was all" (a half-close) and then reads, does not get all of its answer.  Repair the channel.
 */
#include "exercise.h"

#define TIMES 2000
#define MAX_WAITING 65536

struct channel {
    struct asyncore_dispatcher_with_send base;
    bool eof; /* the client has sent all */
};

static bool channel_readable(struct asyncore_dispatcher *base)
{
    const struct channel *self = (struct channel *)base;

    return !self->eof && asyncore_out_buffer(&self->base) <= MAX_WAITING;
}

static int channel_handle_read(struct asyncore_dispatcher *self)
{
    char data[4096], answer[TIMES];
    ssize_t n = asyncore_recv(self, data, sizeof data), sent = 0;

    for (ssize_t i = 0; i < n && sent >= 0; i++) {
        memset(answer, data[i], sizeof answer);
        sent = asyncore_send(self, answer, sizeof answer);
    }
    return (int)(n < 0 ? n : sent);
}

static int channel_handle_eof(struct asyncore_dispatcher *base)
{
    struct channel *self = (struct channel *)base;

    self->eof = true; /* which stays readable for ever */
    return asyncore_close_when_done(&self->base);
}

static void channel_destroy(struct asyncore_dispatcher *self)
{
    asyncore_dispatcher_with_send_class.destroy(self);
    free(self);
}

static const struct asyncore_class channel_class = {
    .name = "channel",
    .super = &asyncore_dispatcher_with_send_class,
    .readable = channel_readable,
    .handle_read = channel_handle_read,
    .handle_eof = channel_handle_eof,
    .destroy = channel_destroy,
};

static int server_handle_accepted(struct asyncore_dispatcher *self, int sock,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    struct channel *channel = calloc(1, sizeof *channel);
    int rc = asyncore_dispatcher_with_send_init((struct asyncore_dispatcher_with_send *)channel,
                                                &channel_class, sock, addr, addrlen, NULL);

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
