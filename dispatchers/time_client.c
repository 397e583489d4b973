/* time_client.c - the Time protocol's client, see time_client.h. */
#include "time_client.h"

#include "time_service.h"

#include <errno.h>

time_t time_client_nearest(uint32_t seconds, time_t now)
{
    return now + (int32_t)(seconds - (uint32_t)((uint64_t)now + TIME1970));
}

static void finish(struct time_client *client, int error)
{
    client->error = error;
    asyncore_close(&client->base); /* and time_client_destroy() reports */
}

static void time_client_destroy(struct asyncore_dispatcher *self)
{
    struct time_client *client = (struct time_client *)self;
    const unsigned char *a = client->answer;

    asyncore_cancel(&client->timeout);
    if (client->done != NULL)
        client->done(client, client->error,
                     (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3]);
}

static int time_client_handle_connect(struct asyncore_dispatcher *self)
{
    (void)self;
    return 0;
}

static int time_client_handle_read(struct asyncore_dispatcher *self)
{
    struct time_client *client = (struct time_client *)self;
    const size_t left = sizeof client->answer - client->received;
    const ssize_t n = asyncore_recv(self, client->answer + client->received, left);

    if (n <= 0) /* at the end handle_close has been called */
        return (int)n;
    client->received += (size_t)n;
    if ((size_t)n == left)
        finish(client, 0);
    return 0;
}

static int time_client_handle_close(struct asyncore_dispatcher *self)
{
    finish((struct time_client *)self, -EPROTO);
    return 0;
}

/* A server that resets once it has answered: the answer may still be there to be read. */
static int time_client_handle_error(struct asyncore_dispatcher *self, int error)
{
    struct time_client *client = (struct time_client *)self;
    const size_t left = sizeof client->answer - client->received;

    if (recv(asyncore_fileno(self), client->answer + client->received, left, MSG_DONTWAIT) ==
        (ssize_t)left)
        error = 0;
    finish(client, error);
    return 0;
}

static void time_client_expired(struct asyncore_timer *timeout)
{
    finish((struct time_client *)(void *)((char *)timeout - offsetof(struct time_client, timeout)),
           -ETIMEDOUT);
}

const struct asyncore_class time_client_class = {
    .name = "time_client",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never, /* there is nothing to write */
    .handle_connect = time_client_handle_connect,
    .handle_read = time_client_handle_read,
    .handle_close = time_client_handle_close,
    .handle_error = time_client_handle_error,
    .destroy = time_client_destroy,
};

int time_client_init(struct time_client *self, const struct asyncore_class *cls,
                     const struct sockaddr *addr, socklen_t addrlen, double timeout,
                     void (*done)(struct time_client *self, int error, uint32_t seconds),
                     struct asyncore_map *map)
{
    int rc;

    *self = (struct time_client){.error = -ECANCELED};
    rc = asyncore_init(&self->base, cls, -1, map);
    if (rc < 0)
        return rc;
    rc = asyncore_call_later(&self->timeout, timeout, time_client_expired, map);
    if (rc == 0)
        rc = asyncore_create_socket(&self->base, addr->sa_family, SOCK_STREAM);
    if (rc == 0)
        rc = asyncore_connect(&self->base, addr, addrlen);
    if (rc < 0)
        asyncore_close(&self->base);
    else
        self->done = done;
    return rc;
}
