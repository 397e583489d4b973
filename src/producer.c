/* producer.c - the producers that come with asynchat: of data, of a file, of a function. */
#include "asynchat.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void free_producer(struct asynchat_producer *self)
{
    free(self);
}

/* ==================================================
 * class simple_producer
 */

struct simple_producer {
    struct asynchat_producer base;
    size_t start, size, buffer_size;
    char data[];
};

static ssize_t simple_producer_more(struct asynchat_producer *self, const void **data)
{
    struct simple_producer *producer = (struct simple_producer *)self;
    const size_t left = producer->size - producer->start;
    const size_t result = left < producer->buffer_size ? left : producer->buffer_size;

    *data = producer->data + producer->start;
    producer->start += result;
    return (ssize_t)result;
}

static const struct asynchat_producer_class simple_producer_class = {
    .name = "simple_producer",
    .more = simple_producer_more,
    .destroy = free_producer,
};

struct asynchat_producer *asynchat_simple_producer(const void *data, size_t size,
                                                   size_t buffer_size)
{
    struct simple_producer *self;

    if (buffer_size == 0)
        return NULL;
    self = malloc(sizeof *self + size);
    if (self == NULL)
        return NULL;
    self->base.cls = &simple_producer_class;
    self->start = 0;
    self->size = size;
    self->buffer_size = buffer_size;
    if (size > 0)
        memcpy(self->data, data, size);
    return &self->base;
}

/* ==================================================
 * of a file
 */

struct file_producer {
    struct asynchat_producer base;
    int fd;
    size_t left;
    char data[65536];
};

static ssize_t file_producer_more(struct asynchat_producer *self, const void **data)
{
    struct file_producer *producer = (struct file_producer *)self;
    const size_t room = sizeof producer->data;
    ssize_t n;

    do
        n = read(producer->fd, producer->data, producer->left < room ? producer->left : room);
    while (n < 0 && errno == EINTR);
    *data = producer->data;
    if (n < 0)
        return -errno;
    producer->left -= (size_t)n;
    return n;
}

static void file_producer_destroy(struct asynchat_producer *self)
{
    close(((struct file_producer *)self)->fd);
    free(self);
}

static const struct asynchat_producer_class file_producer_class = {
    .name = "file_producer",
    .more = file_producer_more,
    .destroy = file_producer_destroy,
};

struct asynchat_producer *asynchat_file_producer(int fd, size_t size)
{
    struct file_producer *self = malloc(sizeof *self);

    if (self == NULL) {
        close(fd);
        return NULL;
    }
    self->base.cls = &file_producer_class;
    self->fd = fd;
    self->left = size;
    return &self->base;
}

/* ==================================================
 * of a function
 */

struct callback_producer {
    struct asynchat_producer base;
    ssize_t (*more)(void *argument, const void **data);
    void *argument;
};

static ssize_t callback_producer_more(struct asynchat_producer *self, const void **data)
{
    struct callback_producer *producer = (struct callback_producer *)self;

    return producer->more(producer->argument, data);
}

static const struct asynchat_producer_class callback_producer_class = {
    .name = "callback_producer",
    .more = callback_producer_more,
    .destroy = free_producer,
};

struct asynchat_producer *
asynchat_callback_producer(ssize_t (*more)(void *argument, const void **data), void *argument)
{
    struct callback_producer *self = malloc(sizeof *self);

    if (self == NULL)
        return NULL;
    self->base.cls = &callback_producer_class;
    self->more = more;
    self->argument = argument;
    return &self->base;
}
