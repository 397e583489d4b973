/* check_dump_map.c - asyncore_dump_map(): what is in a map, in words. */
#include "echo.h"

#include <asyncore_trace.h>
#include <string.h>

static char text[4096];

static void assert_line(const char *line, const char *begin, const char *const *parts)
{
    const char *const line_end = strchr(line, '\n');

    ck_assert_msg(strncmp(line, begin, strlen(begin)) == 0, "%s", line);
    for (; *parts != NULL; parts++) {
        const char *const part = strstr(line, *parts);

        ck_assert_msg(part != NULL && part < line_end, "no '%s' in: %s", *parts, line);
    }
}

static const char *dump(void)
{
    FILE *file = fmemopen(text, sizeof text, "w");

    asyncore_dump_map(NULL, file);
    fclose(file);
    return text;
}

static void call_nothing(struct asyncore_timer *timer)
{
    (void)timer;
}

START_TEST(test_dump_map)
{
    static struct asyncore_dispatcher_with_send d;
    static char much[8 * 1024 * 1024];
    static struct asyncore_timer timer;
    struct sockaddr_in addr;
    struct probe listener;
    const char *line;
    int ends[2];

    ck_assert_str_eq(dump(), "0 dispatchers, 0 timers\n");
    asyncore_set_trace_stable(true); /* no busy machine makes it longer */
    probe_listen(&listener, "L", NULL, &addr);
    open_echo();
    asyncore_set_idle_timeout(&echo, 30);
    tcp_pair(ends);
    asyncore_dispatcher_with_send_init(&d, &asyncore_dispatcher_with_send_class, ends[0], NULL, 0,
                                       NULL);
    asyncore_send(&d.base, much, sizeof much);
    asyncore_call_later(&timer, 60, call_nothing, NULL);
    asyncore_poll(0, NULL);
    line = dump();
    assert_line(line, "3 dispatchers, 2 timers, the next in ",
                (const char *[]){"waiting with ", NULL});
    line = strchr(line, '\n') + 1;
    assert_line(line, "  probe fd ",
                (const char *[]){" 127.0.0.1:", ", listening, waits to read, for 0.", NULL});
    line = strchr(line, '\n') + 1;
    assert_line(line, "  echo fd ",
                (const char *[]){" with 127.0.0.1:0, connected, waits to read, for 0.",
                                 ", may be idle for 30 s", ", created at echo.c:1000", NULL});
    line = strchr(line, '\n') + 1;
    assert_line(line, "  dispatcher_with_send fd ",
                (const char *[]){", waits to read and write, ", " bytes to send", NULL});
    ck_assert_str_eq(strchr(line, '\n') + 1, "");
    asyncore_cancel(&timer);
    asyncore_close_all(NULL, true);
    close(echo_peer);
    close(ends[1]);
}
END_TEST

/* ==================================================
 * one line, whole; with a clock that stands still
 */

/* What follows the descriptor's number. */
static const char *dump_of(int fd)
{
    char number[16];
    const char *line;

    snprintf(number, sizeof number, " fd %d", fd);
    line = strstr(dump(), number);
    ck_assert_msg(line != NULL && strchr(line, '\n') != NULL, "%s", text);
    text[strcspn(line, "\n") + (size_t)(line - text)] = '\0';
    return line + strlen(number);
}

static bool always(struct asyncore_dispatcher *self)
{
    (void)self;
    return true;
}

START_TEST(test_what_it_waits_for)
{
    static const struct {
        struct asyncore_class cls;
        const char *expected;
    } cases[] = {
        {{.readable = asyncore_never, .writable = asyncore_never}, ", waits for nothing"},
        {{.readable = asyncore_never}, ", waits to write, for 0.0 s"},
        {{.writable = asyncore_never}, ", waits to read, for 0.0 s"},
        {{.readable = always}, ", waits to read and write, for 0.0 s"},
    };
    struct asyncore_dispatcher d;
    char expected[128];
    int ends[2];

    tcp_pair(ends);
    asyncore_set_trace_stable(true);
    (asyncore_init_accepted)(&d, &cases[_i].cls, ends[0], NULL, 0, NULL); /* by whom is not known */
    asyncore_poll(0, NULL);
    snprintf(expected, sizeof expected, ", connected%s", cases[_i].expected);
    ck_assert_str_eq(strstr(dump_of(ends[0]), ", connected"), expected);
    asyncore_close(&d);
    close(ends[1]);
}
END_TEST

START_TEST(test_connecting)
{
    static const struct asyncore_class quiet = {.readable = asyncore_never,
                                                .writable = asyncore_never};
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);
    struct asyncore_dispatcher d;
    char expected[128];

    asyncore_here("main.c:1");
    (asyncore_init)(&d, &quiet, -1, NULL);
    asyncore_create_socket(&d, AF_INET, SOCK_STREAM);
    ck_assert_int_eq(asyncore_connect(&d, (struct sockaddr *)&addr, sizeof addr), 0);
    snprintf(
        expected, sizeof expected,
        " with 127.0.0.1:%d, connecting, waits for the outcome of its connect, created at main.c:1",
        ntohs(addr.sin_port));
    ck_assert_str_eq(strstr(dump_of(asyncore_fileno(&d)), " with "), expected);
    asyncore_close(&d);
    close(listener);
}
END_TEST

static void call_soon(struct asyncore_call *call)
{
    (void)call;
}

/* A pipe, which has no address; and somebody else has something to be called. */
START_TEST(test_pipe_and_call)
{
    static struct asyncore_call call;
    struct asyncore_dispatcher d;
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    (asyncore_file_dispatcher_init)(&d, &asyncore_file_dispatcher_class, ends[1], NULL);
    asyncore_call_soon_threadsafe(&call, call_soon, NULL);
    ck_assert_str_eq(dump_of(asyncore_fileno(&d)), ", connected, waits to read and write");
    ck_assert_ptr_nonnull(strstr(text, "1 dispatchers, 0 timers, calls are queued"));
    asyncore_close(&d);
    close(ends[0]);
    close(ends[1]);
    asyncore_poll(0, NULL);
}
END_TEST

START_TEST(test_dump_written_over)
{
    int fd;

    open_echo();
    fd = asyncore_fileno(&echo);
    memset(&echo, 0, sizeof echo);
    ck_assert_ptr_nonnull(strstr(dump(), "its dispatcher was written over"));
    trace_log();
    ck_assert_int_eq(asyncore_poll(0, NULL), -EINVAL);
    close(echo_peer);
    close(fd); /* which was left open */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dump_map");
    TCase *tcase = add_case(suite, "dump_map");

    tcase_add_test(tcase, test_dump_map);
    tcase_add_loop_test(tcase, test_what_it_waits_for, 0, 4);
    tcase_add_test(tcase, test_connecting);
    tcase_add_test(tcase, test_pipe_and_call);
    tcase_add_test(tcase, test_dump_written_over);
    return run_suite(suite);
}
