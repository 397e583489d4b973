/* check_asynchat_output.c - async_chat: what is pushed, and producers. */
#include "chat.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_push)
{
    make("\n");
    ck_assert_int_eq(asynchat_push(&c.chat, "hello", 5), 0);
    assert_received("hello"); /* at once */
    ck_assert_uint_eq(asynchat_queued(&c.chat), 0);
    ck_assert(!asyncore_writable(&c.chat.base));
    ck_assert_int_eq(asynchat_push(&c.chat, "", 0), 0);
    ck_assert(!asyncore_writable(&c.chat.base));
    close(peer);
}
END_TEST

START_TEST(test_push_in_slices)
{
    make("\n");
    asynchat_set_ac_out_buffer_size(&c.chat, 4);
    ck_assert_int_eq(asynchat_push(&c.chat, "0123456789", 10), 0);
    ck_assert_uint_eq(asynchat_queued(&c.chat), 6);
    poll_once(NULL); /* one send in a pass, as in Python */
    ck_assert_uint_eq(asynchat_queued(&c.chat), 2);
    poll_once(NULL);
    ck_assert(!asyncore_writable(&c.chat.base));
    assert_received("0123456789");
    close(peer);
}
END_TEST

START_TEST(test_simple_producer)
{
    make("\n");
    ck_assert_int_eq(asynchat_push_with_producer(
                         &c.chat, asynchat_simple_producer("0123456789abcdefghij", 20, 8)),
                     0);
    poll_once(NULL);
    poll_once(NULL);
    ck_assert(asyncore_writable(&c.chat.base)); /* it is not known yet that this was the end */
    poll_once(NULL);
    ck_assert(!asyncore_writable(&c.chat.base));
    assert_received("0123456789abcdefghij");
    ck_assert_int_eq(asynchat_push_with_producer(&c.chat, asynchat_simple_producer(NULL, 0, 8)), 0);
    ck_assert(!asyncore_writable(&c.chat.base)); /* of nothing it is known at once */
    ck_assert_int_eq(asynchat_push_with_producer(&c.chat, NULL), -ENOMEM);
    ck_assert_ptr_null(asynchat_simple_producer("x", 1, 0));
    close(peer);
}
END_TEST

START_TEST(test_close_when_done)
{
    make("\n");
    ck_assert_int_eq(asynchat_push(&c.chat, "bye", 3), 0);
    ck_assert_int_eq(asynchat_close_when_done(&c.chat), 0);
    assert_trace(""); /* not now */
    poll_once(NULL);
    assert_trace("close ");
    assert_received("bye");
    close(peer);
}
END_TEST

START_TEST(test_push_after_close_when_done)
{
    make("\n");
    asynchat_close_when_done(&c.chat);
    if (_i == 0)
        ck_assert_int_eq(asynchat_push(&c.chat, "late", 4), -ESHUTDOWN); /* CPython says nothing */
    else
        ck_assert_int_eq(
            asynchat_push_with_producer(&c.chat, asynchat_simple_producer("late", 4, 4)),
            -ESHUTDOWN);
    assert_trace("close ");
    ck_assert_int_eq(asynchat_push(&c.chat, "later", 5), -EBADF);
    ck_assert_int_eq(asynchat_push_with_producer(&c.chat, asynchat_simple_producer("later", 5, 5)),
                     -EBADF);
    close(peer);
}
END_TEST

START_TEST(test_push_when_the_peer_is_gone)
{
    make("\n");
    reset(peer);
    wait_readable(asyncore_fileno(&c.chat.base));
    ck_assert_int_eq(asynchat_push(&c.chat, "x", 1), -EPIPE);
    assert_trace("close ");
}
END_TEST

START_TEST(test_discard_buffers)
{
    make("\r\n");
    asynchat_set_ac_out_buffer_size(&c.chat, 1);
    asynchat_push(&c.chat, "abc", 3);
    asynchat_push_with_producer(&c.chat, asynchat_simple_producer("x", 1, 1));
    asynchat_close_when_done(&c.chat);
    ck_assert_int_eq(asynchat_discard_buffers(&c.chat), 0);
    ck_assert(!asyncore_writable(&c.chat.base));
    ck_assert_uint_eq(asynchat_queued(&c.chat), 0);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    close(peer);
}
END_TEST

START_TEST(test_push_while_connecting)
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);

    ck_assert_int_eq(asynchat_init(&c.chat, &chat_class, -1, NULL, 0, NULL), 0);
    asyncore_create_socket(&c.chat.base, AF_INET, SOCK_STREAM);
    asyncore_connect(&c.chat.base, (struct sockaddr *)&addr, sizeof addr);
    ck_assert(asyncore_writable(&c.chat.base)); /* to hear of the outcome */
    ck_assert_int_eq(asynchat_push(&c.chat, "hello", 5), 0);
    ck_assert_uint_eq(asynchat_queued(&c.chat), 5);
    peer = accept(listener, NULL, NULL);
    poll_once(NULL);
    ck_assert_uint_eq(asynchat_queued(&c.chat), 0);
    assert_received("hello");
    close(peer);
    close(listener);
}
END_TEST

/* What is pushed and what arrives are the same, whatever the pieces. */
START_TEST(test_flood)
{
    enum { SIZE = 3000000 };
    static char data[SIZE], got[SIZE];
    size_t received = 0;

    make("\n");
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 7919 >> 3);
    asynchat_set_high_water(&c.chat, 100000);
    ck_assert(asyncore_readable(&c.chat.base));
    ck_assert_int_eq(asynchat_push(&c.chat, data, SIZE / 2), 0);
    ck_assert_int_eq(asynchat_push_with_producer(
                         &c.chat, asynchat_simple_producer(data + SIZE / 2, SIZE / 2, 70000)),
                     0);
    ck_assert(!asyncore_readable(&c.chat.base)); /* back-pressure */
    asynchat_close_when_done(&c.chat);
    while (received < SIZE) {
        const ssize_t n = recv(peer, got + received, SIZE - received, MSG_DONTWAIT);

        if (n > 0)
            received += (size_t)n;
        else
            ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    }
    ck_assert_int_eq(memcmp(data, got, SIZE), 0);
    poll_once(NULL);
    assert_trace("close ");
    close(peer);
}
END_TEST

START_TEST(test_file_producer)
{
    char name[] = "/tmp/asyncore-check-XXXXXX";
    const int fd = mkstemp(name);

    unlink(name);
    ck_assert_int_eq(write(fd, "from a file", 11), 11);
    lseek(fd, 5, SEEK_SET);
    make("\n");
    ck_assert_int_eq(asynchat_push_with_producer(&c.chat, asynchat_file_producer(fd, 4)), 0);
    asynchat_close_when_done(&c.chat);
    while (asyncore_map_count(NULL) > 0)
        poll_once(NULL);
    assert_received("a fi");
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    close(peer);
}
END_TEST

static int pieces;

static ssize_t count_down(void *argument, const void **data)
{
    *data = "tick ";
    if (pieces == 1) /* a producer may do anything */
        asynchat_push(argument, "pushed ", 7);
    if (pieces == -1)
        return -EIO;
    if (pieces == -2) {
        asynchat_discard_buffers(argument);
        return 5;
    }
    return pieces-- > 0 ? 5 : 0;
}

START_TEST(test_callback_producer)
{
    make("\n");
    pieces = 3;
    ck_assert_int_eq(
        asynchat_push_with_producer(&c.chat, asynchat_callback_producer(count_down, &c.chat)), 0);
    while (asyncore_writable(&c.chat.base))
        poll_once(NULL);
    assert_received("tick tick tick pushed ");
    pieces = -1;
    ck_assert_int_eq(
        asynchat_push_with_producer(&c.chat, asynchat_callback_producer(count_down, &c.chat)),
        -EIO);
    asynchat_discard_buffers(&c.chat);
    pieces = -2;
    ck_assert_int_eq(
        asynchat_push_with_producer(&c.chat, asynchat_callback_producer(count_down, &c.chat)), 0);
    ck_assert(!asyncore_writable(&c.chat.base));
    close(peer);
}
END_TEST

static ssize_t end_at_once(struct asynchat_producer *self, const void **data)
{
    (void)self;
    (void)data;
    add_to_trace("more ");
    return 0;
}

/* One that nobody has to free. */
START_TEST(test_producer_without_destroy)
{
    static const struct asynchat_producer_class cls = {.name = "static", .more = end_at_once};
    static struct asynchat_producer producer = {.cls = &cls};

    make("\n");
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(asynchat_push_with_producer(&c.chat, &producer), 0);
        assert_trace("more ");
    }
    ck_assert(!asyncore_writable(&c.chat.base));
    close(peer);
}
END_TEST

/* ---- sends that do things ---- */

static ssize_t leave(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    (void)self;
    (void)data;
    (void)size;
    return asyncore_ExitNow;
}

/* Out of push(), and out of the pass; what waits is not lost by it. */
START_TEST(test_exit_now_in_send)
{
    static const struct asyncore_class cls = {.super = &chat_class, .send = leave};

    make("\n");
    asynchat_set_ac_out_buffer_size(&c.chat, 3);
    c.chat.base.cls = &cls;
    ck_assert_int_eq(asynchat_push(&c.chat, "xyz", 3), asyncore_ExitNow);
    ck_assert_uint_eq(asynchat_queued(&c.chat), 0);
    c.chat.base.cls = &chat_class;
    ck_assert_int_eq(asynchat_push(&c.chat, "abcdef", 6), 0);
    c.chat.base.cls = &cls;
    ck_assert_int_eq(asyncore_poll(20, NULL), asyncore_ExitNow);
    ck_assert_uint_eq(asynchat_queued(&c.chat), 3);
    asynchat_close_when_done(&c.chat);
    ck_assert_int_eq(asynchat_push(&c.chat, "late", 4), asyncore_ExitNow);
    c.chat.base.cls = &chat_class;
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0);
    assert_trace("close ");
    assert_received("abcdef");
    close(peer);
}
END_TEST

static ssize_t discard_and_send(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    ck_assert_int_eq(asynchat_discard_buffers((struct asynchat_async_chat *)self), 0);
    return asyncore_dispatcher_class.send(self, data, size);
}

/* The data that are being sent are there until they have been. */
START_TEST(test_discard_in_send)
{
    static const struct asyncore_class cls = {.super = &chat_class, .send = discard_and_send};

    make("\n");
    asynchat_set_ac_out_buffer_size(&c.chat, 3);
    ck_assert_int_eq(asynchat_push(&c.chat, "abcdefghi", 9), 0);
    c.chat.base.cls = &cls;
    poll_once(NULL);
    assert_received("abcdef");
    ck_assert_uint_eq(asynchat_queued(&c.chat), 0);
    ck_assert(!asyncore_writable(&c.chat.base));
    c.chat.base.cls = &chat_class;
    ck_assert_int_eq(asynchat_push(&c.chat, "x", 1), 0);
    assert_received("x");
    close(peer);
}
END_TEST

static int send_and_stay(struct asyncore_dispatcher *self)
{
    add_to_trace("close ");
    ck_assert_int_eq(asynchat_initiate_send((struct asynchat_async_chat *)self), 0);
    return 0;
}

/* handle_close, called by somebody else, does not use up what close_when_done() asked for. */
START_TEST(test_send_in_handle_close)
{
    static const struct asyncore_class cls = {.super = &chat_class, .handle_close = send_and_stay};

    make("\n");
    c.chat.base.cls = &cls;
    asynchat_close_when_done(&c.chat);
    ck_assert_int_eq(asyncore_handle_close(&c.chat.base), 0);
    assert_trace("close ");
    poll_once(NULL);
    assert_trace("close ");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("asynchat_output");
    TCase *tcase = add_case(suite, "asynchat_output");

    tcase_add_test(tcase, test_push);
    tcase_add_test(tcase, test_push_in_slices);
    tcase_add_test(tcase, test_simple_producer);
    tcase_add_test(tcase, test_close_when_done);
    tcase_add_loop_test(tcase, test_push_after_close_when_done, 0, 2);
    tcase_add_test(tcase, test_push_when_the_peer_is_gone);
    tcase_add_test(tcase, test_discard_buffers);
    tcase_add_test(tcase, test_push_while_connecting);
    tcase_add_test(tcase, test_flood);
    tcase_add_test(tcase, test_file_producer);
    tcase_add_test(tcase, test_callback_producer);
    tcase_add_test(tcase, test_producer_without_destroy);
    tcase_add_test(tcase, test_exit_now_in_send);
    tcase_add_test(tcase, test_discard_in_send);
    tcase_add_test(tcase, test_send_in_handle_close);
    return run_suite(suite);
}
