/*
 * asynchat_output.c - the fifo of what is to be sent: data that was pushed, and producers that make
 * it.
 */
#include "asynchat_internal.h"

#include <errno.h>
#include <stdlib.h>

struct asynchat_item {
    struct asynchat_item *next;
    struct asynchat_producer *producer; /* NULL: data alone */
    const char *data;                   /* not sent yet */
    size_t size;
    size_t slice; /* what is left of the piece that goes into one send() */
    char bytes[]; /* a copy of what was pushed */
};

/* ==================================================
 * the fifo
 */

static void append(struct asynchat_async_chat *self, struct asynchat_item *item)
{
    if (self->fifo == NULL)
        self->fifo = item;
    else
        self->fifo_last->next = item;
    self->fifo_last = item;
    self->queued += item->size;
    asyncore__changed(&self->base);
}

static void destroy_producer(struct asynchat_producer *producer)
{
    if (producer != NULL && producer->cls->destroy != NULL)
        producer->cls->destroy(producer);
}

static void free_item(struct asynchat_item *item)
{
    destroy_producer(item->producer);
    free(item);
}

static void pop(struct asynchat_async_chat *self)
{
    struct asynchat_item *item = self->fifo;

    self->fifo = item->next;
    self->queued -= item->size;
    if (item == self->asking)
        self->discarded = true; /* it is in use: who uses it frees it */
    else
        free_item(item);
}

void asynchat__discard_output(struct asynchat_async_chat *self)
{
    while (self->fifo != NULL)
        pop(self);
    self->close_when_done = false;
}

static struct asynchat_item *new_item(struct asynchat_producer *producer, const void *data,
                                      size_t size)
{
    struct asynchat_item *item = malloc(sizeof *item + size);

    if (item == NULL)
        return NULL;
    item->next = NULL;
    item->producer = producer;
    item->data = item->bytes;
    item->size = item->slice = size;
    if (size > 0)
        memcpy(item->bytes, data, size);
    return item;
}

/* ==================================================
 * sending
 */

/* Asks the first producer.  Returns 0 also at its end; it is then gone from the fifo. */
static int next_piece(struct asynchat_async_chat *self)
{
    struct asynchat_item *item = self->fifo;
    const void *data = NULL;
    ssize_t n;

    self->asking = item;
    self->discarded = false;
    n = item->producer->cls->more(item->producer, &data);
    self->asking = NULL;
    if (self->discarded) {
        free_item(item);
    } else if (n == 0) {
        pop(self);
    } else if (n > 0) {
        item->data = data;
        item->size = item->slice = (size_t)n;
        self->queued += item->size;
    }
    return n < 0 ? (int)n : 0;
}

/* A handler's result above 0 counts as 0. */
static int error_of(int rc)
{
    return rc < 0 ? rc : 0;
}

/* One send() of at most slice bytes.  *sent is what was taken.  The connection may end in it. */
static int send_slice(struct asynchat_async_chat *self, const char *data, size_t slice,
                      size_t *sent)
{
    const ssize_t n = asyncore_send(
        &self->base, data, slice < self->ac_out_buffer_size ? slice : self->ac_out_buffer_size);

    *sent = n > 0 ? (size_t)n : 0;
    if (n >= 0 || n == asyncore_ExitNow)
        return n < 0 ? (int)n : 0;
    return error_of(asyncore_handle_error(&self->base, (int)n));
}

/* self->discarded: by a handler, and the item is the caller's alone. */
static int send_item(struct asynchat_async_chat *self, struct asynchat_item *item)
{
    size_t sent;
    int rc;

    self->asking = item;
    self->discarded = false;
    rc = send_slice(self, item->data, item->slice, &sent);
    self->asking = NULL;
    if (self->discarded)
        return rc;
    item->data += sent;
    item->size -= sent;
    item->slice -= sent;
    self->queued -= sent;
    if (item->slice == 0)
        item->slice = item->size < self->ac_out_buffer_size ? item->size : self->ac_out_buffer_size;
    return rc;
}

static int send_first(struct asynchat_async_chat *self)
{
    struct asynchat_item *item = self->fifo;
    const int rc = send_item(self, item);

    if (self->discarded)
        free_item(item);
    else if (item->size == 0 && item->producer == NULL)
        pop(self);
    return rc;
}

int asynchat_initiate_send(struct asynchat_async_chat *self)
{
    struct asyncore_map *map;
    int rc = asynchat__check(self);

    if (rc < 0 ||
        self->asking != NULL) /* pushed by a producer, or by a handler that send() called */
        return rc;
    map = self->base.map;
    asyncore__enter(map);
    while (rc == 0 && self->base.connected && self->fifo != NULL && self->fifo->size == 0)
        rc = next_piece(self);
    if (rc == 0 && self->base.connected && self->fifo != NULL) {
        rc = send_first(self);
    } else if (rc == 0 && self->base.connected && self->close_when_done && !self->base.closing) {
        self->close_when_done = false;
        rc = error_of(asyncore_handle_close(&self->base));
    }
    if (asynchat__check(self) == 0)
        asyncore__changed(&self->base);
    asyncore__leave(map);
    return rc;
}

int asynchat__handle_write(struct asyncore_dispatcher *self)
{
    return asynchat_initiate_send(asynchat__chat(self));
}

/* ==================================================
 * pushing
 */

/* A copy of what is left of the first item takes its place, or nothing. */
static int replace_first(struct asynchat_async_chat *self, struct asynchat_item *item, bool keep)
{
    struct asynchat_item *copy = NULL;

    if (keep)
        copy = new_item(NULL, item->data, item->size);
    if (copy == NULL) {
        self->fifo = item->next;
        self->queued -= item->size;
        return keep ? -ENOMEM : 0;
    }
    copy->next = item->next;
    copy->slice = item->slice;
    self->fifo = copy;
    if (self->fifo_last == item)
        self->fifo_last = copy;
    asyncore__changed(&self->base);
    return 0;
}

/* With nothing before it, data goes out without being copied.  In the meantime it is in the fifo, so
 * that what a handler pushes comes behind it. */
static int send_at_once(struct asynchat_async_chat *self, const char *data, size_t size)
{
    const uint32_t generation = self->base.generation;
    const size_t obs = self->ac_out_buffer_size;
    struct asynchat_item item = {.data = data, .size = size, .slice = size < obs ? size : obs};
    int rc;

    self->fifo = self->fifo_last = &item;
    self->queued += size;
    rc = send_item(self, &item);
    if (self->discarded)
        return rc;
    if (rc == 0 && self->base.generation == generation && item.size > 0)
        return replace_first(self, &item, true);
    replace_first(self, &item, false);
    return rc;
}

static int keep(struct asynchat_async_chat *self, const char *data, size_t size)
{
    struct asynchat_item *item = size > 0 ? new_item(NULL, data, size) : NULL;

    if (item != NULL)
        append(self, item);
    else if (size > 0)
        return -ENOMEM;
    return asynchat_initiate_send(self);
}

static int send_or_keep(struct asynchat_async_chat *self, const char *data, size_t size)
{
    const uint32_t generation = self->base.generation;
    const bool at_once =
        self->fifo == NULL && self->asking == NULL && self->base.connected && size > 0;
    const int rc = at_once ? send_at_once(self, data, size) : keep(self, data, size);

    return rc == 0 && self->base.generation != generation ? -EPIPE : rc;
}

/* What was pushed after close_when_done() is lost; Python says nothing, and closes if it can. */
static int refuse(struct asynchat_async_chat *self)
{
    const int rc = asynchat_initiate_send(self);

    return rc < 0 ? rc : -ESHUTDOWN;
}

int asynchat_push(struct asynchat_async_chat *self, const void *data, size_t size)
{
    struct asyncore_map *map;
    int rc = asynchat__check(self);

    if (rc < 0)
        return rc;
    map = self->base.map;
    asyncore__enter(map);
    rc = self->close_when_done ? refuse(self) : send_or_keep(self, data, size);
    asyncore__leave(map);
    return rc;
}

int asynchat_push_with_producer(struct asynchat_async_chat *self,
                                struct asynchat_producer *producer)
{
    struct asynchat_item *item = NULL;
    struct asyncore_map *map;
    uint32_t generation;
    int rc = asynchat__check(self);

    if (producer == NULL)
        return rc < 0 ? rc : -ENOMEM;
    if (rc == 0 && !self->close_when_done && (item = new_item(producer, NULL, 0)) == NULL)
        rc = -ENOMEM;
    if (item == NULL)
        destroy_producer(producer);
    if (rc < 0)
        return rc;
    map = self->base.map;
    generation = self->base.generation;
    asyncore__enter(map);
    if (item == NULL) {
        rc = refuse(self);
    } else {
        append(self, item);
        rc = asynchat_initiate_send(self);
        if (rc == 0 && self->base.generation != generation)
            rc = -EPIPE;
    }
    asyncore__leave(map);
    return rc;
}

int asynchat_close_when_done(struct asynchat_async_chat *self)
{
    const int rc = asynchat__check(self);

    if (rc < 0)
        return rc;
    self->close_when_done = true;
    asyncore__changed(&self->base);
    return 0;
}

size_t asynchat_queued(const struct asynchat_async_chat *self)
{
    return asynchat__check(self) == -EINVAL ? 0 : self->queued;
}
