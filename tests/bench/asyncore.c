/*
 * asyncore.c - the contender that all this is about: a dispatcher for each descriptor, or a
 * dispatcher_with_send, which keeps what its peer does not take.  Its time server is timed itself.
 */
#include "contender.h"
#include "serve.h"

#include <asyncore_trace.h>
#include <stdio.h>
#include <stdlib.h>

static int check(int rc, const char *call)
{
    errno = -rc;
    return must(rc, call);
}

static void ignore_event(const struct asyncore_trace_event *event, void *argument)
{
    (void)event;
    (void)argument;
}

static bool open_map(const char *poller)
{
    if (getenv("BENCH_SINK") != NULL)
        asyncore_set_trace(~0U, ignore_event, NULL);
    /* It says itself which it has. */
    return poller == NULL || asyncore_map_set_poller(NULL, poller) == 0;
}

static void about(void)
{
    printf("asyncore %s; asyncore_dispatcher %zu, asyncore_dispatcher_with_send %zu, "
           "asyncore_timer %zu\n",
           asyncore_version(), sizeof(struct asyncore_dispatcher),
           sizeof(struct asyncore_dispatcher_with_send), sizeof(struct asyncore_timer));
}

static void serve(int fd, const struct asyncore_class *server_class)
{
    struct asyncore_dispatcher server;

    check(asyncore_init(&server, server_class, fd, NULL), "asyncore_init");
    check(asyncore_loop(-1, NULL, -1), "asyncore_loop");
}

/* ==================================================
 * echo, by a dispatcher
 */

static void free_dispatcher(struct asyncore_dispatcher *self)
{
    free(self);
}

/* What a dispatcher waits for is said by its class, and a predicate of our own would be asked in
 * each pass.  So a connection whose peer does not take all leaves the map until one of these, with
 * the same socket, has sent the rest. */
struct sender {
    struct asyncore_dispatcher base;
    struct asyncore_dispatcher *connection;
    struct rest rest;
};

static int sender_handle_write(struct asyncore_dispatcher *self)
{
    struct sender *sender = (struct sender *)self;
    struct rest *rest = &sender->rest;
    const ssize_t sent = asyncore_send(self, rest->data + rest->start, rest->size - rest->start);

    if (sent <= 0)
        return (int)sent;
    rest->start += (size_t)sent;
    if (rest->start < rest->size)
        return 0;
    asyncore_close(self);
    return asyncore_add_channel(sender->connection, NULL);
}

static int sender_handle_close(struct asyncore_dispatcher *self)
{
    asyncore_close(((struct sender *)self)->connection);
    return asyncore_close(self);
}

static void sender_destroy(struct asyncore_dispatcher *self)
{
    rest_drop(&((struct sender *)self)->rest);
    free(self);
}

static const struct asyncore_class sender_class = {
    .name = "sender",
    .readable = asyncore_never,
    .handle_write = sender_handle_write,
    .handle_close = sender_handle_close,
    .destroy = sender_destroy,
};

static int send_later(struct asyncore_dispatcher *connection, const char *data, size_t size)
{
    struct sender *sender = allocate(1, sizeof *sender);

    sender->connection = connection;
    rest_keep(&sender->rest, data, size);
    check(asyncore_init(&sender->base, &sender_class, must(dup(asyncore_fileno(connection)), "dup"),
                        NULL),
          "asyncore_init");
    return asyncore_del_channel(connection);
}

static int handle_read(struct asyncore_dispatcher *self)
{
    char buffer[READ_SIZE];
    const ssize_t size = asyncore_recv(self, buffer, sizeof buffer);
    ssize_t sent;

    if (size <= 0)
        return (int)size;
    sent = asyncore_send(self, buffer, (size_t)size);
    if (sent < 0)
        return (int)sent;
    if (sent == size || asyncore_fileno(self) < 0)
        return 0;
    return send_later(self, buffer + sent, (size_t)(size - sent));
}

static int handle_close(struct asyncore_dispatcher *self)
{
    return asyncore_close(self);
}

static const struct asyncore_class connection_class = {
    .name = "connection",
    .writable = asyncore_never,
    .handle_read = handle_read,
    .handle_close = handle_close,
    .destroy = free_dispatcher,
};

static int handle_accepted(struct asyncore_dispatcher *self, int fd, const struct sockaddr *addr,
                           socklen_t addrlen)
{
    struct asyncore_dispatcher *connection = allocate(1, sizeof *connection);

    (void)self;
    return asyncore_init_accepted(connection, &connection_class, fd, addr, addrlen, NULL);
}

static void serve_echo(int listener)
{
    static const struct asyncore_class server_class = {.handle_accepted = handle_accepted};

    serve(listener, &server_class);
}

/* ==================================================
 * echo, by a dispatcher_with_send
 */

static int handle_read_buffered(struct asyncore_dispatcher *self)
{
    char buffer[READ_SIZE];
    const ssize_t size = asyncore_recv(self, buffer, sizeof buffer);

    return (int)(size > 0 ? asyncore_send(self, buffer, (size_t)size) : size);
}

static void destroy_buffered(struct asyncore_dispatcher *self)
{
    asyncore_dispatcher_with_send_class.destroy(self);
    free(self);
}

static const struct asyncore_class buffered_class = {
    .name = "connection",
    .super = &asyncore_dispatcher_with_send_class,
    .handle_read = handle_read_buffered,
    .handle_close = handle_close,
    .destroy = destroy_buffered,
};

static int handle_accepted_buffered(struct asyncore_dispatcher *self, int fd,
                                    const struct sockaddr *addr, socklen_t addrlen)
{
    struct asyncore_dispatcher_with_send *connection = allocate(1, sizeof *connection);

    (void)self;
    return asyncore_dispatcher_with_send_init(connection, &buffered_class, fd, addr, addrlen, NULL);
}

static void serve_echo_buffered(int listener)
{
    static const struct asyncore_class server_class = {.handle_accepted = handle_accepted_buffered};

    serve(listener, &server_class);
}

/* ==================================================
 * chain
 */

static struct asyncore_dispatcher *dispatchers;

static int handle_byte(struct asyncore_dispatcher *self)
{
    chain_step((size_t)(self - dispatchers));
    return 0;
}

static void chain_open(const int *fds, size_t count)
{
    static const struct asyncore_class pipe_class = {
        .name = "pipe",
        .writable = asyncore_never,
        .handle_read = handle_byte,
    };

    dispatchers = allocate(count, sizeof dispatchers[0]);
    for (size_t i = 0; i < count; i++)
        check(asyncore_init(&dispatchers[i], &pipe_class, fds[i], NULL), "asyncore_init");
}

static void chain_pass(void)
{
    check(asyncore_poll(-1, NULL), "asyncore_poll");
}

/* ==================================================
 * timers
 */

static struct asyncore_timer *timers;

static void on_timer(struct asyncore_timer *timer)
{
    (void)timer;
    timer_fired();
}

static void timers_open(size_t count)
{
    timers = allocate(count, sizeof timers[0]);
}

static void timer_add(size_t timer, double seconds)
{
    check(asyncore_call_later(&timers[timer], seconds, on_timer, NULL), "asyncore_call_later");
}

static void timer_cancel(size_t timer)
{
    asyncore_cancel(&timers[timer]);
}

static void timer_pass(void)
{
    check(asyncore_poll(0, NULL), "asyncore_poll");
}

const struct contender contender = {
    .open = open_map,
    .about = about,
    .echo = serve_echo,
    .echo_buffered = serve_echo_buffered,
    .chain_open = chain_open,
    .chain_pass = chain_pass,
    .timers_open = timers_open,
    .timer_add = timer_add,
    .timer_cancel = timer_cancel,
    .timer_pass = timer_pass,
};
