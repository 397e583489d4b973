/* check_timed_workers.c - a process has others serve: shell scripts here, which say what timed would say. */
#define _GNU_SOURCE /* prlimit's kin */
#include "support.h"

#include "interpose.h"
#include "timed/notify.h"
#include "timed/spawn.h"
#include "timed/workers.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

const char *const command_name = "timed";

static struct timed_sockets sockets; /* one that listens, and one that does not */
static struct sockaddr_in addr;
static char script[4096];
static char *const argv[] = {"/bin/sh", "-c", script, NULL};

static void open_sockets(void)
{
    sockets.list[0].fd = tcp_listen(&addr);
    sockets.list[1].fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockets.count = 2;
}

static void close_sockets(void)
{
    timed_sockets_close(&sockets);
}

void timed_sockets_close(struct timed_sockets *self)
{
    while (self->count > 0)
        close(self->list[--self->count].fd);
}

/* ==================================================
 * one process
 */

static const char *heard_from(int child)
{
    static char text[1024];
    struct pollfd ready = {.fd = child, .events = POLLIN};
    ssize_t n = 0;

    if (poll(&ready, 1, 15000) == 1)
        n = recv(child, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    return text;
}

static int status_of(pid_t pid)
{
    int status;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

START_TEST(test_what_it_finds)
{
    char expected[256], found[256];
    struct stat status;
    int child;
    pid_t pid;

    open_sockets();
    setenv("NOTIFY_SOCKET", "@somebody", 1);
    setenv("WATCHDOG_PID", "1", 1);
    setenv("LISTEN_FDNAMES", "a:b", 1);
    snprintf(script, sizeof script,
             "echo \"$((LISTEN_PID == $$)) $LISTEN_FDS $TIMED_PARENT $NOTIFY_SOCKET$WATCHDOG_PID"
             "$LISTEN_FDNAMES\" >&$TIMED_PARENT; readlink /proc/$$/fd/3 >&5; readlink "
             "/proc/$$/fd/4 >&5; ls /proc/$$/fd >&5");
    pid = timed_spawn(argv, &sockets, &child);
    ck_assert_int_gt(pid, 0);
    ck_assert_str_eq(heard_from(child), "1 2 5 \n");
    for (int i = 0; i < 2; i++) {
        fstat(sockets.list[i].fd, &status);
        snprintf(expected, sizeof expected, "socket:[%lu]\n", (unsigned long)status.st_ino);
        ck_assert_str_eq(heard_from(child), expected);
    }
    snprintf(found, sizeof found, "%s", heard_from(child));
    ck_assert_ptr_nonnull(strstr(found, "5\n"));
    ck_assert_ptr_null(strstr(found, "6\n")); /* nothing else of ours */
    ck_assert_str_eq(heard_from(child), "");
    ck_assert_int_eq(status_of(pid), 0);
    close(child);
    close_sockets();
}
END_TEST

START_TEST(test_signals_are_heeded)
{
    int child;
    pid_t pid;

    open_sockets();
    signal(SIGTERM, SIG_IGN);
    signal(SIGUSR2, SIG_IGN);
    snprintf(script, sizeof script, "kill -TERM $$; echo ignored >&$TIMED_PARENT");
    pid = timed_spawn(argv, &sockets, &child);
    ck_assert_str_eq(heard_from(child), "");
    ck_assert_int_eq(status_of(pid), SIGTERM);
    close(child);
    close_sockets();
}
END_TEST

START_TEST(test_no_such_program)
{
    char *const nothing[] = {"/nonexistent/timed", NULL};
    int child, status;
    pid_t pid;

    open_sockets();
    pid = timed_spawn(nothing, &sockets, &child);
    status = status_of(pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 127);
    ck_assert_str_eq(heard_from(child), "");
    close(child);
    close_sockets();
}
END_TEST

static void limit_descriptors(rlim_t limit)
{
    struct rlimit old;

    getrlimit(RLIMIT_NOFILE, &old);
    old.rlim_cur = limit;
    setrlimit(RLIMIT_NOFILE, &old);
}

START_TEST(test_no_descriptors)
{
    int child, status;
    pid_t pid;

    open_sockets();
    snprintf(script, sizeof script, "exit 0");
    limit_descriptors(3); /* none is left */
    ck_assert_int_eq(timed_spawn(argv, &sockets, &child), -EMFILE);
    limit_descriptors((rlim_t)sockets.list[1].fd + 3); /* for the two ends, and no more */
    pid = timed_spawn(argv, &sockets, &child);
    limit_descriptors(1024);
    ck_assert_int_gt(pid, 0);
    status = status_of(pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 127);
    close(child);
    close_sockets();
}
END_TEST

/* ==================================================
 * all of them
 */

static int successes, failures;
static int manager[2]; /* who is told */

static void report(bool success)
{
    if (success)
        successes++;
    else
        failures++;
}

/* Each worker appends its number to the file "count", and does what its line of the script says. */
static char directory[] = "/tmp/check_workers.XXXXXX";

static void begin(size_t count, const char *what)
{
    open_sockets();
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, manager),
                     0);
    timed_notify_use(manager[0]);
    snprintf(script, sizeof script,
             "cd %s; exec 2>/dev/null; say() { echo \"$1\" >&$TIMED_PARENT; }; %s", directory,
             what);
    timed_workers_begin(argv, &sockets, 1, count, report);
}

static void pass(void)
{
    const int rc = asyncore_poll(0.05, NULL);

    ck_assert_int_eq(rc, 0);
}

#define wait_until(condition)                                                                      \
    do {                                                                                           \
        for (int tries = 0; !(condition); tries++) {                                               \
            ck_assert_msg(tries < 400, "never: %s", #condition);                                   \
            pass();                                                                                \
        }                                                                                          \
    } while (0)

static int finish(void)
{
    char command[128];
    int rc;

    timed_workers_end(0);
    rc = timed_workers_loop();
    timed_notify_close();
    close(manager[0]);
    close(manager[1]);
    close_sockets();
    snprintf(command, sizeof command,
             "for i in 1 2 3 4 5 6; do rm -rf %s && exit; sleep 0.2; done; exit 1", directory);
    ck_assert_int_eq(system(command), 0);
    return rc;
}

static bool exists(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

static void make(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    close(open(path, O_WRONLY | O_CREAT, 0600));
}

#define SERVE "say READY=1; while sleep 0.01; do :; done"

START_TEST(test_begin_and_end)
{
    begin(3, SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    timed_workers_end(5); /* the first word counts */
    ck_assert_int_eq(finish(), 5);
    ck_assert_int_eq(successes, 1);
    ck_assert_int_eq(failures, 0);
}
END_TEST

START_TEST(test_one_ends_before_it_serves)
{
    begin(2, "exit 7");
    timed_workers_start();
    ck_assert_int_eq(timed_workers_loop(), 7);
    finish();
    ck_assert_int_eq(successes, 0);
}
END_TEST

START_TEST(test_one_is_killed_before_it_serves)
{
    begin(2, "kill -9 $$");
    timed_workers_start();
    ck_assert_int_eq(timed_workers_loop(), EXIT_FAILURE);
    finish();
}
END_TEST

START_TEST(test_who_dies_is_replaced)
{
    begin(1, "say READY=1; if mkdir first; then exit 0; fi; say READY=1; mkdir second; " SERVE);
    timed_workers_start();
    wait_until(exists("second"));
    ck_assert_int_eq(finish(), 0);
    ck_assert_int_eq(successes, 1); /* of which no news is made */
}
END_TEST

/* Each time twice as late: 0, 0.1, 0.2, 0.4 s; then for long none. */
START_TEST(test_who_dies_again_and_again)
{
    char counter[128];
    struct stat status;
    off_t before;

    begin(1, "echo >>count; say READY=1; exit 1");
    snprintf(counter, sizeof counter, "%s/count", directory);
    timed_workers_start();
    wait_until(stat(counter, &status) == 0 && status.st_size >= 4);
    before = status.st_size;
    for (int i = 0; i < 4; i++)
        pass();
    stat(counter, &status);
    ck_assert_int_le(status.st_size, before + 1);
    calls.later += 100; /* but in the end one comes */
    wait_until(stat(counter, &status) == 0 && status.st_size > before + 1);
    for (int i = 0; i < 8; i++) { /* and never later than after ten seconds */
        before = status.st_size;
        calls.later += 11;
        wait_until(stat(counter, &status) == 0 && status.st_size > before);
    }
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(test_long_life_is_forgiven)
{
    begin(1, "say READY=1; mkdir served; until [ -e die ]; do sleep 0.01; done; rmdir die served; "
             "mkdir \"died$(ls | wc -l)\"");
    timed_workers_start();
    for (int i = 0; i < 6; i++) { /* by then the wait would be seconds */
        wait_until(exists("served"));
        pass();
        calls.later += 11;
        pass();
        pass();
        make("die.new");
        {
            char from[128], to[128];

            snprintf(from, sizeof from, "%s/die.new", directory);
            snprintf(to, sizeof to, "%s/die", directory);
            unlink(from);
            mkdir(to, 0700);
        }
        wait_until(!exists("die"));
    }
    ck_assert_int_eq(finish(), 0);
}
END_TEST

/* ---- upgrades ---- */

START_TEST(test_upgrade)
{
    begin(2, "if [ -e new ]; then mkdir \"new$$\"; fi; " SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    make("new");
    timed_workers_upgrade();
    timed_workers_upgrade(); /* one is under way */
    wait_until(successes == 2);
    ck_assert_int_eq(finish(), 0);
    ck_assert_int_eq(failures, 0);
}
END_TEST

START_TEST(test_upgrade_is_all_or_nothing)
{
    begin(
        2,
        "if [ -e new ]; then if mkdir second; then exit 3; fi; fi; trap 'mkdir told' USR1; " SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    make("new");
    timed_workers_upgrade();
    wait_until(failures == 1);
    ck_assert_int_eq(successes, 1);
    timed_workers_signal(SIGUSR1);
    wait_until(exists("told"));
    timed_workers_upgrade();
    wait_until(successes == 2);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(test_upgrade_that_takes_too_long)
{
    begin(1, "if [ -e new ]; then mkdir comes; sleep 1000; fi; " SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    make("new");
    timed_workers_upgrade();
    wait_until(exists("comes"));
    ck_assert_int_eq(failures, 0);
    calls.later += 31;
    wait_until(failures == 1);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(test_upgrade_is_asked_for_by_a_worker)
{
    begin(1, "if mkdir first; then say UPGRADE=1; fi; say READY=1; say UPGRADE=1; " SERVE);
    timed_workers_start();
    wait_until(successes >= 2);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(test_upgrade_without_descriptors)
{
    begin(1, SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    limit_descriptors(3);
    timed_workers_upgrade();
    limit_descriptors(1024);
    ck_assert_int_eq(failures, 1);
    ck_assert_int_eq(finish(), 0);
    timed_workers_upgrade(); /* at the end it is too late */
    ck_assert_int_eq(failures, 1);
}
END_TEST

START_TEST(test_start_without_descriptors)
{
    begin(2, SERVE);
    limit_descriptors(3);
    timed_workers_start();
    limit_descriptors(1024);
    ck_assert_int_eq(timed_workers_loop(), EXIT_FAILURE);
    finish();
}
END_TEST

START_TEST(test_no_memory)
{
    begin(1, SERVE);
    calls.fail_malloc = 1;
    timed_workers_start();
    ck_assert_int_eq(timed_workers_loop(), EXIT_FAILURE);
    finish();
}
END_TEST

/* ---- what they say ---- */

static const char *told(void)
{
    static char text[1024];
    const ssize_t n = recv(manager[1], text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

START_TEST(test_status_of_one)
{
    begin(1, "say READY=1; say STATUS=fine; " SERVE);
    timed_workers_start();
    wait_until(strcmp(told(), "STATUS=fine\n") == 0);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(test_watchdog_of_all)
{
    begin(2, "say READY=1; if mkdir first; then until [ -e go ]; do sleep 0.01; done; fi; say "
             "WATCHDOG=1; say WATCHDOG=1; mkdir \"said$$\"; " SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    for (int i = 0; i < 10; i++)
        pass();
    ck_assert_str_eq(told(), ""); /* one of two says nothing */
    make("go");
    wait_until(strcmp(told(), "WATCHDOG=1") == 0);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("workers");
    TCase *tcase;

    tcase = add_case(suite, "spawn");
    tcase_add_test(tcase, test_what_it_finds);
    tcase_add_test(tcase, test_signals_are_heeded);
    tcase_add_test(tcase, test_no_such_program);
    tcase_add_test(tcase, test_no_descriptors);
    tcase = add_case(suite, "workers");
    tcase_add_test(tcase, test_begin_and_end);
    tcase_add_test(tcase, test_one_ends_before_it_serves);
    tcase_add_test(tcase, test_one_is_killed_before_it_serves);
    tcase_add_test(tcase, test_who_dies_is_replaced);
    tcase_add_test(tcase, test_who_dies_again_and_again);
    tcase_add_test(tcase, test_long_life_is_forgiven);
    tcase_add_test(tcase, test_start_without_descriptors);
    tcase_add_test(tcase, test_no_memory);
    tcase = add_case(suite, "upgrades");
    tcase_add_test(tcase, test_upgrade);
    tcase_add_test(tcase, test_upgrade_is_all_or_nothing);
    tcase_add_test(tcase, test_upgrade_that_takes_too_long);
    tcase_add_test(tcase, test_upgrade_is_asked_for_by_a_worker);
    tcase_add_test(tcase, test_upgrade_without_descriptors);
    tcase = add_case(suite, "words");
    tcase_add_test(tcase, test_status_of_one);
    tcase_add_test(tcase, test_watchdog_of_all);
    return run_suite(suite);
}
