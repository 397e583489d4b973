/* check_trace.c - the trace: which events come, in which order, and what they say. */
#include "support.h"

#include <asynchat.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define TYPE(name) (1U << ASYNCORE_TRACE_##name)

static const unsigned all_types = 2 * TYPE(LINT) - 1;
static char text[65536];

/* ==================================================
 * a trace that can be compared
 */

static FILE *file;

static void begin_with(unsigned types,
                       void (*sink)(const struct asyncore_trace_event *event, void *argument))
{
    file = fmemopen(text, sizeof text, "w");
    ck_assert_ptr_nonnull(file);
    asyncore_set_trace_stable(true);
    asyncore_set_trace(types, sink, file);
}

static void begin(unsigned types)
{
    begin_with(types, asyncore_trace_text);
}

static const char *end(void)
{
    asyncore_set_trace(0, NULL, NULL);
    asyncore_set_trace_stable(false);
    fclose(file);
    return text;
}

/* What begins so, up to this character. */
static void cut_out(const char *begin, char end)
{
    char *at = text;

    while ((at = strstr(at, begin)) != NULL) {
        const char *rest = strchr(at, end);

        ck_assert_ptr_nonnull(rest);
        if (rest == NULL) /* the analyzers do not know that one */
            return;
        memmove(at, rest, strlen(rest) + 1);
    }
}

static int echo_handle_read(struct asyncore_dispatcher *self)
{
    char buffer[100];
    const ssize_t n = asyncore_recv(self, buffer, sizeof buffer);

    return n > 0 ? (int)asyncore_send(self, buffer, (size_t)n) : (int)n;
}

static const struct asyncore_class echo_class = {
    .name = "echo",
    .writable = asyncore_never,
    .handle_read = echo_handle_read,
};

static struct asyncore_dispatcher echo;
static int peer;

static void open_echo(void)
{
    int ends[2];
    struct sockaddr_in addr = loopback(0);

    tcp_pair(ends);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    peer = ends[1];
    asyncore_here("echo.c:1000");
    ck_assert_int_eq((asyncore_init_accepted)(&echo, &echo_class, ends[0], (struct sockaddr *)&addr,
                                              sizeof addr, NULL),
                     0);
}

START_TEST(test_whole)
{
    begin(all_types & ~TYPE(LINT));
    open_echo();
    send_all(peer, "hello");
    wait_readable(asyncore_fileno(&echo));
    asyncore_poll(1, NULL);
    close(peer);
    wait_readable(asyncore_fileno(&echo));
    asyncore_poll(1, NULL);
    ck_assert_str_eq(end(), "  0.000000 open  1 echo 127.0.0.1 (echo.c:1000)\n"
                            "  0.000000 ask   r[1] w[] e[1], at most 1.000 s\n"
                            "  0.001000 ready r[1] w[] e[], slept 0.001 s\n"
                            "  0.001000 call  1 echo.handle_read\n"
                            "  0.001000   io    1 recv 100 = 5\n"
                            "  0.001000   io    1 send 5 = 5\n"
                            "  0.001000 ret   1 echo.handle_read = 5 (0.000000 s)\n"
                            "  0.001000 ask   r[1] w[] e[1], at most 1.000 s\n"
                            "  0.002000 ready r[1] w[] e[], slept 0.001 s\n"
                            "  0.002000 call  1 echo.handle_read\n"
                            "  0.002000   io    1 recv 100 = -ECONNRESET\n"
                            "  0.002000   call  1 echo.handle_close\n"
                            "  0.002000     close 1 echo: close\n"
                            "  0.002000   ret   1 echo.handle_close = 0 (0.000000 s)\n"
                            "  0.002000 ret   1 echo.handle_read = 0 (0.000000 s)\n");
}
END_TEST

START_TEST(test_types)
{
    begin(TYPE(IO) | TYPE(CLOSE));
    open_echo();
    send_all(peer, "hello");
    wait_readable(asyncore_fileno(&echo));
    asyncore_poll(1, NULL);
    asyncore_close(&echo);
    ck_assert_str_eq(end(), "  0.001000   io    1 recv 100 = 5\n"
                            "  0.001000   io    1 send 5 = 5\n"
                            "  0.001000 close 1 echo: close\n");
    close(peer);
}
END_TEST

/* Those who were known to be like everybody are traced, too. */
START_TEST(test_begun_late)
{
    open_echo();
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            begin(TYPE(IO));
        send_all(peer, "hello");
        wait_readable(asyncore_fileno(&echo));
        asyncore_poll(1, NULL);
    }
    ck_assert_str_eq(end(), "  0.001000   io    1 recv 100 = 5\n"
                            "  0.001000   io    1 send 5 = 5\n");
    send_all(peer, "hello");
    wait_readable(asyncore_fileno(&echo));
    ck_assert_int_eq(asyncore_poll(1, NULL), 0);
    asyncore_close(&echo);
    close(peer);
}
END_TEST

static void on_timer(struct asyncore_timer *timer)
{
    asyncore_cancel(timer + 1);
}

START_TEST(test_timers)
{
    static struct asyncore_timer timers[2];

    begin(TYPE(ASK) | TYPE(READY) | TYPE(TIMER) | TYPE(CALL) | TYPE(RET));
    asyncore_call_later(&timers[0], 0.125, on_timer, NULL);
    asyncore_call_later(&timers[1], 30, on_timer, NULL);
    ck_assert_int_eq(asyncore_loop(60, NULL, -1), 0);
    ck_assert_str_eq(end(), "  0.000000 timer 1 set, due in 0.125 s\n"
                            "  0.000000 timer 2 set, due in 30.000 s\n"
                            "  0.000000 ask   r[] w[] e[], at most 0.125 s\n"
                            "  0.125000 ready r[] w[] e[], slept 0.125 s\n"
                            "  0.125000 call  timer 1\n"
                            "  0.125000   timer 2 cancel\n"
                            "  0.125000 ret   timer 1 (0.000000 s)\n");
}
END_TEST

static int closes_and_fails(struct probe *self)
{
    asyncore_close(&self->base);
    return -EIO;
}

static void free_probe(struct probe *self)
{
    free(self);
}

/* What is freed by its destroy() is not looked at afterwards. */
START_TEST(test_destroyed)
{
    struct probe *self = malloc(sizeof *self);
    const int other_end = probe_channel(self, "A", NULL);

    self->on_read = closes_and_fails;
    self->on_destroy = free_probe;
    begin(TYPE(CALL) | TYPE(RET) | TYPE(CLOSE));
    send_all(other_end, "x");
    wait_readable(asyncore_fileno(&self->base));
    asyncore_poll(1, NULL);
    ck_assert_str_eq(end(), "  0.001000 call  1 probe.handle_read\n"
                            "  0.001000   close 1 probe: close\n"
                            "  0.001000 ret   1 probe.handle_read = -EIO (0.000000 s)\n"
                            "  0.001000 call  probe.destroy\n"
                            "  0.001000 ret   probe.destroy = 0 (0.000000 s)\n");
    close(other_end);
}
END_TEST

/* The lowest number that is free, as the system does with the descriptors. */
START_TEST(test_numbers)
{
    struct asyncore_dispatcher d[3];

    begin(TYPE(OPEN) | TYPE(CLOSE));
    for (int i = 0; i < 3; i++) {
        asyncore_init(&d[i], &echo_class, -1, NULL);
        asyncore_create_socket(&d[i], AF_INET, SOCK_DGRAM);
    }
    asyncore_close(&d[1]);
    asyncore_del_channel(&d[2]);
    asyncore_add_channel(&d[2], NULL);
    asyncore_init(&d[1], &echo_class, -1, NULL);
    asyncore_create_socket(&d[1], AF_INET, SOCK_DGRAM);
    asyncore_close_all(NULL, true);
    end();
    cut_out(" (", '\n'); /* where they were created */
    ck_assert_str_eq(text, "  0.000000 open  1 echo\n"
                           "  0.000000 open  2 echo\n"
                           "  0.000000 open  3 echo\n"
                           "  0.000000 close 2 echo: close\n"
                           "  0.000000 close 3 echo: del_channel\n"
                           "  0.000000 open  2 echo\n"
                           "  0.000000 open  3 echo\n"
                           "  0.000000 close 1 echo: close\n"
                           "  0.000000 close 2 echo: close\n"
                           "  0.000000 close 3 echo: close\n");
}
END_TEST

static void call_nothing(struct asyncore_call *self)
{
    (void)self;
}

static void on_signal(struct asyncore_signal_handler *self)
{
    asyncore_remove_signal_handler(self);
}

/* Out of a handler; what is told of it is told of the loop. */
static int raises_exit_now(struct probe *self)
{
    (void)self;
    return asyncore_ExitNow;
}

START_TEST(test_json)
{
    static struct asyncore_timer timer;
    static struct asyncore_call call;
    static struct asyncore_signal_handler handler;
    static struct probe probe;
    int other_end;

    begin_with(all_types, asyncore_trace_json);
    asyncore_call_later(&timer, 60, on_timer, NULL);
    asyncore_cancel(&timer);
    asyncore_call_soon_threadsafe(&call, call_nothing, NULL);
    asyncore_add_signal_handler(&handler, SIGUSR1, on_signal, NULL);
    raise(SIGUSR1);
    asyncore_poll(-1, NULL);
    other_end = probe_channel(&probe, "A", NULL);
    probe.on_read = raises_exit_now;
    send_all(other_end, "x");
    wait_readable(asyncore_fileno(&probe.base));
    ck_assert_int_eq(asyncore_poll(1, NULL), asyncore_ExitNow);
    close(asyncore_detach(&probe.base));
    close(other_end);
    end();
    cut_out(",\"created\":", '}');
    ck_assert_str_eq(
        text,
        "{\"time\":0.000000,\"event\":\"timer\",\"name\":\"set\",\"number\":1,\"due\":60.000000}\n"
        "{\"time\":0.000000,\"event\":\"timer\",\"name\":\"cancel\",\"number\":1,\"due\":60.000000}"
        "\n"
        "{\"time\":0.000000,\"event\":\"ask\",\"dispatchers\":[],\"timeout\":0.000000}\n"
        "{\"time\":0.000000,\"event\":\"ready\",\"dispatchers\":[],\"slept\":0.000000}\n"
        "{\"time\":0.000000,\"event\":\"call\",\"class\":\"signal\",\"method\":\"target\","
        "\"number\":10}\n"
        "{\"time\":0.000000,\"event\":\"ret\",\"class\":\"signal\",\"method\":\"target\","
        "\"number\":10,\"result\":0,\"took\":0.000000}\n"
        "{\"time\":0.000000,\"event\":\"call\",\"class\":\"call\",\"method\":\"target\"}\n"
        "{\"time\":0.000000,\"event\":\"ret\",\"class\":\"call\",\"method\":\"target\",\"result\":"
        "0,\"took\":0.000000}\n"
        "{\"time\":0.000000,\"event\":\"open\",\"fd\":1,\"class\":\"probe\"}\n"
        "{\"time\":0.000000,\"event\":\"ask\",\"dispatchers\":[{\"fd\":1,\"class\":\"probe\","
        "\"events\":\"re\"}],\"timeout\":1.000000}\n"
        "{\"time\":0.001000,\"event\":\"ready\",\"dispatchers\":[{\"fd\":1,\"class\":\"probe\","
        "\"events\":\"r\"}],\"slept\":0.001000}\n"
        "{\"time\":0.001000,\"event\":\"call\",\"fd\":1,\"class\":\"probe\",\"method\":\"handle_"
        "read\"}\n"
        "{\"time\":0.001000,\"event\":\"ret\",\"fd\":1,\"class\":\"probe\",\"method\":\"handle_"
        "read\",\"result\":-1163413844,\"error\":\"ExitNow\",\"took\":0.000000}\n"
        "{\"time\":0.001000,\"event\":\"close\",\"fd\":1,\"class\":\"probe\",\"why\":\"detach\"}\n"
        "{\"time\":0.001000,\"event\":\"call\",\"class\":\"probe\",\"method\":\"destroy\"}\n"
        "{\"time\":0.001000,\"event\":\"ret\",\"class\":\"probe\",\"method\":\"destroy\","
        "\"result\":0,\"took\":0.000000}\n");
}
END_TEST

/* ==================================================
 * a sink of one's own
 */

static char sets[1024];

static void write_sets(const struct asyncore_trace_event *event, void *argument)
{
    struct asyncore_trace_entry entry = {0};

    ck_assert_ptr_eq(argument, sets);
    while (asyncore_trace_next(event, &entry))
        snprintf(sets + strlen(sets), sizeof sets - strlen(sets), "%s%s%s%s%s ", entry.class_name,
                 entry.r ? " r" : "", entry.w ? " w" : "", entry.e ? " e" : "",
                 entry.connecting ? " c" : "");
    snprintf(sets + strlen(sets), sizeof sets - strlen(sets), "%s",
             event->type == ASYNCORE_TRACE_ASK ? "-> " : ". ");
    asyncore_close_all(NULL, true); /* forbidden; but it is not told again, and again */
    errno = 0;
}

START_TEST(test_own_sink)
{
    struct asyncore_dispatcher d;

    sets[0] = '\0';
    open_echo();
    asyncore_init(&d, &asyncore_dispatcher_class, -1, NULL);
    asyncore_create_socket(&d, AF_INET, SOCK_DGRAM);
    asyncore_set_trace(TYPE(ASK) | TYPE(READY), write_sets, sets);
    asyncore_set_trace(TYPE(ASK), write_sets, sets);
    asyncore_poll(0, NULL);
    asyncore_set_trace(TYPE(ASK), NULL, NULL);
    asyncore_poll(0, NULL);
    ck_assert_str_eq(sets, "echo r e dispatcher r w e -> ");
    close(peer);
}
END_TEST

static struct asyncore_trace_event last;

static void keep_last(const struct asyncore_trace_event *event, void *argument)
{
    (void)argument;
    last = *event;
}

START_TEST(test_fields)
{
    char byte;

    open_echo();
    asyncore_set_trace(TYPE(IO), keep_last, NULL);
    ck_assert_int_eq(asyncore_recv(&echo, &byte, 1), -EAGAIN);
    ck_assert_int_eq(last.type, ASYNCORE_TRACE_IO);
    ck_assert_str_eq(last.class_name, "echo");
    ck_assert_str_eq(last.name, "recv");
    ck_assert_int_eq(last.fd, asyncore_fileno(&echo));
    ck_assert_ptr_eq(last.dispatcher, &echo);
    ck_assert_str_eq(last.created, "echo.c:1000");
    ck_assert_uint_eq(last.size, 1);
    ck_assert_int_eq(last.result, -EAGAIN);
    ck_assert(last.time >= 0 && last.time < 60);
    asyncore_close(&echo);
    close(peer);
}
END_TEST

/* ==================================================
 * mistakes
 */

static char lints[4096];

static void write_lint(const struct asyncore_trace_event *event, void *argument)
{
    (void)argument;
    ck_assert_int_eq(event->type, ASYNCORE_TRACE_LINT);
    ck_assert_ptr_nonnull(event->text);
    if (event->created != NULL)
        ck_assert_ptr_nonnull(strstr(event->text, event->created));
    snprintf(lints + strlen(lints), sizeof lints - strlen(lints), "%s %s; ", event->class_name,
             event->name);
}

static void watch_for_mistakes(void)
{
    lints[0] = '\0';
    asyncore_set_trace(TYPE(LINT), write_lint, NULL);
}

static void assert_mistakes(const char *expected)
{
    asyncore_set_trace(0, NULL, NULL);
    ck_assert_str_eq(lints, expected);
}

static struct probe probe;

static void poll_times(int times)
{
    for (int i = 0; i < times; i++)
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
}

START_TEST(test_hot)
{
    const int other_end = probe_channel(&probe, "A", NULL);

    probe.wants_write = true;
    watch_for_mistakes();
    poll_times(99);
    ck_assert_str_eq(lints, "");
    poll_times(100);
    assert_mistakes("probe hot; ");
    asyncore_close(&probe.base);
    close(other_end);
}
END_TEST

static int sends(struct probe *self)
{
    return (int)asyncore_send(&self->base, "x", 1);
}

START_TEST(test_not_hot)
{
    const int other_end = probe_channel(&probe, "A", NULL);

    probe.wants_write = true;
    probe.on_write = sends;
    watch_for_mistakes();
    poll_times(300);
    assert_mistakes("");
    asyncore_close(&probe.base);
    close(other_end);
}
END_TEST

START_TEST(test_deaf)
{
    const int other_end = probe_channel(&probe, "A", NULL);

    probe.wants_read = false;
    watch_for_mistakes();
    poll_times(3);
    assert_mistakes("probe deaf; ");
    asyncore_close(&probe.base);
    close(other_end);
}
END_TEST

/* A timer may yet make it ask; or it is limited. */
START_TEST(test_not_deaf)
{
    static struct asyncore_timer timer;
    const int other_end = probe_channel(&probe, "A", NULL);

    probe.wants_read = false;
    watch_for_mistakes();
    asyncore_call_later(&timer, 60, on_timer, NULL);
    poll_times(2);
    asyncore_cancel(&timer);
    asyncore_set_idle_timeout(&probe.base, 60);
    poll_times(2);
    assert_mistakes("");
    asyncore_close(&probe.base);
    close(other_end);
}
END_TEST

static int reads_nothing(struct probe *self)
{
    (void)self;
    return 0;
}

/* Where others ask it is said after ten seconds, for they may yet make it ask; and not at all where a
 * signal may.  The stable clock goes on by a millisecond a pass. */
START_TEST(test_deaf_beside_others)
{
    static struct asyncore_signal_handler handler;
    static struct probe other;
    const int ends[] = {probe_channel(&probe, "A", NULL), probe_channel(&other, "B", NULL)};

    probe.wants_read = false;
    other.on_read = reads_nothing;
    send_all(ends[1], "x");
    wait_readable(asyncore_fileno(&other.base));
    asyncore_set_trace_stable(true);
    if (_i > 0)
        asyncore_add_signal_handler(&handler, SIGUSR1, on_signal, NULL);
    watch_for_mistakes();
    poll_times(9990);
    ck_assert_str_eq(lints, "");
    poll_times(50);
    assert_mistakes(_i > 0 ? "" : "probe deaf; ");
    asyncore_remove_signal_handler(&handler);
    asyncore_close_all(NULL, true);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static int takes_long(struct probe *self)
{
    const double until = cpu_seconds() + 0.11;
    char byte;

    while (cpu_seconds() < until)
        ;
    return (int)asyncore_recv(&self->base, &byte, 1);
}

START_TEST(test_slow)
{
    const int other_end = probe_channel(&probe, "A", NULL);

    probe.on_read = takes_long;
    watch_for_mistakes();
    send_all(other_end, "x");
    wait_readable(asyncore_fileno(&probe.base));
    poll_times(1);
    assert_mistakes("probe slow; ");
    asyncore_close(&probe.base);
    close(other_end);
}
END_TEST

START_TEST(test_unbounded)
{
    static struct asyncore_dispatcher_with_send d;
    static char much[8 * 1024 * 1024];
    int ends[2];

    tcp_pair(ends);
    asyncore_dispatcher_with_send_init(&d, &asyncore_dispatcher_with_send_class, ends[0], NULL, 0,
                                       NULL);
    watch_for_mistakes();
    poll_times(2);
    ck_assert_str_eq(lints, "");
    ck_assert_int_eq(asyncore_send(&d.base, much, sizeof much), sizeof much);
    ck_assert_uint_gt(asyncore_out_buffer(&d), 1024 * 1024);
    poll_times(3);
    assert_mistakes("dispatcher_with_send unbounded; ");
    asyncore_close(&d.base);
    close(ends[1]);
}
END_TEST

/* One that is not heard while so much waits is none. */
START_TEST(test_high_water)
{
    static struct asynchat_async_chat chat;
    static char much[8 * 1024 * 1024];
    int ends[2];

    tcp_pair(ends);
    asynchat_init(&chat, &asynchat_async_chat_class, ends[0], NULL, 0, NULL);
    asynchat_set_high_water(&chat, 1000);
    watch_for_mistakes();
    ck_assert_int_eq(asynchat_push(&chat, much, sizeof much), 0);
    poll_times(3);
    assert_mistakes("");
    asyncore_close(&chat.base);
    close(ends[1]);
}
END_TEST

START_TEST(test_no_deadline)
{
    watch_for_mistakes();
    for (int i = 0; i < 2; i++) { /* once for the class */
        open_echo();
        poll_times(2);
        asyncore_close(&echo);
        close(peer);
    }
    assert_mistakes("echo no deadline; ");
}
END_TEST

START_TEST(test_deadline)
{
    open_echo();
    watch_for_mistakes();
    asyncore_set_idle_timeout(&echo, 60);
    poll_times(2);
    asyncore_close(&echo);
    assert_mistakes("");
    close(peer);
}
END_TEST

START_TEST(test_near_the_limit)
{
    const struct rlimit limit = {2000, 2000};
    struct asyncore_dispatcher d[2];

    if (getenv("VALGRIND") != NULL || setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return; /* it keeps the highest for itself */
    watch_for_mistakes();
    for (int i = 0; i < 2; i++) {
        int ends[2];

        tcp_pair(ends);
        ck_assert_int_eq(dup2(ends[0], 1900 + i), 1900 + i);
        close(ends[0]);
        asyncore_init(&d[i], &asyncore_dispatcher_class, 1900 + i, NULL);
        close(ends[1]);
    }
    assert_mistakes(strcmp(asyncore_map_get_poller(NULL), "select") == 0
                        ? "dispatcher near the limit; dispatcher near the limit; "
                        : "dispatcher near the limit; ");
    asyncore_close_all(NULL, true);
}
END_TEST

START_TEST(test_stale)
{
    open_echo();
    asyncore_close(&echo);
    watch_for_mistakes();
    ck_assert_int_eq(asyncore_send(&echo, "x", 1), -EBADF);
    ck_assert_int_eq(asyncore_handle_read(&echo), -EBADF);
    ck_assert_int_eq(asyncore_close(&echo), 0); /* which is allowed */
    assert_mistakes("echo stale; echo stale; ");
    close(peer);
}
END_TEST

/* ==================================================
 * asyncore_dump_map()
 */

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
    file = fmemopen(text, sizeof text, "w");
    asyncore_dump_map(NULL, file);
    fclose(file);
    return text;
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
    asyncore_call_later(&timer, 60, on_timer, NULL);
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
    close(peer);
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
    close(peer);
    close(fd); /* which was left open */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace");
    TCase *tcase = add_case(suite, "events");

    tcase_add_test(tcase, test_whole);
    tcase_add_test(tcase, test_types);
    tcase_add_test(tcase, test_begun_late);
    tcase_add_test(tcase, test_timers);
    tcase_add_test(tcase, test_destroyed);
    tcase_add_test(tcase, test_numbers);
    tcase_add_test(tcase, test_json);
    tcase = add_case(suite, "sink");
    tcase_add_test(tcase, test_own_sink);
    tcase_add_test(tcase, test_fields);
    tcase = add_case(suite, "lint");
    tcase_add_test(tcase, test_hot);
    tcase_add_test(tcase, test_not_hot);
    tcase_add_test(tcase, test_deaf);
    tcase_add_test(tcase, test_not_deaf);
    tcase_add_loop_test(tcase, test_deaf_beside_others, 0, 2);
    tcase_add_test(tcase, test_slow);
    tcase_add_test(tcase, test_unbounded);
    tcase_add_test(tcase, test_high_water);
    tcase_add_test(tcase, test_no_deadline);
    tcase_add_test(tcase, test_deadline);
    tcase_add_test(tcase, test_near_the_limit);
    tcase_add_test(tcase, test_stale);
    tcase = add_case(suite, "dump_map");
    tcase_add_test(tcase, test_dump_map);
    tcase_add_test(tcase, test_dump_written_over);
    return run_suite(suite);
}
