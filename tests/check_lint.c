/* check_lint.c - what the trace calls a mistake, and what it does not. */
#include "echo.h"

#include <asynchat.h>
#include <asyncore_trace.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static char lints[4096];
static bool may_be_slow; /* as the machine may be, and then so is whoever runs on it */

static void write_lint(const struct asyncore_trace_event *event, void *argument)
{
    char whose[256], fd[16] = "";

    (void)argument;
    ck_assert_int_eq(event->type, ASYNCORE_TRACE_LINT);
    if (may_be_slow && strcmp(event->name, "slow") == 0)
        return;
    if (event->fd >= 0)
        snprintf(fd, sizeof fd, " fd %d", event->fd);
    if (event->dispatcher != NULL)
        snprintf(whose, sizeof whose, "%s%s, created at %s: ", event->class_name, fd,
                 event->created != NULL ? event->created : "an unknown place");
    else
        snprintf(whose, sizeof whose, "%s %lu: target() took 0.", event->class_name, event->number);
    ck_assert_msg(strstr(event->text, whose) == event->text, "not '%s': %s", whose, event->text);
    snprintf(lints + strlen(lints), sizeof lints - strlen(lints), "%s %s; ", event->class_name,
             event->name);
}

static void watch_for_mistakes(void)
{
    lints[0] = '\0';
    may_be_slow = true;
    asyncore_set_trace(1U << ASYNCORE_TRACE_LINT, write_lint, NULL);
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

static int file_handle_write(struct asyncore_dispatcher *self)
{
    return (int)asyncore_send(self, "x", 1);
}

/* A file's send() is a write(). */
START_TEST(test_not_hot_file)
{
    static const struct asyncore_class file_class = {
        .super = &asyncore_file_dispatcher_class,
        .readable = asyncore_never,
        .handle_write = file_handle_write,
    };
    static struct asyncore_dispatcher file;
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    asyncore_file_dispatcher_init(&file, &file_class, ends[1], NULL);
    watch_for_mistakes();
    poll_times(300);
    assert_mistakes("");
    asyncore_close(&file);
    close(ends[0]);
    close(ends[1]);
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

static void call_nothing(struct asyncore_timer *timer)
{
    (void)timer;
}

/* A timer may yet make it ask; or it is limited. */
START_TEST(test_not_deaf)
{
    static struct asyncore_timer timer;
    const int other_end = probe_channel(&probe, "A", NULL);

    probe.wants_read = false;
    watch_for_mistakes();
    asyncore_call_later(&timer, 60, call_nothing, NULL);
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

static void signal_nothing(struct asyncore_signal_handler *self)
{
    (void)self;
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
        asyncore_add_signal_handler(&handler, SIGUSR1, signal_nothing, NULL);
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

static void wait_long(void)
{
    const double until = cpu_seconds() + 0.11;

    while (cpu_seconds() < until)
        ;
}

static int takes_long(struct probe *self)
{
    char byte;

    wait_long();
    return (int)asyncore_recv(&self->base, &byte, 1);
}

START_TEST(test_slow)
{
    const int other_end = probe_channel(&probe, "A", NULL);

    probe.on_read = takes_long;
    watch_for_mistakes();
    may_be_slow = false;
    send_all(other_end, "x");
    wait_readable(asyncore_fileno(&probe.base));
    poll_times(1);
    assert_mistakes("probe slow; ");
    asyncore_close(&probe.base);
    close(other_end);
}
END_TEST

static void timer_takes_long(struct asyncore_timer *timer)
{
    (void)timer;
    wait_long();
}

static void call_takes_long(struct asyncore_call *call)
{
    (void)call;
    wait_long();
}

/* Timers and calls are nobody's. */
START_TEST(test_slow_targets)
{
    static struct asyncore_timer timer;
    static struct asyncore_call call;

    watch_for_mistakes();
    may_be_slow = false;
    asyncore_call_later(&timer, 0, timer_takes_long, NULL);
    asyncore_call_soon_threadsafe(&call, call_takes_long, NULL);
    poll_times(1);
    assert_mistakes("timer slow; call slow; ");
}
END_TEST

static int closes(struct probe *self)
{
    return asyncore_handle_close(&self->base);
}

static int takes_long_to_close(struct probe *self)
{
    wait_long();
    return asyncore_close(&self->base);
}

static void takes_long_to_free(struct probe *self)
{
    wait_long();
    memset(self, 0, sizeof *self);
}

/* handle_read called handle_close, and that is told of alone; destroy is not inside of it. */
START_TEST(test_slow_inside)
{
    const int other_end = probe_channel(&probe, "A", NULL);

    probe.on_read = closes;
    probe.on_close = takes_long_to_close;
    probe.on_destroy = takes_long_to_free;
    watch_for_mistakes();
    may_be_slow = false;
    send_all(other_end, "x");
    wait_readable(asyncore_fileno(&probe.base));
    poll_times(1);
    assert_mistakes("probe slow; probe slow; ");
    close(other_end);
}
END_TEST

/* A stable trace is the same on a machine that is slow. */
START_TEST(test_slow_in_a_stable_trace)
{
    static struct asyncore_timer timer;

    asyncore_set_trace_stable(true);
    watch_for_mistakes();
    may_be_slow = false;
    asyncore_call_later(&timer, 0, timer_takes_long, NULL);
    poll_times(1);
    assert_mistakes("");
    asyncore_set_trace_stable(false);
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
        close(echo_peer);
    }
    assert_mistakes("echo no deadline; ");
}
END_TEST

/* Of as many classes as it remembers. */
START_TEST(test_no_deadline_of_many)
{
    enum { CLASSES = 66, REMEMBERED = 64 };
    static const struct asyncore_class classes[CLASSES];
    static struct asyncore_dispatcher d;
    static const char each[] = "dispatcher no deadline; ";
    int ends[2];

    watch_for_mistakes();
    for (int i = 0; i < 2 * CLASSES; i++) {
        tcp_pair(ends);
        asyncore_init_accepted(&d, &classes[i / 2], ends[0], NULL, 0, NULL);
        poll_times(1);
        asyncore_close(&d);
        close(ends[1]);
    }
    ck_assert_uint_eq(strlen(lints), REMEMBERED * strlen(each));
    ck_assert_ptr_eq(strstr(lints, each), lints);
    asyncore_set_trace(0, NULL, NULL);
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
    close(echo_peer);
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

static int told_fd;

static void keep_fd(const struct asyncore_trace_event *event, void *argument)
{
    (void)argument;
    ck_assert_ptr_null(event->map); /* it is in none any more */
    told_fd = event->fd;
}

/* It is told of with the descriptor that it had. */
START_TEST(test_stale)
{
    int fd;

    open_echo();
    fd = asyncore_fileno(&echo);
    asyncore_close(&echo);
    ck_assert_int_eq(asyncore_fileno(&echo), -1);
    asyncore_set_trace(1U << ASYNCORE_TRACE_LINT, keep_fd, NULL);
    ck_assert_int_eq(asyncore_recv(&echo, NULL, 0), -EBADF);
    ck_assert_int_eq(told_fd, fd);
    watch_for_mistakes();
    ck_assert_int_eq(asyncore_send(&echo, "x", 1), -EBADF);
    ck_assert_int_eq(asyncore_handle_read(&echo), -EBADF);
    ck_assert_int_eq(asyncore_close(&echo), 0); /* which is allowed */
    assert_mistakes("echo stale; echo stale; ");
    close(echo_peer);
}
END_TEST

/* It may yet get a socket. */
START_TEST(test_not_stale)
{
    struct asyncore_dispatcher d;

    (asyncore_init)(&d, &asyncore_dispatcher_class, -1, NULL);
    watch_for_mistakes();
    ck_assert_int_eq(asyncore_send(&d, "x", 1), -EBADF);
    ck_assert_str_eq(lints, "");
    asyncore_close(&d);
    ck_assert_int_eq(asyncore_send(&d, "x", 1), -EBADF);
    assert_mistakes("dispatcher stale; ");
}
END_TEST

/* A mistake for which there is an error. */
START_TEST(test_written_over)
{
    int fd;

    open_echo();
    poll_times(1);
    fd = asyncore_fileno(&echo);
    send_all(echo_peer, "x");
    wait_readable(fd);
    memset(&echo, 0, sizeof echo);
    trace_log();
    watch_for_mistakes();
    ck_assert_int_eq(asyncore_poll(0, NULL), -EINVAL);
    assert_mistakes("");
    assert_trace("[error] ");
    close(echo_peer);
    close(fd); /* which was left open */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lint");
    TCase *tcase = add_case(suite, "lint");

    tcase_add_test(tcase, test_hot);
    tcase_add_test(tcase, test_not_hot);
    tcase_add_test(tcase, test_not_hot_file);
    tcase_add_test(tcase, test_deaf);
    tcase_add_test(tcase, test_not_deaf);
    tcase_add_loop_test(tcase, test_deaf_beside_others, 0, 2);
    tcase_add_test(tcase, test_slow);
    tcase_add_test(tcase, test_slow_targets);
    tcase_add_test(tcase, test_slow_inside);
    tcase_add_test(tcase, test_slow_in_a_stable_trace);
    tcase_add_test(tcase, test_unbounded);
    tcase_add_test(tcase, test_high_water);
    tcase_add_test(tcase, test_no_deadline);
    tcase_add_test(tcase, test_no_deadline_of_many);
    tcase_add_test(tcase, test_deadline);
    tcase_add_test(tcase, test_near_the_limit);
    tcase_add_test(tcase, test_stale);
    tcase_add_test(tcase, test_not_stale);
    tcase_add_test(tcase, test_written_over);
    return run_suite(suite);
}
