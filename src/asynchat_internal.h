/* asynchat_internal.h - what the files of asynchat know of each other. */
#ifndef ASYNCHAT_INTERNAL_H
#define ASYNCHAT_INTERNAL_H

#include "trace.h"

#include "asynchat.h"

static inline struct asynchat_async_chat *asynchat__chat(struct asyncore_dispatcher *self)
{
    return (struct asynchat_async_chat *)self;
}

static inline int asynchat__check(const struct asynchat_async_chat *self)
{
    return asyncore__check(self != NULL ? &self->base : NULL);
}

/* asynchat_input.c */
int asynchat__handle_read(struct asyncore_dispatcher *base);
void asynchat__discard_input(struct asynchat_async_chat *self);
void asynchat__free_input(struct asynchat_async_chat *self);

/* asynchat_output.c */
int asynchat__handle_write(struct asyncore_dispatcher *self);
void asynchat__discard_output(struct asynchat_async_chat *self);

#endif
