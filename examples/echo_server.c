/*
 * echo_server.c - sends back what it is sent; echo_server.py is its twin.
 *
 *     cc -o echo_server echo_server.c $(pkg-config --cflags --libs asyncore)
 *     ./echo_server [--port N] [--poller NAME]
 */
#include <arpa/inet.h>
#include <asyncore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 8007         /* the protocol's own is 7, which only root may take */
#define MAX_WAITING 65536 /* bytes that wait for a client before it is heard no more */

/* class EchoChannel(asyncore.dispatcher_with_send): */
struct echo_channel {
    struct asyncore_dispatcher_with_send base; /* first member: an echo_channel is one */
    bool eof;                                  /* the client has sent all */
};

static const struct asyncore_class echo_channel_class; /* a table, filled in below */

static int echo_channel_init(struct echo_channel *self, int sock, const struct sockaddr *addr,
                             socklen_t addrlen)
{
    if (self != NULL)
        self->eof = false;
    return asyncore_dispatcher_with_send_init((struct asyncore_dispatcher_with_send *)self,
                                              &echo_channel_class, sock, addr, addrlen, NULL);
}

static bool echo_channel_readable(struct asyncore_dispatcher *base)
{
    const struct echo_channel *self = (struct echo_channel *)base;

    /* Who floods and does not read is not read either, so that TCP makes it wait. */
    return !self->eof && asyncore_out_buffer(&self->base) <= MAX_WAITING;
}

static int echo_channel_handle_read(struct asyncore_dispatcher *self)
{
    char data[8192];
    ssize_t n = asyncore_recv(self, data, sizeof data);

    if (n > 0)
        n = asyncore_send(self, data, (size_t)n);
    return n < 0 ? (int)n : 0;
}

static int echo_channel_handle_eof(struct asyncore_dispatcher *base)
{
    struct echo_channel *self = (struct echo_channel *)base;

    /* It may still read, and gets all that it has sent. */
    self->eof = true;
    return asyncore_close_when_done(&self->base);
}

static void echo_channel_destroy(struct asyncore_dispatcher *self)
{
    /* Not in Python, which frees what nobody uses any more. */
    asyncore_dispatcher_with_send_class.destroy(self);
    free(self);
}

static const struct asyncore_class echo_channel_class = {
    .name = "echo_channel",
    .super = &asyncore_dispatcher_with_send_class,
    .readable = echo_channel_readable,
    .handle_read = echo_channel_handle_read,
    .handle_eof = echo_channel_handle_eof,
    .destroy = echo_channel_destroy,
};

/* class EchoServer(asyncore.dispatcher): */
static const struct asyncore_class echo_server_class;

static void echo_server_init(struct asyncore_dispatcher *self, int port)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int rc;

    asyncore_init(self, &echo_server_class, -1, NULL);
    if ((rc = asyncore_create_socket(self, AF_INET, SOCK_STREAM)) < 0 ||
        (rc = asyncore_set_reuse_addr(self)) < 0 ||
        (rc = asyncore_bind(self, (const struct sockaddr *)&addr, sizeof addr)) < 0 ||
        (rc = asyncore_listen(self, SOMAXCONN)) < 0) {
        fprintf(stderr, "bind 0.0.0.0:%d: %s (give another with --port)\n", port, strerror(-rc));
        exit(1);
    }
}

static int echo_server_handle_accepted(struct asyncore_dispatcher *self, int sock,
                                       const struct sockaddr *addr, socklen_t addrlen)
{
    struct echo_channel *channel = malloc(sizeof *channel);
    /* If it fails, also for want of memory, it has closed sock. */
    int rc = echo_channel_init(channel, sock, addr, addrlen);

    (void)self;
    if (rc < 0)
        free(channel);
    return rc;
}

static const struct asyncore_class echo_server_class = {
    .name = "echo_server",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = echo_server_handle_accepted,
};

static int parse_port(const char *text)
{
    const size_t digits = strspn(text, "0123456789");

    if (digits < 1 || digits > 5 || text[digits] != '\0' || atoi(text) > 65535)
        return -1;
    return atoi(text);
}

int main(int argc, char **argv)
{
    const char *poller = NULL;
    int port = PORT, i, rc;
    struct asyncore_dispatcher server;
    struct sockaddr_storage addr;
    socklen_t addrlen;

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (i = 1; i + 1 < argc && port >= 0; i += 2) {
        if (strcmp(argv[i], "--port") == 0)
            port = parse_port(argv[i + 1]);
        else if (strcmp(argv[i], "--poller") == 0)
            poller = argv[i + 1];
        else
            port = -1;
    }
    if (i < argc || port < 0) {
        fprintf(stderr, "usage: echo_server [--port N] [--poller NAME], N from 0 to 65535\n");
        return 2;
    }
    if (asyncore_map_set_poller(NULL, poller) < 0) /* which has said what there is */
        return 2;
    echo_server_init(&server, port);
    asyncore_getsockname(&server, &addr, &addrlen);
    printf("listening on port %d\n", ntohs(((struct sockaddr_in *)&addr)->sin_port));
    rc = asyncore_loop(30, NULL, -1);
    if (rc < 0)
        fprintf(stderr, "loop: %s\n", strerror(-rc));
    return rc < 0 ? 1 : 0;
}
