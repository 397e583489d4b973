/* check_connect.c - connecting: the order of calls, the flags, and every way in which it fails. */
#include "support.h"

#include <asyncore_trace.h>
#include <stdio.h>
#include <sys/un.h>

static void connect_to(struct probe *self, const char *name, const struct sockaddr_in *addr)
{
    probe_init(self, name, NULL);
    ck_assert_int_eq(asyncore_create_socket(&self->base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_connect(&self->base, (const struct sockaddr *)addr, sizeof *addr), 0);
    ck_assert(asyncore_connecting(&self->base));
    ck_assert(!asyncore_connected(&self->base));
}

static int check_connecting(struct probe *self)
{
    ck_assert(!asyncore_connected(&self->base));
    ck_assert(asyncore_connecting(&self->base));
    return 0;
}

START_TEST(test_connect)
{
    static struct probe l, c;
    struct sockaddr_in addr;
    struct sockaddr_storage peer;
    socklen_t peerlen;

    probe_listen(&l, "L", NULL, &addr);
    l.wants_read = false;
    connect_to(&c, "C", &addr);
    c.wants_write = true;
    c.on_connect = check_connecting; /* connected comes after handle_connect */
    poll_once(NULL);
    assert_trace("C.handle_connect C.handle_write ");
    ck_assert(asyncore_connected(&c.base));
    ck_assert(!asyncore_connecting(&c.base));
    ck_assert_int_eq(asyncore_addr(&c.base, &peer, &peerlen), 0);
    ck_assert_mem_eq(&peer, &addr, sizeof addr);
    poll_once(NULL);
    assert_trace("C.handle_write ");
}
END_TEST

/* Of both answers the read event comes first, and brings handle_connect along. */
START_TEST(test_read_event_connects)
{
    static struct probe c;
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);
    int peer;

    connect_to(&c, "C", &addr);
    c.wants_write = true;
    c.on_read = recv_some;
    peer = accept(listener, NULL, NULL);
    send_all(peer, "hello");
    wait_readable(asyncore_fileno(&c.base));
    poll_once(NULL);
    assert_trace("C.handle_connect C.handle_read C.recv=5 C.handle_write ");
    close(peer);
    close(listener);
}
END_TEST

START_TEST(test_refused)
{
    static struct probe c;
    const struct sockaddr_in addr = nowhere();

    connect_to(&c, "C", &addr);
    c.wants_write = true;
    poll_once(NULL);
    assert_trace("C.handle_error(ECONNREFUSED) C.handle_close ");
    ck_assert_int_eq(c.destroyed, 1);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
}
END_TEST

START_TEST(test_connection_is_noticed_whatever_is_asked)
{
    static struct probe l, c;
    struct sockaddr_in addr;

    probe_listen(&l, "L", NULL, &addr);
    l.wants_read = false;
    connect_to(&c, "C", &addr);
    c.wants_read = false; /* CPython would never know */
    poll_once(NULL);
    assert_trace("C.handle_connect "); /* and not handle_write, which was not asked for */
    ck_assert(asyncore_connected(&c.base));
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
}
END_TEST

START_TEST(test_refused_is_noticed_whatever_is_asked)
{
    static struct probe c;
    const struct sockaddr_in addr = nowhere();

    connect_to(&c, "C", &addr);
    c.wants_read = false; /* CPython would never know */
    poll_once(NULL);
    assert_trace("C.handle_error(ECONNREFUSED) C.handle_close ");
}
END_TEST

static int forgive(struct probe *self, int error)
{
    (void)self;
    (void)error;
    return 0;
}

/* CPython takes the socket, its error having been asked for, for connected. */
START_TEST(test_failed_connect_never_connects)
{
    static struct probe c;
    const struct sockaddr_in addr = nowhere();

    connect_to(&c, "C", &addr);
    c.wants_write = true;
    c.on_error = forgive;
    poll_once(NULL);
    assert_trace("C.handle_error(ECONNREFUSED) C.handle_write ");
    ck_assert(!asyncore_connecting(&c.base));
    ck_assert(!asyncore_connected(&c.base));
    c.on_read = recv_some;
    c.wants_write = false;
    poll_once(NULL);
    assert_trace("C.handle_read C.handle_close C.recv=0 ");
}
END_TEST

/* The peer resets before the first pass. */
/* The system tells the outcome once, and it was this call that asked. */
START_TEST(test_refusal_that_send_was_told)
{
    static struct probe c;
    const struct sockaddr_in addr = nowhere();

    connect_to(&c, "C", &addr);
    wait_readable(asyncore_fileno(&c.base));
    ck_assert_int_eq(asyncore_send(&c.base, "hello", 5), -ECONNREFUSED);
    ck_assert(!asyncore_connecting(&c.base));
    c.wants_write = true;
    poll_once(NULL);
    assert_trace("C.handle_read C.handle_write ");
    ck_assert(!asyncore_connected(&c.base));
}
END_TEST

static int recv_of_other(struct probe *self)
{
    return recv_some(self->other);
}

/* The same in the pass that has found the outcome, which nobody asked for but the library. */
START_TEST(test_refusal_that_a_handler_was_told)
{
    static struct probe a, c;
    const int peer = probe_channel(&a, "A", NULL);
    const struct sockaddr_in addr = nowhere();

    connect_to(&c, "C", &addr);
    c.wants_read = false;
    a.other = &c;
    a.on_read = recv_of_other;
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    wait_readable(asyncore_fileno(&c.base));
    poll_once(NULL);
    assert_trace("A.handle_read C.recv=ECONNREFUSED A.handle_error(ECONNREFUSED) A.handle_close ");
    ck_assert(!asyncore_connecting(&c.base));
    ck_assert(!asyncore_connected(&c.base));
    close(peer);
}
END_TEST

START_TEST(test_reset_before_the_first_pass)
{
    static struct probe c;
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);

    connect_to(&c, "C", &addr);
    c.wants_write = true;
    reset(accept(listener, NULL, NULL));
    wait_readable(asyncore_fileno(&c.base));
    poll_once(NULL);
    assert_trace("C.handle_error(ECONNRESET) C.handle_close ");
    close(listener);
}
END_TEST

/* CPython calls handle_write on the closed object, and calls it connected. */
START_TEST(test_close_in_handle_connect)
{
    static struct probe l, c;
    struct sockaddr_in addr;

    probe_listen(&l, "L", NULL, &addr);
    l.wants_read = false;
    connect_to(&c, "C", &addr);
    c.wants_write = true;
    c.on_connect = close_self;
    poll_once(NULL);
    assert_trace("C.handle_connect ");
    ck_assert(!asyncore_connected(&c.base));
    ck_assert_int_eq(c.destroyed, 1);
}
END_TEST

static int fail_with_eio(struct probe *self)
{
    (void)self;
    return -EIO;
}

START_TEST(test_failing_handle_connect)
{
    static struct probe l, c;
    struct sockaddr_in addr;

    probe_listen(&l, "L", NULL, &addr);
    l.wants_read = false;
    connect_to(&c, "C", &addr);
    c.wants_write = true;
    c.on_connect = fail_with_eio;
    c.on_error = forgive;
    poll_once(NULL);
    assert_trace("C.handle_connect C.handle_error(EIO) ");
    ck_assert(asyncore_connecting(&c.base)); /* and it is called again */
    c.on_error = NULL;
    poll_once(NULL);
    assert_trace("C.handle_connect C.handle_error(EIO) C.handle_close ");
}
END_TEST

static int say_would_block(struct probe *self)
{
    char byte;

    return (int)asyncore_recv(&self->base, &byte, 1);
}

START_TEST(test_would_block_in_handle_connect_is_no_failure)
{
    static struct probe l, c;
    struct sockaddr_in addr;

    probe_listen(&l, "L", NULL, &addr);
    l.wants_read = false;
    connect_to(&c, "C", &addr);
    c.wants_write = true;
    c.on_connect = say_would_block;
    poll_once(NULL);
    assert_trace("C.handle_connect C.handle_write ");
    ck_assert(asyncore_connected(&c.base));
}
END_TEST

START_TEST(test_connected_already)
{
    static struct probe l, c;
    struct sockaddr_in addr;

    probe_listen(&l, "L", NULL, &addr);
    l.wants_read = false;
    connect_to(&c, "C", &addr);
    c.wants_write = true;
    poll_once(NULL);
    assert_trace("C.handle_connect C.handle_write ");
    ck_assert_int_eq(asyncore_connect(&c.base, (struct sockaddr *)&addr, sizeof addr), -EISCONN);
    ck_assert(asyncore_connected(&c.base)); /* CPython calls handle_connect again */
    assert_trace("");
}
END_TEST

/* ---- an event from before connect() is not its outcome ---- */

static struct sockaddr_in full_addr;

/* A listener whose backlog is full: who connects now waits for a second at least. */
static int listen_and_fill(int fillers[2])
{
    const int listener = tcp_listen(&full_addr);

    for (int i = 0; i < 2; i++)
        fillers[i] = tcp_connect(&full_addr);
    return listener;
}

static void close_all_of(int listener, const int fillers[2])
{
    for (int i = 0; i < 2; i++)
        close(fillers[i]);
    close(listener);
}

static int connect_to_full(struct probe *self)
{
    ck_assert_int_eq(
        asyncore_connect(&self->base, (const struct sockaddr *)&full_addr, sizeof full_addr), 0);
    return 0;
}

static int connect_other_to_full(struct probe *self)
{
    recv_some(self);
    return connect_to_full(self->other);
}

/* A socket that is neither connected nor connecting is "ready"; and then another's handler, in the
 * same pass, has it connect.  CPython takes it for connected. */
START_TEST(test_connect_when_found_ready)
{
    static struct probe a, b, c;
    const int peer = probe_channel(&a, "A", NULL);
    int fillers[2], other;
    const int listener = listen_and_fill(fillers);

    probe_init(&c, "C", NULL);
    ck_assert_int_eq(asyncore_create_socket(&c.base, AF_INET, SOCK_STREAM), 0);
    c.wants_write = true;
    other = probe_channel(&b, "B", NULL); /* which is no matter to those who come behind */
    b.on_read = recv_some;
    send_all(other, "x");
    wait_readable(asyncore_fileno(&b.base));
    a.on_read = connect_other_to_full;
    a.other = &c;
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("A.handle_read A.recv=1 B.handle_read B.recv=1 ");
    ck_assert(asyncore_connecting(&c.base));
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    close_all_of(listener, fillers);
    close(peer);
    close(other);
}
END_TEST

/* It hears of the outcome once it is back. */
START_TEST(test_connect_out_of_the_map)
{
    static struct probe c;
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);

    probe_init(&c, "C", NULL);
    ck_assert_int_eq(asyncore_create_socket(&c.base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_del_channel(&c.base), 0);
    ck_assert_int_eq(asyncore_connect(&c.base, (struct sockaddr *)&addr, sizeof addr), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("");
    c.wants_write = true;
    ck_assert_int_eq(asyncore_add_channel(&c.base, NULL), 0);
    poll_once(NULL);
    assert_trace("C.handle_connect C.handle_write ");
    close(listener);
}
END_TEST

static int try_again(struct probe *self, int error)
{
    (void)error;
    /* Linux' first connect() after a failed one says that it has failed. */
    asyncore_connect(&self->base, (const struct sockaddr *)&full_addr, sizeof full_addr);
    return connect_to_full(self);
}

/* Refused, and tried again with the same socket: the write event of this pass is the old one's. */
START_TEST(test_connect_again_in_handle_error)
{
    static struct probe c;
    const struct sockaddr_in addr = nowhere();
    int fillers[2];
    const int listener = listen_and_fill(fillers);

    connect_to(&c, "C", &addr);
    c.wants_write = true;
    c.on_error = try_again;
    poll_once(NULL);
    assert_trace("C.handle_error(ECONNREFUSED) ");
    ck_assert(asyncore_connecting(&c.base));
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    close_all_of(listener, fillers);
}
END_TEST

/* Asked for again while it is under way: EALREADY is no error, and changes nothing. */
START_TEST(test_connect_while_connecting)
{
    static struct probe c;
    int fillers[2];
    const int listener = listen_and_fill(fillers);

    connect_to(&c, "C", &full_addr);
    c.wants_write = true;
    for (int i = 0; i < 3; i++) {
        connect_to_full(&c);
        ck_assert(asyncore_connecting(&c.base));
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
        assert_trace("");
    }
    close_all_of(listener, fillers);
}
END_TEST

/* ---- AF_UNIX: the system connects at once, or refuses at once ---- */

static struct sockaddr_un unix_path(void)
{
    struct sockaddr_un path = {.sun_family = AF_UNIX};

    /* Linux' abstract names need no file. */
    snprintf(path.sun_path + 1, sizeof path.sun_path - 1, "asyncore-check-%ld", (long)getpid());
    return path;
}

START_TEST(test_unix_connects_inside_connect)
{
    static struct probe l, c;
    const struct sockaddr_un path = unix_path();

    probe_init(&l, "L", NULL);
    asyncore_create_socket(&l.base, AF_UNIX, SOCK_STREAM);
    ck_assert_int_eq(asyncore_bind(&l.base, (const struct sockaddr *)&path, sizeof path), 0);
    ck_assert_int_eq(asyncore_listen(&l.base, 5), 0);
    probe_init(&c, "C", NULL);
    asyncore_create_socket(&c.base, AF_UNIX, SOCK_STREAM);
    c.on_connect = check_connecting;
    ck_assert_int_eq(asyncore_connect(&c.base, (const struct sockaddr *)&path, sizeof path), 0);
    assert_trace("C.handle_connect ");
    ck_assert(asyncore_connected(&c.base));
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_accepted ");
    close(l.fd);
}
END_TEST

START_TEST(test_close_in_handle_connect_inside_connect)
{
    static struct probe l, c;
    const struct sockaddr_un path = unix_path();

    probe_init(&l, "L", NULL);
    asyncore_create_socket(&l.base, AF_UNIX, SOCK_STREAM);
    asyncore_bind(&l.base, (const struct sockaddr *)&path, sizeof path);
    asyncore_listen(&l.base, 5);
    probe_init(&c, "C", NULL);
    asyncore_create_socket(&c.base, AF_UNIX, SOCK_STREAM);
    c.on_connect = close_self;
    ck_assert_int_eq(asyncore_connect(&c.base, (const struct sockaddr *)&path, sizeof path), 0);
    ck_assert(!asyncore_connected(&c.base));
    ck_assert_int_eq(c.destroyed, 1);
}
END_TEST

/* CPython leaves it connecting, and calls handle_connect in the next pass. */
START_TEST(test_refused_at_once)
{
    static struct probe c;
    const struct sockaddr_un path = unix_path();
    struct sockaddr_storage addr;
    socklen_t addrlen;

    probe_init(&c, "C", NULL);
    asyncore_create_socket(&c.base, AF_UNIX, SOCK_STREAM);
    ck_assert_int_eq(asyncore_connect(&c.base, (const struct sockaddr *)&path, sizeof path),
                     -ECONNREFUSED);
    ck_assert(!asyncore_connecting(&c.base));
    ck_assert_int_eq(asyncore_addr(&c.base, &addr, &addrlen), -ENOTCONN);
    ck_assert_int_eq(asyncore_connect(&c.base, NULL, 0), -EINVAL);
}
END_TEST

START_TEST(test_unix_backlog_full_is_an_error)
{
    static struct probe c;
    const struct sockaddr_un path = unix_path();
    int listener = socket(AF_UNIX, SOCK_STREAM, 0), first = socket(AF_UNIX, SOCK_STREAM, 0);

    bind(listener, (const struct sockaddr *)&path, sizeof path);
    listen(listener, 0);
    ck_assert_int_eq(connect(first, (const struct sockaddr *)&path, sizeof path), 0);
    probe_init(&c, "C", NULL);
    asyncore_create_socket(&c.base, AF_UNIX, SOCK_STREAM);
    /* CPython takes EAGAIN for "under way", and the next event for its success. */
    ck_assert_int_eq(asyncore_connect(&c.base, (const struct sockaddr *)&path, sizeof path),
                     -EAGAIN);
    ck_assert(!asyncore_connecting(&c.base));
    close(first);
    close(listener);
}
END_TEST

START_TEST(test_datagram_connects_inside_connect)
{
    static struct probe c;
    const struct sockaddr_in addr = loopback(htons(9));

    probe_init(&c, "C", NULL);
    asyncore_create_socket(&c.base, AF_INET, SOCK_DGRAM);
    ck_assert_int_eq(asyncore_connect(&c.base, (const struct sockaddr *)&addr, sizeof addr), 0);
    assert_trace("C.handle_connect ");
    ck_assert(asyncore_connected(&c.base));
    /* and to another, as often as one likes */
    ck_assert_int_eq(asyncore_connect(&c.base, (const struct sockaddr *)&addr, sizeof addr), 0);
    assert_trace("C.handle_connect ");
    ck_assert(asyncore_connected(&c.base));
}
END_TEST

/* By the program itself, with connect(). */
START_TEST(test_connected_behind_its_back)
{
    static struct probe l, c;
    const struct sockaddr_un path = unix_path();

    probe_init(&l, "L", NULL);
    asyncore_create_socket(&l.base, AF_UNIX, SOCK_STREAM);
    asyncore_bind(&l.base, (const struct sockaddr *)&path, sizeof path);
    asyncore_listen(&l.base, 5);
    probe_init(&c, "C", NULL);
    asyncore_create_socket(&c.base, AF_UNIX, SOCK_STREAM);
    ck_assert_int_eq(connect(asyncore_fileno(&c.base), (const struct sockaddr *)&path, sizeof path),
                     0);
    ck_assert_int_eq(asyncore_connect(&c.base, (const struct sockaddr *)&path, sizeof path), 0);
    assert_trace("C.handle_connect ");
    ck_assert(asyncore_connected(&c.base));
}
END_TEST

static void forget_event(const struct asyncore_trace_event *event, void *argument)
{
    (void)event;
    (void)argument;
}

/* The system refuses it, and the trace has no port of it to leave out. */
START_TEST(test_address_that_is_cut_short)
{
    static struct probe c;
    const struct sockaddr_in addr = loopback(0);

    probe_init(&c, "C", NULL);
    asyncore_create_socket(&c.base, AF_INET, SOCK_STREAM);
    asyncore_set_trace_stable(true);
    asyncore_set_trace(1U << ASYNCORE_TRACE_IO, forget_event, NULL);
    ck_assert_int_eq(asyncore_connect(&c.base, (const struct sockaddr *)&addr, 4), -EINVAL);
    asyncore_set_trace(0, NULL, NULL);
    asyncore_set_trace_stable(false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("connect");
    TCase *tcase = add_case(suite, "connect");

    tcase_add_test(tcase, test_connect);
    tcase_add_test(tcase, test_read_event_connects);
    tcase_add_test(tcase, test_refused);
    tcase_add_test(tcase, test_connection_is_noticed_whatever_is_asked);
    tcase_add_test(tcase, test_refused_is_noticed_whatever_is_asked);
    tcase_add_test(tcase, test_failed_connect_never_connects);
    tcase_add_test(tcase, test_refusal_that_send_was_told);
    tcase_add_test(tcase, test_refusal_that_a_handler_was_told);
    tcase_add_test(tcase, test_reset_before_the_first_pass);
    tcase_add_test(tcase, test_close_in_handle_connect);
    tcase_add_test(tcase, test_failing_handle_connect);
    tcase_add_test(tcase, test_would_block_in_handle_connect_is_no_failure);
    tcase_add_test(tcase, test_connected_already);
    tcase_add_test(tcase, test_connect_when_found_ready);
    tcase_add_test(tcase, test_connect_out_of_the_map);
    tcase_add_test(tcase, test_connect_again_in_handle_error);
    tcase_add_test(tcase, test_connect_while_connecting);
    tcase_add_test(tcase, test_unix_connects_inside_connect);
    tcase_add_test(tcase, test_close_in_handle_connect_inside_connect);
    tcase_add_test(tcase, test_refused_at_once);
    tcase_add_test(tcase, test_unix_backlog_full_is_an_error);
    tcase_add_test(tcase, test_datagram_connects_inside_connect);
    tcase_add_test(tcase, test_connected_behind_its_back);
    tcase_add_test(tcase, test_address_that_is_cut_short);
    return run_suite(suite);
}
