/*
 * asyncore_example_2.c - a time server (RFC 868); asyncore_example_2.py is its twin.
 *
 *     cc -o asyncore_example_2 asyncore_example_2.c $(pkg-config --cflags --libs asyncore)
 *     ./asyncore_example_2 [PORT]
 */
#include <arpa/inet.h>
#include <asyncore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PORT 8037            /* the protocol's own is 37, which only root may take */
#define TIME1970 2208988800U /* seconds from 1900, where the protocol begins to count, to 1970 */

/* class TimeChannel(asyncore.dispatcher): */
static int time_channel_handle_write(struct asyncore_dispatcher *self)
{
    const uint32_t t = htonl((uint32_t)(time(NULL) + TIME1970));

    /* A new connection always has room for four bytes. */
    asyncore_send(self, &t, sizeof t);
    return asyncore_close(self);
}

static void time_channel_destroy(struct asyncore_dispatcher *self)
{
    /* Not in Python, which frees what nobody uses any more. */
    free(self);
}

static const struct asyncore_class time_channel_class = {
    .name = "time_channel",
    .super = &asyncore_dispatcher_class,
    .readable = asyncore_never, /* what the client says is of no interest */
    .handle_write = time_channel_handle_write,
    .destroy = time_channel_destroy,
};

/* class TimeServer(asyncore.dispatcher): */
static const struct asyncore_class time_server_class; /* a table, filled in below */

static void time_server_init(struct asyncore_dispatcher *self, int port)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int rc;

    asyncore_init(self, &time_server_class, -1, NULL);
    if ((rc = asyncore_create_socket(self, AF_INET, SOCK_STREAM)) < 0 ||
        (rc = asyncore_set_reuse_addr(self)) < 0 ||
        (rc = asyncore_bind(self, (const struct sockaddr *)&addr, sizeof addr)) < 0 ||
        (rc = asyncore_listen(self, SOMAXCONN)) < 0) {
        fprintf(stderr, "bind 0.0.0.0:%d: %s (give another port as argument)\n", port,
                strerror(-rc));
        exit(1);
    }
}

static int time_server_handle_accepted(struct asyncore_dispatcher *self, int sock,
                                       const struct sockaddr *addr, socklen_t addrlen)
{
    struct asyncore_dispatcher *channel = malloc(sizeof *channel);
    /* If it fails, also for want of memory, it has closed sock. */
    int rc = asyncore_init_accepted(channel, &time_channel_class, sock, addr, addrlen, NULL);

    (void)self;
    if (rc < 0)
        free(channel);
    return rc;
}

static const struct asyncore_class time_server_class = {
    .name = "time_server",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = time_server_handle_accepted,
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
    const int port = argc > 1 ? parse_port(argv[1]) : PORT;
    struct asyncore_dispatcher server;
    struct sockaddr_storage addr;
    socklen_t addrlen;
    int rc;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 2 || port < 0) {
        fprintf(stderr, "usage: asyncore_example_2 [PORT], a number from 0 to 65535\n");
        return 2;
    }
    time_server_init(&server, port);
    asyncore_getsockname(&server, &addr, &addrlen);
    printf("listening on port %d\n", ntohs(((struct sockaddr_in *)&addr)->sin_port));
    rc = asyncore_loop(30, NULL, -1);
    if (rc < 0)
        fprintf(stderr, "loop: %s\n", strerror(-rc));
    return rc < 0 ? 1 : 0;
}
