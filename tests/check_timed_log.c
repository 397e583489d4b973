/* check_timed_log.c - messages to the system's log, whoever has it, and whether anybody has. */
#include "support.h"

#include "timed/sandbox.h"
#include "timed/system_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/un.h>
#include <sys/wait.h>

const char *const command_name = "timed";

static char directory[] = "/tmp/check_timed_log.XXXXXX", path[64];

static void begin(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/log", directory);
}

static void end(void)
{
    system_log_close();
    unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
}

/* ==================================================
 * a log daemon
 */

static int start_daemon(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const struct timeval patience = {.tv_sec = 20};
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(addr.sun_path, sizeof addr.sun_path, "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 ||
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0)
        abort();
    return fd;
}

static void end_daemon(int fd)
{
    close(fd);
    if (unlink(path) < 0)
        abort();
}

static const char *heard(int fd)
{
    static char text[2048];
    const ssize_t n = recv(fd, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static bool ends_with(const char *text, const char *end)
{
    return strlen(text) >= strlen(end) && strcmp(text + strlen(text) - strlen(end), end) == 0;
}

/* ==================================================
 * messages
 */

START_TEST(test_message)
{
    char month[8], rest[256];
    int priority, day, hour, minute, second, pid, log_daemon;

    begin();
    log_daemon = start_daemon();
    system_log_open(path);
    system_log(LOG_WARNING, "it is <late>: 100%");
    ck_assert_int_eq(sscanf(heard(log_daemon), "<%d>%3s %d %d:%d:%d timed[%d]: %255[^\n]",
                            &priority, month, &day, &hour, &minute, &second, &pid, rest),
                     8);
    ck_assert_int_eq(priority, LOG_DAEMON | LOG_WARNING);
    ck_assert_int_eq(pid, getpid());
    ck_assert_str_eq(rest, "it is <late>: 100%");
    end_daemon(log_daemon);
    end();
}
END_TEST

START_TEST(test_long_message)
{
    char message[3000] = {0};
    int log_daemon;

    begin();
    log_daemon = start_daemon();
    system_log_open(path);
    memset(message, 'x', sizeof message - 1);
    system_log(LOG_INFO, message);
    ck_assert(ends_with(heard(log_daemon), "xxx"));
    end_daemon(log_daemon);
    end();
}
END_TEST

START_TEST(test_nobody_there_at_first)
{
    int log_daemon;

    begin();
    system_log_open(path);
    system_log(LOG_INFO, "nobody hears this");
    log_daemon = start_daemon();
    system_log(LOG_INFO, "hello");
    ck_assert(ends_with(heard(log_daemon), ": hello"));
    end_daemon(log_daemon);
    end();
}
END_TEST

/* One that does not read: nobody waits for it. */
START_TEST(test_daemon_that_hangs)
{
    int log_daemon;

    begin();
    log_daemon = start_daemon();
    system_log_open(path);
    for (int i = 0; i < 10000; i++)
        system_log(LOG_INFO, "more");
    ck_assert(ends_with(heard(log_daemon), ": more"));
    end_daemon(log_daemon);
    end();
}
END_TEST

START_TEST(test_not_open)
{
    system_log(LOG_INFO, "nobody hears this");
    system_log_close();
}
END_TEST

/* ==================================================
 * the daemon is started anew
 */

/* Returns 0, or which message was not heard. */
static int tell_daemons(void)
{
    for (int i = 1; i <= 3; i++) {
        const int log_daemon = start_daemon();

        system_log(LOG_INFO, "first");
        if (!ends_with(heard(log_daemon), ": first"))
            return i;
        system_log(LOG_INFO, "second");
        if (!ends_with(heard(log_daemon), ": second"))
            return i;
        end_daemon(log_daemon);
        system_log(LOG_INFO, "nobody hears this");
    }
    return 0;
}

START_TEST(test_daemon_is_started_anew)
{
    begin();
    system_log_open(path);
    ck_assert_int_eq(tell_daemons(), 0);
    end();
}
END_TEST

/* The daemons are of another process: this one could not open their sockets. */
static int told_daemon;

static int tell_shut_in(void)
{
    char message[256], go;

    system_log_open(path);
    if (timed_sandbox_guest() == NULL && (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                                          timed_enter_sandbox(-1, message, sizeof message) != 0))
        return 1;
    while (read(told_daemon, &go, 1) == 1)
        system_log(LOG_INFO, "told to");
    return 0;
}

static void tell(int end)
{
    ck_assert_int_eq(write(end, "", 1), 1);
}

START_TEST(test_daemon_is_started_anew_outside_of_the_sandbox)
{
    int ends[2], status;
    pid_t child;

    begin();
    ck_assert_int_eq(pipe(ends), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        close(ends[1]);
        told_daemon = ends[0];
        _exit(tell_shut_in());
    }
    close(ends[0]);
    for (int i = 0; i < 3; i++) {
        const int log_daemon = start_daemon();

        tell(ends[1]);
        ck_assert(ends_with(heard(log_daemon), ": told to"));
        end_daemon(log_daemon);
    }
    close(ends[1]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = add_case(suite, "messages");

    tcase_add_test(tcase, test_message);
    tcase_add_test(tcase, test_long_message);
    tcase_add_test(tcase, test_nobody_there_at_first);
    tcase_add_test(tcase, test_daemon_that_hangs);
    tcase_add_test(tcase, test_not_open);
    tcase = add_case(suite, "started anew");
    tcase_add_test(tcase, test_daemon_is_started_anew);
    tcase_add_test(tcase, test_daemon_is_started_anew_outside_of_the_sandbox);
    return run_suite(suite);
}
