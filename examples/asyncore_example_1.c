/*
 * asyncore_example_1.c - a time client (RFC 868); asyncore_example_1.py is its twin.
 *
 *     cc -o asyncore_example_1 asyncore_example_1.c $(pkg-config --cflags --libs asyncore)
 *     ./asyncore_example_1 [HOST [PORT]]
 *
 * HOST is an IPv4 address.
 */
#include <arpa/inet.h>
#include <asyncore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HOST "127.0.0.1"
#define PORT 8037 /* asyncore_example_2's; not the protocol's own, 37, which only root may take */
#define TIME1970 2208988800U /* seconds from 1900, where the protocol begins to count, to 1970 */

/* class TimeRequest(asyncore.dispatcher): */
struct time_request {
    struct asyncore_dispatcher base; /* first member: a time_request is a dispatcher */
    const char *host;
    int port;
    char answer[4];
    size_t received; /* bytes of answer */
    int status;
};

static const struct asyncore_class time_request_class; /* a table, filled in below */

static void time_request_init(struct time_request *self, const char *host, int port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int rc;

    asyncore_init(&self->base, &time_request_class, -1, NULL);
    self->host = host;
    self->port = port;
    self->received = 0;
    self->status = 1; /* the program's exit status: no answer */
    inet_pton(AF_INET, host, &addr.sin_addr);
    if ((rc = asyncore_create_socket(&self->base, AF_INET, SOCK_STREAM)) < 0 ||
        (rc = asyncore_connect(&self->base, (struct sockaddr *)&addr, sizeof addr)) < 0)
        asyncore_handle_error(&self->base, rc);
}

static int time_request_handle_connect(struct asyncore_dispatcher *self)
{
    (void)self;
    return 0;
}

static int time_request_handle_read(struct asyncore_dispatcher *base)
{
    struct time_request *self = (struct time_request *)base;
    uint32_t here, there;
    /* The four bytes may come in pieces. */
    ssize_t n = asyncore_recv(base, self->answer + self->received, 4 - self->received);

    if (n < 0)
        return (int)n;
    self->received += (size_t)n;
    if (self->received < 4)
        return 0;
    here = (uint32_t)(time(NULL) + TIME1970);
    memcpy(&there, self->answer, 4);
    /* In 2036 the protocol counts from 0 again: the difference is the shorter way round. */
    printf("time difference is %d\n", (int32_t)(here - ntohl(there)));
    self->status = 0;
    return asyncore_close(base);
}

static int time_request_handle_close(struct asyncore_dispatcher *base)
{
    struct time_request *self = (struct time_request *)base;

    fprintf(stderr, "no time from %s:%d: closed after %zu of 4 bytes\n", self->host, self->port,
            self->received);
    return asyncore_close(base);
}

static int time_request_handle_error(struct asyncore_dispatcher *base, int error)
{
    struct time_request *self = (struct time_request *)base;

    fprintf(stderr, "no time from %s:%d: %s\n", self->host, self->port, strerror(-error));
    return asyncore_close(base);
}

static const struct asyncore_class time_request_class = {
    .name = "time_request",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never, /* there is nothing to write */
    .handle_connect = time_request_handle_connect,
    .handle_read = time_request_handle_read,
    .handle_close = time_request_handle_close,
    .handle_error = time_request_handle_error,
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
    const char *host = argc > 1 ? argv[1] : HOST;
    const int port = argc > 2 ? parse_port(argv[2]) : PORT;
    struct time_request request;
    int rc;

    if (argc > 3 || !is_address(host) || port < 1) {
        fprintf(stderr, "usage: asyncore_example_1 [HOST [PORT]], an IPv4 address and a number "
                        "from 1 to 65535\n");
        return 2;
    }
    time_request_init(&request, host, port);
    rc = asyncore_loop(30, NULL, -1);
    if (rc < 0)
        asyncore_handle_error(&request.base, rc);
    return request.status;
}
