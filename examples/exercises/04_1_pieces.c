/*
 * 4.1 Fix: the client that takes a piece for the whole.
 *
 *     04_1_pieces PORT
 *
 * It connects, and prints the answer, which has eight bytes; or why there is none, with exit status 1.  On
 * the machine of its author the eight bytes have always come in one piece.  Repair handle_read; and have
 * handle_close say "no answer: the end after 3 of 8 bytes", when that is so.
 */
#include "exercise.h"

#define SIZE 8

struct request {
    struct asyncore_dispatcher base;
    char answer[SIZE];
    size_t received;
    int status; /* the program's exit status */
};

static int request_handle_connect(struct asyncore_dispatcher *self)
{
    (void)self;
    return 0;
}

static int request_handle_read(struct asyncore_dispatcher *base)
{
    struct request *self = (struct request *)base;
    ssize_t n = asyncore_recv(base, self->answer, SIZE);

    if (n < 0)
        return (int)n;
    printf("answer: %.*s\n", (int)n, self->answer);
    self->status = 0;
    return asyncore_close(base);
}

static int request_handle_close(struct asyncore_dispatcher *self)
{
    return asyncore_close(self);
}

static int request_handle_error(struct asyncore_dispatcher *self, int error)
{
    printf("no answer: %s\n", strerror(-error));
    return asyncore_close(self);
}

static const struct asyncore_class request_class = {
    .name = "request",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_connect = request_handle_connect,
    .handle_read = request_handle_read,
    .handle_close = request_handle_close,
    .handle_error = request_handle_error,
};

int main(int argc, char **argv)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET,
                                     .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 0)),
                                     .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    struct request request = {.status = 1};
    int rc;

    asyncore_init(&request.base, &request_class, -1, NULL);
    if ((rc = asyncore_create_socket(&request.base, AF_INET, SOCK_STREAM)) < 0 ||
        (rc = asyncore_connect(&request.base, (const struct sockaddr *)&addr, sizeof addr)) < 0)
        asyncore_handle_error(&request.base, rc);
    return asyncore_loop(30, NULL, -1) < 0 ? 1 : request.status;
}
