/* check_trace.c - the trace: which events come, in which order, and what they say. */
#include "echo.h"
#include "traced.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

START_TEST(test_whole)
{
    begin_trace(ALL_TYPES & ~TYPE(LINT), asyncore_trace_text);
    open_echo();
    send_all(echo_peer, "hello");
    wait_readable(asyncore_fileno(&echo));
    asyncore_poll(1, NULL);
    close(echo_peer);
    wait_readable(asyncore_fileno(&echo));
    asyncore_poll(1, NULL);
    ck_assert_str_eq(end_trace(), "  0.000000 open  1 echo 127.0.0.1 (echo.c:1000)\n"
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
    begin_trace(TYPE(IO) | TYPE(CLOSE), asyncore_trace_text);
    open_echo();
    send_all(echo_peer, "hello");
    wait_readable(asyncore_fileno(&echo));
    asyncore_poll(1, NULL);
    asyncore_close(&echo);
    ck_assert_str_eq(end_trace(), "  0.001000   io    1 recv 100 = 5\n"
                                  "  0.001000   io    1 send 5 = 5\n"
                                  "  0.001000 close 1 echo: close\n");
    close(echo_peer);
}
END_TEST

/* Those who were known to be like everybody are traced, too. */
START_TEST(test_begun_late)
{
    open_echo();
    for (int i = 0; i < 3; i++) {
        if (i == 2)
            begin_trace(TYPE(IO), asyncore_trace_text);
        send_all(echo_peer, "hello");
        wait_readable(asyncore_fileno(&echo));
        asyncore_poll(1, NULL);
    }
    ck_assert_str_eq(end_trace(), "  0.001000   io    1 recv 100 = 5\n"
                                  "  0.001000   io    1 send 5 = 5\n");
    send_all(echo_peer, "hello");
    wait_readable(asyncore_fileno(&echo));
    ck_assert_int_eq(asyncore_poll(1, NULL), 0);
    asyncore_close(&echo);
    close(echo_peer);
}
END_TEST

/* It is the listener's event, but of the connection's descriptor. */
START_TEST(test_accepted)
{
    int ends[2];

    begin_trace(TYPE(IO), asyncore_trace_text);
    asyncore_init(&echo, &echo_class, -1, NULL);
    ck_assert_int_eq(asyncore_create_socket(&echo, AF_INET, SOCK_STREAM), 0);
    tcp_pair(ends);
    ck_assert_int_eq(asyncore_accepted_send_last(&echo, ends[0], "time", 4), 4);
    ck_assert_int_eq(asyncore_accepted_send_last(&echo, ends[0], "time", 4), -EPIPE);
    ck_assert_str_eq(end_trace(), "  0.000000 io    2 send 4 = 4\n"
                                  "  0.000000 io    2 shutdown = 0\n"
                                  "  0.000000 io    2 send 4 = -EPIPE\n");
    asyncore_close(&echo);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static void on_timer(struct asyncore_timer *timer)
{
    asyncore_cancel(timer + 1);
}

START_TEST(test_timers)
{
    static struct asyncore_timer timers[2];

    begin_trace(TYPE(ASK) | TYPE(READY) | TYPE(TIMER) | TYPE(CALL) | TYPE(RET),
                asyncore_trace_text);
    asyncore_call_later(&timers[0], 0.125, on_timer, NULL);
    asyncore_call_later(&timers[1], 30, on_timer, NULL);
    ck_assert_int_eq(asyncore_loop(60, NULL, -1), 0);
    ck_assert_str_eq(end_trace(), "  0.000000 timer 1 set, due in 0.125 s\n"
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
    begin_trace(TYPE(CALL) | TYPE(RET) | TYPE(CLOSE), asyncore_trace_text);
    send_all(other_end, "x");
    wait_readable(asyncore_fileno(&self->base));
    asyncore_poll(1, NULL);
    ck_assert_str_eq(end_trace(), "  0.001000 call  1 probe.handle_read\n"
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

    begin_trace(TYPE(OPEN) | TYPE(CLOSE), asyncore_trace_text);
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
    end_trace();
    cut_out(" (", '\n'); /* where they were created */
    ck_assert_str_eq(traced, "  0.000000 open  1 echo\n"
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

static struct probe probe;

static int closes_both(struct probe *self)
{
    asyncore_close(&echo);
    return asyncore_close(&self->base);
}

/* A call has its number to its end, whatever is closed meanwhile, and whoever uses it afterwards. */
START_TEST(test_number_of_a_call)
{
    int other_end;

    begin_trace(TYPE(CALL) | TYPE(RET) | TYPE(CLOSE) | TYPE(LINT), asyncore_trace_text);
    open_echo();
    asyncore_set_idle_timeout(&echo, 60);
    other_end = probe_channel(&probe, "A", NULL);
    probe.on_read = closes_both;
    asyncore_poll(0, NULL);
    send_all(other_end, "x");
    wait_readable(asyncore_fileno(&probe.base));
    asyncore_poll(1, NULL);
    asyncore_handle_write(&probe.base);
    ck_assert_ptr_nonnull(strstr(end_trace(), "  0.001000 lint  stale: probe fd 2, created at "));
    cut_out("  0.001000 lint", '\n');
    ck_assert_str_eq(traced, "  0.001000 call  2 probe.handle_read\n"
                             "  0.001000   close 1 echo: close\n"
                             "  0.001000   close 2 probe: close\n"
                             "  0.001000 ret   2 probe.handle_read = 0 (0.000000 s)\n"
                             "  0.001000 call  probe.destroy\n"
                             "  0.001000 ret   probe.destroy = 0 (0.000000 s)\n"
                             "\n");
    close(other_end);
    close(echo_peer);
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
    int other_end;

    begin_trace(ALL_TYPES, asyncore_trace_json);
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
    end_trace();
    cut_out(",\"created\":", '}');
    ck_assert_str_eq(
        traced,
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

/* What has an errno's name, and what has none. */
static int raises_nothing_known(struct probe *self)
{
    (void)self;
    return -5000;
}

START_TEST(test_results)
{
    static const struct {
        int (*on_read)(struct probe *self);
        const char *text;
    } cases[] = {
        {closes_and_fails, "ret   1 probe.handle_read = -EIO"},
        {raises_nothing_known, "ret   1 probe.handle_read = -5000"},
        {raises_exit_now, "ret   1 probe.handle_read = ExitNow"},
    };
    const int other_end = probe_channel(&probe, "A", NULL);

    trace_log();
    probe.on_read = cases[_i].on_read;
    send_all(other_end, "x");
    wait_readable(asyncore_fileno(&probe.base));
    begin_trace(TYPE(RET), asyncore_trace_text);
    asyncore_poll(1, NULL);
    ck_assert_msg(strstr(end_trace(), cases[_i].text) != NULL, "%s", traced);
    asyncore_close(&probe.base);
    close(other_end);
}
END_TEST

/* One that somebody has zeroed. */
START_TEST(test_written_over)
{
    int fd;

    trace_log();
    open_echo();
    asyncore_poll(0, NULL);
    fd = asyncore_fileno(&echo);
    send_all(echo_peer, "x");
    wait_readable(fd);
    memset(&echo, 0, sizeof echo);
    begin_trace(TYPE(ASK) | TYPE(CLOSE), asyncore_trace_json);
    ck_assert_int_eq(asyncore_poll(0, NULL), -EINVAL);
    ck_assert_str_eq(end_trace(),
                     "{\"time\":0.000000,\"event\":\"ask\",\"dispatchers\":[{\"fd\":1,\"class\":"
                     "\"?\",\"events\":\"re\"}],\"timeout\":0.000000}\n"
                     "{\"time\":0.001000,\"event\":\"close\",\"fd\":1,\"class\":\"?\",\"why\":"
                     "\"written over\"}\n");
    close(echo_peer);
    close(fd); /* which was left open */
}
END_TEST

/* What the system is not asked is not told. */
START_TEST(test_refused)
{
    char byte;

    begin_trace(TYPE(IO), asyncore_trace_text);
    open_echo();
    ck_assert_int_eq(asyncore_recv(&echo, &byte, 0), -EINVAL);
    asyncore_close(&echo);
    ck_assert_int_eq(asyncore_dispatcher_class.recv(&echo, &byte, 1), -EBADF);
    ck_assert_int_eq(asyncore_dispatcher_class.send(&echo, &byte, 1), -EBADF);
    ck_assert_str_eq(end_trace(), "");
    close(echo_peer);
}
END_TEST

/* Out of the map it sends as well. */
START_TEST(test_out_of_the_map)
{
    open_echo();
    asyncore_del_channel(&echo);
    begin_trace(TYPE(IO), asyncore_trace_text);
    ck_assert_int_eq(asyncore_send(&echo, "x", 1), 1);
    ck_assert_str_eq(end_trace(), "  0.000000 io    1 send 1 = 1\n");
    asyncore_close(&echo);
    close(echo_peer);
}
END_TEST

static int depth;

static int goes_deeper(struct probe *self)
{
    return --depth > 0 ? asyncore_handle_read(&self->base) : 0;
}

/* Who calls itself without end is to be seen, and not moved out of the window. */
START_TEST(test_deep)
{
    const int other_end = probe_channel(&probe, "A", NULL);
    char expected[128];
    size_t cut = 0;

    depth = 23;
    probe.on_read = goes_deeper;
    send_all(other_end, "x");
    wait_readable(asyncore_fileno(&probe.base));
    begin_trace(TYPE(CALL), asyncore_trace_text);
    asyncore_poll(1, NULL);
    end_trace();
    for (int i = 0; i < 23; i++) {
        snprintf(expected, sizeof expected, "  0.001000%*s call  1 probe.handle_read\n",
                 2 * (i < 20 ? i : 20), "");
        ck_assert_msg(strncmp(traced + cut, expected, strlen(expected)) == 0, "%s", traced + cut);
        cut += strlen(expected);
    }
    asyncore_close(&probe.base);
    close(other_end);
}
END_TEST

/* ==================================================
 * a sink of one's own
 */

static char sets[1024];

static void write_sets(const struct asyncore_trace_event *event, void *argument)
{
    struct asyncore_trace_entry entry = {0}, other = {0};

    ck_assert_ptr_eq(argument, sets);
    while (asyncore_trace_next(event, &entry))
        snprintf(sets + strlen(sets), sizeof sets - strlen(sets), "%s%s%s%s%s ", entry.class_name,
                 entry.r ? " r" : "", entry.w ? " w" : "", entry.e ? " e" : "",
                 entry.connecting ? " c" : "");
    snprintf(sets + strlen(sets), sizeof sets - strlen(sets), "%s",
             event->type == ASYNCORE_TRACE_ASK ? "-> " : ". ");
    asyncore_close_all(NULL, true); /* forbidden; but it is not told again, and again */
    ck_assert(!asyncore_trace_next(event, &other));
    errno = 0;
}

START_TEST(test_own_sink)
{
    static const unsigned types[] = {TYPE(ASK), TYPE(READY)};
    static const char *const expected[] = {"echo r e dispatcher r w e -> ",
                                           "echo r dispatcher w . "};
    struct asyncore_dispatcher d;

    sets[0] = '\0';
    open_echo();
    asyncore_init(&d, &asyncore_dispatcher_class, -1, NULL);
    asyncore_create_socket(&d, AF_INET, SOCK_DGRAM);
    send_all(echo_peer, "x");
    wait_readable(asyncore_fileno(&echo));
    asyncore_set_trace(TYPE(ASK) | TYPE(READY), write_sets, sets);
    asyncore_set_trace(types[_i] | TYPE(CLOSE), write_sets, sets);
    asyncore_poll(0, NULL);
    asyncore_set_trace(types[_i], NULL, NULL);
    asyncore_poll(0, NULL);
    ck_assert_str_eq(sets, expected[_i]);
    close(echo_peer);
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
    struct asyncore_trace_entry entry = {0};
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
    ck_assert(!asyncore_trace_next(&last, &entry)); /* which has no sets */
    asyncore_close(&echo);
    close(echo_peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace");
    TCase *tcase = add_case(suite, "events");

    tcase_add_test(tcase, test_whole);
    tcase_add_test(tcase, test_types);
    tcase_add_test(tcase, test_begun_late);
    tcase_add_test(tcase, test_accepted);
    tcase_add_test(tcase, test_timers);
    tcase_add_test(tcase, test_destroyed);
    tcase_add_test(tcase, test_numbers);
    tcase_add_test(tcase, test_number_of_a_call);
    tcase_add_test(tcase, test_json);
    tcase_add_loop_test(tcase, test_results, 0, 3);
    tcase_add_test(tcase, test_written_over);
    tcase_add_test(tcase, test_refused);
    tcase_add_test(tcase, test_out_of_the_map);
    tcase_add_test(tcase, test_deep);
    tcase = add_case(suite, "sink");
    tcase_add_loop_test(tcase, test_own_sink, 0, 2);
    tcase_add_test(tcase, test_fields);
    return run_suite(suite);
}
