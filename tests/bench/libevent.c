/*
 * libevent.c - the contender libevent: an event for each descriptor, and read and write by hand; or
 * bufferevents, which do both.
 */
#include "contender.h"
#include "serve.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct event_base *base;

static bool open_base(const char *poller)
{
    struct event_config *config = event_config_new();
    const char **methods = event_get_supported_methods();

    for (size_t i = 0; poller != NULL && methods[i] != NULL; i++)
        if (strcmp(methods[i], poller) != 0)
            event_config_avoid_method(config, methods[i]);
    base = event_base_new_with_config(config);
    event_config_free(config);
    return base != NULL;
}

static void about(void)
{
    printf("libevent %s; event %zu\n", event_get_version(), sizeof(struct event));
}

static void serve(int listener, evconnlistener_cb callback)
{
    /* It has accept4() make them non-blocking, and accepts until nobody waits. */
    if (evconnlistener_new(base, callback, NULL, LEV_OPT_CLOSE_ON_EXEC, 0, listener) == NULL)
        must(-1, "evconnlistener_new");
    event_base_dispatch(base);
}

/* ==================================================
 * echo, by an event
 */

struct connection {
    struct event event;
    struct rest rest;
};

static void on_event(evutil_socket_t fd, short events, void *argument)
{
    struct connection *connection = argument;
    const bool was_left = connection->rest.data != NULL;
    const enum echoed echoed =
        was_left ? rest_send(fd, &connection->rest) : echo(fd, &connection->rest);

    (void)events;
    if (echoed == ENDED) {
        event_del(&connection->event);
        close(fd);
        rest_drop(&connection->rest);
        free(connection);
    } else if (was_left != (echoed == SOME_LEFT)) {
        event_del(&connection->event);
        event_assign(&connection->event, base, fd, (was_left ? EV_READ : EV_WRITE) | EV_PERSIST,
                     on_event, connection);
        event_add(&connection->event, NULL);
    }
}

static void on_connection(struct evconnlistener *listener, evutil_socket_t fd,
                          struct sockaddr *addr, int addrlen, void *argument)
{
    struct connection *connection = allocate(1, sizeof *connection);

    (void)listener, (void)addr, (void)addrlen, (void)argument;
    event_assign(&connection->event, base, fd, EV_READ | EV_PERSIST, on_event, connection);
    event_add(&connection->event, NULL);
}

static void serve_echo(int listener)
{
    serve(listener, on_connection);
}

/* ==================================================
 * echo, by a bufferevent
 */

static void on_input(struct bufferevent *bufferevent, void *argument)
{
    (void)argument;
    bufferevent_write_buffer(bufferevent, bufferevent_get_input(bufferevent));
}

static void on_end(struct bufferevent *bufferevent, short events, void *argument)
{
    (void)argument;
    if ((events & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0)
        bufferevent_free(bufferevent);
}

static void on_buffered_connection(struct evconnlistener *listener, evutil_socket_t fd,
                                   struct sockaddr *addr, int addrlen, void *argument)
{
    struct bufferevent *bufferevent = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);

    (void)listener, (void)addr, (void)addrlen, (void)argument;
    if (bufferevent == NULL)
        must(-1, "bufferevent_socket_new");
    bufferevent_setcb(bufferevent, on_input, NULL, on_end, NULL);
    bufferevent_enable(bufferevent, EV_READ);
}

static void serve_echo_buffered(int listener)
{
    serve(listener, on_buffered_connection);
}

/* ==================================================
 * time
 */

static void on_question(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *addr,
                        int addrlen, void *argument)
{
    (void)listener, (void)addr, (void)addrlen, (void)argument;
    tell_time(fd);
    close(fd);
}

static void serve_time(int listener)
{
    serve(listener, on_question);
}

/* ==================================================
 * chain
 */

static struct event *events;

static void on_byte(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what;
    chain_step((size_t)((struct event *)argument - events));
}

static void chain_open(const int *fds, size_t count)
{
    events = allocate(count, sizeof events[0]);
    for (size_t i = 0; i < count; i++) {
        event_assign(&events[i], base, fds[i], EV_READ | EV_PERSIST, on_byte, &events[i]);
        event_add(&events[i], NULL);
    }
}

static void chain_pass(void)
{
    event_base_loop(base, EVLOOP_ONCE);
}

/* ==================================================
 * timers
 */

static struct event *timers;

static void on_timer(evutil_socket_t fd, short what, void *argument)
{
    (void)fd, (void)what, (void)argument;
    timer_fired();
}

static void timers_open(size_t count)
{
    timers = allocate(count, sizeof timers[0]);
    for (size_t i = 0; i < count; i++)
        evtimer_assign(&timers[i], base, on_timer, NULL);
}

static void timer_add(size_t timer, double seconds)
{
    const time_t whole = (time_t)seconds;
    const struct timeval time = {whole, (suseconds_t)((seconds - (double)whole) * 1e6)};

    evtimer_add(&timers[timer], &time);
}

static void timer_cancel(size_t timer)
{
    evtimer_del(&timers[timer]);
}

static void timer_pass(void)
{
    event_base_loop(base, EVLOOP_NONBLOCK);
}

const struct contender contender = {
    .open = open_base,
    .about = about,
    .echo = serve_echo,
    .echo_buffered = serve_echo_buffered,
    .time = serve_time,
    .chain_open = chain_open,
    .chain_pass = chain_pass,
    .timers_open = timers_open,
    .timer_add = timer_add,
    .timer_cancel = timer_cancel,
    .timer_pass = timer_pass,
};
