/* client.c - see client.h. */
#include "client.h"

#include <string.h>

static struct client *client(struct asyncore_dispatcher *self)
{
    return (struct client *)self;
}

static int client_handle_connect(struct asyncore_dispatcher *self)
{
    client(self)->connected = true;
    return 0;
}

static int client_handle_read(struct asyncore_dispatcher *self)
{
    const size_t room = sizeof client(self)->received - client(self)->length;
    const ssize_t n = asyncore_recv(self, client(self)->received + client(self)->length, room);

    if (n > 0)
        client(self)->length += (size_t)n;
    return n < 0 ? (int)n : 0;
}

static int client_handle_close(struct asyncore_dispatcher *self)
{
    client(self)->closed = true;
    told_otherwise();
    asyncore_close(self);
    return 0;
}

static int client_handle_error(struct asyncore_dispatcher *self, int error)
{
    client(self)->error = error;
    return client_handle_close(self);
}

static int client_handle_timeout(struct asyncore_dispatcher *self)
{
    client(self)->timed_out = true;
    return client_handle_close(self);
}

const struct asyncore_class client_class = {
    .name = "client",
    .super = &asyncore_dispatcher_with_send_class,
    .handle_connect = client_handle_connect,
    .handle_read = client_handle_read,
    .handle_close = client_handle_close,
    .handle_error = client_handle_error,
    .handle_timeout = client_handle_timeout,
};

int client_connect(struct client *self)
{
    const struct sockaddr_in peer = self->peer;
    int rc;

    memset(self, 0, sizeof *self);
    self->peer = peer;
    rc = asyncore_dispatcher_with_send_init(&self->base, &client_class, -1, NULL, 0, NULL);
    if (rc == 0)
        rc = asyncore_create_socket(&self->base.base, AF_INET, SOCK_STREAM);
    if (rc == 0)
        rc = asyncore_connect(&self->base.base, (const struct sockaddr *)&peer, sizeof peer);
    if (rc < 0)
        asyncore_close(&self->base.base);
    return rc;
}
