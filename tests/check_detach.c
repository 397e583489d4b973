/* check_detach.c - a connection leaves its dispatcher alive. */
#include "support.h"

#include <asynchat.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>

START_TEST(test_the_descriptor_stays_open)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    const int fd = asyncore_detach(&a.base);
    char buffer[8];

    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    ck_assert_int_eq(asyncore_fileno(&a.base), -1);
    ck_assert(!asyncore_connected(&a.base));
    ck_assert_int_eq(a.destroyed, 1);
    assert_trace("");
    send_all(peer, "hi");
    wait_readable(fd);
    ck_assert_int_eq(recv(fd, buffer, sizeof buffer, 0), 2);
    ck_assert((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    close(fd);
    close(peer);
}
END_TEST

static struct probe heir;

static int hand_over(struct probe *self)
{
    probe_init(&heir, "B", NULL);
    heir.on_read = recv_some;
    return asyncore_set_socket(&heir.base, asyncore_detach(&self->base), NULL);
}

/* What the pass found for the one is not the other's. */
START_TEST(test_in_a_handler_to_another_dispatcher)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = hand_over;
    a.wants_write = true;
    send_all(peer, "hi");
    poll_once(NULL);
    assert_trace("A.handle_read ");
    ck_assert_int_eq(a.destroyed, 1);
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=2 ");
    close(peer);
}
END_TEST

START_TEST(test_idle_seconds_end_with_it)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    int fd;

    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 0.001), 0);
    fd = asyncore_detach(&a.base);
    ck_assert_int_eq(asyncore_loop(1, NULL, -1), 0); /* no timer is left to wait for */
    assert_trace("");
    close(fd);
    close(peer);
}
END_TEST

START_TEST(test_nothing_to_detach)
{
    static struct probe a;
    struct asyncore_dispatcher none = {0};

    ck_assert_int_eq(asyncore_detach(NULL), -EINVAL);
    ck_assert_int_eq(asyncore_detach(&none), -EINVAL);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_detach(&a.base), -EBADF);
    ck_assert_int_eq(a.destroyed, 0);
    close(probe_channel(&a, "A", NULL));
    close(asyncore_detach(&a.base));
    ck_assert_int_eq(asyncore_detach(&a.base), -EBADF);
    ck_assert_int_eq(a.destroyed, 1);
}
END_TEST

/* Out of the map it was closed behind the library's back, and the number is another dispatcher's. */
START_TEST(test_number_lost)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), number = asyncore_fileno(&a.base);
    int ends[2];

    ck_assert_int_eq(asyncore_del_channel(&a.base), 0);
    tcp_pair(ends);
    ck_assert_int_eq(dup2(ends[0], number), number);
    close(ends[0]);
    probe_init(&b, "B", NULL);
    ck_assert_int_eq(asyncore_set_socket(&b.base, number, NULL), 0);
    ck_assert_int_eq(asyncore_detach(&a.base), -EBADF);
    ck_assert_int_eq(a.destroyed, 0);
    ck_assert_int_eq(asyncore_close(&a.base), 0);
    ck_assert_int_eq(a.destroyed, 1);
    b.on_read = recv_some;
    send_all(ends[1], "hi");
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=2 ");
    close(ends[1]);
    close(peer);
}
END_TEST

START_TEST(test_out_of_the_map)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL), number = asyncore_fileno(&a.base);

    ck_assert_int_eq(asyncore_del_channel(&a.base), 0);
    ck_assert_int_eq(asyncore_detach(&a.base), number);
    ck_assert_int_eq(a.destroyed, 1);
    close(number);
    close(peer);
}
END_TEST

/* The outcome of the connect is the new owner's to hear. */
START_TEST(test_while_it_connects)
{
    static struct probe a, b;
    struct sockaddr_in addr;
    int fd;

    probe_listen(&b, "B", NULL, &addr);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_create_socket(&a.base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_set_connect_timeout(&a.base, 1000), 0);
    ck_assert_int_eq(asyncore_connect(&a.base, (struct sockaddr *)&addr, sizeof addr), 0);
    fd = asyncore_detach(&a.base);
    ck_assert(!asyncore_connecting(&a.base));
    asyncore_close(&b.base);
    ck_assert_int_eq(asyncore_loop(1000, NULL, -1), 0);
    assert_trace("");
    ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLOUT}, 1, 20000), 1);
    close(fd);
}
END_TEST

static int fd_of_handler;

static int detach_self(struct probe *self)
{
    fd_of_handler = asyncore_detach(&self->base);
    return 0;
}

static int detach_in_handle_timeout(struct asyncore_dispatcher *self)
{
    return detach_self((struct probe *)self);
}

START_TEST(test_in_handle_timeout)
{
    static const struct asyncore_class cls = {.super = &probe_class,
                                              .handle_timeout = detach_in_handle_timeout};
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.base.cls = &cls;
    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 0.001), 0);
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0);
    ck_assert_int_eq(a.destroyed, 1);
    ck_assert_int_ge(fcntl(fd_of_handler, F_GETFD), 0);
    assert_trace("");
    close(fd_of_handler);
    close(peer);
}
END_TEST

/* No handle_read follows, though data wait. */
START_TEST(test_in_handle_connect)
{
    static struct probe a;
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);
    int peer;

    probe_init(&a, "A", NULL);
    a.on_connect = detach_self;
    ck_assert_int_eq(asyncore_create_socket(&a.base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_connect(&a.base, (struct sockaddr *)&addr, sizeof addr), 0);
    peer = accept(listener, NULL, NULL);
    send_all(peer, "hi");
    wait_readable(asyncore_fileno(&a.base));
    poll_once(NULL);
    assert_trace("A.handle_connect ");
    ck_assert(!asyncore_connected(&a.base));
    ck_assert_int_eq(a.destroyed, 1);
    close(fd_of_handler);
    close(peer);
    close(listener);
}
END_TEST

/* As with a close: the file blocks again, once no other dispatcher has it. */
START_TEST(test_of_a_file)
{
    static struct asyncore_dispatcher a, b;
    int ends[2], fd;

    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(
        asyncore_file_dispatcher_init(&a, &asyncore_file_dispatcher_class, ends[0], NULL), 0);
    ck_assert_int_eq(
        asyncore_file_dispatcher_init(&b, &asyncore_file_dispatcher_class, ends[0], NULL), 0);
    fd = asyncore_detach(&a);
    ck_assert_int_ne(fd, ends[0]);
    ck_assert((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    close(fd);
    fd = asyncore_detach(&b);
    ck_assert((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
    ck_assert_int_eq(asyncore_file_dispatcher_init(&a, &asyncore_file_dispatcher_class, fd, NULL),
                     0);
    ck_assert((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    ck_assert_int_eq(asyncore_close(&a), 0);
    ck_assert((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
    close(fd);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* ---- what has not been sent, or not been collected ---- */

static char much[1 << 23];

/* What the system had taken, and no more. */
static void assert_peer_gets(int fd, int peer, size_t size)
{
    static char all[sizeof much];

    close(fd);
    ck_assert_int_eq(recv_to_end(peer, all, sizeof all), (ssize_t)size);
    close(peer);
}

START_TEST(test_dispatcher_with_send_that_has_something_to_send)
{
    static struct asyncore_dispatcher_with_send a;
    size_t left;
    int ends[2], fd;

    tcp_pair(ends);
    ck_assert_int_eq(asyncore_dispatcher_with_send_init(&a, &asyncore_dispatcher_with_send_class,
                                                        ends[0], NULL, 0, NULL),
                     0);
    ck_assert_int_eq(asyncore_send(&a.base, much, sizeof much), (ssize_t)sizeof much);
    left = asyncore_out_buffer(&a);
    ck_assert_uint_gt(left, 0);
    fd = asyncore_detach(&a.base);
    ck_assert_int_eq(fd, ends[0]);
    ck_assert_uint_eq(asyncore_out_buffer(&a), 0);
    assert_peer_gets(fd, ends[1], sizeof much - left);
}
END_TEST

static char collected[64];

static int collect(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    (void)self;
    strncat(collected, data, size);
    return 0;
}

static int detach_at_terminator(struct asyncore_dispatcher *self)
{
    fd_of_handler = asyncore_detach(self);
    return 0;
}

static const struct asyncore_class switching_class = {
    .super = &asynchat_async_chat_class,
    .collect_incoming_data = collect,
    .found_terminator = detach_at_terminator,
};

START_TEST(test_async_chat)
{
    static struct asynchat_async_chat a;
    size_t left;
    char byte;
    int ends[2];

    tcp_pair(ends);
    ck_assert_int_eq(asynchat_init(&a, &switching_class, ends[0], NULL, 0, NULL), 0);
    ck_assert_int_eq(asynchat_set_terminator(&a, "\n", 1), 0);
    ck_assert_int_eq(asynchat_push(&a, much, sizeof much), 0);
    left = asynchat_queued(&a);
    ck_assert_uint_gt(left, 0);
    send_all(ends[1], "switch\nbehind\n");
    wait_readable(ends[0]);
    ck_assert_int_eq(asyncore_read(&a.base), 0);
    ck_assert_str_eq(collected, "switch");
    ck_assert_int_eq(fd_of_handler, ends[0]);
    ck_assert_uint_eq(asynchat_queued(&a), 0);
    ck_assert_int_eq(asyncore_loop(20, NULL, -1),
                     0); /* there is nothing that it would go on with */
    send_all(ends[1], "x");
    wait_readable(ends[0]);
    ck_assert_int_eq(recv(ends[0], &byte, 1, 0), 1);
    ck_assert_int_eq(byte, 'x');
    assert_peer_gets(ends[0], ends[1], sizeof much - left);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("detach");
    TCase *tcase = add_case(suite, "detach");

    tcase_add_test(tcase, test_the_descriptor_stays_open);
    tcase_add_test(tcase, test_in_a_handler_to_another_dispatcher);
    tcase_add_test(tcase, test_idle_seconds_end_with_it);
    tcase_add_test(tcase, test_nothing_to_detach);
    tcase_add_test(tcase, test_number_lost);
    tcase_add_test(tcase, test_out_of_the_map);
    tcase_add_test(tcase, test_while_it_connects);
    tcase_add_test(tcase, test_in_handle_timeout);
    tcase_add_test(tcase, test_in_handle_connect);
    tcase_add_test(tcase, test_of_a_file);
    tcase_add_test(tcase, test_dispatcher_with_send_that_has_something_to_send);
    tcase_add_test(tcase, test_async_chat);
    return run_suite(suite);
}
