/*
 * libev.c - the contender libev: one ev_io for each descriptor, and read and write by hand.
 */
#include "contender.h"
#include "serve.h"

#include <ev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct ev_loop *loop;

static bool open_loop(const char *poller)
{
    unsigned flags = EVFLAG_AUTO;

    if (poller != NULL) {
        flags = strcmp(poller, "epoll") == 0    ? EVBACKEND_EPOLL
                : strcmp(poller, "poll") == 0   ? EVBACKEND_POLL
                : strcmp(poller, "select") == 0 ? EVBACKEND_SELECT
                                                : 0;
        if (flags == 0)
            return false;
    }
    loop = ev_loop_new(flags);
    return loop != NULL;
}

static void about(void)
{
    printf("libev %d.%d; ev_io %zu, ev_timer %zu\n", ev_version_major(), ev_version_minor(),
           sizeof(ev_io), sizeof(ev_timer));
}

/* ==================================================
 * echo
 */

struct connection {
    ev_io io; /* first, so that one is the other */
    struct rest rest;
};

static void watch(ev_io *io, int events)
{
    const int fd = io->fd;

    ev_io_stop(loop, io);
    ev_io_set(io, fd, events);
    ev_io_start(loop, io);
}

static void on_event(struct ev_loop *unused, ev_io *io, int events)
{
    struct connection *connection = (struct connection *)io;
    const bool was_left = connection->rest.data != NULL;
    const enum echoed echoed =
        was_left ? rest_send(io->fd, &connection->rest) : echo(io->fd, &connection->rest);

    (void)unused, (void)events;
    if (echoed == ENDED) {
        ev_io_stop(loop, io);
        close(io->fd);
        rest_drop(&connection->rest);
        free(connection);
    } else if (was_left != (echoed == SOME_LEFT)) {
        watch(io, was_left ? EV_READ : EV_WRITE);
    }
}

static void on_connections(struct ev_loop *unused, ev_io *listener, int events)
{
    int fd;

    (void)unused, (void)events;
    while ((fd = accept_one(listener->fd)) >= 0) {
        struct connection *connection = allocate(1, sizeof *connection);

        ev_io_init(&connection->io, on_event, fd, EV_READ);
        ev_io_start(loop, &connection->io);
    }
}

static void serve(int listener, void (*callback)(struct ev_loop *, ev_io *, int))
{
    static ev_io io;

    ev_io_init(&io, callback, listener, EV_READ);
    ev_io_start(loop, &io);
    ev_run(loop, 0);
}

static void serve_echo(int listener)
{
    serve(listener, on_connections);
}

/* ==================================================
 * time
 */

static void on_questions(struct ev_loop *unused, ev_io *listener, int events)
{
    int fd;

    (void)unused, (void)events;
    while ((fd = accept_one(listener->fd)) >= 0) {
        tell_time(fd);
        close(fd);
    }
}

static void serve_time(int listener)
{
    serve(listener, on_questions);
}

/* ==================================================
 * chain
 */

static ev_io *ios;

static void on_byte(struct ev_loop *unused, ev_io *io, int events)
{
    (void)unused, (void)events;
    chain_step((size_t)(io - ios));
}

static void chain_open(const int *fds, size_t count)
{
    ios = allocate(count, sizeof ios[0]);
    for (size_t i = 0; i < count; i++) {
        ev_io_init(&ios[i], on_byte, fds[i], EV_READ);
        ev_io_start(loop, &ios[i]);
    }
}

static void chain_pass(void)
{
    ev_run(loop, EVRUN_ONCE);
}

/* ==================================================
 * timers
 */

static ev_timer *timers;

static void on_timer(struct ev_loop *unused, ev_timer *timer, int events)
{
    (void)unused, (void)timer, (void)events;
    timer_fired();
}

static void timers_open(size_t count)
{
    timers = allocate(count, sizeof timers[0]);
    for (size_t i = 0; i < count; i++)
        ev_init(&timers[i], on_timer);
}

static void timer_add(size_t timer, double seconds)
{
    ev_timer_set(&timers[timer], seconds, 0.);
    ev_timer_start(loop, &timers[timer]);
}

static void timer_cancel(size_t timer)
{
    ev_timer_stop(loop, &timers[timer]);
}

static void timer_pass(void)
{
    ev_run(loop, EVRUN_NOWAIT);
}

const struct contender contender = {
    .open = open_loop,
    .about = about,
    .echo = serve_echo,
    .time = serve_time,
    .chain_open = chain_open,
    .chain_pass = chain_pass,
    .timers_open = timers_open,
    .timer_add = timer_add,
    .timer_cancel = timer_cancel,
    .timer_pass = timer_pass,
};
