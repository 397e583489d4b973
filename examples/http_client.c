/*
 * http_client.c - prints what an HTTP server answers to one GET; http_client.py is its twin.
 *
 *     cc -o http_client http_client.c $(pkg-config --cflags --libs asyncore)
 *     ./http_client HOST PORT PATH
 */
#include <asyncore.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

struct http_client {
    struct asyncore_dispatcher_with_send base;
    const char *host, *path;
    int error;
};

static int http_client_handle_connect(struct asyncore_dispatcher *self)
{
    const struct http_client *client = (struct http_client *)self;
    char request[4096];
    const int n = snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s\r\n\r\n",
                           client->path, client->host);

    return n < (int)sizeof request ? (int)asyncore_send(self, request, (size_t)n) : -EMSGSIZE;
}

static int http_client_handle_read(struct asyncore_dispatcher *self)
{
    char data[8192];
    const ssize_t n = asyncore_recv(self, data, sizeof data);

    return n > 0 && fwrite(data, 1, (size_t)n, stdout) < (size_t)n ? -errno : (int)n;
}

static int http_client_handle_error(struct asyncore_dispatcher *self, int error)
{
    ((struct http_client *)self)->error = error;
    return asyncore_close(self);
}

static const struct asyncore_class http_client_class = {
    .name = "http_client",
    .super = &asyncore_dispatcher_with_send_class,
    .handle_connect = http_client_handle_connect,
    .handle_read = http_client_handle_read,
    .handle_error = http_client_handle_error,
};

int main(int argc, char **argv)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct http_client client = {.error = 0};
    struct addrinfo *info;
    int rc;

    if (argc != 4) {
        fprintf(stderr, "usage: http_client HOST PORT PATH\n");
        return 2;
    }
    client.host = argv[1];
    client.path = argv[3];
    /* Names are resolved before the loop runs, which they would stop. */
    rc = getaddrinfo(argv[1], argv[2], &hints, &info);
    if (rc != 0) {
        fprintf(stderr, "http_client: %s: %s\n", argv[1], gai_strerror(rc));
        return 1;
    }
    asyncore_dispatcher_with_send_init(&client.base, &http_client_class, -1, NULL, 0, NULL);
    if ((rc = asyncore_create_socket(&client.base.base, info->ai_family, SOCK_STREAM)) == 0 &&
        (rc = asyncore_connect(&client.base.base, info->ai_addr, info->ai_addrlen)) == 0 &&
        (rc = asyncore_loop(30, NULL, -1)) == 0)
        rc = client.error;
    if (rc < 0)
        fprintf(stderr, "http_client: %s:%s: %s\n", argv[1], argv[2], strerror(-rc));
    freeaddrinfo(info);
    return rc < 0 || fflush(stdout) != 0;
}
