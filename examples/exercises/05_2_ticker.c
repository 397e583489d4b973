/*
 * 5.2 Fill in: writable() of a ticker.
 *
 * Every 0.1 seconds a timer adds a tick to what is due, and handle_write sends what is due.  writable() must
 * say when.  If it always says no, nobody hears a tick, and if it always says yes, the loop spins.
 */
#include "exercise.h"
#include <stddef.h>

static const char tick[] = "tick\n";

struct ticker {
    struct asyncore_dispatcher base;
    struct asyncore_timer timer;
    size_t due; /* bytes that the client should have had by now */
    size_t sent;
};

static void ticker_tick(struct asyncore_timer *timer)
{
    struct ticker *self = (struct ticker *)(void *)((char *)timer - offsetof(struct ticker, timer));

    self->due += strlen(tick);
}

static bool ticker_writable(struct asyncore_dispatcher *base)
{
    (void)base;
    return false; /* FILL IN */
}

static int ticker_handle_write(struct asyncore_dispatcher *base)
{
    struct ticker *self = (struct ticker *)base;
    const size_t at = self->sent % strlen(tick);
    size_t size = strlen(tick) - at;
    ssize_t n;

    if (size > self->due - self->sent)
        size = self->due - self->sent;
    n = asyncore_send(base, tick + at, size);
    if (n > 0)
        self->sent += (size_t)n;
    return n < 0 ? (int)n : 0;
}

static int ticker_handle_read(struct asyncore_dispatcher *self)
{
    char data[4096];
    ssize_t n = asyncore_recv(self, data, sizeof data);

    return n < 0 ? (int)n : 0;
}

static void ticker_destroy(struct asyncore_dispatcher *base)
{
    struct ticker *self = (struct ticker *)base;

    asyncore_cancel(&self->timer);
    free(self);
}

static const struct asyncore_class ticker_class = {
    .name = "ticker",
    .super = &asyncore_dispatcher_class,
    .writable = ticker_writable,
    .handle_read = ticker_handle_read,
    .handle_write = ticker_handle_write,
    .destroy = ticker_destroy,
};

static int server_handle_accepted(struct asyncore_dispatcher *base, int sock,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    struct ticker *self = calloc(1, sizeof *self);
    int rc = asyncore_init_accepted((struct asyncore_dispatcher *)self, &ticker_class, sock, addr,
                                    addrlen, NULL);

    (void)base;
    if (rc < 0)
        free(self);
    else if ((rc = asyncore_call_every(&self->timer, 0.1, ticker_tick, NULL)) < 0)
        asyncore_close(&self->base);
    return rc;
}

static const struct asyncore_class server_class = {
    .name = "server",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = server_handle_accepted,
};

int main(void)
{
    struct asyncore_dispatcher server;

    return serve(&server, &server_class, SOCK_STREAM);
}
