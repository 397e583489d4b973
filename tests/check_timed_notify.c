/* check_timed_notify.c - what timed tells the one that started it, by the protocol of sd_notify(3). */
#include "support.h"

#include "interpose.h"
#include "timed/notify.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

static int manager = -1; /* the service manager's socket */
static char message[256];

/* ---- the service manager ---- */

static void listen_at(const char *name)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    socklen_t length;

    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", name);
    length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name) + (name[0] == '/'));
    if (name[0] == '@')
        addr.sun_path[0] = '\0';
    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(manager, (const struct sockaddr *)&addr, length), 0);
    setenv("NOTIFY_SOCKET", name, 1);
}

static void begin(void)
{
    char name[64];

    snprintf(name, sizeof name, "@asyncore-check-notify-%d", (int)getpid());
    listen_at(name);
    ck_assert_int_eq(timed_notify_open(message, sizeof message), 0);
}

static void end(void)
{
    timed_notify_close();
    close(manager);
}

static const char *heard(void)
{
    static char text[2 * TIMED_NOTIFY_SIZE];
    const ssize_t n = recv(manager, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

/* ---- words ---- */

START_TEST(test_words)
{
    begin();
    timed_notify("READY=1\nSTATUS=serves");
    ck_assert_str_eq(heard(), "READY=1\nSTATUS=serves");
    timed_notify_status("tcp 3, udp 4");
    ck_assert_str_eq(heard(), "STATUS=tcp 3, udp 4");
    ck_assert_str_eq(heard(), "");
    end();
}
END_TEST

START_TEST(test_long_status)
{
    char text[2 * TIMED_NOTIFY_SIZE];

    begin();
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    timed_notify_status(text);
    ck_assert_uint_eq(strlen(heard()), TIMED_NOTIFY_SIZE - 1);
    end();
}
END_TEST

START_TEST(test_reloading)
{
    unsigned long long microseconds = 0;
    struct timespec before, after;
    int end_of_text = 0;

    begin();
    clock_gettime(CLOCK_MONOTONIC, &before);
    timed_notify_reloading();
    clock_gettime(CLOCK_MONOTONIC, &after);
    ck_assert_int_eq(
        sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%llu%n", &microseconds, &end_of_text), 1);
    ck_assert_int_gt(end_of_text, 0);
    ck_assert_uint_ge(microseconds, (unsigned long long)before.tv_sec * 1000000);
    ck_assert_uint_le(microseconds, ((unsigned long long)after.tv_sec + 1) * 1000000);
    end();
}
END_TEST

/* ---- addresses ---- */

START_TEST(test_path)
{
    char directory[] = "/tmp/check_notify.XXXXXX", name[64];

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(name, sizeof name, "%s/socket", directory);
    listen_at(name);
    ck_assert_int_eq(timed_notify_open(message, sizeof message), 0);
    unlink(name); /* connected it stays, as in an empty root */
    rmdir(directory);
    timed_notify_ready(NULL);
    ck_assert_str_eq(heard(), "READY=1");
    end();
}
END_TEST

START_TEST(test_nobody_asks)
{
    unsetenv("NOTIFY_SOCKET");
    ck_assert_int_eq(timed_notify_open(message, sizeof message), 0);
    timed_notify_ready(NULL);
    timed_notify_reloading();
    setenv("NOTIFY_SOCKET", "", 1);
    ck_assert_int_eq(timed_notify_open(message, sizeof message), 0);
    timed_notify_close();
}
END_TEST

START_TEST(test_bad_addresses)
{
    static const char *const names[] = {"vsock:2:1234", "relative", "/", "@"};
    char longest[200];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        setenv("NOTIFY_SOCKET", names[i], 1);
        ck_assert_int_eq(timed_notify_open(message, sizeof message), EXIT_FAILURE);
        ck_assert_ptr_nonnull(strstr(message, "want /PATH or @NAME"));
    }
    memset(longest, '/', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    setenv("NOTIFY_SOCKET", longest, 1);
    ck_assert_int_eq(timed_notify_open(message, sizeof message), EXIT_FAILURE);
}
END_TEST

START_TEST(test_nobody_listens)
{
    setenv("NOTIFY_SOCKET", "/nonexistent/socket", 1);
    ck_assert_int_eq(timed_notify_open(message, sizeof message), EXIT_FAILURE);
    ck_assert_str_eq(message, "NOTIFY_SOCKET /nonexistent/socket: No such file or directory");
}
END_TEST

/* ---- nothing holds it up ---- */

static void fill_the_queue(void)
{
    for (int i = 0; i < 10000; i++)
        timed_notify("STATUS=more than a socket holds");
}

static void read_all_that_is_queued(void)
{
    for (const char *text = heard(); text[0] != '\0'; text = heard())
        ck_assert_str_eq(text, "STATUS=more than a socket holds");
}

START_TEST(test_nobody_reads)
{
    begin();
    fill_the_queue();
    ck_assert_str_eq(heard(), "STATUS=more than a socket holds");
    close(manager);
    timed_notify("STATUS=and who listened is gone");
    timed_notify_close();
}
END_TEST

/* Who is told that we are ready after all waits for it, and would end us. */
START_TEST(test_ready_is_not_lost)
{
    begin();
    fill_the_queue();
    timed_notify_ready(NULL); /* and nobody waits in there: it is we who read */
    ck_assert_int_eq(asyncore_loop(-1, NULL, 3), 0);
    read_all_that_is_queued();
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* ends: it is said */
    ck_assert_str_eq(heard(), "READY=1");
    ck_assert_str_eq(heard(), "");
    end();
}
END_TEST

/* Without memory for the timer, which is the first of this map, it comes with the next word. */
START_TEST(test_ready_is_not_lost_without_memory)
{
    begin();
    fill_the_queue();
    calls.fail_malloc = 1;
    timed_notify_ready(NULL);
    ck_assert_int_eq(calls.fail_malloc, 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* ends: no timer is set */
    timed_notify_status("for which there is no room either");
    read_all_that_is_queued();
    timed_notify_status("serves");
    ck_assert_str_eq(heard(), "READY=1");
    ck_assert_str_eq(heard(), "STATUS=serves");
    timed_notify_status("serves");
    ck_assert_str_eq(heard(), "STATUS=serves");
    end();
}
END_TEST

/* And not with one that makes it untrue. */
START_TEST(test_ready_without_memory_is_over)
{
    void (*const words[])(void) = {timed_notify_reloading, timed_notify_stopping};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        begin();
        fill_the_queue();
        calls.fail_malloc = 1;
        timed_notify_ready(NULL);
        ck_assert_int_eq(calls.fail_malloc, 0);
        read_all_that_is_queued();
        words[i]();
        ck_assert_ptr_null(strstr(heard(), "READY"));
        timed_notify_status("serves");
        ck_assert_str_eq(heard(), "STATUS=serves");
        end();
    }
}
END_TEST

/* Of the reload that is over, in the middle of the next. */
START_TEST(test_not_ready_yet)
{
    begin();
    fill_the_queue();
    timed_notify_ready(NULL);
    read_all_that_is_queued();
    timed_notify_reloading();
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_ptr_nonnull(strstr(heard(), "RELOADING=1"));
    ck_assert_str_eq(heard(), "");
    end();
}
END_TEST

START_TEST(test_not_ready_any_more)
{
    begin();
    fill_the_queue();
    timed_notify_ready(NULL);
    timed_notify_stopping(); /* which there is no room for */
    read_all_that_is_queued();
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_str_eq(heard(), "");
    timed_notify_stopping();
    ck_assert_str_eq(heard(), "STOPPING=1");
    end();
}
END_TEST

START_TEST(test_another_socket)
{
    int ends[2];

    begin();
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    timed_notify_use(ends[0]);
    timed_notify("READY=1");
    ck_assert_str_eq(heard(), "");
    close(manager);
    manager = ends[1];
    ck_assert_str_eq(heard(), "READY=1");
    end();
    close(ends[0]);
}
END_TEST

/* ---- the watchdog ---- */

START_TEST(test_watchdog)
{
    begin();
    setenv("WATCHDOG_USEC", "20000", 1);
    unsetenv("WATCHDOG_PID");
    ck_assert_int_eq(timed_notify_begin_watchdog(NULL), 0);
    for (int i = 0; i < 3; i++) {
        struct pollfd ready = {.fd = manager, .events = POLLIN};

        while (poll(&ready, 1, 0) == 0)
            ck_assert_int_eq(asyncore_poll(1, NULL), 0);
        ck_assert_str_eq(heard(), "WATCHDOG=1");
    }
    timed_notify_end_watchdog();
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* ends: no timer is set */
    end();
}
END_TEST

START_TEST(test_watchdog_of_this_process)
{
    char pid[16];

    begin();
    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("WATCHDOG_USEC", "1000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    ck_assert_int_eq(timed_notify_begin_watchdog(NULL), 0);
    ck_assert_int_eq(asyncore_loop(1, NULL, 2), 0);
    ck_assert_str_eq(heard(), "WATCHDOG=1");
    end();
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
}
END_TEST

START_TEST(test_no_watchdog)
{
    static const char *const settings[][2] = {{NULL, NULL}, {"1000", "1"},  {"0", NULL},
                                              {"-5", NULL}, {"soon", NULL}, {"nan", NULL}};

    begin();
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        unsetenv("WATCHDOG_USEC");
        unsetenv("WATCHDOG_PID");
        if (settings[i][0] != NULL)
            setenv("WATCHDOG_USEC", settings[i][0], 1);
        if (settings[i][1] != NULL)
            setenv("WATCHDOG_PID", settings[i][1], 1);
        ck_assert_int_eq(timed_notify_begin_watchdog(NULL), 0);
        ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    }
    ck_assert_str_eq(heard(), "");
    end();
    setenv("WATCHDOG_USEC", "1000", 1); /* but nobody to tell */
    unsetenv("WATCHDOG_PID");
    ck_assert_int_eq(timed_notify_begin_watchdog(NULL), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("notify");
    TCase *tcase;

    tcase = add_case(suite, "words");
    tcase_add_test(tcase, test_words);
    tcase_add_test(tcase, test_long_status);
    tcase_add_test(tcase, test_reloading);
    tcase = add_case(suite, "addresses");
    tcase_add_test(tcase, test_path);
    tcase_add_test(tcase, test_nobody_asks);
    tcase_add_test(tcase, test_bad_addresses);
    tcase_add_test(tcase, test_nobody_listens);
    tcase = add_case(suite, "delays");
    tcase_add_test(tcase, test_nobody_reads);
    tcase_add_test(tcase, test_ready_is_not_lost);
    tcase_add_test(tcase, test_ready_is_not_lost_without_memory);
    tcase_add_test(tcase, test_ready_without_memory_is_over);
    tcase_add_test(tcase, test_not_ready_yet);
    tcase_add_test(tcase, test_not_ready_any_more);
    tcase_add_test(tcase, test_another_socket);
    tcase = add_case(suite, "watchdog");
    tcase_add_test(tcase, test_watchdog);
    tcase_add_test(tcase, test_watchdog_of_this_process);
    tcase_add_test(tcase, test_no_watchdog);
    return run_suite(suite);
}
