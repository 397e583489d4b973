/* check_dump_map.c - asyncore_dump_map(): what is in a map, in words. */
#include "echo.h"

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
    tcase_add_test(tcase, test_dump_written_over);
    return run_suite(suite);
}
