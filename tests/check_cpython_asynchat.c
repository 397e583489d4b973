/*
 * check_cpython_asynchat.c - CPython's test_asynchat.py: a client sends lines to a server that
 * echoes them, in pieces, once it has had "QUIT".  The tests have their names there.
 */
#include "support.h"

#include <asynchat.h>
#include <netinet/tcp.h>
#include <string.h>

enum { SELECT, POLLERS }; /* what the loop may wait with: the number of a test */

#define SERVER_QUIT "QUIT\n"

/* ==================================================
 * echo_client
 */

/* The trace is Python's list contents: each line that was found, as "[line]". */
struct echo_client {
    struct asynchat_async_chat chat;
    char buffer[128];
    size_t length;
};

static struct echo_client c;
static int listener;

static int client_handle_connect(struct asyncore_dispatcher *self)
{
    (void)self;
    return 0;
}

static int client_collect_incoming_data(struct asyncore_dispatcher *self, const void *data,
                                        size_t size)
{
    struct echo_client *client = (struct echo_client *)self;

    ck_assert_uint_le(size, sizeof client->buffer - client->length);
    memcpy(client->buffer + client->length, data, size);
    client->length += size;
    return 0;
}

static int client_found_terminator(struct asyncore_dispatcher *self)
{
    struct echo_client *client = (struct echo_client *)self;

    add_to_trace("[%.*s]", (int)client->length, client->buffer);
    client->length = 0;
    return 0;
}

static int client_handle_error(struct asyncore_dispatcher *self, int error)
{
    (void)self;
    ck_abort_msg("handle_error: %s", strerror(-error));
    return 0;
}

static const struct asyncore_class client_class = {
    .name = "echo_client",
    .super = &asynchat_async_chat_class,
    .handle_connect = client_handle_connect,
    .collect_incoming_data = client_collect_incoming_data,
    .found_terminator = client_found_terminator,
    .handle_error = client_handle_error,
};

/* Connects to a server that has not accepted yet: what is pushed waits.  Its terminator is none. */
static void make_client(int poller)
{
    struct sockaddr_in addr;

    ck_assert_int_eq(poller, SELECT);
    listener = tcp_listen(&addr);
    ck_assert_int_eq(asynchat_init(&c.chat, &client_class, -1, NULL, 0, NULL), 0);
    ck_assert_int_eq(asyncore_create_socket(&c.chat.base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_connect(&c.chat.base, (struct sockaddr *)&addr, sizeof addr), 0);
}

static void set_terminator(const char *terminator)
{
    ck_assert_int_eq(asynchat_set_terminator(&c.chat, terminator, strlen(terminator)), 0);
}

static void push(const char *text)
{
    ck_assert_int_eq(asynchat_push(&c.chat, text, strlen(text)), 0);
}

static void push_producer(struct asynchat_producer *producer)
{
    ck_assert_int_eq(asynchat_push_with_producer(&c.chat, producer), 0);
}

/* ==================================================
 * echo_server: the other end, without a thread
 */

static char collected[256]; /* what it got, less the "QUIT" */

static int accept_and_collect(void)
{
    const int conn = accept(listener, NULL, NULL);
    size_t length = 0;
    char *quit = NULL;

    ck_assert_int_ge(conn, 0);
    close(listener);
    setsockopt(conn, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    while (quit == NULL) {
        const ssize_t n =
            recv(conn, collected + length, sizeof collected - 1 - length, MSG_DONTWAIT);

        if (n > 0) {
            length += (size_t)n;
        } else {
            ck_assert_int_eq(n, -1); /* no end */
            if (asyncore_writable(&c.chat.base))
                poll_once(NULL); /* the client has not sent all */
            else
                wait_readable(conn);
        }
        collected[length] = '\0';
        quit = strstr(collected, SERVER_QUIT);
    }
    *quit = '\0';
    return conn;
}

/* Each piece is read before the next comes, so that the client sees every split. */
static void echo(size_t chunk_size)
{
    const int conn = accept_and_collect();
    const char *end = strchr(collected, '\0');

    for (const char *at = collected; at < end; at += chunk_size) {
        const size_t left = (size_t)(end - at), size = left < chunk_size ? left : chunk_size;

        ck_assert_int_eq(send(conn, at, size, MSG_NOSIGNAL), (ssize_t)size);
        wait_readable(asyncore_fileno(&c.chat.base));
        poll_once(NULL);
    }
    close(conn);
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0); /* the client closes too */
    ck_assert_int_eq(asyncore_fileno(&c.chat.base), -1);
}

/* ==================================================
 * TestAsynchat
 */

enum { CHUNKS = 3 }; /* a test's number is that of the poller and of the pieces' size */

static void line_terminator_check(const char *terminator, int number)
{
    make_client(number / CHUNKS);
    set_terminator(terminator);
    push("hello ");
    push("world");
    push(terminator);
    push("I'm not dead yet!");
    push(terminator);
    push(SERVER_QUIT);
    echo((size_t)(number % CHUNKS) + 1);
    assert_trace("[hello world][I'm not dead yet!]");
}

START_TEST(test_line_terminator1)
{
    line_terminator_check("\n", _i);
}
END_TEST

START_TEST(test_line_terminator2)
{
    line_terminator_check("\r\n", _i);
}
END_TEST

START_TEST(test_line_terminator3)
{
    line_terminator_check("qqq", _i);
}
END_TEST

static void numeric_terminator_check(ssize_t number, int poller, const char *expected)
{
    make_client(poller);
    ck_assert_int_eq(asynchat_set_terminator_number(&c.chat, number), 0);
    push("hello world, I'm not dead yet!\n");
    push(SERVER_QUIT);
    echo(1);
    assert_trace(expected); /* once: the terminator is none from then on */
}

START_TEST(test_numeric_terminator1)
{
    numeric_terminator_check(1, _i, "[h]");
}
END_TEST

START_TEST(test_numeric_terminator2)
{
    numeric_terminator_check(6, _i, "[hello ]");
}
END_TEST

START_TEST(test_none_terminator)
{
    static const char data[] = "hello world, I'm not dead yet!\n";

    make_client(_i);
    push(data);
    push(SERVER_QUIT);
    echo(1);
    assert_trace("");
    ck_assert_uint_eq(c.length, sizeof data - 1);
    ck_assert_mem_eq(c.buffer, data, c.length);
}
END_TEST

static const char two_lines[] = "hello world\nI'm not dead yet!\n" SERVER_QUIT;

START_TEST(test_simple_producer)
{
    make_client(_i);
    set_terminator("\n");
    push_producer(asynchat_simple_producer(two_lines, sizeof two_lines - 1, 8));
    echo(1);
    assert_trace("[hello world][I'm not dead yet!]");
}
END_TEST

static ssize_t all_at_once(void *argument, const void **data)
{
    const char **rest = argument;
    const size_t size = strlen(*rest);

    *data = *rest;
    *rest += size;
    return (ssize_t)size;
}

/* A string is no producer in C: the nearest is one that gives it in one piece. */
START_TEST(test_string_producer)
{
    static const char *rest = two_lines;

    make_client(_i);
    set_terminator("\n");
    push_producer(asynchat_callback_producer(all_at_once, &rest));
    echo(1);
    assert_trace("[hello world][I'm not dead yet!]");
}
END_TEST

START_TEST(test_empty_line)
{
    make_client(_i);
    set_terminator("\n");
    push("hello world\n\nI'm not dead yet!\n");
    push(SERVER_QUIT);
    echo(1);
    assert_trace("[hello world][][I'm not dead yet!]");
}
END_TEST

START_TEST(test_close_when_done)
{
    int conn;

    make_client(_i);
    set_terminator("\n");
    push("hello world\nI'm not dead yet!\n");
    push(SERVER_QUIT);
    ck_assert_int_eq(asynchat_close_when_done(&c.chat), 0);
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0);
    ck_assert_int_eq(asyncore_fileno(&c.chat.base), -1);
    /* Only now does the server read: it got all, and nobody hears the echo. */
    conn = accept_and_collect();
    ck_assert_str_eq(collected, "hello world\nI'm not dead yet!\n");
    send(conn, collected, strlen(collected), MSG_NOSIGNAL);
    close(conn);
    assert_trace("");
}
END_TEST

/* Python's push() refuses what are no bytes; here the compiler does.  Any bytes will do. */
START_TEST(test_push)
{
    const unsigned char array[] = {'b', 'y', 't', 'e', 's', '\n'};
    const char view[] = "more bytes\nand more";

    make_client(_i);
    set_terminator("\n");
    push("bytes\n");
    ck_assert_int_eq(asynchat_push(&c.chat, array, sizeof array), 0);
    ck_assert_int_eq(asynchat_push(&c.chat, view + 5, 6), 0);
    push(SERVER_QUIT);
    echo(1);
    assert_trace("[bytes][bytes][bytes]");
}
END_TEST

/* ==================================================
 * TestAsynchatMocked, TestHelperFunctions, TestNotConnected
 */

static ssize_t recv_would_block(struct asyncore_dispatcher *self, void *buffer, size_t size)
{
    (void)self;
    (void)buffer;
    (void)size;
    add_to_trace("recv ");
    return -EAGAIN;
}

/* Its handle_error, which is not to be called, aborts. */
START_TEST(test_blockingioerror)
{
    static const struct asyncore_class mocked_class = {
        .super = &client_class,
        .recv = recv_would_block,
    };
    int ends[2], rc;

    tcp_pair(ends);
    ck_assert_int_eq(asynchat_init(&c.chat, &mocked_class, ends[0], NULL, 0, NULL), 0);
    rc = asyncore_handle_read(&c.chat.base);
    ck_assert(rc == 0 || rc == -EAGAIN); /* a handler may return either */
    ck_assert_int_eq(asyncore_read(&c.chat.base), 0);
    assert_trace("recv recv ");
    ck_assert_int_ge(asyncore_fileno(&c.chat.base), 0);
    close(ends[1]);
}
END_TEST

START_TEST(test_find_prefix_at_end)
{
    ck_assert_uint_eq(asynchat_find_prefix_at_end("qwerty\r", 7, "\r\n", 2), 1);
    ck_assert_uint_eq(asynchat_find_prefix_at_end("qwertydkjf", 10, "\r\n", 2), 0);
}
END_TEST

START_TEST(test_disallow_negative_terminator)
{
    ck_assert_int_eq(asynchat_init(&c.chat, &client_class, -1, NULL, 0, NULL), 0);
    ck_assert_int_eq(asynchat_set_terminator_number(&c.chat, -1), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpython_asynchat");
    TCase *tcase = add_case(suite, "TestAsynchat");

    tcase_add_loop_test(tcase, test_line_terminator1, 0, CHUNKS * POLLERS);
    tcase_add_loop_test(tcase, test_line_terminator2, 0, CHUNKS * POLLERS);
    tcase_add_loop_test(tcase, test_line_terminator3, 0, CHUNKS * POLLERS);
    tcase_add_loop_test(tcase, test_numeric_terminator1, 0, POLLERS);
    tcase_add_loop_test(tcase, test_numeric_terminator2, 0, POLLERS);
    tcase_add_loop_test(tcase, test_none_terminator, 0, POLLERS);
    tcase_add_loop_test(tcase, test_simple_producer, 0, POLLERS);
    tcase_add_loop_test(tcase, test_string_producer, 0, POLLERS);
    tcase_add_loop_test(tcase, test_empty_line, 0, POLLERS);
    tcase_add_loop_test(tcase, test_close_when_done, 0, POLLERS);
    tcase_add_loop_test(tcase, test_push, 0, POLLERS);

    tcase = add_case(suite, "TestAsynchatMocked");
    tcase_add_test(tcase, test_blockingioerror);
    tcase = add_case(suite, "TestHelperFunctions");
    tcase_add_test(tcase, test_find_prefix_at_end);
    tcase = add_case(suite, "TestNotConnected");
    tcase_add_test(tcase, test_disallow_negative_terminator);
    return run_suite(suite);
}
