/* check_asynchat.c - async_chat: terminators, whatever the split. */
#include "chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* A number and a string are as long as each other, and not the same. */
START_TEST(test_string_behind_a_number)
{
    make("");
    ck_assert_int_eq(asynchat_set_terminator_number(&c.chat, 2), 0);
    ck_assert_int_eq(asynchat_set_terminator(&c.chat, "\r\n", 2), 0);
    assert_fed("abc\r\n", "<abc> ! ");
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

/* Another map does not go on with it by itself. */
START_TEST(test_in_another_map_behind_a_forgiven_failure)
{
    struct asyncore_map *map = asyncore_map_new();
    char expected[64];

    make("\n");
    c.chat.base.cls = &forgiving_class;
    c.on_found = fail_once;
    snprintf(expected, sizeof expected, "<one> ! error%d ", -EIO);
    send_all(peer, "one\ntwo\n");
    poll_once(NULL);
    asyncore_del_channel(&c.chat.base);
    ck_assert_int_eq(asyncore_add_channel(&c.chat.base, map), 0);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace(expected);
    send_all(peer, "three\n");
    poll_once(map);
    assert_trace("<two> ! <three> ! ");
    ck_assert_int_eq(asyncore_map_free(map), 0);
    close(peer);
}
END_TEST

static void read_more(struct chat *self)
{
    self->on_collect = NULL;
    send_all(peer, "three\n");
    wait_readable(asyncore_fileno(&self->chat.base));
    ck_assert_int_eq(asyncore_handle_read(&self->chat.base), 0);
}

/* What is being collected must not be moved: the next pass reads. */
START_TEST(test_read_in_collect)
{
    make("\n");
    c.on_collect = read_more;
    assert_fed("one\ntwo\n", "<one> ! <two> ! ");
    poll_once(NULL);
    assert_trace("<three> ! ");
    close(peer);
}
END_TEST

START_TEST(test_abstract)
{
    static const struct asyncore_class cls = {.super = &asynchat_async_chat_class,
                                              .collect_incoming_data =
                                                  asynchat_collect_incoming_data};

    make("\n");
    trace_log();
    c.chat.base.cls = _i == 0 ? &asynchat_async_chat_class : &cls;
    assert_fed("x\n", "[error] ");
    ck_assert_int_eq(asyncore_fileno(&c.chat.base), -1);
    close(peer);
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
    feed("cd");
    feed("e\n");
    data = asynchat_get_data(&c.chat, &size);
    ck_assert_uint_eq(size, 5);
    ck_assert_str_eq(data, "abcde");
    free(data);
    data = asynchat_get_data(&c.chat, NULL);
    ck_assert_str_eq(data, "");
    free(data);
    ck_assert_int_eq(asynchat_collect_incoming_data(&c.chat.base, NULL, 0), 0);
    data = asynchat_get_data(&c.chat, &size);
    ck_assert_uint_eq(size, 0);
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
    ck_assert_uint_eq(asynchat_find_prefix_at_end("x", 1, "x", 0), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("asynchat");
    TCase *tcase = add_case(suite, "asynchat");

    tcase_add_test(tcase, test_line);
    tcase_add_test(tcase, test_held_prefix);
    tcase_add_test(tcase, test_several_lines);
    tcase_add_test(tcase, test_false_alarm);
    tcase_add_test(tcase, test_terminator_that_overlaps_itself);
    tcase_add_test(tcase, test_number);
    tcase_add_test(tcase, test_string_behind_a_number);
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
    tcase_add_test(tcase, test_in_another_map_behind_a_forgiven_failure);
    tcase_add_test(tcase, test_read_in_collect);
    tcase_add_loop_test(tcase, test_abstract, 0, 2);
    tcase_add_loop_test(tcase, test_limit, 0, 2);
    tcase_add_test(tcase, test_get_data);
    tcase_add_test(tcase, test_end_with_a_held_prefix);
    tcase_add_test(tcase, test_find_prefix_at_end);
    return run_suite(suite);
}
