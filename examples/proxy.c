/*
 * proxy.c - hands on what comes between its clients and another server; proxy.py is its twin.
 *
 *     cc -o proxy proxy.c $(pkg-config --cflags --libs asyncore)
 *     ./proxy LISTEN_PORT HOST PORT
 *
 * HOST is an IPv4 address.
 */
#include <arpa/inet.h>
#include <asyncore.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WAITING 65536 /* bytes that wait for one side before the other is heard no more */

/* class ProxyChannel(asyncore.dispatcher_with_send): */
struct proxy_channel {
    struct asyncore_dispatcher_with_send base; /* first member: a proxy_channel is one */
    struct proxy_channel *other;               /* the other side; NULL when it is gone */
    bool eof;                                  /* this side has sent all */
};

static const struct asyncore_class proxy_channel_class; /* a table, filled in below */

static int proxy_channel_init(struct proxy_channel *self, int sock, const struct sockaddr *addr,
                              socklen_t addrlen)
{
    if (self != NULL) {
        self->other = NULL;
        self->eof = false;
    }
    return asyncore_dispatcher_with_send_init((struct asyncore_dispatcher_with_send *)self,
                                              &proxy_channel_class, sock, addr, addrlen, NULL);
}

static bool proxy_channel_readable(struct asyncore_dispatcher *base)
{
    const struct proxy_channel *self = (struct proxy_channel *)base;

    /* With nobody to hear it, all is read and forgotten: this side may read only once heard. */
    if (self->other == NULL)
        return !self->eof;
    /* What the other side does not take is not read, so that TCP makes this one wait. */
    return !self->eof && asyncore_connected(&self->other->base.base) &&
           asyncore_out_buffer(&self->other->base) <= MAX_WAITING;
}

static int proxy_channel_handle_read(struct asyncore_dispatcher *base)
{
    const struct proxy_channel *self = (struct proxy_channel *)base;
    char data[8192];
    ssize_t n = asyncore_recv(base, data, sizeof data);

    if (n > 0 && self->other != NULL)
        n = asyncore_send(&self->other->base.base, data, (size_t)n);
    /* If the other side is gone (EPIPE), it has seen to this one. */
    return n < 0 && n != -EPIPE ? (int)n : 0;
}

/* Nothing more comes for this side: once all is sent, it is told. */
static int proxy_channel_finish(struct proxy_channel *self)
{
    if (asyncore_out_buffer(&self->base) > 0)
        return 0;
    if (self->eof)
        return asyncore_handle_close(&self->base.base);
    shutdown(asyncore_fileno(&self->base.base), SHUT_WR);
    return 0;
}

static int proxy_channel_handle_eof(struct asyncore_dispatcher *base)
{
    struct proxy_channel *self = (struct proxy_channel *)base;

    self->eof = true;
    return self->other != NULL ? proxy_channel_finish(self->other) : 0;
}

static int proxy_channel_handle_write(struct asyncore_dispatcher *base)
{
    struct proxy_channel *self = (struct proxy_channel *)base;
    int rc = asyncore_dispatcher_with_send_class.handle_write(base);

    if (self->other != NULL && self->other->eof)
        return proxy_channel_finish(self);
    return rc;
}

static int proxy_channel_handle_close(struct asyncore_dispatcher *base)
{
    struct proxy_channel *self = (struct proxy_channel *)base, *other = self->other;

    asyncore_close(base);
    self->other = NULL;
    if (other == NULL)
        return 0;
    other->other = NULL;
    return asyncore_close_when_done(&other->base); /* it still gets what came for it */
}

static int proxy_channel_handle_error(struct asyncore_dispatcher *self, int error)
{
    char message[256];

    snprintf(message, sizeof message, "connection dropped: %s", strerror(-error));
    asyncore_log(self, message);
    return asyncore_handle_close(self);
}

static void proxy_channel_destroy(struct asyncore_dispatcher *self)
{
    /* Not in Python, which frees what nobody uses any more. */
    asyncore_dispatcher_with_send_class.destroy(self);
    free(self);
}

static const struct asyncore_class proxy_channel_class = {
    .name = "proxy_channel",
    .super = &asyncore_dispatcher_with_send_class,
    .readable = proxy_channel_readable,
    .handle_read = proxy_channel_handle_read,
    .handle_eof = proxy_channel_handle_eof,
    .handle_write = proxy_channel_handle_write,
    .handle_close = proxy_channel_handle_close,
    .handle_error = proxy_channel_handle_error,
    .destroy = proxy_channel_destroy,
};

/* class ProxyServer(asyncore.dispatcher): */
struct proxy_server {
    struct asyncore_dispatcher base;
    struct sockaddr_in upstream; /* where its clients are connected to */
};

static const struct asyncore_class proxy_server_class;

static void proxy_server_init(struct proxy_server *self, int listen_port, const char *host,
                              int port)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)listen_port)};
    int rc;

    asyncore_init(&self->base, &proxy_server_class, -1, NULL);
    self->upstream = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, host, &self->upstream.sin_addr);
    if ((rc = asyncore_create_socket(&self->base, AF_INET, SOCK_STREAM)) < 0 ||
        (rc = asyncore_set_reuse_addr(&self->base)) < 0 ||
        (rc = asyncore_bind(&self->base, (const struct sockaddr *)&addr, sizeof addr)) < 0 ||
        (rc = asyncore_listen(&self->base, SOMAXCONN)) < 0) {
        fprintf(stderr, "bind 0.0.0.0:%d: %s (give another port as argument)\n", listen_port,
                strerror(-rc));
        exit(1);
    }
}

static int proxy_server_handle_accepted(struct asyncore_dispatcher *base, int sock,
                                        const struct sockaddr *addr, socklen_t addrlen)
{
    const struct proxy_server *self = (struct proxy_server *)base;
    struct proxy_channel *client = malloc(sizeof *client), *upstream = malloc(sizeof *upstream);
    /* If it fails, also for want of memory, it has closed sock. */
    int rc = proxy_channel_init(client, sock, addr, addrlen);

    if (rc < 0) {
        free(client);
        free(upstream);
        return rc;
    }
    if (upstream == NULL) {
        asyncore_close(&client->base.base);
        return -ENOMEM;
    }
    proxy_channel_init(upstream, -1, NULL, 0);
    client->other = upstream;
    upstream->other = client;
    if ((rc = asyncore_create_socket(&upstream->base.base, AF_INET, SOCK_STREAM)) < 0 ||
        (rc = asyncore_connect(&upstream->base.base, (const struct sockaddr *)&self->upstream,
                               sizeof self->upstream)) < 0)
        return asyncore_handle_error(&upstream->base.base, rc);
    return 0;
}

static const struct asyncore_class proxy_server_class = {
    .name = "proxy_server",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = proxy_server_handle_accepted,
};

static int is_address(const char *text)
{
    struct in_addr addr;

    return inet_pton(AF_INET, text, &addr) == 1;
}

static int parse_port(const char *text)
{
    const size_t digits = strspn(text, "0123456789");

    if (digits < 1 || digits > 5 || text[digits] != '\0' || atoi(text) > 65535)
        return -1;
    return atoi(text);
}

int main(int argc, char **argv)
{
    struct proxy_server server;
    struct sockaddr_storage addr;
    socklen_t addrlen;
    int rc;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc != 4 || parse_port(argv[1]) < 0 || !is_address(argv[2]) || parse_port(argv[3]) < 1) {
        fprintf(stderr, "usage: proxy LISTEN_PORT HOST PORT, an IPv4 address and numbers "
                        "up to 65535\n");
        return 2;
    }
    proxy_server_init(&server, parse_port(argv[1]), argv[2], parse_port(argv[3]));
    asyncore_getsockname(&server.base, &addr, &addrlen);
    printf("listening on port %d\n", ntohs(((struct sockaddr_in *)&addr)->sin_port));
    rc = asyncore_loop(30, NULL, -1);
    if (rc < 0)
        fprintf(stderr, "loop: %s\n", strerror(-rc));
    return rc < 0 ? 1 : 0;
}
