/* asynchat.c - class async_chat: its beginning, its predicates and its end. */
#include "asynchat_internal.h"

#include <errno.h>

/* ==================================================
 * predicates
 */

bool asynchat__readable(struct asyncore_dispatcher *self)
{
    const struct asynchat_async_chat *chat = asynchat__chat(self);

    return chat->high_water == 0 || chat->queued <= chat->high_water;
}

bool asynchat__writable(struct asyncore_dispatcher *self)
{
    const struct asynchat_async_chat *chat = asynchat__chat(self);

    return chat->fifo != NULL || chat->close_when_done || !self->connected;
}

/* ==================================================
 * class async_chat
 */

int asynchat_init(struct asynchat_async_chat *self, const struct asyncore_class *cls, int fd,
                  const struct sockaddr *addr, socklen_t addrlen, struct asyncore_map *map)
{
    if (self != NULL) {
        memset(self, 0, sizeof *self);
        self->ac_in_buffer_size = self->ac_out_buffer_size = 65536;
    }
    if (addr != NULL)
        return asyncore_init_accepted((struct asyncore_dispatcher *)self, cls, fd, addr, addrlen,
                                      map);
    return asyncore_init((struct asyncore_dispatcher *)self, cls, fd, map);
}

static int async_chat_collect_incoming_data(struct asyncore_dispatcher *self, const void *data,
                                            size_t size)
{
    (void)self;
    (void)data;
    (void)size;
    return -ENOSYS;
}

static int async_chat_found_terminator(struct asyncore_dispatcher *self)
{
    (void)self;
    return -ENOSYS;
}

static int async_chat_handle_close(struct asyncore_dispatcher *self)
{
    asyncore_close(self);
    return 0;
}

static void async_chat_destroy(struct asyncore_dispatcher *self)
{
    asyncore_cancel(&asynchat__chat(self)->resume);
    asynchat__discard_output(asynchat__chat(self));
    asynchat__free_input(asynchat__chat(self));
}

const struct asyncore_class asynchat_async_chat_class = {
    .name = "async_chat",
    .super = &asyncore_dispatcher_class,
    .readable = asynchat__readable,
    .writable = asynchat__writable,
    .handle_read = asynchat__handle_read,
    .handle_write = asynchat__handle_write,
    .handle_close = async_chat_handle_close,
    .destroy = async_chat_destroy,
    .collect_incoming_data = async_chat_collect_incoming_data,
    .found_terminator = async_chat_found_terminator,
};

int asynchat_discard_buffers(struct asynchat_async_chat *self)
{
    const int rc = asynchat__check(self);

    if (rc < 0)
        return rc;
    asynchat__discard_input(self);
    asynchat__discard_output(self);
    asyncore__changed(&self->base);
    return 0;
}

/* ==================================================
 * attributes
 */

int asynchat_set_max_incoming(struct asynchat_async_chat *self, size_t bytes)
{
    const int rc = asynchat__check(self);

    if (rc == 0)
        self->max_incoming = bytes;
    return rc;
}

int asynchat_set_high_water(struct asynchat_async_chat *self, size_t bytes)
{
    const int rc = asynchat__check(self);

    if (rc < 0)
        return rc;
    self->high_water = bytes;
    asyncore__changed(&self->base);
    return 0;
}

int asynchat_set_ac_in_buffer_size(struct asynchat_async_chat *self, size_t bytes)
{
    const int rc = bytes == 0 ? -EINVAL : asynchat__check(self);

    if (rc == 0)
        self->ac_in_buffer_size = bytes;
    return rc;
}

int asynchat_set_ac_out_buffer_size(struct asynchat_async_chat *self, size_t bytes)
{
    const int rc = bytes == 0 ? -EINVAL : asynchat__check(self);

    if (rc == 0)
        self->ac_out_buffer_size = bytes;
    return rc;
}
