/* check_asynchat.c - async_chat: terminators whatever the split, and what is pushed. */
#include "support.h"

#include <asynchat.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A chat that traces: "<abc> " is collected data, "! " a terminator. */
struct chat {
    struct asynchat_async_chat chat;
    void (*on_collect)(struct chat *self);
    int (*on_found)(struct chat *self);
    bool quiet;
    size_t collected;
};

static struct chat c;
static int peer;

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

static const struct asyncore_class chat_class = {
    .name = "chat",
    .super = &asynchat_async_chat_class,
    .collect_incoming_data = chat_collect,
    .found_terminator = chat_found,
    .handle_close = chat_handle_close,
    .handle_error = chat_handle_error,
};

static void make(const char *terminator)
{
    int ends[2];

    tcp_pair(ends);
    peer = ends[1];
    ck_assert_int_eq(asynchat_init(&c.chat, &chat_class, ends[0], NULL, 0, NULL), 0);
    ck_assert_int_eq(asynchat_set_terminator(&c.chat, terminator, strlen(terminator)), 0);
}

static void feed(const char *text)
{
    send_all(peer, text);
    wait_readable(asyncore_fileno(&c.chat.base));
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
}

static void assert_fed(const char *text, const char *expected)
{
    feed(text);
    assert_trace(expected);
}

/* ---- terminators ---- */

START_TEST(test_line)
{
    make("\r\n");
    assert_fed("abc\r\n", "<abc> ! ");
    ck_assert_ptr_null(c.chat.in_buffer); /* at rest it holds nothing */
    close(peer);
}
END_TEST

START_TEST(test_held_prefix)
{
    make("\r\n");
    assert_fed("ab", "<ab> ");
    assert_fed("c\r", "<c> ");
    assert_fed("\n", "! ");
    assert_fed("a\r", "<a> ");
    assert_fed("b\r\n", "<\rb> ! ");
    close(peer);
}
END_TEST

START_TEST(test_several_lines)
{
    make("\n");
    assert_fed("one\ntwo\nthr", "<one> ! <two> ! <thr> ");
    assert_fed("\n\nx\n", "! ! <x> ! ");
    close(peer);
}
END_TEST

START_TEST(test_false_alarm)
{
    make("\r\n.\r\n");
    assert_fed("abc\r\n.\r", "<abc> ");
    assert_fed("X", "<\r\n.\rX> ");
    assert_fed("\r\n.\r", "");
    assert_fed("\n", "! ");
    close(peer);
}
END_TEST

START_TEST(test_terminator_that_overlaps_itself)
{
    make("aab");
    assert_fed("a", "");
    assert_fed("a", "");
    assert_fed("a", "<a> ");
    assert_fed("b", "! ");
    close(peer);
}
END_TEST

START_TEST(test_number)
{
    const void *string;

    make("");
    ck_assert_int_eq(asynchat_set_terminator_number(&c.chat, 5), 0);
    assert_fed("ab", "<ab> ");
    ck_assert_uint_eq(asynchat_get_terminator(&c.chat, &string), 3);
    ck_assert_ptr_null(string);
    assert_fed("cdefgh", "<cde> ! <fgh> "); /* then it is none */
    ck_assert_uint_eq(asynchat_get_terminator(&c.chat, &string), 0);
    ck_assert_int_eq(asynchat_set_terminator_number(&c.chat, -1), -EINVAL);
    close(peer);
}
END_TEST

START_TEST(test_none)
{
    make("");
    assert_fed("abc\n", "<abc\n> ");
    close(peer);
}
END_TEST

static int next_terminator;

static int change_terminator(struct chat *self)
{
    if (next_terminator++ % 2 == 0)
        return asynchat_set_terminator_number(&self->chat, 4);
    return asynchat_set_terminator(&self->chat, "\n", 1);
}

START_TEST(test_terminator_changed_in_found_terminator)
{
    make("\n");
    c.on_found = change_terminator;
    assert_fed("4\nABCDnext\n", "<4> ! <ABCD> ! <next> ! ");
    close(peer);
}
END_TEST

/* The old terminator's held beginning is looked at with the new one's eyes. */
START_TEST(test_terminator_changed_while_a_prefix_is_held)
{
    const void *string;

    make("\r\n");
    assert_fed("a\r", "<a> ");
    ck_assert_int_eq(asynchat_set_terminator(&c.chat, "\rX", 2), 0);
    ck_assert_uint_eq(asynchat_get_terminator(&c.chat, &string), 2);
    ck_assert_mem_eq(string, "\rX", 2);
    assert_fed("X", "! ");
    assert_fed("b\r", "<b> ");
    asynchat_set_terminator(&c.chat, NULL, 0);
    assert_fed("c", "<\rc> ");
    close(peer);
}
END_TEST

/* Input of few letters, cut everywhere, against the plainest of searches. */
START_TEST(test_every_split)
{
    static const char *const terminators[] = {"a", "ab", "aab", "abab", "aaa", "abaab"};
    static const char input[] = "aababaabaaabbabababaaabaabaabab";
    const size_t size = sizeof input - 1;

    for (size_t t = 0; t < sizeof terminators / sizeof terminators[0]; t++) {
        const char *terminator = terminators[t];
        char expected[128] = "", *end = expected;

        for (const char *at = input; *at != '\0';) {
            const bool is_here = strncmp(at, terminator, strlen(terminator)) == 0;

            *end++ = is_here ? '!' : *at;
            at += is_here ? strlen(terminator) : 1;
        }
        for (size_t cut = 1; cut < size; cut++) {
            char got[512] = "", *to = got;

            make(terminator);
            for (size_t start = 0; start < size; start += cut) {
                char part[sizeof input] = "";

                memcpy(part, input + start, start + cut < size ? cut : size - start);
                feed(part);
            }
            for (const char *from = trace; *from != '\0'; from++)
                if (strchr("ab!", *from) != NULL)
                    *to++ = *from;
            trace[0] = '\0';
            /* a held beginning of the terminator may be missing at the end */
            ck_assert_uint_lt(strlen(expected) - strlen(got), strlen(terminator));
            ck_assert_int_eq(strncmp(got, expected, strlen(got)), 0);
            asyncore_close(&c.chat.base);
            close(peer);
        }
    }
}
END_TEST

/* A long terminator, nearly met again and again: the time is that of the input, not its square. */
START_TEST(test_search_is_linear)
{
    enum { SIZE = 60000 };
    static char terminator[SIZE + 1], block[SIZE + 1];

    memset(terminator, 'a', SIZE);
    terminator[SIZE - 1] = 'b';
    memset(block, 'a', SIZE);
    make(terminator);
    c.quiet = true;
    for (int i = 0; i < 20; i++)
        feed(block);
    while (c.collected < 19 * SIZE)
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert(cpu_seconds() < 5);
    assert_fed("b", "! ");
    close(peer);
}
END_TEST

START_TEST(test_large_line_in_two_reads)
{
    static char line[70001];

    make("\n");
    c.quiet = true;
    memset(line, 'x', sizeof line - 1);
    feed(line);
    while (c.collected < 70000)
        poll_once(NULL);
    assert_fed("\n", "! ");
    close(peer);
}
END_TEST

/* ---- handlers that do things ---- */

static int close_in_found(struct chat *self)
{
    return asyncore_close(&self->chat.base);
}

START_TEST(test_close_in_found_terminator)
{
    make("\n");
    c.on_found = close_in_found;
    assert_fed("one\ntwo\n", "<one> ! "); /* CPython goes on with "two" */
    close(peer);
}
END_TEST

static void discard(struct chat *self)
{
    asynchat_discard_buffers(&self->chat);
}

START_TEST(test_discard_in_collect)
{
    make("\n");
    c.on_collect = discard;
    assert_fed("one\ntwo\n", "<one> ! "); /* the rest is gone */
    assert_fed("three\n", "<three> ! ");
    close(peer);
}
END_TEST

static int fail_once(struct chat *self)
{
    self->on_found = NULL;
    return -EIO;
}

START_TEST(test_failing_found_terminator)
{
    char expected[64];

    make("\n");
    c.on_found = fail_once;
    snprintf(expected, sizeof expected, "<one> ! error%d close ", -EIO);
    assert_fed("one\ntwo\n", expected);
    close(peer);
}
END_TEST

static int forgive(struct asyncore_dispatcher *self, int error)
{
    (void)self;
    add_to_trace("error%d ", error);
    return 0;
}

static const struct asyncore_class forgiving_class = {.super = &chat_class,
                                                      .handle_error = forgive};

/* CPython looks at "two" only when more has come. */
START_TEST(test_input_behind_a_forgiven_failure)
{
    char expected[64];

    make("\n");
    c.chat.base.cls = &forgiving_class;
    c.on_found = fail_once;
    snprintf(expected, sizeof expected, "<one> ! error%d <two> ! ", -EIO);
    send_all(peer, "one\ntwo\n");
    poll_once(NULL);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace(expected);
    close(peer);
}
END_TEST

static int exit_now(struct chat *self)
{
    (void)self;
    return asyncore_ExitNow;
}

static int fail_and_exit(struct chat *self)
{
    self->on_found = exit_now;
    return -EIO;
}

START_TEST(test_exit_behind_a_forgiven_failure)
{
    char expected[64];

    make("\n");
    c.chat.base.cls = &forgiving_class;
    c.on_found = fail_and_exit;
    snprintf(expected, sizeof expected, "<one> ! error%d <two> ! ", -EIO);
    send_all(peer, "one\ntwo\n");
    poll_once(NULL);
    ck_assert_int_eq(asyncore_poll(0, NULL), asyncore_ExitNow);
    assert_trace(expected);
    close(peer);
}
END_TEST

/* What is left then waits for what comes next. */
START_TEST(test_out_of_the_map_behind_a_forgiven_failure)
{
    char expected[64];

    make("\n");
    c.chat.base.cls = &forgiving_class;
    c.on_found = fail_once;
    snprintf(expected, sizeof expected, "<one> ! error%d ", -EIO);
    send_all(peer, "one\ntwo\n");
    poll_once(NULL);
    asyncore_del_channel(&c.chat.base);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace(expected);
    asyncore_add_channel(&c.chat.base, NULL);
    assert_fed("three\n", "<two> ! <three> ! ");
    close(peer);
}
END_TEST

START_TEST(test_abstract)
{
    static struct asynchat_async_chat chat;
    int ends[2];

    tcp_pair(ends);
    trace_log();
    ck_assert_int_eq(asynchat_init(&chat, &asynchat_async_chat_class, ends[0], NULL, 0, NULL), 0);
    send_all(ends[1], "x");
    poll_once(NULL);
    assert_trace("[error] ");
    ck_assert_int_eq(asyncore_fileno(&chat.base), -1);
    close(ends[1]);
}
END_TEST

START_TEST(test_limit)
{
    char expected[64];

    make("\n");
    asynchat_set_max_incoming(&c.chat, 10);
    assert_fed("0123456789\n", "<0123456789> ! ");
    assert_fed("01234", "<01234> ");
    snprintf(expected, sizeof expected, "error%d close ", -EMSGSIZE);
    assert_fed(_i == 0 ? "567890" : "567890\n",
               expected); /* also if it is met in the same breath */
    close(peer);
}
END_TEST

static const struct asyncore_class keeping_class = {
    .super = &chat_class,
    .collect_incoming_data = asynchat_collect_incoming_data,
};

START_TEST(test_get_data)
{
    char *data;
    size_t size;

    make("\n");
    c.chat.base.cls = &keeping_class;
    feed("ab");
    feed("cd\n");
    data = asynchat_get_data(&c.chat, &size);
    ck_assert_uint_eq(size, 4);
    ck_assert_str_eq(data, "abcd");
    free(data);
    data = asynchat_get_data(&c.chat, NULL);
    ck_assert_str_eq(data, "");
    free(data);
    close(peer);
}
END_TEST

START_TEST(test_end_with_a_held_prefix)
{
    make("\r\n");
    assert_fed("abc\r", "<abc> ");
    trace[0] = '\0';
    close(peer);
    poll_once(NULL);
    assert_trace("close ");
}
END_TEST

/* ---- output ---- */

static void assert_received(const char *expected)
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
    ck_assert_int_eq(asynchat_push(&c.chat, "late", 4), -ESHUTDOWN); /* CPython says nothing */
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

START_TEST(test_find_prefix_at_end)
{
    static const struct {
        const char *haystack, *needle;
        size_t length;
    } samples[] = {
        {"qwerty\r", "\r\n", 1},
        {"qwertydkjf", "\r\n", 0},
        {"ab\r\n.\r", "\r\n.\r\n", 4},
        {"aa", "aab", 2},
        {"", "ab", 0},
        {"x", "x", 0},
    };

    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        ck_assert_uint_eq(asynchat_find_prefix_at_end(samples[i].haystack,
                                                      strlen(samples[i].haystack),
                                                      samples[i].needle, strlen(samples[i].needle)),
                          samples[i].length);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("asynchat");
    TCase *tcase = add_case(suite, "input");

    tcase_add_test(tcase, test_line);
    tcase_add_test(tcase, test_held_prefix);
    tcase_add_test(tcase, test_several_lines);
    tcase_add_test(tcase, test_false_alarm);
    tcase_add_test(tcase, test_terminator_that_overlaps_itself);
    tcase_add_test(tcase, test_number);
    tcase_add_test(tcase, test_none);
    tcase_add_test(tcase, test_terminator_changed_in_found_terminator);
    tcase_add_test(tcase, test_terminator_changed_while_a_prefix_is_held);
    tcase_add_test(tcase, test_every_split);
    tcase_add_test(tcase, test_search_is_linear);
    tcase_add_test(tcase, test_large_line_in_two_reads);
    tcase_add_test(tcase, test_close_in_found_terminator);
    tcase_add_test(tcase, test_discard_in_collect);
    tcase_add_test(tcase, test_failing_found_terminator);
    tcase_add_test(tcase, test_input_behind_a_forgiven_failure);
    tcase_add_test(tcase, test_exit_behind_a_forgiven_failure);
    tcase_add_test(tcase, test_out_of_the_map_behind_a_forgiven_failure);
    tcase_add_test(tcase, test_abstract);
    tcase_add_loop_test(tcase, test_limit, 0, 2);
    tcase_add_test(tcase, test_get_data);
    tcase_add_test(tcase, test_end_with_a_held_prefix);

    tcase = add_case(suite, "output");
    tcase_add_test(tcase, test_push);
    tcase_add_test(tcase, test_push_in_slices);
    tcase_add_test(tcase, test_simple_producer);
    tcase_add_test(tcase, test_close_when_done);
    tcase_add_test(tcase, test_push_after_close_when_done);
    tcase_add_test(tcase, test_push_when_the_peer_is_gone);
    tcase_add_test(tcase, test_discard_buffers);
    tcase_add_test(tcase, test_push_while_connecting);
    tcase_add_test(tcase, test_flood);
    tcase_add_test(tcase, test_file_producer);
    tcase_add_test(tcase, test_callback_producer);
    tcase_add_test(tcase, test_find_prefix_at_end);
    return run_suite(suite);
}
