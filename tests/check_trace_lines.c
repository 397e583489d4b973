/* check_trace_lines.c - the lines of the trace: addresses, what is odd or long, and colours. */
#define _XOPEN_SOURCE 600 /* posix_openpt */
#include "echo.h"
#include "interpose.h"
#include "traced.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* ==================================================
 * addresses; in a stable trace they have no ports
 */

static struct asyncore_dispatcher client;

static void open_socket(int family, int type)
{
    (asyncore_init)(&client, &echo_class, -1, NULL); /* by whom is not known */
    ck_assert_int_eq(asyncore_create_socket(&client, family, type), 0);
}

/* Refused, but told. */
START_TEST(test_addresses)
{
    static const struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = 0x1234};
    static const struct sockaddr_in6 in6 = {
        .sin6_family = AF_INET6, .sin6_port = 0x1234, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    static const struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "a:b"};
    static const struct {
        const void *addr;
        socklen_t addrlen;
        const char *text;
    } cases[] = {
        {&in6, sizeof in6, "[::1]"},
        {&un, sizeof un, "a:b"},
        {&in, sizeof in - 1, "(address family 2)"},
        {&in, 1, "(none)"},
    };
    char expected[128];

    open_socket(AF_INET, SOCK_STREAM);
    begin_trace(TYPE(IO), asyncore_trace_text);
    ck_assert_int_lt(asyncore_connect(&client, cases[_i].addr, cases[_i].addrlen), 0);
    snprintf(expected, sizeof expected, " connect %s = -E", cases[_i].text);
    ck_assert_msg(strstr(end_trace(), expected) != NULL, "%s", traced);
    asyncore_close(&client);
}
END_TEST

/* A listener's is the one that it really has, also one that is too long to be kept. */
START_TEST(test_listener)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    snprintf(addr.sun_path, sizeof addr.sun_path, "%ld_is_longer_than_what_is_kept",
             (long)getpid());
    begin_trace(TYPE(OPEN) | TYPE(IO), asyncore_trace_text);
    open_socket(AF_UNIX, SOCK_STREAM);
    ck_assert_int_eq(asyncore_bind(&client, (struct sockaddr *)&addr, sizeof addr), 0);
    ck_assert_int_eq(asyncore_listen(&client, 1), 0);
    unlink(addr.sun_path);
    end_trace();
    cut_out("listen ", '_');
    ck_assert_str_eq(traced, "  0.000000 open  1 echo\n"
                             "  0.000000 io    1 _is_longer_than_what_is_kept = 0\n");
    asyncore_close(&client);
}
END_TEST

START_TEST(test_no_listener)
{
    const int fd = open("/dev/null", O_RDONLY);

    (asyncore_file_dispatcher_init)(&client, &asyncore_file_dispatcher_class, fd, NULL);
    begin_trace(TYPE(IO), asyncore_trace_text);
    ck_assert_int_eq(asyncore_listen(&client, 1), -ENOTSOCK);
    ck_assert_str_eq(end_trace(), "  0.000000 io    1 listen (none) = -ENOTSOCK\n");
    asyncore_close(&client);
    close(fd); /* it had a copy */
}
END_TEST

/* ==================================================
 * lines
 */

/* Whatever a class is called, its line is JSON, and ASCII. */
START_TEST(test_escapes)
{
    static const struct asyncore_class odd_class = {.name = "a\x7f\\\"\xc3\xa9\n"};

    begin_trace(TYPE(CLOSE), asyncore_trace_json);
    (asyncore_init)(&client, &odd_class, -1, NULL);
    asyncore_create_socket(&client, AF_INET, SOCK_DGRAM);
    asyncore_close(&client);
    ck_assert_str_eq(end_trace(),
                     "{\"time\":0.000000,\"event\":\"close\",\"fd\":1,\"class\":"
                     "\"a\\u007f\\u005c\\u0022\\u00c3\\u00a9\\u000a\",\"why\":\"close\"}\n");
}
END_TEST

/* What a writer makes of an event. */
static const char *written(void (*writer)(const struct asyncore_trace_event *event, void *argument),
                           const struct asyncore_trace_event *event)
{
    FILE *file = fmemopen(traced, sizeof traced, "w");

    ck_assert_ptr_nonnull(file);
    writer(event, file);
    fclose(file);
    return traced;
}

/* Each byte in each place of a name of eleven, of which eight are looked at together. */
START_TEST(test_every_byte)
{
    char name[] = "aaaaaaaaaaa", expected[64];
    const struct asyncore_trace_event event = {
        .type = ASYNCORE_TRACE_CLOSE, .class_name = name, .name = "close"};

    for (int byte = 1; byte < 256; byte++) {
        const bool plain = byte >= ' ' && byte < 127 && byte != '"' && byte != '\\';

        for (int place = 0; place < 11; place++) {
            const int rest = 10 - place;

            name[place] = (char)byte;
            snprintf(expected, sizeof expected, plain ? "\"%.*s%c%.*s\"" : "\"%.*s\\u%04x%.*s\"",
                     place, "aaaaaaaaaaa", byte, rest, "aaaaaaaaaaa");
            ck_assert_ptr_nonnull(strstr(written(asyncore_trace_json, &event), expected));
            name[place] = 'a';
        }
    }
}
END_TEST

/* An errno has its name whatever the C library; what is none is a number. */
START_TEST(test_errno_names)
{
    static const struct {
        ssize_t result;
        const char *text, *json;
    } cases[] = {
        {0, " = 0\n", ":0}\n"},
        {-EAGAIN, " = -EAGAIN\n", ",\"error\":\"EAGAIN\"}\n"},
        {-EXDEV, " = -EXDEV\n", ",\"error\":\"EXDEV\"}\n"},
        {-4095, " = -4095\n", ":-4095}\n"},
        {INT_MIN, " = -2147483648\n", ":-2147483648}\n"},
    };
    const struct asyncore_trace_event event = {.type = ASYNCORE_TRACE_IO,
                                               .class_name = "echo",
                                               .name = "recv",
                                               .result = cases[_i].result};

    ck_assert_ptr_nonnull(strstr(written(asyncore_trace_text, &event), cases[_i].text));
    ck_assert_ptr_nonnull(strstr(written(asyncore_trace_json, &event), cases[_i].json));
}
END_TEST

/* All their digits, whatever their length. */
START_TEST(test_numbers)
{
    static const struct {
        double time;
        ssize_t result;
        const char *text;
    } cases[] = {
        {0, 0, "  0.000000 io    3 recv = 0\n"},
        {0.000001, 9, "  0.000001 io    3 recv = 9\n"},
        {0.0000016, 10, "  0.000002 io    3 recv = 10\n"},
        {0.999999, 99, "  0.999999 io    3 recv = 99\n"},
        {0.9999996, 100, "  1.000000 io    3 recv = 100\n"},
        {9.9999996, 999, " 10.000000 io    3 recv = 999\n"},
        {10.203040, 1000, " 10.203040 io    3 recv = 1000\n"},
        {99.9999996, 9999, "100.000000 io    3 recv = 9999\n"},
        {123.456789, 10000, "123.456789 io    3 recv = 10000\n"},
        {1000.100010, 65536, "1000.100010 io    3 recv = 65536\n"},
        {12345.678901, 100000001, "12345.678901 io    3 recv = 100000001\n"},
        {-1, LONG_MAX,
         sizeof(long) == 8 ? "  0.000000 io    3 recv = 9223372036854775807\n"
                           : "  0.000000 io    3 recv = 2147483647\n"},
    };
    const struct asyncore_trace_event event = {.type = ASYNCORE_TRACE_IO,
                                               .time = cases[_i].time,
                                               .class_name = "echo",
                                               .fd = 3,
                                               .name = "recv",
                                               .result = cases[_i].result};

    ck_assert_str_eq(written(asyncore_trace_text, &event), cases[_i].text);
}
END_TEST

/* Some of a million. */
START_TEST(test_decimals)
{
    char expected[64];

    for (int micros = 0; micros < 1000000; micros += 61) {
        const struct asyncore_trace_event event = {
            .type = ASYNCORE_TRACE_IO, .time = micros / 1e6, .fd = 3, .name = "recv"};

        snprintf(expected, sizeof expected, "  0.%06d io    3 recv = 0\n", micros);
        if (strcmp(written(asyncore_trace_text, &event), expected) != 0)
            ck_abort_msg("%s", traced);
    }
}
END_TEST

/* A wait without an end has no time-out. */
START_TEST(test_for_ever)
{
    open_echo();
    send_all(echo_peer, "x");
    wait_readable(asyncore_fileno(&echo));
    begin_trace(TYPE(ASK), asyncore_trace_json);
    asyncore_poll(-1, NULL);
    ck_assert_str_eq(end_trace(),
                     "{\"time\":0.000000,\"event\":\"ask\",\"dispatchers\":[{\"fd\":1,\"class\":"
                     "\"echo\",\"events\":\"re\"}]}\n");
    asyncore_close(&echo);
    close(echo_peer);
}
END_TEST

static char long_name[3000];

static int read_nothing(struct asyncore_dispatcher *self)
{
    (void)self;
    return 0;
}

static const struct asyncore_class long_class = {.name = long_name, .handle_read = read_nothing};

static void open_long(size_t length)
{
    memset(long_name, 'x', length);
    long_name[length] = '\0';
    (asyncore_init)(&client, &long_class, -1, NULL);
    asyncore_create_socket(&client, AF_INET, SOCK_DGRAM);
}

/* Lines are as long as they get; what there is no memory for is left out. */
START_TEST(test_long)
{
    static const size_t lengths[] = {500, 600, 1200, sizeof long_name - 1};
    char expected[sizeof long_name + 100];

    begin_trace(TYPE(CLOSE), asyncore_trace_text);
    open_long(lengths[_i]);
    snprintf(expected, sizeof expected, "  0.000000 close 1 %s: close\n", long_name);
    asyncore_close(&client);
    ck_assert_str_eq(end_trace(), expected);
}
END_TEST

START_TEST(test_no_memory_for_a_line)
{
    begin_trace(TYPE(CLOSE), asyncore_trace_text);
    open_long(1000);
    calls.fail_malloc = 1;
    asyncore_close(&client);
    ck_assert_str_eq(end_trace(), "  0.000000 close 1 : close\n");
}
END_TEST

static bool is_less_than(const char *line, const char *whole)
{
    for (; *whole != '\0'; whole++)
        if (*line == *whole)
            line++;
    return *line == '\0';
}

/* Whichever part is the first that has no room. */
START_TEST(test_no_memory_for_a_part)
{
    char whole[sizeof long_name + 100];

    for (size_t length = 400; length < 520; length++) {
        begin_trace(TYPE(RET), asyncore_trace_text);
        open_long(length);
        calls.fail_malloc = 1;
        asyncore_handle_read(&client);
        calls.fail_malloc = 0;
        asyncore_close(&client);
        snprintf(whole, sizeof whole, "  0.000000 ret   1 %s.handle_read = 0 (0.000000 s)\n",
                 long_name);
        ck_assert_msg(is_less_than(end_trace(), whole), "%s", traced);
        ck_assert_uint_eq(strcspn(traced, "\n"), strlen(traced) - 1);
    }
}
END_TEST

/* ---- with sets that are long ---- */

enum { MANY = 300 };

static struct asyncore_dispatcher many[MANY];

/* The sets of as many, the second time, when all have their numbers; then the n-th allocation fails. */
static const char *ask_many(void (*sink)(const struct asyncore_trace_event *event, void *argument),
                            int fail)
{
    static const struct asyncore_class many_class = {.name = "m", .writable = asyncore_never};

    begin_trace(TYPE(ASK), sink);
    for (int i = 0; i < MANY; i++) {
        (asyncore_init)(&many[i], &many_class, -1, NULL);
        asyncore_create_socket(&many[i], AF_INET, SOCK_DGRAM);
    }
    asyncore_poll(0, NULL);
    calls.fail_malloc = fail;
    asyncore_poll(0, NULL);
    calls.fail_malloc = 0;
    end_trace();
    asyncore_close_all(NULL, false);
    return strchr(traced, '\n') + 1;
}

static void expect_many(char *expected)
{
    for (int set = 0; set < 2; set++) {
        expected += sprintf(expected, "%s", set == 0 ? "  0.000000 ask   r[1" : "] w[] e[1");
        for (int fd = 2; fd <= MANY; fd++)
            expected += sprintf(expected, " %d", fd);
    }
    sprintf(expected, "], at most 0.000 s\n");
}

START_TEST(test_many)
{
    char expected[4096];

    expect_many(expected);
    ck_assert_str_eq(ask_many(asyncore_trace_text, 0), expected);
    for (int fail = 1; fail <= 4; fail++)
        ck_assert(is_less_than(ask_many(asyncore_trace_text, fail), expected));
}
END_TEST

START_TEST(test_many_in_json)
{
    static char expected[sizeof traced];

    strcpy(expected, ask_many(asyncore_trace_json, 0));
    ck_assert_ptr_nonnull(strstr(expected, ",{\"fd\":300,\"class\":\"m\",\"events\":\"re\"}]"));
    for (int fail = 1; fail <= 4; fail++)
        ck_assert(is_less_than(ask_many(asyncore_trace_json, fail), expected));
}
END_TEST

/* Then a descriptor has its own number. */
START_TEST(test_no_memory_for_a_number)
{
    char expected[64], byte;

    open_echo();
    snprintf(expected, sizeof expected, "  0.000000 io    %d recv 1 = -EAGAIN\n",
             asyncore_fileno(&echo));
    begin_trace(TYPE(IO), asyncore_trace_text);
    calls.fail_malloc = 1;
    ck_assert_int_eq(asyncore_recv(&echo, &byte, 1), -EAGAIN);
    ck_assert_str_eq(end_trace(), expected);
    asyncore_close(&echo);
    close(echo_peer);
}
END_TEST

/* ---- with a mistake in it, on a terminal and elsewhere ---- */

static void make_a_mistake(void)
{
    open_echo();
    asyncore_poll(0, NULL);
    asyncore_close(&echo);
    close(echo_peer);
}

START_TEST(test_json_of_a_mistake)
{
    begin_trace(TYPE(LINT), asyncore_trace_json);
    make_a_mistake();
    end_trace();
    cut_out("accepted, and", '"');
    ck_assert_str_eq(traced,
                     "{\"time\":0.000000,\"event\":\"lint\",\"fd\":1,\"class\":\"echo\",\"name\":"
                     "\"no deadline\",\"text\":\"echo fd 1, created at echo.c:1000: \","
                     "\"created\":\"echo.c:1000\"}\n");
}
END_TEST

/* What make_a_mistake() writes to a terminal. */
static const char *on_a_terminal(void)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    size_t size = 0;
    FILE *terminal;
    ssize_t n;

    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master), 0);
    ck_assert_int_eq(unlockpt(master), 0);
    terminal = fopen(ptsname(master), "r+");
    ck_assert_ptr_nonnull(terminal);
    asyncore_set_trace_stable(true);
    asyncore_set_trace(ALL_TYPES & ~TYPE(CLOSE), asyncore_trace_text, terminal);
    make_a_mistake();
    asyncore_set_trace(0, NULL, NULL);
    asyncore_set_trace_stable(false);
    fclose(terminal);
    while ((n = read(master, traced + size, sizeof traced - 1 - size)) > 0)
        size += (size_t)n;
    traced[size] = '\0';
    close(master);
    return traced;
}

START_TEST(test_colours)
{
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    on_a_terminal();
    cut_out("accepted, and", '\033');
    ck_assert_str_eq(traced,
                     "  0.000000 open  1 echo 127.0.0.1 (echo.c:1000)\r\n"
                     "\033[31m  0.000000 lint  no deadline: echo fd 1, created at echo.c:1000: "
                     "\033[0m\r\n"
                     "\033[36m  0.000000 ask   r[1] w[] e[1], at most 0.000 s\033[0m\r\n"
                     "\033[36m  0.000000 ready r[] w[] e[], slept 0.000 s\033[0m\r\n");
}
END_TEST

/* Whose user minds, or does not say what it can. */
START_TEST(test_no_colours)
{
    static const struct {
        const char *no_color, *term;
    } cases[] = {{"1", "xterm"}, {"", "dumb"}, {"", NULL}};

    setenv("NO_COLOR", cases[_i].no_color, 1);
    if (cases[_i].term != NULL)
        setenv("TERM", cases[_i].term, 1);
    else
        unsetenv("TERM");
    ck_assert_ptr_null(strchr(on_a_terminal(), '\033'));
    ck_assert_ptr_nonnull(strstr(traced, " lint "));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace_lines");
    TCase *tcase = add_case(suite, "addresses");

    tcase_add_loop_test(tcase, test_addresses, 0, 4);
    tcase_add_test(tcase, test_listener);
    tcase_add_test(tcase, test_no_listener);
    tcase = add_case(suite, "lines");
    tcase_add_test(tcase, test_escapes);
    tcase_add_test(tcase, test_every_byte);
    tcase_add_loop_test(tcase, test_errno_names, 0, 5);
    tcase_add_loop_test(tcase, test_numbers, 0, 12);
    tcase_add_test(tcase, test_decimals);
    tcase_add_test(tcase, test_for_ever);
    tcase_add_loop_test(tcase, test_long, 0, 4);
    tcase_add_test(tcase, test_no_memory_for_a_line);
    tcase_add_test(tcase, test_no_memory_for_a_part);
    tcase_add_test(tcase, test_many);
    tcase_add_test(tcase, test_many_in_json);
    tcase_add_test(tcase, test_no_memory_for_a_number);
    tcase_add_test(tcase, test_json_of_a_mistake);
    tcase_add_test(tcase, test_colours);
    tcase_add_loop_test(tcase, test_no_colours, 0, 3);
    return run_suite(suite);
}
