/* check_log.c - messages: which, how, and where to. */
#include "support.h"

#include <string.h>

static struct asyncore_dispatcher d;

static void make(void)
{
    ck_assert_int_eq(asyncore_init(&d, &asyncore_dispatcher_class, -1, NULL), 0);
}

/* What action writes to a standard stream. */
static void capture(int stream, void (*action)(void), char *text, size_t size)
{
    const int saved = dup(stream);
    int ends[2];
    ssize_t n;

    ck_assert_int_eq(pipe(ends), 0);
    dup2(ends[1], stream);
    action();
    dup2(saved, stream);
    close(saved);
    close(ends[1]);
    n = read(ends[0], text, size - 1);
    text[n > 0 ? n : 0] = '\0';
    close(ends[0]);
}

static void log_all(void)
{
    make();
    asyncore_log(&d, "hello");
    asyncore_log_info(&d, "all is well", ASYNCORE_INFO);
    asyncore_log_info(&d, "nobody reads this", ASYNCORE_WARNING);
    asyncore_log_info(&d, "it broke", ASYNCORE_ERROR);
    asyncore_close(&d);
}

START_TEST(test_standard_error)
{
    char text[256];

    capture(STDERR_FILENO, log_all, text, sizeof text);
    ck_assert_str_eq(text, "log: hello\ninfo: all is well\nerror: it broke\n");
    capture(STDOUT_FILENO, log_all, text, sizeof text);
    ck_assert_str_eq(text, "");
}
END_TEST

static void log_much(void)
{
    static char message[2000];

    memset(message, 'x', sizeof message - 1);
    make();
    asyncore_log_info(&d, message, ASYNCORE_ERROR);
    asyncore_close(&d);
}

START_TEST(test_long_message_is_one_line)
{
    char text[4000];

    capture(STDERR_FILENO, log_much, text, sizeof text);
    ck_assert_uint_eq(strlen(text), 511);
    ck_assert_ptr_eq(strchr(text, '\n'), text + 510);
}
END_TEST

START_TEST(test_ignored_types)
{
    trace_log();
    make();
    asyncore_set_ignore_log_types(&d, 1U << ASYNCORE_ERROR | 1U << ASYNCORE_INFO);
    asyncore_log_info(&d, "", ASYNCORE_INFO);
    asyncore_log_info(&d, "", ASYNCORE_WARNING);
    asyncore_log_info(&d, "", ASYNCORE_ERROR);
    asyncore_log_info(&d, "", (enum asyncore_log_type)(ASYNCORE_ERROR + 1)); /* there is no such */
    asyncore_log(&d, ""); /* a hit is never ignored */
    assert_trace("[warning] [log] ");
    asyncore_close(&d);
}
END_TEST

static char messages[1024];

static void keep(enum asyncore_log_type type, const char *message)
{
    (void)type;
    strcat(messages, message);
    strcat(messages, "\n");
}

START_TEST(test_unhandled)
{
    asyncore_set_log(keep);
    make();
    asyncore_set_ignore_log_types(&d, 0);
    asyncore_handle_expt(&d);
    asyncore_handle_read(&d);
    asyncore_handle_write(&d);
    asyncore_handle_connect(&d);
    asyncore_handle_accepted(&d, dup(0), NULL, 0);
    asyncore_handle_error(&d, -ECONNREFUSED);
    ck_assert_str_eq(messages, "unhandled incoming priority event\n"
                               "unhandled read event\n"
                               "unhandled write event\n"
                               "unhandled connect event\n"
                               "unhandled accepted event\n"
                               "uncaptured error, closing channel <dispatcher closed>: "
                               "Connection refused\n"
                               "unhandled close event\n");
    asyncore_set_log(NULL);
}
END_TEST

static void log_in_class(struct asyncore_dispatcher *self, const char *message,
                         enum asyncore_log_type type)
{
    (void)self;
    add_to_trace("%d:%s ", (int)type, message);
}

START_TEST(test_log_info_of_a_class)
{
    static const struct asyncore_class cls = {.log_info = log_in_class};

    ck_assert_int_eq(asyncore_init(&d, &cls, -1, NULL), 0);
    asyncore_handle_read(&d); /* ignoring is the default's doing */
    assert_trace("2:unhandled read event ");
    asyncore_close(&d);
}
END_TEST

static void close_in_log(struct asyncore_dispatcher *self, const char *message,
                         enum asyncore_log_type type)
{
    log_in_class(self, message, type);
    asyncore_close(self);
}

START_TEST(test_close_in_log_info)
{
    static const struct asyncore_class cls = {.log_info = close_in_log};

    ck_assert_int_eq(asyncore_init(&d, &cls, -1, NULL), 0);
    ck_assert_int_eq(asyncore_handle_error(&d, -EIO), 0);
    trace[0] = '\0';
    ck_assert_int_eq(asyncore_init(&d, &cls, -1, NULL), 0);
    ck_assert_int_eq(asyncore_handle_close(&d), 0);
    assert_trace("2:unhandled close event ");
    ck_assert_int_eq(asyncore_init(&d, &cls, -1, NULL), 0);
    ck_assert_int_eq(asyncore_handle_timeout(&d), 0);
    assert_trace("2:unhandled timeout event ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = add_case(suite, "log");

    tcase_add_test(tcase, test_standard_error);
    tcase_add_test(tcase, test_long_message_is_one_line);
    tcase_add_test(tcase, test_ignored_types);
    tcase_add_test(tcase, test_unhandled);
    tcase_add_test(tcase, test_log_info_of_a_class);
    tcase_add_test(tcase, test_close_in_log_info);
    return run_suite(suite);
}
