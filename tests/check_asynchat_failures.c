/* check_asynchat_failures.c - async_chat goes on behind a failure that handle_error has forgiven. */
#include "support.h"

#include <asynchat.h>
#include <string.h>

/* "<abc> " is collected data, "! " a terminator.  The first collect_incoming_data and the first
 * send fail, if told so; what handle_error does is said as well. */
struct chat {
    struct asynchat_async_chat chat;
    bool collect_fails, send_fails;
    int (*on_error)(struct asynchat_async_chat *self);
};

static struct chat c;
static int peer;

static int chat_collect(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    struct chat *chat = (struct chat *)self;

    add_to_trace("<%.*s> ", (int)size, (const char *)data);
    if (!chat->collect_fails)
        return 0;
    chat->collect_fails = false;
    return -EIO;
}

static int chat_found(struct asyncore_dispatcher *self)
{
    (void)self;
    add_to_trace("! ");
    return 0;
}

static ssize_t chat_send(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    struct chat *chat = (struct chat *)self;

    if (!chat->send_fails)
        return asyncore_dispatcher_class.send(self, data, size);
    chat->send_fails = false;
    return -EIO;
}

static int chat_handle_error(struct asyncore_dispatcher *self, int error)
{
    struct chat *chat = (struct chat *)self;

    add_to_trace(error == -EMSGSIZE ? "EMSGSIZE " : "EIO ");
    return chat->on_error != NULL ? chat->on_error(&chat->chat) : 0;
}

static const struct asyncore_class chat_class = {
    .name = "chat",
    .super = &asynchat_async_chat_class,
    .handle_error = chat_handle_error,
    .send = chat_send,
    .collect_incoming_data = chat_collect,
    .found_terminator = chat_found,
};

static void make(void)
{
    int ends[2];

    tcp_pair(ends);
    peer = ends[1];
    ck_assert_int_eq(asynchat_init(&c.chat, &chat_class, ends[0], NULL, 0, NULL), 0);
}

static void feed(const char *text)
{
    send_all(peer, text);
    wait_readable(asyncore_fileno(&c.chat.base));
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
}

/* ---- input ---- */

/* What was not collected is not counted: it comes again. */
START_TEST(test_number_behind_a_failure)
{
    make();
    asynchat_set_terminator_number(&c.chat, 5);
    c.collect_fails = true;
    feed("abc");
    assert_trace("<abc> EIO ");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("<abc> ");
    feed("de");
    assert_trace("<de> ! ");
    close(peer);
}
END_TEST

static int allow_more(struct asynchat_async_chat *self)
{
    return asynchat_set_max_incoming(self, 10);
}

START_TEST(test_number_behind_a_limit)
{
    make();
    asynchat_set_terminator_number(&c.chat, 5);
    asynchat_set_max_incoming(&c.chat, 2);
    c.on_error = allow_more;
    feed("abc");
    assert_trace("EMSGSIZE ");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("<abc> ");
    feed("de");
    assert_trace("<de> ! ");
    close(peer);
}
END_TEST

/* ---- output ---- */

static void assert_received(const char *expected)
{
    char buffer[16] = "";

    for (int passes = 5; passes > 0; passes--)
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(asyncore_close(&c.chat.base), 0);
    ck_assert_int_eq(recv_to_end(peer, buffer, sizeof buffer - 1), (ssize_t)strlen(expected));
    ck_assert_str_eq(buffer, expected);
    close(peer);
}

static int push_more(struct asynchat_async_chat *self)
{
    return asynchat_push(self, "second ", 7);
}

START_TEST(test_push_in_a_handler_comes_behind)
{
    make();
    c.send_fails = true;
    c.on_error = push_more;
    ck_assert_int_eq(asynchat_push(&c.chat, "first ", 6), 0);
    assert_trace("EIO ");
    assert_received("first second ");
}
END_TEST

static int discard(struct asynchat_async_chat *self)
{
    asynchat_discard_buffers(self);
    return asynchat_push(self, "instead", 7);
}

START_TEST(test_discard_in_a_handler)
{
    make();
    c.send_fails = true;
    c.on_error = discard;
    ck_assert_int_eq(asynchat_push(&c.chat, "first ", 6), 0);
    ck_assert_uint_eq(asynchat_queued(&c.chat), 7);
    assert_received("instead");
}
END_TEST

/* "a result above 0 counts as 0" */
static int return_one(struct asynchat_async_chat *self)
{
    (void)self;
    return 1;
}

static int close_and_return_one(struct asynchat_async_chat *self)
{
    asyncore_close(&self->base);
    return 1;
}

START_TEST(test_push_and_a_result_above_0)
{
    make();
    c.send_fails = true;
    c.on_error = return_one;
    ck_assert_int_eq(asynchat_push(&c.chat, "first ", 6), 0);
    c.send_fails = true;
    c.on_error = close_and_return_one;
    ck_assert_int_eq(asynchat_push(&c.chat, "second ", 7), -EPIPE);
    close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("asynchat_failures");
    TCase *tcase = add_case(suite, "input");

    tcase_add_test(tcase, test_number_behind_a_failure);
    tcase_add_test(tcase, test_number_behind_a_limit);
    tcase = add_case(suite, "output");
    tcase_add_test(tcase, test_push_in_a_handler_comes_behind);
    tcase_add_test(tcase, test_discard_in_a_handler);
    tcase_add_test(tcase, test_push_and_a_result_above_0);
    return run_suite(suite);
}
