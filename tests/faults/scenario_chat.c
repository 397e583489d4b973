/* scenario_chat.c - async_chat: a server that collects a line and a number of bytes, and answers with
 * all kinds of producers. */
#define _GNU_SOURCE /* pipe2 */
#include "peer.h"
#include "scenarios.h"

#include <asynchat.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/* ==================================================
 * the session
 */

enum { LINE = 1999, IN_BUFFER = 2000, BODY = 10 }; /* the terminator comes in two pieces */

struct session {
    struct asynchat_async_chat chat;
    bool has_line;
    int count; /* of the callback's pieces */
};

static struct session *session(struct asyncore_dispatcher *self)
{
    return (struct session *)self;
}

static int push_file(struct asynchat_async_chat *chat)
{
    int ends[2];

    expect(pipe2(ends, O_CLOEXEC) == 0 && write(ends[1], "file", 4) == 4);
    close(ends[1]);
    return asynchat_push_with_producer(chat, asynchat_file_producer(ends[0], 1000));
}

static ssize_t count_down(void *argument, const void **data)
{
    static const char *const pieces[] = {"one", "two", "three"};
    struct session *self = argument;

    if (self->count == 3)
        return 0;
    *data = pieces[self->count++];
    return (ssize_t)strlen(*data);
}

static const char answer[] = "line body simplefileonetwothree.";

static int reply(struct session *self)
{
    struct asynchat_async_chat *chat = &self->chat;
    int rc = asynchat_push(chat, " ", 1);

    if (rc == 0)
        rc = asynchat_push_with_producer(chat, asynchat_simple_producer("simple", 6, 4));
    if (rc == 0)
        rc = push_file(chat);
    if (rc == 0)
        rc = asynchat_push_with_producer(chat, asynchat_callback_producer(count_down, self));
    if (rc == 0)
        rc = asynchat_push(chat, ".", 1);
    if (rc == 0)
        rc = asynchat_close_when_done(chat);
    return rc;
}

/* What was kept is as long as it must be. */
static int take_data(struct session *self, size_t expected)
{
    size_t size;
    char *data = asynchat_get_data(&self->chat, &size);

    if (data == NULL)
        return -ENOMEM;
    expect(size == expected && strlen(data) == expected);
    counted_free(data);
    return 0;
}

static int found_line(struct session *self)
{
    int rc = take_data(self, LINE);

    if (rc == 0)
        rc = asynchat_push(&self->chat, "line ", 5);
    if (rc == 0)
        rc = asynchat_set_terminator_number(&self->chat, BODY);
    self->has_line = true;
    return rc;
}

static int found_body(struct session *self)
{
    int rc = take_data(self, BODY);

    if (rc == 0)
        rc = asynchat_push(&self->chat, "body", 4);
    return rc == 0 ? reply(self) : rc;
}

static int session_found_terminator(struct asyncore_dispatcher *self)
{
    return session(self)->has_line ? found_body(session(self)) : found_line(session(self));
}

static void session_destroy(struct asyncore_dispatcher *self)
{
    asynchat_async_chat_class.destroy(self);
    counted_free(self);
}

static const struct asyncore_class session_class = {
    .name = "session",
    .super = &asynchat_async_chat_class,
    .collect_incoming_data = asynchat_collect_incoming_data,
    .found_terminator = session_found_terminator,
    .handle_close = note_handle_close,
    .handle_error = note_handle_error,
    .destroy = session_destroy,
};

/* ==================================================
 * the listener
 */

static struct asyncore_dispatcher chat_server;

static int server_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    struct session *new = counted_calloc(sizeof *new);
    int rc = asynchat_init(&new->chat, &session_class, fd, addr, addrlen, asyncore_get_map(self));

    if (rc < 0) {
        counted_free(new);
        return rc;
    }
    told(asynchat_set_ac_in_buffer_size(&new->chat, IN_BUFFER));
    rc = take_data(new, 0);
    if (rc == 0)
        rc = asynchat_set_terminator(&new->chat, "\r\n", 2);
    if (rc < 0)
        asyncore_close(&new->chat.base);
    return rc;
}

static const struct asyncore_class server_class = {
    .name = "chat_server",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_accepted = server_handle_accepted,
};

static int begin_to_listen(void)
{
    return listen_with(&chat_server, &server_class);
}

/* ==================================================
 * the scenario
 */

void scenario_chat(void)
{
    char question[LINE + 2 + BODY + 1];

    memset(question, 'x', sizeof question);
    memcpy(question + LINE, "\r\n", 2);
    question[sizeof question - 1] = '\0';
    must(begin_to_listen);
    for (int i = 0; i < 2; i++)
        ask(&chat_server, question, answer, sizeof answer - 1);
    told(asyncore_close_all(NULL, false));
}
