/*
 * cat.c - copies its standard input to its standard output; cat.py is its twin.
 *
 *     cc -o cat cat.c $(pkg-config --cflags --libs asyncore)
 *     ./cat < FILE
 */
#include <asyncore.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

static int status; /* the program's exit status */

static int fail(const char *name, int error)
{
    fprintf(stderr, "cat: %s: %s\n", name, strerror(error));
    asyncore_close_all(NULL, true);
    return status = 1; /* which handlers may return too: it is no error */
}

/* class Output(asyncore.file_dispatcher): */
struct output {
    struct asyncore_dispatcher base; /* first member: an output is a dispatcher */
    char buffer[65536];              /* what waits to be written */
    size_t length;
};

static const struct asyncore_class output_class; /* a table, filled in below */

static int output_init(struct output *self, int fd)
{
    self->length = 0;
    return asyncore_file_dispatcher_init(&self->base, &output_class, fd, NULL);
}

static bool output_writable(struct asyncore_dispatcher *self)
{
    return ((struct output *)self)->length > 0;
}

static int output_handle_write(struct asyncore_dispatcher *base)
{
    struct output *self = (struct output *)base;
    ssize_t n = asyncore_send(base, self->buffer, self->length);

    if (n < 0)
        return (int)n;
    self->length -= (size_t)n;
    memmove(self->buffer, self->buffer + n, self->length);
    return 0;
}

static int output_handle_close(struct asyncore_dispatcher *self)
{
    return asyncore_handle_error(self, -EPIPE); /* nobody reads there any more */
}

static int output_handle_error(struct asyncore_dispatcher *self, int error)
{
    (void)self;
    return fail("standard output", -error);
}

static const struct asyncore_class output_class = {
    .name = "output",
    .super = &asyncore_file_dispatcher_class,
    .readable = asyncore_never,
    .writable = output_writable,
    .handle_write = output_handle_write,
    .handle_close = output_handle_close,
    .handle_error = output_handle_error,
};

/* class Input(asyncore.file_dispatcher): */
struct input {
    struct asyncore_dispatcher base;
    struct output *output;
};

static const struct asyncore_class input_class;

static int input_init(struct input *self, int fd, struct output *output)
{
    self->output = output;
    return asyncore_file_dispatcher_init(&self->base, &input_class, fd, NULL);
}

static bool input_readable(struct asyncore_dispatcher *self)
{
    /* Whoever reads the output slowly makes the input wait. */
    return ((struct input *)self)->output->length == 0;
}

static int input_handle_read(struct asyncore_dispatcher *base)
{
    struct output *output = ((struct input *)base)->output;
    ssize_t n = asyncore_recv(base, output->buffer, sizeof output->buffer);

    output->length = n > 0 ? (size_t)n : 0;
    return n < 0 ? (int)n : 0;
}

static int input_handle_close(struct asyncore_dispatcher *self)
{
    /* All that came before has been written, or nothing would have been read. */
    (void)self;
    return asyncore_close_all(NULL, true);
}

static int input_handle_error(struct asyncore_dispatcher *self, int error)
{
    (void)self;
    return fail("standard input", -error);
}

static const struct asyncore_class input_class = {
    .name = "input",
    .super = &asyncore_file_dispatcher_class,
    .readable = input_readable,
    .writable = asyncore_never,
    .handle_read = input_handle_read,
    .handle_close = input_handle_close,
    .handle_error = input_handle_error,
};

int main(int argc, char **argv)
{
    static const char *const names[] = {"standard input", "standard output"};
    struct output output;
    struct input input;
    int rc;

    (void)argv;
    if (argc > 1) {
        fprintf(stderr, "usage: cat, without arguments\n");
        return 2;
    }
    /* A file_dispatcher has a dup() of its descriptor, which must not become the missing one. */
    for (int fd = 0; fd < 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            return fail(names[fd], errno);
    if ((rc = output_init(&output, 1)) < 0 || (rc = input_init(&input, 0, &output)) < 0 ||
        (rc = asyncore_loop(30, NULL, -1)) < 0)
        return fail("loop", -rc);
    return status;
}
