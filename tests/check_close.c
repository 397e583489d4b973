/* check_close.c - closing from anywhere: no handler after it, one destroy(), no event for another.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- oneself ---- */

START_TEST(test_close_self_when_also_writable)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.wants_write = true;
    a.on_read = close_self;
    send_all(peer, "x");
    poll_once(NULL);
    assert_trace("A.handle_read "); /* CPython's poll2 goes on to handle_write */
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
}
END_TEST

START_TEST(test_close_self_in_handle_write)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.wants_write = true;
    a.wants_read = false;
    a.on_write = close_self;
    ck_assert_int_eq(send(peer, "!", 1, MSG_OOB), 1);
    poll_once(NULL);
    assert_trace("A.handle_write "); /* and no handle_expt */
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
}
END_TEST

START_TEST(test_close_self_in_handle_expt)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_expt = close_self;
    ck_assert_int_eq(send(peer, "!", 1, MSG_OOB), 1);
    poll_once(NULL);
    assert_trace("A.handle_expt ");
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
}
END_TEST

static int close_then_fail(struct probe *self)
{
    asyncore_close(&self->base);
    return -EPIPE;
}

START_TEST(test_close_self_then_fail)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = close_then_fail;
    send_all(peer, "x");
    poll_once(NULL);
    assert_trace("A.handle_read "); /* there is nobody left to handle the error */
    close(peer);
}
END_TEST

static int close_in_error(struct probe *self, int error)
{
    (void)error;
    return asyncore_close(&self->base);
}

static int fail_with_eio(struct probe *self)
{
    (void)self;
    return -EIO;
}

START_TEST(test_close_self_in_handle_error)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.wants_write = true;
    a.on_read = fail_with_eio;
    a.on_error = close_in_error;
    send_all(peer, "x");
    poll_once(NULL);
    assert_trace("A.handle_read A.handle_error(EIO) ");
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
}
END_TEST

START_TEST(test_close_self_in_handle_close)
{
    static struct probe a;

    close(probe_channel(&a, "A", NULL));
    a.on_read = recv_some;
    a.on_close = close_self;
    poll_once(NULL);
    assert_trace("A.handle_read A.handle_close A.recv=0 ");
    ck_assert_int_eq(a.destroyed, 1);
}
END_TEST

static int close_in_accept(struct probe *self, int fd, const struct sockaddr *addr,
                           socklen_t addrlen)
{
    (void)addr;
    (void)addrlen;
    close(fd);
    return asyncore_close(&self->base);
}

START_TEST(test_close_self_in_handle_accept_and_accepted)
{
    static struct probe l;
    struct sockaddr_in addr;
    int client;

    probe_listen(&l, "L", NULL, &addr);
    l.on_accepted = close_in_accept;
    client = tcp_connect(&addr);
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_accepted ");
    ck_assert_int_eq(l.destroyed, 1);
    close(client);
    probe_listen(&l, "L", NULL, &addr);
    l.on_accept = close_self;
    client = tcp_connect(&addr);
    poll_once(NULL);
    assert_trace("L.handle_accept ");
    ck_assert_int_eq(l.destroyed, 1);
    close(client);
}
END_TEST

static bool close_in_predicate(struct probe *self)
{
    close_self(self);
    return true;
}

START_TEST(test_close_self_in_a_predicate)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    a.on_readable = close_in_predicate;
    send_all(other, "x");
    poll_once(NULL); /* in CPython select() fails with EBADF */
    assert_trace("B.handle_read ");
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
    close(other);
}
END_TEST

/* Nobody is left to wait for. */
START_TEST(test_close_the_last_in_a_predicate)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_readable = close_in_predicate;
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
}
END_TEST

/* ---- another ---- */

static bool close_other_in_predicate(struct probe *self)
{
    close_other(self);
    return true;
}

START_TEST(test_close_another_in_a_predicate)
{
    /* the neighbours in the list, the one asked next included */
    for (int victim = 0; victim < 3; victim++) {
        static struct probe probes[3], closer;
        int peers[3], peer = -1;
        char expected[256] = "";

        for (int i = 0; i < 3; i++) {
            static const char *const names[] = {"0", "1", "2"};

            peers[i] = probe_channel(&probes[i], names[i], NULL);
            send_all(peers[i], "x");
            probes[i].on_read = recv_some;
            if (i == 1)
                peer = probe_channel(&closer, "C", NULL);
            if (i != victim)
                snprintf(expected + strlen(expected), sizeof expected - strlen(expected),
                         "%d.handle_read %d.recv=1 ", i, i);
        }
        closer.other = &probes[victim];
        closer.on_readable = close_other_in_predicate;
        poll_once(NULL);
        assert_trace(expected);
        ck_assert_int_eq(probes[victim].destroyed, 1);
        asyncore_close_all(NULL, false);
        for (int i = 0; i < 3; i++)
            close(peers[i]);
        close(peer);
    }
}
END_TEST

START_TEST(test_close_another_that_is_ready)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    a.on_read = close_other;
    a.other = &b;
    b.wants_write = true;
    send_all(peer, "x");
    send_all(other, "x");
    wait_readable(asyncore_fileno(&b.base));
    poll_once(NULL);
    assert_trace("A.handle_read ");
    ck_assert_int_eq(b.destroyed, 1);
    close(peer);
    close(other);
}
END_TEST

START_TEST(test_close_another_that_was_served)
{
    static struct probe a, b;
    const int other = probe_channel(&b, "B", NULL), peer = probe_channel(&a, "A", NULL);

    a.on_read = close_other;
    a.other = &b;
    b.wants_write = true;
    b.on_read = recv_some;
    send_all(other, "x");
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    wait_readable(asyncore_fileno(&b.base));
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=1 A.handle_read ");
    close(peer);
    close(other);
}
END_TEST

static int close_everything(struct probe *self)
{
    return asyncore_close_all(asyncore_get_map(&self->base), false);
}

START_TEST(test_close_all_in_a_handler)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    a.wants_write = true;
    a.on_read = close_everything;
    send_all(peer, "x");
    send_all(other, "x");
    wait_readable(asyncore_fileno(&b.base));
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0);
    assert_trace("A.handle_read ");
    ck_assert_int_eq(a.destroyed, 1);
    ck_assert_int_eq(b.destroyed, 1);
    close(peer);
    close(other);
}
END_TEST

/* ---- the number of a descriptor comes back ---- */

static struct probe newcomer;
static int old_fd, newcomer_peer;

static void add_newcomer(void)
{
    int ends[2];

    /* The pair's own descriptors come after the one that was freed. */
    tcp_pair(ends);
    if (ends[0] != old_fd) {
        ck_assert_int_eq(dup2(ends[0], old_fd), old_fd);
        if (ends[1] == old_fd)
            ck_abort_msg("the peer took the number");
        close(ends[0]);
    }
    newcomer_peer = ends[1];
    probe_init(&newcomer, "N", NULL);
    newcomer.wants_write = true;
    newcomer.on_read = recv_some;
    ck_assert_int_eq(asyncore_init(&newcomer.base, &probe_class, old_fd, NULL), 0);
}

static int replace_self(struct probe *self)
{
    const int spare = dup(0); /* so that the freed number goes to nobody else meanwhile */

    old_fd = asyncore_fileno(&self->base);
    asyncore_close(&self->base);
    ck_assert_int_eq(dup2(spare, old_fd), old_fd);
    add_newcomer();
    close(spare);
    return 0;
}

static int replace_other(struct probe *self)
{
    return replace_self(self->other);
}

START_TEST(test_new_one_on_the_number_of_the_closed)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.wants_write = true;
    a.on_read = replace_self;
    send_all(peer, "x");
    poll_once(NULL);
    assert_trace("A.handle_read "); /* N has nothing of A's: CPython calls N.handle_write */
    poll_once(NULL);
    assert_trace("N.handle_write ");
    close(peer);
    close(newcomer_peer);
}
END_TEST

START_TEST(test_new_one_on_the_number_of_another)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    a.on_read = replace_other;
    a.other = &b;
    send_all(peer, "x");
    send_all(other, "x");
    wait_readable(asyncore_fileno(&b.base));
    poll_once(NULL);
    assert_trace("A.handle_read "); /* CPython calls N.handle_read, and EAGAIN kills N */
    ck_assert_int_ge(asyncore_fileno(&newcomer.base), 0);
    close(peer);
    close(other);
    close(newcomer_peer);
}
END_TEST

/* ---- opened again in handle_close, as reconnecting programs do ---- */

static struct sockaddr_in again;

static int reconnect(struct probe *self)
{
    asyncore_close(&self->base);
    ck_assert_int_eq(asyncore_create_socket(&self->base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_connect(&self->base, (struct sockaddr *)&again, sizeof again), 0);
    return 0;
}

START_TEST(test_reconnect_in_handle_close)
{
    static struct probe l, c;
    const struct sockaddr_in addr = nowhere();

    probe_listen(&l, "L", NULL, &again);
    l.wants_read = false;
    probe_init(&c, "C", NULL);
    c.wants_write = true;
    c.on_close = reconnect;
    asyncore_create_socket(&c.base, AF_INET, SOCK_STREAM);
    asyncore_connect(&c.base, (const struct sockaddr *)&addr, sizeof addr);
    poll_once(NULL);
    /* the write event of the refused socket is not the new one's */
    assert_trace("C.handle_error(ECONNREFUSED) C.handle_close ");
    ck_assert_int_eq(c.destroyed, 0);
    poll_once(NULL);
    assert_trace("C.handle_connect C.handle_write ");
    asyncore_close(&c.base);
    ck_assert_int_eq(c.destroyed, 1);
}
END_TEST

static int reopen_badly(struct probe *self)
{
    asyncore_close(&self->base);
    ck_assert_int_eq(asyncore_create_socket(&self->base, AF_INET, SOCK_STREAM), 0);
    return asyncore_connect(&self->base, NULL, 0);
}

START_TEST(test_failure_to_reopen_is_an_error)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = reopen_badly;
    send_all(peer, "x");
    poll_once(NULL);
    assert_trace("A.handle_read A.handle_error(EINVAL) A.handle_close ");
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
}
END_TEST

/* ---- destroy ---- */

static int check_not_destroyed(struct probe *self)
{
    asyncore_close(&self->base);
    asyncore_close(&self->base);
    ck_assert_int_eq(self->destroyed, 0);
    return 0;
}

START_TEST(test_destroy_comes_at_the_end_of_the_pass)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = check_not_destroyed;
    send_all(peer, "x");
    poll_once(NULL);
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
}
END_TEST

START_TEST(test_destroy_comes_at_once_outside_a_pass)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    asyncore_close(&a.base);
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
}
END_TEST

static void close_other_in_destroy(struct probe *self)
{
    close_other(self);
}

static int close_and_look(struct probe *self)
{
    asyncore_close(&self->base);
    ck_assert_int_eq(self->destroyed, 0);
    return 0;
}

static int close_and_look_at_accepted(struct probe *self, int fd, const struct sockaddr *addr,
                                      socklen_t addrlen)
{
    (void)addr;
    (void)addrlen;
    close(fd);
    return close_and_look(self);
}

static int close_and_look_at_error(struct probe *self, int error)
{
    (void)error;
    return close_and_look(self);
}

static int close_and_look_at_end(struct asyncore_dispatcher *self)
{
    return close_and_look((struct probe *)self);
}

static int accepted(struct asyncore_dispatcher *self)
{
    return asyncore_handle_accepted(self, dup(STDOUT_FILENO), NULL, 0);
}

static int error(struct asyncore_dispatcher *self)
{
    return asyncore_handle_error(self, -EIO);
}

static int receive_the_end(struct asyncore_dispatcher *self)
{
    char byte;

    shutdown(asyncore_fileno(self), SHUT_RD);
    return (int)asyncore_recv(self, &byte, 1);
}

static int (*const by_hand[])(struct asyncore_dispatcher *) = {
    asyncore_handle_connect,
    asyncore_handle_accept,
    accepted,
    asyncore_handle_read,
    asyncore_handle_write,
    asyncore_handle_expt,
    asyncore_handle_close,
    asyncore_handle_eof,
    asyncore_handle_timeout,
    error,
    asyncore_handle_read_event,
    receive_the_end,
};

/* Nor while a handler runs that was called by hand. */
START_TEST(test_destroy_comes_after_a_handler_outside_a_pass)
{
    static const struct asyncore_class cls = {.super = &probe_class,
                                              .handle_eof = close_and_look_at_end,
                                              .handle_timeout = close_and_look_at_end};
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.base.cls = &cls;
    a.on_connect = a.on_accept = a.on_read = a.on_write = a.on_expt = a.on_close = close_and_look;
    a.on_accepted = close_and_look_at_accepted;
    a.on_error = close_and_look_at_error;
    ck_assert_int_eq(by_hand[_i](&a.base), 0);
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
}
END_TEST

START_TEST(test_close_in_destroy)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    a.on_destroy = close_other_in_destroy;
    a.other = &b;
    a.on_read = close_self;
    send_all(peer, "x");
    poll_once(NULL);
    ck_assert_int_eq(a.destroyed, 1);
    ck_assert_int_eq(b.destroyed, 1);
    close(peer);
    close(other);
}
END_TEST

struct heap_channel {
    struct asyncore_dispatcher base;
    char *buffer;
};

static int freed;

static void heap_channel_destroy(struct asyncore_dispatcher *self)
{
    free(((struct heap_channel *)self)->buffer);
    free(self);
    freed++;
}

static int heap_channel_handle_read(struct asyncore_dispatcher *self)
{
    struct heap_channel *channel = (struct heap_channel *)self;
    const ssize_t n = asyncore_recv(self, channel->buffer, 16);

    channel->buffer[0] = '!'; /* still ours, whatever recv() met with */
    return n < 0 ? (int)n : 0;
}

static const struct asyncore_class heap_channel_class = {
    .writable = asyncore_never,
    .handle_read = heap_channel_handle_read,
    .destroy = heap_channel_destroy,
};

START_TEST(test_channel_that_frees_itself)
{
    struct heap_channel *channel = malloc(sizeof *channel);
    int ends[2];

    tcp_pair(ends);
    ck_assert_ptr_nonnull(channel);
    channel->buffer = malloc(16);
    ck_assert_int_eq(asyncore_init(&channel->base, &heap_channel_class, ends[0], NULL), 0);
    reset(ends[1]);
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0);
    ck_assert_int_eq(freed, 1);
    /* handlers called by oneself, outside a pass */
    tcp_pair(ends);
    channel = malloc(sizeof *channel);
    ck_assert_ptr_nonnull(channel);
    channel->buffer = malloc(16);
    ck_assert_int_eq(asyncore_init(&channel->base, &heap_channel_class, ends[0], NULL), 0);
    close(ends[1]);
    wait_readable(asyncore_fileno(&channel->base));
    ck_assert_int_eq(asyncore_read(&channel->base), 0);
    ck_assert_int_eq(freed, 2);
}
END_TEST

/* ---- many ---- */

static int add_a_thousand(struct probe *self)
{
    static struct asyncore_dispatcher many[1000];

    recv_some(self);
    for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) {
        int ends[2];

        ck_assert_int_eq(pipe(ends), 0);
        close(ends[1]);
        asyncore_init(&many[i], &asyncore_dispatcher_class, -1, NULL);
        ck_assert_int_eq(asyncore_set_socket(&many[i], ends[0], NULL), 0);
    }
    return 0;
}

START_TEST(test_add_a_thousand_in_a_handler)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    a.on_read = add_a_thousand;
    b.on_read = recv_some;
    send_all(peer, "x");
    send_all(other, "x");
    wait_readable(asyncore_fileno(&a.base));
    wait_readable(asyncore_fileno(&b.base));
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=1 B.handle_read B.recv=1 ");
    ck_assert_uint_eq(asyncore_map_count(NULL), 1002);
    close(peer);
    close(other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("close");
    TCase *tcase = add_case(suite, "close");

    tcase_add_test(tcase, test_close_self_when_also_writable);
    tcase_add_test(tcase, test_close_self_in_handle_write);
    tcase_add_test(tcase, test_close_self_in_handle_expt);
    tcase_add_test(tcase, test_close_self_then_fail);
    tcase_add_test(tcase, test_close_self_in_handle_error);
    tcase_add_test(tcase, test_close_self_in_handle_close);
    tcase_add_test(tcase, test_close_self_in_handle_accept_and_accepted);
    tcase_add_test(tcase, test_close_self_in_a_predicate);
    tcase_add_test(tcase, test_close_the_last_in_a_predicate);
    tcase_add_test(tcase, test_close_another_in_a_predicate);
    tcase_add_test(tcase, test_close_another_that_is_ready);
    tcase_add_test(tcase, test_close_another_that_was_served);
    tcase_add_test(tcase, test_close_all_in_a_handler);
    tcase_add_test(tcase, test_new_one_on_the_number_of_the_closed);
    tcase_add_test(tcase, test_new_one_on_the_number_of_another);
    tcase_add_test(tcase, test_reconnect_in_handle_close);
    tcase_add_test(tcase, test_failure_to_reopen_is_an_error);
    tcase_add_test(tcase, test_destroy_comes_at_the_end_of_the_pass);
    tcase_add_test(tcase, test_destroy_comes_at_once_outside_a_pass);
    tcase_add_loop_test(tcase, test_destroy_comes_after_a_handler_outside_a_pass, 0,
                        sizeof by_hand / sizeof by_hand[0]);
    tcase_add_test(tcase, test_close_in_destroy);
    tcase_add_test(tcase, test_channel_that_frees_itself);
    tcase_add_test(tcase, test_add_a_thousand_in_a_handler);
    return run_suite(suite);
}
