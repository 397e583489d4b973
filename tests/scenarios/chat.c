/* chat.c - what an async_chat can do beside. */
#include "world.h"

#include <errno.h>

/* Where Python's push says nothing: the connection is gone, and handle_close was called; or it
 * comes behind close_when_done. */
static int pushed(int rc)
{
    return rc == -EPIPE || rc == -ESHUTDOWN ? 0 : rc;
}

static int set_terminator(struct asynchat_async_chat *chat, const struct arguments *given)
{
    if (given->number != NO_NUMBER)
        return asynchat_set_terminator_number(chat, given->number);
    return asynchat_set_terminator(chat, given->text.bytes, given->text.length);
}

static int produce(struct asynchat_async_chat *chat, const struct arguments *given)
{
    const size_t piece = given->number != NO_NUMBER ? (size_t)given->number : 512;

    return pushed(asynchat_push_with_producer(
        chat, asynchat_simple_producer(given->text.bytes, given->text.length, piece)));
}

int chat_perform(struct actor *actor, const struct action *action)
{
    struct asynchat_async_chat *chat = &actor->is.chat;
    const struct arguments *given = &action->given;

    if (actor->super != &asynchat_async_chat_class)
        return -ENOSYS;
    switch (action->verb) {
    case DO_TERMINATOR:
        return set_terminator(chat, given);
    case DO_PUSH:
        return pushed(asynchat_push(chat, given->text.bytes, given->text.length));
    case DO_PRODUCE:
        return produce(chat, given);
    case DO_CLOSE_WHEN_DONE:
        return asynchat_close_when_done(chat);
    default:
        return asynchat_discard_buffers(chat);
    }
}
