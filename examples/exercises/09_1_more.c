/*
 * 9.1 Fill in: more() of a producer.
 *
 * A client says how far, "3\n", and is counted for: "1\n2\n3\n", and the connection is closed.  However far he wants
 * to be counted for, and however slowly he reads, no more than a piece of it is in memory.
 */
#include "exercise.h"

struct counter {
    struct asynchat_producer base;
    unsigned long next, last;
    char piece[4096];
};

/* The next piece: sets *data, and returns its size; 0 at the end. */
static ssize_t counter_more(struct asynchat_producer *base, const void **data)
{
    (void)base;
    (void)data;
    return 0; /* FILL IN: numbers from next to last, each with a newline, as many as a piece holds */
}

static void counter_destroy(struct asynchat_producer *self)
{
    free(self);
}

static const struct asynchat_producer_class counter_class = {
    .name = "counter",
    .more = counter_more,
    .destroy = counter_destroy,
};

static struct asynchat_producer *counter_new(unsigned long last)
{
    struct counter *self = malloc(sizeof *self);

    if (self == NULL)
        return NULL;
    self->base.cls = &counter_class;
    self->next = 1;
    self->last = last;
    return &self->base;
}

static int session_found_terminator(struct asyncore_dispatcher *base)
{
    struct asynchat_async_chat *self = (struct asynchat_async_chat *)base;
    char *line = asynchat_get_data(self, NULL);
    int rc;

    if (line == NULL)
        return -ENOMEM;
    rc = asynchat_push_with_producer(self, counter_new(strtoul(line, NULL, 10)));
    free(line);
    asynchat_set_terminator(self, NULL, 0);
    return rc < 0 ? rc : asynchat_close_when_done(self);
}

/* What comes behind the first line is forgotten. */
static int session_collect_incoming_data(struct asyncore_dispatcher *self, const void *data,
                                         size_t size)
{
    const void *terminator;

    if (asynchat_get_terminator((struct asynchat_async_chat *)self, &terminator) == 0)
        return 0;
    return asynchat_collect_incoming_data(self, data, size);
}

static void session_destroy(struct asyncore_dispatcher *self)
{
    asynchat_async_chat_class.destroy(self);
    free(self);
}

static const struct asyncore_class session_class = {
    .name = "session",
    .super = &asynchat_async_chat_class,
    .collect_incoming_data = session_collect_incoming_data,
    .found_terminator = session_found_terminator,
    .destroy = session_destroy,
};

static int server_handle_accepted(struct asyncore_dispatcher *base, int sock,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    struct asynchat_async_chat *self = calloc(1, sizeof *self);
    int rc = asynchat_init(self, &session_class, sock, addr, addrlen, NULL);

    (void)base;
    if (rc < 0) {
        free(self);
        return rc;
    }
    asynchat_set_max_incoming(self, 20);
    if ((rc = asynchat_set_terminator(self, "\n", 1)) < 0)
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
