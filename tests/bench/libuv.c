/*
 * libuv.c - the contender libuv: streams, that it reads itself, and uv_try_write, which is its
 * shortest way to send.
 */
#include "contender.h"
#include "serve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static uv_loop_t loop;

static int check(int rc, const char *call)
{
    errno = -rc;
    return must(rc, call);
}

static bool open_loop(const char *poller)
{
    check(uv_loop_init(&loop), "uv_loop_init");
    return poller == NULL || strcmp(poller, "epoll") == 0;
}

static void about(void)
{
    printf("libuv %s; uv_tcp_t %zu, uv_timer_t %zu\n", uv_version_string(), sizeof(uv_tcp_t),
           sizeof(uv_timer_t));
}

static void free_handle(uv_handle_t *handle)
{
    free(handle);
}

static void serve(int fd, uv_connection_cb callback)
{
    static uv_tcp_t listener;

    check(uv_tcp_init(&loop, &listener), "uv_tcp_init");
    check(uv_tcp_open(&listener, fd), "uv_tcp_open");
    check(uv_listen((uv_stream_t *)&listener, SOMAXCONN, callback), "uv_listen");
    uv_run(&loop, UV_RUN_DEFAULT);
}

/* The callback is called for each connection until nobody waits. */
static uv_stream_t *accept_stream(uv_stream_t *listener, int status)
{
    uv_tcp_t *stream = allocate(1, sizeof *stream);

    check(status, "accept");
    check(uv_tcp_init(&loop, stream), "uv_tcp_init");
    check(uv_accept(listener, (uv_stream_t *)stream), "uv_accept");
    return (uv_stream_t *)stream;
}

static void close_stream(uv_stream_t *stream)
{
    uv_close((uv_handle_t *)stream, free_handle);
}

/* ==================================================
 * echo
 */

struct rest_write {
    uv_write_t request; /* first, so that one is the other */
    struct rest rest;
};

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer);

/* One buffer for all: it is used up before the next read. */
static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
    static char bytes[READ_SIZE];

    (void)handle, (void)suggested;
    *buffer = uv_buf_init(bytes, sizeof bytes);
}

static void on_rest_written(uv_write_t *request, int status)
{
    struct rest_write *write = (struct rest_write *)request;

    if (status < 0 && status != UV_ECANCELED)
        close_stream(request->handle);
    else if (status == 0)
        uv_read_start(request->handle, give_buffer, on_read);
    rest_drop(&write->rest);
    free(write);
}

static void write_rest(uv_stream_t *stream, const char *data, size_t size)
{
    struct rest_write *write = allocate(1, sizeof *write);
    uv_buf_t buffer;

    rest_keep(&write->rest, data, size);
    buffer = uv_buf_init(write->rest.data, (unsigned)size);
    uv_read_stop(stream);
    check(uv_write(&write->request, stream, &buffer, 1, on_rest_written), "uv_write");
}

static void on_read(uv_stream_t *stream, ssize_t size, const uv_buf_t *buffer)
{
    uv_buf_t data;
    int sent;

    if (size == 0) /* it was not ready after all */
        return;
    if (size < 0) {
        close_stream(stream);
        return;
    }
    data = uv_buf_init(buffer->base, (unsigned)size);
    sent = uv_try_write(stream, &data, 1);
    if (sent < 0 && sent != UV_EAGAIN)
        close_stream(stream);
    else if (sent < size)
        write_rest(stream, buffer->base + (sent > 0 ? sent : 0),
                   (size_t)(size - (sent > 0 ? sent : 0)));
}

static void on_connection(uv_stream_t *listener, int status)
{
    uv_read_start(accept_stream(listener, status), give_buffer, on_read);
}

static void serve_echo(int listener)
{
    serve(listener, on_connection);
}

/* ==================================================
 * time
 */

static void on_question(uv_stream_t *listener, int status)
{
    uv_stream_t *stream = accept_stream(listener, status);
    uint32_t bytes = time_bytes();
    const uv_buf_t buffer = uv_buf_init((char *)&bytes, sizeof bytes);

    uv_try_write(stream, &buffer, 1);
    close_stream(stream);
}

static void serve_time(int listener)
{
    serve(listener, on_question);
}

/* ==================================================
 * chain
 */

static uv_poll_t *polls;

static void on_byte(uv_poll_t *handle, int status, int events)
{
    (void)events;
    check(status, "uv_poll");
    chain_step((size_t)(handle - polls));
}

static void chain_open(const int *fds, size_t count)
{
    polls = allocate(count, sizeof polls[0]);
    for (size_t i = 0; i < count; i++) {
        check(uv_poll_init(&loop, &polls[i], fds[i]), "uv_poll_init");
        check(uv_poll_start(&polls[i], UV_READABLE, on_byte), "uv_poll_start");
    }
}

static void chain_pass(void)
{
    uv_run(&loop, UV_RUN_ONCE);
}

/* ==================================================
 * timers
 */

static uv_timer_t *timers;

static void on_timer(uv_timer_t *timer)
{
    (void)timer;
    timer_fired();
}

static void timers_open(size_t count)
{
    timers = allocate(count, sizeof timers[0]);
    for (size_t i = 0; i < count; i++)
        uv_timer_init(&loop, &timers[i]);
}

static void timer_add(size_t timer, double seconds)
{
    uv_timer_start(&timers[timer], on_timer, (uint64_t)(seconds * 1e3), 0);
}

static void timer_cancel(size_t timer)
{
    uv_timer_stop(&timers[timer]);
}

static void timer_pass(void)
{
    uv_run(&loop, UV_RUN_NOWAIT);
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
