/* check_data.c - recv, send, and out-of-band data. */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_recv_has_three_answers)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    char buffer[8];

    ck_assert_int_eq(asyncore_recv(&a.base, buffer, sizeof buffer), -EAGAIN);
    send_all(peer, "hello");
    wait_readable(asyncore_fileno(&a.base));
    ck_assert_int_eq(asyncore_recv(&a.base, buffer, sizeof buffer), 5);
    ck_assert_mem_eq(buffer, "hello", 5);
    ck_assert_int_eq(asyncore_recv(&a.base, buffer, 0), -EINVAL); /* CPython: end of file */
    assert_trace("");
    close(peer);
    wait_readable(asyncore_fileno(&a.base));
    ck_assert_int_eq(asyncore_recv(&a.base, buffer, sizeof buffer), 0);
    assert_trace("A.handle_close ");
    ck_assert_int_eq(asyncore_recv(&a.base, buffer, sizeof buffer), -EBADF);
    assert_trace("");
}
END_TEST

static int recv_until_it_would_block(struct probe *self)
{
    char byte;
    ssize_t n;

    while ((n = asyncore_recv(&self->base, &byte, 1)) > 0)
        add_to_trace("%c ", byte);
    return (int)n;
}

/* In CPython the second recv() kills the channel. */
START_TEST(test_draining_until_it_would_block)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = recv_until_it_would_block;
    send_all(peer, "xyz");
    poll_once(NULL);
    assert_trace("A.handle_read x y z ");
    ck_assert(asyncore_connected(&a.base));
    ck_assert_int_eq(asyncore_read(&a.base), 0); /* a false alarm */
    assert_trace("A.handle_read ");
    ck_assert(asyncore_connected(&a.base));
    close(peer);
}
END_TEST

static int recv_four(struct probe *self)
{
    char buffer[4];

    add_to_trace("%zd ", asyncore_recv(&self->base, buffer, sizeof buffer));
    return 0;
}

static void assert_all_is_read(struct probe *a)
{
    a->on_read = recv_four;
    ck_assert_int_eq(asyncore_loop(20, NULL, 10), 0);
    assert_trace("A.handle_read 4 A.handle_read 4 A.handle_read 2 "
                 "A.handle_read A.handle_close 0 ");
    ck_assert_int_eq(a->destroyed, 1);
}

START_TEST(test_data_before_the_end_is_read)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    send_all(peer, "0123456789");
    close(peer);
    assert_all_is_read(&a);
}
END_TEST

START_TEST(test_data_before_a_hangup_is_read)
{
    static struct probe a;
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_init(&a.base, &probe_class, ends[0], NULL), 0);
    send_all(ends[1], "0123456789");
    close(ends[1]);
    assert_all_is_read(&a);
}
END_TEST

START_TEST(test_reset_is_one_close)
{
    static struct probe a;

    a.on_read = recv_some;
    reset(probe_channel(&a, "A", NULL));
    a.on_read = recv_some;
    a.wants_write = true;
    wait_readable(asyncore_fileno(&a.base));
    poll_once(NULL);
    assert_trace("A.handle_read A.handle_close A.recv=0 ");
    ck_assert_int_eq(a.destroyed, 1);
}
END_TEST

static int ignore_close(struct probe *self)
{
    (void)self;
    return 0;
}

/* Whoever overrides handle_close and does not close hears of it in each pass, as in Python. */
START_TEST(test_half_close_without_closing)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = recv_some;
    a.on_close = ignore_close;
    shutdown(peer, SHUT_WR);
    poll_once(NULL);
    poll_once(NULL);
    assert_trace("A.handle_read A.handle_close A.recv=0 A.handle_read A.handle_close A.recv=0 ");
    ck_assert_int_eq(asyncore_send(&a.base, "still", 5), 5); /* the other direction is open */
    close(peer);
}
END_TEST

/* ---- send ---- */

static int send_two(struct probe *self)
{
    add_to_trace("%zd ", asyncore_send(&self->base, "ab", 2));
    add_to_trace("%zd ", asyncore_send(&self->base, "ab", 2));
    return 0;
}

START_TEST(test_send_on_a_broken_connection)
{
    static struct probe a;

    ck_assert(signal(SIGPIPE, SIG_DFL) != SIG_ERR); /* which would end this process */
    reset(probe_channel(&a, "A", NULL));
    a.wants_read = false;
    a.wants_write = true;
    a.on_write = send_two;
    wait_readable(asyncore_fileno(&a.base));
    poll_once(NULL);
    /* 0 with the connection gone; after that the object is closed */
    add_to_trace("%d ", a.destroyed);
    {
        char expected[128];

        snprintf(expected, sizeof expected, "A.handle_write A.handle_close 0 %d 1 ", -EBADF);
        assert_trace(expected);
    }
}
END_TEST

static int send_one(struct probe *self)
{
    return (int)asyncore_send(&self->base, "a", 1);
}

/* It has answered, "400" say, and gone, while it was still sent to: the answer is read before the
 * next send() finds that out. */
START_TEST(test_answer_behind_a_broken_pipe)
{
    static struct probe a;
    int ends[2];

    if (_i == 0)
        tcp_pair(ends);
    else
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_init(&a.base, &probe_class, ends[0], NULL), 0);
    a.on_read = recv_some;
    a.on_write = send_one;
    a.wants_write = true;
    send_all(ends[1], "400");
    close(ends[1]);
    wait_readable(ends[0]);
    poll_once(NULL);
    ck_assert_ptr_eq(strstr(trace, "A.handle_read A.recv=3 A.handle_write "), trace);
    while (asyncore_map_count(NULL) > 0)
        poll_once(NULL);
    ck_assert_int_eq(a.destroyed, 1);
}
END_TEST

static int say_sorry(struct probe *self, int error)
{
    (void)error;
    asyncore_send(&self->base, "sor", 3);
    return (int)asyncore_send(&self->base, "ry", 2); /* -EBADF, if the first has found it gone */
}

static int fail_with_eio(struct probe *self)
{
    (void)self;
    return -EIO;
}

/* The last words to one who has reset the connection are that one's affair: the loop goes on. */
START_TEST(test_last_words_in_handle_error)
{
    static struct probe a, b;
    const int other = probe_channel(&b, "B", NULL);

    b.on_read = recv_some;
    reset(probe_channel(&a, "A", NULL));
    a.on_read = fail_with_eio;
    a.on_error = say_sorry;
    wait_readable(asyncore_fileno(&a.base));
    poll_once(NULL);
    assert_trace("A.handle_read A.handle_error(EIO) A.handle_close ");
    ck_assert_int_eq(a.destroyed, 1);
    send_all(other, "x");
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=1 ");
    close(other);
}
END_TEST

static int say_goodbye(struct probe *self)
{
    add_to_trace("%zd ", asyncore_send(&self->base, "bye", 3));
    return asyncore_close(&self->base);
}

/* In CPython handle_close is called from send() from handle_close... */
START_TEST(test_send_in_handle_close)
{
    static struct probe a;
    char byte;

    reset(probe_channel(&a, "A", NULL));
    a.on_close = say_goodbye;
    wait_readable(asyncore_fileno(&a.base));
    ck_assert_int_eq(asyncore_recv(&a.base, &byte, 1), 0);
    assert_trace("A.handle_close 0 ");
    ck_assert_int_eq(a.destroyed, 1);
}
END_TEST

START_TEST(test_handle_close_is_not_called_from_itself)
{
    static struct probe a;

    trace_log();
    for (int way = 0; way < 3; way++) {
        reset(probe_channel(&a, "A", NULL));
        a.on_close = say_goodbye;
        wait_readable(asyncore_fileno(&a.base));
        if (way == 0)
            ck_assert_int_eq(asyncore_handle_close(&a.base), 0);
        else if (way == 1)
            ck_assert_int_eq(asyncore_readwrite(&a.base, POLLHUP), 0);
        else
            ck_assert_int_eq(asyncore_dispatcher_class.handle_error(&a.base, -EIO), 0);
        assert_trace(way == 2 ? "[error] A.handle_close 0 " : "A.handle_close 0 ");
        ck_assert_int_eq(a.destroyed, 1);
    }
}
END_TEST

START_TEST(test_send_to_a_peer_that_does_not_read)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    static char block[1 << 20];
    size_t sent = 0, got = 0;
    ssize_t n;

    while ((n = asyncore_send(&a.base, block, sizeof block)) > 0)
        sent += (size_t)n;
    ck_assert_int_eq(n, 0); /* full is not an error */
    a.wants_read = false;
    a.wants_write = true;
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    while (got < sent) {
        n = recv(peer, block, sizeof block, 0);
        ck_assert_int_gt(n, 0);
        got += (size_t)n;
    }
    poll_once(NULL);
    assert_trace("A.handle_write ");
    close(peer);
}
END_TEST

START_TEST(test_send_last)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    char buffer[8];

    ck_assert_int_eq(asyncore_send_last(&a.base, "time", 4), 4);
    ck_assert_int_eq(recv_to_end(peer, buffer, sizeof buffer), 4); /* and the end */
    ck_assert_mem_eq(buffer, "time", 4);
    send_all(peer, "we can still talk");
    wait_readable(asyncore_fileno(&a.base));
    ck_assert_int_eq(asyncore_recv(&a.base, buffer, 2), 2);
    close(peer);
}
END_TEST

static ssize_t send_short(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    add_to_trace("send(%zu) ", size);
    return asyncore_dispatcher_class.send(self, data, size > 1 ? size - 1 : size);
}

static const struct asyncore_class short_class = {.super = &probe_class, .send = send_short};

START_TEST(test_send_last_in_pieces)
{
    static struct probe a;
    char buffer[8];
    int ends[2];

    tcp_pair(ends);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_init(&a.base, &short_class, ends[0], NULL), 0);
    ck_assert_int_eq(asyncore_send_last(&a.base, "time", 4), 3);
    ck_assert_int_eq(asyncore_send_last(&a.base, "e", 1), 1);
    assert_trace("send(4) send(1) "); /* a class's own send is used */
    ck_assert_int_eq(recv_to_end(ends[1], buffer, sizeof buffer), 4);
    close(ends[1]);
}
END_TEST

/* ---- out-of-band data ---- */

static int recv_urgent(struct probe *self)
{
    char byte = '?';

    recv(asyncore_fileno(&self->base), &byte, 1, MSG_OOB);
    add_to_trace("%c ", byte);
    return 0;
}

static int next_peer;

static ssize_t send_and_open_another(struct asyncore_dispatcher *self, const void *data,
                                     size_t size)
{
    const ssize_t n = asyncore_dispatcher_class.send(self, data, size);
    int ends[2];

    tcp_pair(ends);
    next_peer = ends[1];
    ck_assert_int_eq(asyncore_set_socket(self, ends[0], NULL), 0);
    return n;
}

/* In a send() of its own: the other socket is not at its end. */
START_TEST(test_send_last_that_opens_another)
{
    static const struct asyncore_class cls = {.super = &probe_class, .send = send_and_open_another};
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    char buffer[8];

    a.base.cls = &cls;
    ck_assert_int_eq(asyncore_send_last(&a.base, "bye", 3), 3);
    ck_assert_int_eq(recv_to_end(peer, buffer, sizeof buffer), 3);
    ck_assert_int_eq(asyncore_dispatcher_class.send(&a.base, "hi", 2), 2);
    ck_assert_int_eq(recv(next_peer, buffer, sizeof buffer, 0), 2);
    close(peer);
    close(next_peer);
}
END_TEST

/* ---- asyncore_accepted_send_last ---- */

static struct probe listener;
static int accepted[2]; /* what it has accepted, and the peer's end */

static void accept_one(void)
{
    close(probe_channel(&listener, "L", NULL));
    tcp_pair(accepted);
}

START_TEST(test_accepted_send_last)
{
    char buffer[8];

    accept_one();
    ck_assert_int_eq(asyncore_accepted_send_last(&listener.base, accepted[0], "time", 4), 4);
    ck_assert_int_eq(recv_to_end(accepted[1], buffer, sizeof buffer), 4); /* and the end */
    ck_assert_mem_eq(buffer, "time", 4);
    send_all(accepted[1], "we can still talk");
    wait_readable(accepted[0]);
    ck_assert_int_eq(recv(accepted[0], buffer, 2, 0), 2);
    close(accepted[0]);
    close(accepted[1]);
    assert_trace("");
}
END_TEST

START_TEST(test_accepted_takes_nothing)
{
    static char block[65536];
    ssize_t n = 0;

    accept_one();
    ck_assert_int_eq(fcntl(accepted[0], F_SETFL, O_NONBLOCK), 0);
    while (n >= 0)
        n = send(accepted[0], block, sizeof block, 0);
    ck_assert_int_eq(asyncore_accepted_send_last(&listener.base, accepted[0], "time", 4), 0);
    ck_assert_int_eq(send(accepted[0], block, 1, MSG_NOSIGNAL), -1);
    ck_assert_int_eq(errno, EAGAIN); /* and not EPIPE: it is not shut down */
    close(accepted[0]);
    close(accepted[1]);
}
END_TEST

START_TEST(test_accepted_is_gone)
{
    accept_one();
    shutdown(accepted[0], SHUT_WR);
    ck_assert_int_eq(asyncore_accepted_send_last(&listener.base, accepted[0], "time", 4), -EPIPE);
    close(accepted[0]);
    close(accepted[1]);
    assert_trace("");
}
END_TEST

START_TEST(test_write_comes_before_expt)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.wants_write = true;
    a.on_read = recv_some;
    a.on_expt = recv_urgent;
    send_all(peer, "ab");
    ck_assert_int_eq(send(peer, "!", 1, MSG_OOB), 1);
    while (strstr(trace, "handle_expt") == NULL) { /* it may come in two segments */
        trace[0] = '\0';
        poll_once(NULL);
    }
    ck_assert_ptr_nonnull(strstr(trace, "A.handle_write A.handle_expt ! "));
    close(peer);
}
END_TEST

/* CPython never reads the byte, and is called in each pass for ever. */
START_TEST(test_default_handle_expt_takes_the_byte)
{
    static struct asyncore_dispatcher d;
    int ends[2];
    static const struct asyncore_class cls = {.super = &asyncore_dispatcher_class,
                                              .writable = asyncore_never};

    trace_log();
    tcp_pair(ends);
    ck_assert_int_eq(asyncore_init(&d, &cls, ends[0], NULL), 0);
    asyncore_set_ignore_log_types(&d, 0);
    ck_assert_int_eq(send(ends[1], "!", 1, MSG_OOB), 1);
    poll_once(NULL);
    assert_trace("[warning] ");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    close(ends[1]);
}
END_TEST

START_TEST(test_urgent_and_error_is_handle_close)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    ck_assert_int_eq(send(peer, "!", 1, MSG_OOB), 1);
    reset(peer);
    wait_readable(asyncore_fileno(&a.base));
    ck_assert_int_eq(asyncore_handle_expt_event(&a.base), 0);
    assert_trace("A.handle_close ");
}
END_TEST

/* ---- half-close, for who asks for it ---- */

static int go_on(struct asyncore_dispatcher *self)
{
    add_to_trace("handle_eof ");
    ((struct probe *)self)->wants_read = false;
    return 0;
}

static const struct asyncore_class half_closing_class = {.super = &probe_class,
                                                         .handle_eof = go_on};

START_TEST(test_handle_eof)
{
    static struct probe a;
    char buffer[8];
    int ends[2];

    tcp_pair(ends);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_init(&a.base, &half_closing_class, ends[0], NULL), 0);
    a.on_read = recv_some;
    shutdown(ends[1], SHUT_WR);
    poll_once(NULL);
    assert_trace("A.handle_read handle_eof A.recv=0 ");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    ck_assert_int_eq(asyncore_send_last(&a.base, "answer", 6), 6);
    ck_assert_int_eq(recv_to_end(ends[1], buffer, sizeof buffer), 6);
    close(ends[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("data");
    TCase *tcase = add_case(suite, "data");

    tcase_add_test(tcase, test_recv_has_three_answers);
    tcase_add_test(tcase, test_draining_until_it_would_block);
    tcase_add_test(tcase, test_data_before_the_end_is_read);
    tcase_add_test(tcase, test_data_before_a_hangup_is_read);
    tcase_add_test(tcase, test_reset_is_one_close);
    tcase_add_test(tcase, test_half_close_without_closing);
    tcase_add_test(tcase, test_send_on_a_broken_connection);
    tcase_add_loop_test(tcase, test_answer_behind_a_broken_pipe, 0, 2);
    tcase_add_test(tcase, test_last_words_in_handle_error);
    tcase_add_test(tcase, test_send_in_handle_close);
    tcase_add_test(tcase, test_handle_close_is_not_called_from_itself);
    tcase_add_test(tcase, test_send_to_a_peer_that_does_not_read);
    tcase_add_test(tcase, test_send_last);
    tcase_add_test(tcase, test_send_last_in_pieces);
    tcase_add_test(tcase, test_send_last_that_opens_another);
    tcase_add_test(tcase, test_accepted_send_last);
    tcase_add_test(tcase, test_accepted_takes_nothing);
    tcase_add_test(tcase, test_accepted_is_gone);
    tcase_add_test(tcase, test_write_comes_before_expt);
    tcase_add_test(tcase, test_default_handle_expt_takes_the_byte);
    tcase_add_test(tcase, test_urgent_and_error_is_handle_close);
    tcase_add_test(tcase, test_handle_eof);
    return run_suite(suite);
}
