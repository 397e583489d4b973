/* check_timed_metrics.c - the file for Prometheus is whole whenever it is read, whoever else writes it, and
 * nothing is left beside it. */
#include "support.h"

#include "timed/log.h"
#include "timed/metrics.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const struct timed_counts none = {.starved = 0}, some = {.starved = 1234};
static char directory[] = "/tmp/check_metrics.XXXXXX", path[64];

/* ---- what the system says: see tests/meson.build ---- */

ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __real_write(int fd, const void *data, size_t size);

static void (*before_write)(void); /* what happens before the next one */
static int write_error;
static size_t room = SIZE_MAX; /* for so much */

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
    void (*first)(void) = before_write;

    before_write = NULL;
    if (first != NULL)
        first();
    errno = write_error;
    return write_error != 0 ? -1 : __real_write(fd, data, size < room ? size : room);
}

static int warnings;

/* In place of log.c's. */
void timed_log(int priority, const char *format, ...)
{
    va_list args;

    ck_assert_int_eq(priority, LOG_WARNING);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    warnings++;
}

/* ---- the directory ---- */

static void begin(void)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/timed.prom", directory);
}

/* What this file is called; of the calls' that follow the last eight can be used at once. */
static const char *in_directory(const char *format, ...) __attribute__((format(printf, 1, 2)));
static const char *in_directory(const char *format, ...)
{
    static char names[8][PATH_MAX];
    static size_t used;
    char *const name = names[used++ % 8];
    const int length = snprintf(name, PATH_MAX, "%s/", directory);
    va_list args;

    va_start(args, format);
    vsnprintf(name + length, PATH_MAX - (size_t)length, format, args);
    va_end(args);
    return name;
}

static bool exists(const char *name)
{
    struct stat status;

    return lstat(name, &status) == 0;
}

static void make(const char *name)
{
    close(open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    ck_assert(exists(name));
}

/* How many entries it has. */
static int files(void)
{
    DIR *entries = opendir(directory);
    int count = -2;

    ck_assert_ptr_nonnull(entries);
    while (readdir(entries) != NULL)
        count++;
    closedir(entries);
    return count;
}

static const char *content(const char *name)
{
    static char text[8192];
    const int fd = open(name, O_RDONLY | O_CLOEXEC);
    const ssize_t n = read(fd, text, sizeof text - 1);

    ck_assert_int_ge(n, 0);
    text[n] = '\0';
    close(fd);
    return text;
}

static bool is_whole(uint64_t starved)
{
    char last[64];
    const char *text = content(path), *found;

    snprintf(last, sizeof last, "timed_no_descriptor_total %d\n", (int)starved);
    found = strstr(text, last);
    return strncmp(text, "# HELP ", 7) == 0 && found != NULL && found[strlen(last)] == '\0';
}

static void end(void)
{
    timed_metrics_close();
    unlink(path);
    ck_assert_int_eq(files(), 0);
    ck_assert_int_eq(rmdir(directory), 0);
}

/* ---- two who write it ---- */

static pid_t other = -1;
static int to_other[2], from_other[2];

static void tell_and_wait(void)
{
    char go;

    ck_assert_int_eq(write(from_other[1], "!", 1), 1);
    ck_assert_int_eq(read(to_other[0], &go, 1), 1);
}

/* Another process is about to write, as this one is, and does not until this one has written. */
static void start_other(void)
{
    char ready;

    ck_assert_int_eq(pipe(to_other), 0);
    ck_assert_int_eq(pipe(from_other), 0);
    other = fork();
    if (other == 0) {
        before_write = tell_and_wait;
        _exit(timed_metrics_begin(path, false) == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
    }
    ck_assert_int_eq(read(from_other[0], &ready, 1), 1);
}

static void let_other_go_on(void)
{
    int status;

    ck_assert_int_eq(write(to_other[1], "!", 1), 1);
    ck_assert_int_eq(waitpid(other, &status, 0), other);
    ck_assert_int_eq(status, EXIT_SUCCESS);
    for (int i = 0; i < 2; i++) {
        close(to_other[i]);
        close(from_other[i]);
    }
}

START_TEST(test_two_write)
{
    begin();
    ck_assert_int_eq(timed_metrics_begin(path, false), 0);
    before_write = start_other;
    timed_metrics_write(&some);
    ck_assert(is_whole(some.starved));
    let_other_go_on();
    ck_assert(is_whole(none.starved));
    ck_assert_int_eq(files(), 1);
    timed_metrics_write(&some);
    ck_assert(is_whole(some.starved));
    ck_assert_int_eq(warnings, 0);
    end();
}
END_TEST

START_TEST(test_two_begin)
{
    begin();
    before_write = start_other;
    ck_assert_int_eq(timed_metrics_begin(path, false), 0);
    ck_assert(is_whole(none.starved));
    let_other_go_on();
    ck_assert(is_whole(none.starved));
    end();
}
END_TEST

/* It is another's that still writes it. */
START_TEST(test_another_writes)
{
    begin();
    make(path);
    ck_assert_int_eq(timed_metrics_begin(path, true), 0);
    ck_assert_str_eq(content(path), "");
    ck_assert_int_eq(files(), 1);
    timed_metrics_write(&some);
    ck_assert(is_whole(some.starved));
    timed_metrics_close();
    write_error = ENOSPC;
    ck_assert_int_eq(timed_metrics_begin(path, true), -ENOSPC);
    ck_assert_int_eq(files(), 1);
    end();
}
END_TEST

/* ---- what lies there ---- */

static pid_t somebody_dead(void)
{
    const pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    return pid;
}

START_TEST(test_left_by_who_was_killed)
{
    const int dead = somebody_dead();
    const char *left[3], *others[6];

    begin();
    left[0] = in_directory("timed.prom.%d.new", dead);
    left[1] = in_directory("timed.prom.%d.new", getpid());
    left[2] = path;
    for (size_t i = 0; i < 3; i++)
        make(left[i]);
    others[0] = in_directory("timed.prom.%d.new", getppid()); /* who writes it just now */
    others[1] = in_directory("timed.prom.%d.newer", dead);
    others[2] = in_directory("timed.prom.%dnew", dead);
    others[3] = in_directory("timed.prom.new");
    others[4] = in_directory("timed.prom%d.new", dead);
    others[5] = in_directory("other.prom.%d.new", dead);
    for (size_t i = 0; i < 6; i++)
        make(others[i]);
    ck_assert_int_eq(timed_metrics_begin(path, false), 0);
    ck_assert(is_whole(none.starved));
    ck_assert_int_eq(files(), 7);
    for (size_t i = 0; i < 6; i++)
        ck_assert_int_eq(unlink(others[i]), 0);
    end();
}
END_TEST

/* Where others may write to the directory: it is neither opened, which might wait for ever, nor written to. */
START_TEST(test_laid_by_others)
{
    const char *beside, *victim;

    begin();
    beside = in_directory("timed.prom.%d.new", getpid());
    victim = in_directory("victim");
    make(victim);
    for (int i = 0; i < 6; i++) {
        if (i == 1)
            ck_assert_int_eq(timed_metrics_begin(path, false), 0);
        if (i % 3 == 0)
            ck_assert_int_eq(mkfifo(beside, 0666), 0);
        else if (i % 3 == 1)
            ck_assert_int_eq(symlink("victim", beside), 0);
        else
            ck_assert_int_eq(link(victim, beside), 0);
        timed_metrics_write(&some);
        ck_assert(i == 0 || is_whole(some.starved));
        ck_assert_str_eq(content(victim), "");
        ck_assert_int_eq(exists(beside), i == 0);
    }
    ck_assert_int_eq(unlink(victim), 0);
    ck_assert_int_eq(warnings, 0);
    end();
}
END_TEST

/* ---- it cannot be written ---- */

START_TEST(test_no_room)
{
    begin();
    write_error = ENOSPC;
    ck_assert_int_eq(timed_metrics_begin(path, false), -ENOSPC);
    ck_assert_int_eq(timed_metrics_directory(), -1);
    ck_assert_int_eq(files(), 0);
    write_error = 0;
    ck_assert_int_eq(timed_metrics_begin(path, false), 0);
    room = 10;
    timed_metrics_write(&some);
    ck_assert_int_eq(warnings, 1);
    ck_assert(is_whole(none.starved));
    ck_assert_int_eq(files(), 1);
    room = SIZE_MAX;
    timed_metrics_write(&some);
    ck_assert(is_whole(some.starved));
    end();
}
END_TEST

START_TEST(test_a_directory_is_in_its_place)
{
    begin();
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(timed_metrics_begin(path, false), -EISDIR);
    ck_assert_int_eq(files(), 1);
    ck_assert_int_eq(rmdir(path), 0);
    end();
}
END_TEST

START_TEST(test_long_names)
{
    char name[NAME_MAX + 1] = "";
    const char *longest;

    begin();
    memset(name, 'x', NAME_MAX - strlen(".2147483647.new"));
    longest = in_directory("%s", name);
    ck_assert_int_eq(timed_metrics_begin(longest, false), 0);
    timed_metrics_close();
    ck_assert_int_eq(unlink(longest), 0);
    ck_assert_int_eq(timed_metrics_begin(in_directory("%sx", name), false), -ENAMETOOLONG);
    ck_assert_int_eq(timed_metrics_begin(in_directory("%s", ""), false), -EISDIR);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tcase;

    tcase = add_case(suite, "two");
    tcase_add_test(tcase, test_two_write);
    tcase_add_test(tcase, test_two_begin);
    tcase_add_test(tcase, test_another_writes);
    tcase = add_case(suite, "directory");
    tcase_add_test(tcase, test_left_by_who_was_killed);
    tcase_add_test(tcase, test_laid_by_others);
    tcase = add_case(suite, "refusals");
    tcase_add_test(tcase, test_no_room);
    tcase_add_test(tcase, test_a_directory_is_in_its_place);
    tcase_add_test(tcase, test_long_names);
    return run_suite(suite);
}
