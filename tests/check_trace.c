/* check_trace.c - the trace: which events come, in which order, and what they say. */
#include "echo.h"
#include "interpose.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

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

START_TEST(test_whole)
{
    begin(all_types & ~TYPE(LINT));
    open_echo();
    send_all(echo_peer, "hello");
    wait_readable(asyncore_fileno(&echo));
    asyncore_poll(1, NULL);
    close(echo_peer);
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
    send_all(echo_peer, "hello");
    wait_readable(asyncore_fileno(&echo));
    asyncore_poll(1, NULL);
    asyncore_close(&echo);
    ck_assert_str_eq(end(), "  0.001000   io    1 recv 100 = 5\n"
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
            begin(TYPE(IO));
        send_all(echo_peer, "hello");
        wait_readable(asyncore_fileno(&echo));
        asyncore_poll(1, NULL);
    }
    ck_assert_str_eq(end(), "  0.001000   io    1 recv 100 = 5\n"
                            "  0.001000   io    1 send 5 = 5\n");
    send_all(echo_peer, "hello");
    wait_readable(asyncore_fileno(&echo));
    ck_assert_int_eq(asyncore_poll(1, NULL), 0);
    asyncore_close(&echo);
    close(echo_peer);
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
    static struct probe probe;
    const int other_end = probe_channel(&probe, "A", NULL);

    trace_log();
    probe.on_read = cases[_i].on_read;
    send_all(other_end, "x");
    wait_readable(asyncore_fileno(&probe.base));
    begin(TYPE(RET));
    asyncore_poll(1, NULL);
    ck_assert_msg(strstr(end(), cases[_i].text) != NULL, "%s", text);
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
    begin_with(TYPE(ASK) | TYPE(CLOSE), asyncore_trace_json);
    ck_assert_int_eq(asyncore_poll(0, NULL), -EINVAL);
    ck_assert_str_eq(end(),
                     "{\"time\":0.000000,\"event\":\"ask\",\"dispatchers\":[{\"fd\":1,\"class\":"
                     "\"?\",\"events\":\"re\"}],\"timeout\":0.000000}\n"
                     "{\"time\":0.001000,\"event\":\"close\",\"fd\":1,\"class\":\"?\",\"why\":"
                     "\"written over\"}\n");
    close(echo_peer);
    close(fd); /* which was left open */
}
END_TEST

/* ==================================================
 * addresses; in a stable trace they have no ports
 */

static struct asyncore_dispatcher client;

static void open_socket(int family, int type)
{
    (asyncore_init)(&client, &echo_class, -1, NULL); /* by whom is not known */
    ck_assert_int_eq(asyncore_create_socket(&client, family, type), 0);
}

static void *memory_of(const void *addr)
{
    return (void *)(uintptr_t)addr;
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
    begin(TYPE(IO));
    ck_assert_int_lt(asyncore_connect(&client, memory_of(cases[_i].addr), cases[_i].addrlen), 0);
    snprintf(expected, sizeof expected, " connect %s = -E", cases[_i].text);
    ck_assert_msg(strstr(end(), expected) != NULL, "%s", text);
    asyncore_close(&client);
}
END_TEST

/* A listener's is the one that it really has, also one that is too long to be kept. */
START_TEST(test_listener)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};

    snprintf(addr.sun_path, sizeof addr.sun_path, "%ld_is_longer_than_what_is_kept",
             (long)getpid());
    begin(TYPE(OPEN) | TYPE(IO));
    open_socket(AF_UNIX, SOCK_STREAM);
    ck_assert_int_eq(asyncore_bind(&client, (struct sockaddr *)&addr, sizeof addr), 0);
    ck_assert_int_eq(asyncore_listen(&client, 1), 0);
    unlink(addr.sun_path);
    end();
    cut_out("listen ", '_');
    ck_assert_str_eq(text, "  0.000000 open  1 echo\n"
                           "  0.000000 io    1 _is_longer_than_what_is_kept = 0\n");
    asyncore_close(&client);
}
END_TEST

START_TEST(test_no_listener)
{
    const int fd = open("/dev/null", O_RDONLY);

    (asyncore_file_dispatcher_init)(&client, &asyncore_file_dispatcher_class, fd, NULL);
    begin(TYPE(IO));
    ck_assert_int_eq(asyncore_listen(&client, 1), -ENOTSOCK);
    ck_assert_str_eq(end(), "  0.000000 io    1 listen (none) = -ENOTSOCK\n");
    asyncore_close(&client);
    close(fd); /* it had a copy */
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
    tcase_add_test(tcase, test_timers);
    tcase_add_test(tcase, test_destroyed);
    tcase_add_test(tcase, test_numbers);
    tcase_add_test(tcase, test_json);
    tcase_add_loop_test(tcase, test_results, 0, 3);
    tcase_add_test(tcase, test_written_over);
    tcase = add_case(suite, "addresses");
    tcase_add_loop_test(tcase, test_addresses, 0, 4);
    tcase_add_test(tcase, test_listener);
    tcase_add_test(tcase, test_no_listener);
    tcase = add_case(suite, "sink");
    tcase_add_test(tcase, test_own_sink);
    tcase_add_test(tcase, test_fields);
    return run_suite(suite);
}
