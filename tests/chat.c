/* chat.c - an async_chat that traces, see chat.h. */
#include "chat.h"

#include <string.h>

static int chat_collect(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    struct chat *chat = (struct chat *)self;

    chat->collected += size;
    if (!chat->quiet)
        add_to_trace("<%.*s> ", (int)size, (const char *)data);
    if (chat->on_collect != NULL)
        chat->on_collect(chat);
    return 0;
}

static int chat_found(struct asyncore_dispatcher *self)
{
    struct chat *chat = (struct chat *)self;

    add_to_trace("! ");
    return chat->on_found != NULL ? chat->on_found(chat) : 0;
}

static int chat_handle_close(struct asyncore_dispatcher *self)
{
    add_to_trace("close ");
    return asynchat_async_chat_class.handle_close(self);
}

static int chat_handle_error(struct asyncore_dispatcher *self, int error)
{
    add_to_trace("error%d ", error);
    return asyncore_handle_close(self);
}

const struct asyncore_class chat_class = {
    .name = "chat",
    .super = &asynchat_async_chat_class,
    .collect_incoming_data = chat_collect,
    .found_terminator = chat_found,
    .handle_close = chat_handle_close,
    .handle_error = chat_handle_error,
};

struct chat c;
int peer;

void make(const char *terminator)
{
    int ends[2];

    tcp_pair(ends);
    peer = ends[1];
    ck_assert_int_eq(asynchat_init(&c.chat, &chat_class, ends[0], NULL, 0, NULL), 0);
    ck_assert_int_eq(asynchat_set_terminator(&c.chat, terminator, strlen(terminator)), 0);
}

void feed(const char *text)
{
    send_all(peer, text);
    wait_readable(asyncore_fileno(&c.chat.base));
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
}

void assert_fed(const char *text, const char *expected)
{
    feed(text);
    assert_trace(expected);
}

void assert_received(const char *expected)
{
    char buffer[256];
    size_t got = 0;

    while (got < strlen(expected)) {
        const ssize_t n = recv(peer, buffer + got, sizeof buffer - got, 0);

        ck_assert_int_gt(n, 0);
        got += (size_t)n;
    }
    ck_assert_uint_eq(got, strlen(expected));
    ck_assert_mem_eq(buffer, expected, got);
}
