/*
 * 12.1 Fix: a server that is to meet the world.
 *
 * A notice board: what one says, line by line, all others hear.  It works among friends.  Before it meets
 * anybody else:
 *   - a line has MAX_LINE bytes at most, and who sends a longer one is closed (chapter 8);
 *   - not more than MAX_QUEUED bytes wait for anybody; who does not read is dropped (chapter 6);
 *   - who has neither said nor heard anything for PATIENCE seconds is closed (chapter 10);
 *   - at SIGTERM nobody is let in any more, and the program ends, with exit status 0, when all have gone
 *     (chapter 10).
 */
#include "exercise.h"
#include <signal.h>

#define MAX_LINE 1000
#define MAX_QUEUED 262144
#define PATIENCE 2 /* seconds */

struct session {
    struct asynchat_async_chat chat;
    struct session *next;
};

static struct asyncore_dispatcher board;
static struct session *sessions;

static int session_found_terminator(struct asyncore_dispatcher *base)
{
    struct session *self = (struct session *)base;
    size_t size;
    char *line = asynchat_get_data(&self->chat, &size);

    if (line == NULL)
        return -ENOMEM;
    line[size] = '\n'; /* in place of the NUL */
    for (struct session *other = sessions; other != NULL; other = other->next)
        if (other != self && asynchat_push(&other->chat, line, size + 1) == 0 &&
            asynchat_queued(&other->chat) > MAX_QUEUED)
            asyncore_close(&other->chat.base);
    free(line);
    return 0;
}

static void session_destroy(struct asyncore_dispatcher *base)
{
    struct session *self = (struct session *)base, **place = &sessions;

    while (*place != self)
        place = &(*place)->next;
    *place = self->next;
    asynchat_async_chat_class.destroy(base);
    free(self);
}

static const struct asyncore_class session_class = {
    .name = "session",
    .super = &asynchat_async_chat_class,
    .collect_incoming_data = asynchat_collect_incoming_data,
    .found_terminator = session_found_terminator,
    .destroy = session_destroy,
};

static int board_handle_accepted(struct asyncore_dispatcher *base, int sock,
                                 const struct sockaddr *addr, socklen_t addrlen)
{
    struct session *self = calloc(1, sizeof *self);
    int rc = asynchat_init((struct asynchat_async_chat *)self, &session_class, sock, addr, addrlen,
                           NULL);

    (void)base;
    if (rc < 0) {
        free(self);
        return rc;
    }
    self->next = sessions;
    sessions = self;
    asynchat_set_max_incoming(&self->chat, MAX_LINE);
    if ((rc = asynchat_set_terminator(&self->chat, "\n", 1)) < 0 ||
        (rc = asyncore_set_idle_timeout(&self->chat.base, PATIENCE)) < 0)
        asyncore_close(&self->chat.base);
    return rc;
}

static const struct asyncore_class board_class = {
    .name = "board",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = board_handle_accepted,
};

static void end(struct asyncore_signal_handler *self)
{
    (void)self;
    asyncore_close(&board); /* and the loop ends when the map is empty */
}

int main(void)
{
    static struct asyncore_signal_handler term;

    asyncore_add_signal_handler(&term, SIGTERM, end, NULL);
    return serve(&board, &board_class, SOCK_STREAM);
}
