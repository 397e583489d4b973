/*
 * dispatcher_with_send.c - adds simple buffered output capability, useful for simple clients.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

enum { PIECE = 65536 }; /* what is given to one send() */

static struct asyncore_dispatcher_with_send *with_send(struct asyncore_dispatcher *self)
{
    return (struct asyncore_dispatcher_with_send *)self;
}

/* It holds for the socket there is, and not for another that follows in handle_close. */
static bool close_when_done(const struct asyncore_dispatcher_with_send *self)
{
    return self->last != 0 && self->last == self->base.generation;
}

/* ==================================================
 * out_buffer: out_length bytes from out_start on; at rest there is none
 */

static int append(struct asyncore_dispatcher_with_send *self, const void *data, size_t size)
{
    const size_t need = self->out_length + size;

    if (need < size)
        return -ENOMEM;
    if (self->out_start + need > self->out_size && self->out_start > 0) {
        memmove(self->out_buffer, self->out_buffer + self->out_start, self->out_length);
        self->out_start = 0;
    }
    if (need > self->out_size) {
        const size_t larger = need > 2 * self->out_size ? need : 2 * self->out_size;
        char *buffer = realloc(self->out_buffer, larger);

        if (buffer == NULL)
            return -ENOMEM;
        self->out_buffer = buffer;
        self->out_size = larger;
    }
    memcpy(self->out_buffer + self->out_start + self->out_length, data, size);
    self->out_length = need;
    return 0;
}

static void discard(struct asyncore_dispatcher_with_send *self, size_t size)
{
    self->out_start += size;
    self->out_length -= size;
    if (self->out_length > 0)
        return;
    free(self->out_buffer);
    self->out_buffer = NULL;
    self->out_start = self->out_size = 0;
}

/* ==================================================
 * sending
 */

static ssize_t send_piece(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    return asyncore_dispatcher_class.send(self, data, size < PIECE ? size : PIECE);
}

int asyncore_initiate_send(struct asyncore_dispatcher_with_send *self)
{
    struct asyncore_map *map;
    ssize_t num_sent;
    int rc = asyncore__check_socket(self != NULL ? &self->base : NULL);

    if (rc < 0 || self->out_length == 0)
        return rc;
    map = self->base.map;
    asyncore__enter(map);
    num_sent = send_piece(&self->base, self->out_buffer + self->out_start, self->out_length);
    if (num_sent > 0) {
        discard(self, (size_t)num_sent);
        asyncore__changed(&self->base);
    }
    asyncore__leave(map);
    return num_sent < 0 ? (int)num_sent : 0;
}

/* What can be sent at once goes out without being copied. */
static int send_or_keep(struct asyncore_dispatcher_with_send *self, const char *data, size_t size)
{
    const uint32_t generation = self->base.generation;
    ssize_t num_sent = 0;
    int rc;

    if (self->out_length == 0 && size > 0)
        num_sent = send_piece(&self->base, data, size);
    if (num_sent < 0)
        return (int)num_sent;
    if (self->base.generation != generation)
        return -EPIPE;
    if ((size_t)num_sent == size)
        return 0;
    rc = append(self, data + num_sent, size - (size_t)num_sent);
    if (rc == 0 && self->out_length > size) /* there was something before it */
        rc = asyncore_initiate_send(self);
    if (rc == 0 && self->base.generation != generation)
        rc = -EPIPE;
    asyncore__changed(&self->base);
    return rc;
}

static ssize_t dispatcher_with_send_send(struct asyncore_dispatcher *self, const void *data,
                                         size_t size)
{
    struct asyncore_map *map;
    int rc = asyncore__check_socket(self);

    if (rc < 0)
        return rc;
    if (close_when_done(with_send(self)))
        return -ESHUTDOWN;
    map = self->map;
    asyncore__enter(map);
    rc = send_or_keep(with_send(self), data, size);
    asyncore__leave(map);
    return rc < 0 ? rc : (ssize_t)size;
}

static int dispatcher_with_send_handle_write(struct asyncore_dispatcher *self)
{
    struct asyncore_map *map = self->map;
    int rc;

    asyncore__enter(map);
    rc = asyncore_initiate_send(with_send(self));
    if (rc == 0 && close_when_done(with_send(self)) && with_send(self)->out_length == 0)
        rc = asyncore_handle_close(self);
    asyncore__leave(map);
    return rc;
}

bool asyncore__dispatcher_with_send_writable(struct asyncore_dispatcher *self)
{
    return !self->connected || with_send(self)->out_length > 0 || close_when_done(with_send(self));
}

int asyncore_close_when_done(struct asyncore_dispatcher_with_send *self)
{
    const int rc = asyncore__check_socket(self != NULL ? &self->base : NULL);

    if (rc < 0)
        return rc;
    self->last = self->base.generation;
    asyncore__changed(&self->base);
    return 0;
}

size_t asyncore_out_buffer(const struct asyncore_dispatcher_with_send *self)
{
    return asyncore__check(self != NULL ? &self->base : NULL) == -EINVAL ? 0 : self->out_length;
}

/* ==================================================
 * class dispatcher_with_send
 */

int asyncore_dispatcher_with_send_init(struct asyncore_dispatcher_with_send *self,
                                       const struct asyncore_class *cls, int fd,
                                       const struct sockaddr *addr, socklen_t addrlen,
                                       struct asyncore_map *map)
{
    if (self != NULL) {
        self->out_buffer = NULL;
        self->out_start = self->out_length = self->out_size = 0;
        self->last = 0;
    }
    if (addr != NULL)
        return asyncore_init_accepted(self != NULL ? &self->base : NULL, cls, fd, addr, addrlen,
                                      map);
    return asyncore_init(self != NULL ? &self->base : NULL, cls, fd, map);
}

static void dispatcher_with_send_destroy(struct asyncore_dispatcher *self)
{
    discard(with_send(self), with_send(self)->out_length);
}

const struct asyncore_class asyncore_dispatcher_with_send_class = {
    .name = "dispatcher_with_send",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore__dispatcher_with_send_writable,
    .handle_write = dispatcher_with_send_handle_write,
    .send = dispatcher_with_send_send,
    .destroy = dispatcher_with_send_destroy,
};
