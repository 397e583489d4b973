/* check_timed_workers.c - a process has others serve: shell scripts here, which say what timed would say. */
#define _GNU_SOURCE /* prlimit's kin */
#include "team.h"

#include "interpose.h"
#include "timed/notify.h"
#include "timed/spawn.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

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
    pid = timed_spawn(team_argv, &sockets, &child);
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
    pid = timed_spawn(team_argv, &sockets, &child);
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

static bool orphaned;

/* In place of the system's, as is what interpose.h has. */
pid_t getppid(void)
{
    return orphaned ? 1 : (pid_t)syscall(SYS_getppid);
}

/* Between its fork() and when it asks to be killed with it. */
START_TEST(test_parent_has_ended)
{
    int child, status;
    pid_t pid;

    open_sockets();
    snprintf(script, sizeof script, "exit 0");
    orphaned = true;
    pid = timed_spawn(team_argv, &sockets, &child);
    status = status_of(pid);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FAILURE);
    close(child);
    close_sockets();
}
END_TEST

START_TEST(test_no_descriptors)
{
    int child, status;
    pid_t pid;

    skip_under_valgrind("has descriptors where the system has none");
    open_sockets();
    snprintf(script, sizeof script, "exit 0");
    limit_descriptors(3); /* none is left */
    ck_assert_int_eq(timed_spawn(team_argv, &sockets, &child), -EMFILE);
    limit_descriptors((rlim_t)sockets.list[1].fd + 3); /* for the two ends, and no more */
    pid = timed_spawn(team_argv, &sockets, &child);
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

START_TEST(test_one_does_not_end)
{
    begin(2, "if mkdir first; then trap '' TERM; fi; say READY=1; while sleep 0.01 && kill -0 "
             "$PPID; do :; done");
    timed_workers_start();
    wait_until(successes == 1);
    timed_workers_end(0);
    for (int i = 0; i < 4; i++)
        pass();
    ck_assert(!are_buried());
    timed_workers_end(0); /* it is no reason to wait longer */
    calls.later += 5;
    ck_assert_int_eq(finish(), 0);
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
    long before;

    begin(1, "echo >>count; say READY=1; exit 1");
    timed_workers_start();
    wait_until(size_of("count") >= 4);
    before = size_of("count");
    for (int i = 0; i < 4; i++)
        pass();
    ck_assert_int_le(size_of("count"), before + 1);
    calls.later += 100; /* but in the end one comes */
    wait_until(size_of("count") > before + 1);
    for (int i = 0; i < 8; i++) { /* and never later than after ten seconds */
        before = size_of("count");
        wait_until(are_buried());
        calls.later += 11;
        wait_until(size_of("count") > before);
    }
    ck_assert_int_eq(finish(), 0);
}
END_TEST

/* The next one cannot be started; and then it can. */
START_TEST(test_who_dies_is_replaced_later)
{
    begin(1, "if mkdir first; then " SERVE_UNTIL_DIE "; exit; fi; mkdir second; " SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    make("die");
    limit_descriptors(3);
    wait_until(are_buried());
    for (int i = 0; i < 4; i++)
        pass();
    limit_descriptors(1024);
    ck_assert(!exists("second"));
    calls.later += 11;
    wait_until(exists("second"));
    ck_assert_int_eq(finish(), 0);
    ck_assert_int_eq(successes, 1);
}
END_TEST

/* Somebody else's child, perhaps of before an exec(). */
START_TEST(test_a_stranger_dies)
{
    pid_t stranger;

    begin(1, SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    stranger = fork();
    if (stranger == 0)
        _exit(7);
    wait_until(waitpid(stranger, NULL, WNOHANG) < 0);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(test_loop_fails)
{
    begin(1, SERVE);
    timed_workers_start();
    wait_until(successes == 1);
    calls.fail_wait = ENOMEM;
    ck_assert_int_eq(timed_workers_loop(), EXIT_FAILURE);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(test_long_life_is_forgiven)
{
    begin(1,
          "say READY=1; mkdir served; until [ -e die ]; do sleep 0.01; done; rm die; rmdir served; "
          "mkdir \"died$(ls | wc -l)\"");
    timed_workers_start();
    for (int i = 0; i < 6; i++) { /* by then the wait would be seconds */
        wait_until(exists("served"));
        pass();
        calls.later += 11;
        pass();
        pass();
        make("die");
        wait_until(!exists("die"));
    }
    ck_assert_int_eq(finish(), 0);
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

/* For the worker, or for its place in the map: then it has been started in vain. */
START_TEST(test_no_memory)
{
    int status;

    begin(1, SERVE);
    calls.fail_malloc = 1 + _i;
    timed_workers_start();
    calls.fail_malloc = 0;
    ck_assert_int_eq(timed_workers_loop(), EXIT_FAILURE);
    if (_i == 1) {
        ck_assert_int_gt(waitpid(-1, &status, 0), 0);
        ck_assert_int_eq(status, SIGKILL);
    }
    ck_assert(are_buried());
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
    wait_until(strcmp(told(), "STATUS=fine") == 0);
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

/* What they have done: also of those that are no more, and what they have said with their last breath. */

static struct timed_counts sum;
static int countings;

static void counted(const struct timed_counts *counts)
{
    sum = *counts;
    countings++;
}

static const struct timed_counts some = {.tcp = {1, 2}, .udp = {[TIME_LIMITED] = 3}, .starved = 4};

static void say_counts(char *text, size_t size, const char *before, const char *after)
{
    char numbers[TIMED_COUNTS_TEXT];

    timed_counts_print(&some, numbers, sizeof numbers);
    snprintf(text, size, "%ssay 'COUNTS=%s'; %s", before, numbers, after);
}

START_TEST(test_counts_of_all)
{
    char text[2048];

    say_counts(text, sizeof text, "say READY=1; say COUNTS=; say COUNTS=1; ", SERVE);
    begin(3, text);
    timed_workers_count(counted);
    timed_workers_start();
    wait_until(countings == 3);
    ck_assert_uint_eq(sum.tcp[0], 3);
    ck_assert_uint_eq(sum.tcp[1], 6);
    ck_assert_uint_eq(sum.udp[TIME_LIMITED], 9);
    ck_assert_uint_eq(sum.starved, 12);
    ck_assert_int_eq(finish(), 0);
}
END_TEST

START_TEST(test_counts_of_the_dead)
{
    char text[2048];

    say_counts(text, sizeof text, "say READY=1; if mkdir first; then ",
               "exit 0; fi; mkdir second; " SERVE);
    begin(1, text);
    timed_workers_count(counted);
    timed_workers_start();
    wait_until(exists("second"));
    ck_assert_int_eq(countings, 1);
    ck_assert_uint_eq(sum.tcp[1], 2);
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
    tcase_add_test(tcase, test_parent_has_ended);
    tcase_add_test(tcase, test_no_descriptors);
    tcase = add_case(suite, "workers");
    tcase_add_test(tcase, test_begin_and_end);
    tcase_add_test(tcase, test_one_does_not_end);
    tcase_add_test(tcase, test_one_ends_before_it_serves);
    tcase_add_test(tcase, test_one_is_killed_before_it_serves);
    tcase_add_test(tcase, test_who_dies_is_replaced);
    tcase_add_test(tcase, test_who_dies_again_and_again);
    tcase_add_test(tcase, test_who_dies_is_replaced_later);
    tcase_add_test(tcase, test_a_stranger_dies);
    tcase_add_test(tcase, test_loop_fails);
    tcase_add_test(tcase, test_long_life_is_forgiven);
    tcase_add_test(tcase, test_start_without_descriptors);
    tcase_add_loop_test(tcase, test_no_memory, 0, 2);
    tcase = add_case(suite, "words");
    tcase_add_test(tcase, test_status_of_one);
    tcase_add_test(tcase, test_watchdog_of_all);
    tcase_add_test(tcase, test_counts_of_all);
    tcase_add_test(tcase, test_counts_of_the_dead);
    return run_suite(suite);
}
