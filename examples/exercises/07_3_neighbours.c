/*
 * 7.3 Predict: see 07_3_neighbours.txt.
 */
#include "exercise.h"

static struct asyncore_dispatcher ada, bob, cyd;

/* ada closes her neighbour and goes on. */
static int ada_handle_read(struct asyncore_dispatcher *self)
{
    char data[16];
    ssize_t n = asyncore_recv(self, data, sizeof data);

    asyncore_close(&bob);
    return n < 0 ? (int)n : 0;
}

/* bob hears what he is told. */
static int bob_handle_read(struct asyncore_dispatcher *self)
{
    char data[16];
    ssize_t n = asyncore_recv(self, data, sizeof data);

    return n < 0 ? (int)n : 0;
}

/* cyd cannot go on. */
static int cyd_handle_read(struct asyncore_dispatcher *self)
{
    (void)self;
    return -EIO;
}

static int cyd_handle_error(struct asyncore_dispatcher *self, int error)
{
    (void)error;
    return asyncore_handle_close(self);
}

static int name_handle_close(struct asyncore_dispatcher *self)
{
    return asyncore_close(self);
}

static void name_destroy(struct asyncore_dispatcher *self)
{
    (void)self; /* not from malloc() */
}

static const struct asyncore_class name_class = {
    .name = "name",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_close = name_handle_close,
    .destroy = name_destroy,
};

static const struct asyncore_class ada_class = {
    .name = "ada", .super = &name_class, .handle_read = ada_handle_read};
static const struct asyncore_class bob_class = {
    .name = "bob", .super = &name_class, .handle_read = bob_handle_read};
static const struct asyncore_class cyd_class = {.name = "cyd",
                                                .super = &name_class,
                                                .handle_read = cyd_handle_read,
                                                .handle_error = cyd_handle_error};

/* One end is the dispatcher's; on the other something is said, and then no more. */
static void start(struct asyncore_dispatcher *self, const struct asyncore_class *cls)
{
    int socks[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, socks) < 0 || write(socks[1], "hello", 5) != 5 ||
        close(socks[1]) < 0 || asyncore_init(self, cls, socks[0], NULL) < 0)
        exit(1);
}

int main(void)
{
    start(&ada, &ada_class);
    start(&bob, &bob_class);
    start(&cyd, &cyd_class);
    return asyncore_loop(30, NULL, -1) < 0 ? 1 : 0;
}
