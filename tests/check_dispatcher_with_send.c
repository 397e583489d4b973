/* check_dispatcher_with_send.c - buffered output. */
#include "support.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>

static struct asyncore_dispatcher_with_send s;
static int peer;

static int sender_handle_close(struct asyncore_dispatcher *self)
{
    add_to_trace("close ");
    return asyncore_close(self);
}

static const struct asyncore_class sender_class = {
    .name = "sender",
    .super = &asyncore_dispatcher_with_send_class,
    .readable = asyncore_never,
    .handle_close = sender_handle_close,
};

static void make(void)
{
    int ends[2];

    tcp_pair(ends);
    peer = ends[1];
    ck_assert_int_eq(asyncore_dispatcher_with_send_init(&s, &sender_class, ends[0], NULL, 0, NULL),
                     0);
}

/* The second time round it has been asked before, and nobody asks it again unless it says so. */
static void make_asked(int round)
{
    make();
    if (round > 0)
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
}

START_TEST(test_send_goes_out_at_once)
{
    char buffer[8];

    make();
    ck_assert_int_eq(asyncore_send(&s.base, "hello", 5), 5);
    ck_assert_uint_eq(asyncore_out_buffer(&s), 0);
    ck_assert_ptr_null(s.out_buffer);
    ck_assert_int_eq(recv(peer, buffer, sizeof buffer, 0), 5);
    ck_assert(!asyncore_writable(&s.base));
    ck_assert_int_eq(asyncore_send(&s.base, "", 0), 0);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0); /* does not spin on handle_write */
    close(peer);
}
END_TEST

/* CPython sends 64 KiB at a time, one piece in a pass. */
START_TEST(test_pieces)
{
    static char data[200000];
    const int size = 1 << 20;

    make_asked(_i);
    setsockopt(asyncore_fileno(&s.base), SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    ck_assert_int_eq(asyncore_send(&s.base, data, sizeof data), sizeof data);
    ck_assert_uint_eq(asyncore_out_buffer(&s), 134464);
    poll_once(NULL);
    ck_assert_uint_eq(asyncore_out_buffer(&s), 68928);
    poll_once(NULL);
    ck_assert_uint_eq(asyncore_out_buffer(&s), 3392);
    poll_once(NULL);
    ck_assert_uint_eq(asyncore_out_buffer(&s), 0);
    ck_assert_ptr_null(s.out_buffer);
    ck_assert(!asyncore_writable(&s.base));
    close(peer);
}
END_TEST

START_TEST(test_order_is_kept)
{
    enum { SIZE = 2000000 };
    static char data[SIZE], got[SIZE];
    size_t received = 0, given = 0;

    make();
    for (size_t i = 0; i < SIZE; i++)
        data[i] = (char)(i * 7919 >> 5);
    while (received < SIZE) {
        const size_t piece = SIZE - given < 9973 ? SIZE - given : 9973;
        const size_t room = SIZE - received < 5000 ? SIZE - received : 5000;
        ssize_t n;

        if (piece > 0)
            ck_assert_int_eq(asyncore_send(&s.base, data + given, piece), (ssize_t)piece);
        given += piece;
        n = given < SIZE / 2 ? 0 : recv(peer, got + received, room, MSG_DONTWAIT);
        received += n > 0 ? (size_t)n : 0;
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    }
    ck_assert_int_eq(memcmp(data, got, SIZE), 0);
    ck_assert_uint_eq(asyncore_out_buffer(&s), 0);
    close(peer);
}
END_TEST

START_TEST(test_peer_is_gone)
{
    make();
    reset(peer);
    wait_readable(asyncore_fileno(&s.base));
    ck_assert_int_eq(asyncore_send(&s.base, "abc", 3),
                     -EPIPE); /* CPython keeps it, and says nothing */
    assert_trace("close ");
    ck_assert_int_eq(asyncore_send(&s.base, "abc", 3), -EBADF);
    assert_trace("");
}
END_TEST

START_TEST(test_close_when_done)
{
    static char data[300000], got[400000];

    make();
    ck_assert_int_eq(asyncore_send(&s.base, data, sizeof data), sizeof data);
    ck_assert_int_eq(asyncore_close_when_done(&s), 0);
    ck_assert_int_eq(asyncore_send(&s.base, "x", 1), -ESHUTDOWN);
    assert_trace("");
    for (size_t received = 0; received < sizeof data;) {
        const ssize_t n = recv(peer, got + received, sizeof got - received, MSG_DONTWAIT);

        received += n > 0 ? (size_t)n : 0;
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    }
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0);
    assert_trace("close ");
    ck_assert_int_eq(recv_to_end(peer, got, sizeof got), 0);
    close(peer);
}
END_TEST

START_TEST(test_close_when_done_with_nothing_to_send)
{
    make_asked(_i);
    ck_assert_int_eq(asyncore_close_when_done(&s), 0);
    poll_once(NULL);
    assert_trace("close ");
    ck_assert_int_eq(asyncore_close_when_done(&s), -EBADF);
    close(peer);
}
END_TEST

static int open_again(struct asyncore_dispatcher *self)
{
    int ends[2];

    add_to_trace("again ");
    asyncore_close(self);
    tcp_pair(ends);
    peer = ends[1];
    return asyncore_set_socket(self, ends[0], NULL);
}

/* The next connection is another: it takes what is sent, and stays. */
START_TEST(test_opened_again_after_close_when_done)
{
    static const struct asyncore_class cls = {.super = &sender_class, .handle_close = open_again};
    int old;

    make();
    s.base.cls = &cls;
    old = peer;
    ck_assert_int_eq(asyncore_close_when_done(&s), 0);
    if (_i == 0)
        poll_once(NULL);
    else /* the peer is first */
        asyncore_handle_close(&s.base);
    assert_trace("again ");
    ck_assert_int_eq(asyncore_send(&s.base, "x", 1), 1);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    s.base.cls = &sender_class;
    ck_assert_int_eq(asyncore_close_when_done(&s), 0);
    poll_once(NULL);
    assert_trace("close ");
    close(old);
    close(peer);
}
END_TEST

/* It would cut off what is still in the buffer. */
START_TEST(test_no_send_last)
{
    make();
    ck_assert_int_eq(asyncore_send_last(&s.base, "x", 1), -EOPNOTSUPP);
    ck_assert_uint_eq(asyncore_out_buffer(&s), 0);
    close(peer);
}
END_TEST

START_TEST(test_unusable)
{
    const struct sockaddr_in addr = loopback(0);
    int ends[2];

    make();
    asyncore_close(&s.base);
    ck_assert_int_eq(asyncore_initiate_send(&s), -EBADF);
    ck_assert_int_eq(asyncore_dispatcher_with_send_class.send(&s.base, "x", 1), -EBADF);
    ck_assert_int_eq(asyncore_dispatcher_with_send_class.handle_write(&s.base), -EBADF);
    ck_assert_int_eq(asyncore_initiate_send(NULL), -EINVAL);
    ck_assert_int_eq(asyncore_close_when_done(NULL), -EINVAL);
    ck_assert_uint_eq(asyncore_out_buffer(NULL), 0);
    close(peer);

    tcp_pair(ends);
    ck_assert_int_eq(asyncore_dispatcher_with_send_init(NULL, &sender_class, ends[0],
                                                        (const struct sockaddr *)&addr, sizeof addr,
                                                        NULL),
                     -ENOMEM);
    ck_assert_int_eq(
        asyncore_dispatcher_with_send_init(NULL, &sender_class, ends[1], NULL, 0, NULL), -EINVAL);
    ck_assert_int_eq(fcntl(ends[0], F_GETFD), -1);
    ck_assert_int_eq(fcntl(ends[1], F_GETFD), -1);
}
END_TEST

START_TEST(test_accepted)
{
    const struct sockaddr_in addr = loopback(htons(4711));
    char text[64];
    int ends[2];

    tcp_pair(ends);
    ck_assert_int_eq(asyncore_dispatcher_with_send_init(&s, &sender_class, ends[0],
                                                        (const struct sockaddr *)&addr, sizeof addr,
                                                        NULL),
                     0);
    asyncore_repr(&s.base, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "connected 127.0.0.1:4711"));
    ck_assert_int_eq(asyncore_send(&s.base, "x", 1), 1);
    ck_assert_int_eq(recv(ends[1], text, sizeof text, 0), 1);
    close(ends[1]);
}
END_TEST

/* With what waits it is more than a size_t can say; and that stays. */
START_TEST(test_more_than_there_can_be)
{
    static char data[200000];

    make();
    ck_assert_int_eq(asyncore_send(&s.base, data, sizeof data), sizeof data);
    ck_assert_uint_gt(asyncore_out_buffer(&s), 0);
    ck_assert_int_eq(asyncore_send(&s.base, data, SIZE_MAX), -ENOMEM);
    for (size_t received = 0; received < sizeof data;) {
        const ssize_t n = recv(peer, data, sizeof data, MSG_DONTWAIT);

        received += n > 0 ? (size_t)n : 0;
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    }
    ck_assert_uint_eq(asyncore_out_buffer(&s), 0);
    close(peer);
}
END_TEST

START_TEST(test_writable_until_connected)
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);

    ck_assert_int_eq(asyncore_dispatcher_with_send_init(&s, &sender_class, -1, NULL, 0, NULL), 0);
    asyncore_create_socket(&s.base, AF_INET, SOCK_STREAM);
    asyncore_connect(&s.base, (struct sockaddr *)&addr, sizeof addr);
    ck_assert(asyncore_writable(&s.base));
    poll_once(NULL);
    ck_assert(asyncore_connected(&s.base));
    ck_assert(!asyncore_writable(&s.base));
    close(listener);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dispatcher_with_send");
    TCase *tcase = add_case(suite, "dispatcher_with_send");

    tcase_add_test(tcase, test_send_goes_out_at_once);
    tcase_add_loop_test(tcase, test_pieces, 0, 2);
    tcase_add_test(tcase, test_order_is_kept);
    tcase_add_test(tcase, test_peer_is_gone);
    tcase_add_test(tcase, test_close_when_done);
    tcase_add_loop_test(tcase, test_close_when_done_with_nothing_to_send, 0, 2);
    tcase_add_loop_test(tcase, test_opened_again_after_close_when_done, 0, 2);
    tcase_add_test(tcase, test_no_send_last);
    tcase_add_test(tcase, test_unusable);
    tcase_add_test(tcase, test_accepted);
    tcase_add_test(tcase, test_more_than_there_can_be);
    tcase_add_test(tcase, test_writable_until_connected);
    return run_suite(suite);
}
