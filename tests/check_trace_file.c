/* check_trace_file.c - the file of ASYNCORE_TRACE: what is in it, whoever writes and however they end. */
#define _XOPEN_SOURCE 600 /* posix_openpt */
#include "support.h"

#include <asyncore_trace.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* ==================================================
 * the library's write()
 */

static struct {
    atomic_int calls;
    int fail;       /* the next ones fail with this errno, */
    int fail_count; /* so many */
    size_t most;    /* they write no more bytes at once; 0: as many as they are given */
} writes;

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    writes.calls++;
    if (writes.fail_count > 0) {
        writes.fail_count--;
        errno = writes.fail;
        return -1;
    }
    if (writes.most > 0 && size > writes.most)
        size = writes.most;
    return __real_write(fd, data, size);
}

/* ==================================================
 * a trace
 */

static char file_name[64];
static char text[1 << 20];
static struct probe probe;

/* Into this file, or one of our own. */
static void begin_trace(const char *types, const char *name)
{
    char value[256];

    if (name == NULL) {
        snprintf(file_name, sizeof file_name, "check_trace_file.%d.txt", (int)getpid());
        name = file_name;
    }
    snprintf(value, sizeof value, "%s:%s", types, name);
    setenv("ASYNCORE_TRACE", value, 1);
    probe_channel(&probe, "A", NULL);
}

/* As many events.  Any thread may; what goes wrong ends the test at once. */
static void tell(struct probe *of, int count)
{
    char byte;

    for (int i = 0; i < count; i++)
        if (asyncore_recv(&of->base, &byte, 1) != -EAGAIN)
            abort();
}

/* What was written, so far. */
static const char *written(void)
{
    FILE *file = fopen(file_name, "r");

    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void remove_file(void)
{
    unlink(file_name);
}

/* How many lines there are; all are whole. */
static int lines(const char *at)
{
    int count = 0;

    for (; *at != '\0'; count++) {
        int length = 0;

        sscanf(at, "%*f io %*d recv 1 = -EAGAIN%n", &length);
        ck_assert_msg(length > 0 && at[length] == '\n', "line %d: %.100s", count, at);
        at += length + 1;
    }
    return count;
}

/* ==================================================
 * when it is written
 */

START_TEST(test_before_the_wait)
{
    begin_trace("io", NULL);
    tell(&probe, 3);
    ck_assert_str_eq(written(), "");
    asyncore_poll(0.001, NULL);
    ck_assert_int_eq(lines(written()), 3);
    tell(&probe, 2);
    asyncore_set_trace(0, NULL, NULL);
    ck_assert_int_eq(lines(written()), 5);
}
END_TEST

START_TEST(test_much)
{
    begin_trace("io", NULL);
    tell(&probe, 5000);
    ck_assert_int_gt(writes.calls, 5);
    ck_assert_int_lt(writes.calls, 50);
    asyncore_set_trace(0, NULL, NULL);
    ck_assert_int_eq(lines(written()), 5000);
}
END_TEST

static char class_name[100000];
static const struct asyncore_class long_class = {.name = class_name};
static struct asyncore_dispatcher long_one;

/* Longer than what is buffered of others. */
START_TEST(test_long_line)
{
    static char expected[sizeof class_name + 100];

    memset(class_name, 'x', sizeof class_name - 1);
    begin_trace("close,stable", NULL);
    for (int i = 0; i < 2; i++) {
        asyncore_init(&long_one, &long_class, -1, NULL);
        asyncore_create_socket(&long_one, AF_INET, SOCK_DGRAM);
        asyncore_close(&long_one);
    }
    asyncore_set_trace(0, NULL, NULL);
    snprintf(expected, sizeof expected, "  0.000000 close 2 %s: close\n", class_name);
    ck_assert_ptr_eq(strstr(written(), expected), text);
    ck_assert_str_eq(text + strlen(expected), expected);
}
END_TEST

/* A terminal hands it on in pieces. */
static void read_line(int fd, char *line, size_t size)
{
    size_t length = 0;

    do {
        const ssize_t n = read(fd, line + length, size - 1 - length);

        ck_assert_int_gt(n, 0);
        length += (size_t)n;
    } while (line[length - 1] != '\n');
    line[length] = '\0';
}

/* Who reads along sees each line at once, and in colours. */
START_TEST(test_terminal)
{
    const int master = posix_openpt(O_RDWR | O_NOCTTY);
    char line[256];
    int length;

    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master), 0);
    ck_assert_int_eq(unlockpt(master), 0);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
    begin_trace("io", ptsname(master));
    for (int i = 0; i < 2; i++) {
        tell(&probe, 1);
        read_line(master, line, sizeof line);
        length = 0;
        sscanf(line, "\033[33m  %*f io %*d recv 1 = -EAGAIN\033[0m%n", &length);
        ck_assert_msg(length > 0 && strcmp(line + length, "\r\n") == 0, "%s", line);
    }
    close(master);
}
END_TEST

/* ==================================================
 * what cannot be written
 */

/* A part of it, or nothing for a signal: the rest follows. */
START_TEST(test_partly)
{
    begin_trace("io", NULL);
    tell(&probe, 100);
    writes.most = 100;
    writes.fail = EINTR;
    writes.fail_count = 3;
    asyncore_set_trace(0, NULL, NULL);
    writes.most = 0;
    ck_assert_int_eq(lines(written()), 100);
}
END_TEST

/* It is lost, but not what comes later. */
START_TEST(test_not_at_all)
{
    begin_trace("io", NULL);
    tell(&probe, 10);
    writes.fail = EIO;
    writes.fail_count = 1;
    asyncore_poll(0.001, NULL);
    tell(&probe, 2);
    asyncore_set_trace(0, NULL, NULL);
    ck_assert_int_eq(lines(written()), 2);
}
END_TEST

static int trace_to_full_disk(void)
{
    begin_trace("io", "/dev/full");
    for (int i = 0; i < 10; i++) {
        tell(&probe, 1000);
        if (asyncore_poll(0.001, NULL) != 0)
            return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

/* Who is traced notices nothing. */
START_TEST(test_full_disk)
{
    char output[1024];

    ck_assert_int_eq(run_in_child(trace_to_full_disk, output, sizeof output), 0);
    ck_assert_str_eq(output, "");
}
END_TEST

/* ==================================================
 * the end
 */

static bool tells_at_the_end;

/* The last of all that a program has called. */
__attribute__((destructor(101))) static void at_the_end(void)
{
    if (tells_at_the_end)
        tell(&probe, 2);
}

static void tell_at_exit(void)
{
    tell(&probe, 2);
}

static int status_of(pid_t child)
{
    int status;

    ck_assert_int_ge(child, 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

/* Whatever a program does there is told. */
START_TEST(test_exit)
{
    pid_t child;

    snprintf(file_name, sizeof file_name, "check_trace_file.%d.exit", (int)getpid());
    child = fork();
    if (child == 0) {
        begin_trace("io", file_name);
        atexit(tell_at_exit);
        tells_at_the_end = true;
        tell(&probe, 3);
        exit(EXIT_SUCCESS);
    }
    ck_assert_int_eq(status_of(child), 0);
    ck_assert_int_eq(lines(written()), 7);
}
END_TEST

static void exit_at_once(const struct asyncore_trace_event *event, void *argument)
{
    (void)event;
    (void)argument;
    exit(EXIT_SUCCESS);
}

/* Out of the middle of a line, as a signal handler may: nobody waits for its end. */
START_TEST(test_exit_while_telling)
{
    const pid_t child = fork();

    if (child == 0) {
        begin_trace("io", "/dev/null");
        asyncore_set_trace(1U << ASYNCORE_TRACE_IO, exit_at_once, NULL);
        tell(&probe, 1);
        _exit(EXIT_FAILURE);
    }
    ck_assert_int_eq(status_of(child), 0);
}
END_TEST

/* ==================================================
 * children
 */

/* What was told before is written once, by the parent; and each writes what it tells afterwards. */
START_TEST(test_fork)
{
    pid_t child;

    begin_trace("io", NULL);
    tell(&probe, 3);
    child = fork();
    if (child == 0) {
        tell(&probe, 2);
        asyncore_set_trace(0, NULL, NULL);
        _exit(EXIT_SUCCESS);
    }
    ck_assert_int_eq(status_of(child), 0);
    ck_assert_int_eq(lines(written()), 5);
    tell(&probe, 4);
    asyncore_set_trace(0, NULL, NULL);
    ck_assert_int_eq(lines(written()), 9);
}
END_TEST

/* Nor is it written by who ends as programs do. */
START_TEST(test_fork_and_exit)
{
    pid_t child;

    begin_trace("io", NULL);
    tell(&probe, 3);
    child = fork();
    if (child == 0)
        exit(EXIT_SUCCESS);
    ck_assert_int_eq(status_of(child), 0);
    asyncore_set_trace(0, NULL, NULL);
    ck_assert_int_eq(lines(written()), 3);
}
END_TEST

static pid_t forked = -1;

static void fork_once(const struct asyncore_trace_event *event, void *argument)
{
    (void)event;
    (void)argument;
    forked = fork();
}

START_TEST(test_fork_while_telling)
{
    begin_trace("io", "/dev/null");
    asyncore_set_trace(1U << ASYNCORE_TRACE_IO, fork_once, NULL);
    tell(&probe, 1);
    asyncore_set_trace(0, NULL, NULL);
    if (forked == 0)
        _exit(EXIT_SUCCESS);
    ck_assert_int_eq(status_of(forked), 0);
}
END_TEST

/* ==================================================
 * threads
 */

enum { THREADS = 4, ROUNDS = 100, EVENTS = 20 };

static void *tell_much(void *argument)
{
    struct probe *own = argument;
    struct asyncore_map *map = asyncore_map_new();
    const int peer = probe_channel(own, "T", map);

    own->wants_read = false;
    for (int i = 0; i < ROUNDS; i++) {
        tell(own, EVENTS);
        asyncore_poll(0.0001, map);
    }
    asyncore_map_free(map);
    close(peer);
    return NULL;
}

START_TEST(test_threads)
{
    static struct probe probes[THREADS];
    pthread_t threads[THREADS];

    begin_trace("io", NULL);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, tell_much, &probes[i]), 0);
    for (int i = 0; i < ROUNDS; i++)
        tell(&probe, EVENTS);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    asyncore_set_trace(0, NULL, NULL);
    ck_assert_int_eq(lines(written()), (THREADS + 1) * ROUNDS * EVENTS);
}
END_TEST

/* Not by add_case(): the file stays open as long as the program runs. */
static TCase *add_file_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, NULL, remove_file);
    tcase_set_timeout(tcase, 20);
    suite_add_tcase(suite, tcase);
    return tcase;
}

int main(void)
{
    Suite *suite = suite_create("trace_file");
    TCase *tcase = add_file_case(suite, "written");

    tcase_add_test(tcase, test_before_the_wait);
    tcase_add_test(tcase, test_much);
    tcase_add_test(tcase, test_long_line);
    tcase_add_test(tcase, test_terminal);
    tcase = add_file_case(suite, "not_written");
    tcase_add_test(tcase, test_partly);
    tcase_add_test(tcase, test_not_at_all);
    tcase_add_test(tcase, test_full_disk);
    tcase = add_file_case(suite, "end");
    tcase_add_test(tcase, test_exit);
    tcase_add_test(tcase, test_exit_while_telling);
    tcase = add_file_case(suite, "children");
    tcase_add_test(tcase, test_fork);
    tcase_add_test(tcase, test_fork_and_exit);
    tcase_add_test(tcase, test_fork_while_telling);
    tcase = add_file_case(suite, "threads");
    tcase_add_test(tcase, test_threads);
    return run_suite(suite);
}
