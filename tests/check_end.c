/*
 * check_end.c - a writer sends 200 KiB and goes: all of it is read before the end is heard of, from
 * whatever kind of descriptor, whatever else its reader asks for.
 */
#define _GNU_SOURCE /* posix_openpt */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>

enum { SIZE = 200 * 1024 };

static char byte_at(size_t offset)
{
    return (char)('a' + offset % 23);
}

/* ==================================================
 * kinds of descriptors: ends[0] is read, ends[1] is written
 */

static void tcp(int ends[2])
{
    tcp_pair(ends);
}

static void unix_stream(int ends[2])
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
}

static void a_pipe(int ends[2])
{
    ck_assert_int_eq(pipe(ends), 0);
}

/* Its hang-up says EIO where others say end of file. */
static void terminal(int ends[2])
{
    struct termios mode;

    ends[0] = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert_int_ge(ends[0], 0);
    ck_assert_int_eq(grantpt(ends[0]), 0);
    ck_assert_int_eq(unlockpt(ends[0]), 0);
    ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(ends[1], 0);
    ck_assert_int_eq(tcgetattr(ends[1], &mode), 0);
    cfmakeraw(&mode);
    ck_assert_int_eq(tcsetattr(ends[1], TCSANOW, &mode), 0);
}

static const struct {
    const char *name;
    void (*make)(int ends[2]);
    bool is_file;
} kinds[] = {
    {"tcp", tcp, false},
    {"unix", unix_stream, false},
    {"pipe", a_pipe, true},
    {"terminal", terminal, true},
};

enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* ==================================================
 * the writer, a process of its own
 */

static _Noreturn void write_all(int fd)
{
    static char data[SIZE];
    size_t written = 0;

    alarm(20);
    for (size_t i = 0; i < SIZE; i++)
        data[i] = byte_at(i);
    while (written < SIZE) {
        const ssize_t n = write(fd, data + written, SIZE - written);

        if (n < 0)
            _exit(EXIT_FAILURE);
        written += (size_t)n;
    }
    close(fd);
    _exit(EXIT_SUCCESS);
}

static pid_t begin_writer(const int ends[2])
{
    const pid_t writer = fork();

    ck_assert_int_ge(writer, 0);
    if (writer == 0) {
        close(ends[0]);
        write_all(ends[1]);
    }
    close(ends[1]);
    return writer;
}

/* ==================================================
 * the reader
 */

static struct asyncore_dispatcher reader;
static size_t got, wrong;
static int ended;
static bool wants_write;

static bool reader_writable(struct asyncore_dispatcher *self)
{
    (void)self;
    return wants_write;
}

static int reader_handle_read(struct asyncore_dispatcher *self)
{
    char buffer[1000];
    const ssize_t n = asyncore_recv(self, buffer, sizeof buffer);

    for (ssize_t i = 0; i < n; i++)
        wrong += buffer[i] != byte_at(got++);
    return (int)n;
}

/* It has nothing to say, which the poller need not know. */
static int reader_handle_write(struct asyncore_dispatcher *self)
{
    (void)self;
    return 0;
}

static int reader_handle_close(struct asyncore_dispatcher *self)
{
    ended++;
    return asyncore_close(self);
}

static int reader_handle_error(struct asyncore_dispatcher *self, int error)
{
    ck_assert_int_eq(error, -EIO);
    return asyncore_handle_close(self);
}

static const struct asyncore_class socket_reader_class = {
    .writable = reader_writable,
    .handle_read = reader_handle_read,
    .handle_write = reader_handle_write,
    .handle_close = reader_handle_close,
    .handle_error = reader_handle_error,
};

static const struct asyncore_class file_reader_class = {
    .super = &asyncore_file_dispatcher_class,
    .writable = reader_writable,
    .handle_read = reader_handle_read,
    .handle_write = reader_handle_write,
    .handle_close = reader_handle_close,
    .handle_error = reader_handle_error,
};

static void open_reader(int kind, int fd)
{
    if (kinds[kind].is_file) {
        ck_assert_int_eq(asyncore_file_dispatcher_init(&reader, &file_reader_class, fd, NULL), 0);
        close(fd);
    } else {
        ck_assert_int_eq(asyncore_init(&reader, &socket_reader_class, fd, NULL), 0);
    }
}

/* It reads less at a time than it is sent, so that the hang-up is there long before it is through. */
START_TEST(test_all_comes)
{
    const int kind = _i % KINDS;
    int ends[2], status;
    pid_t writer;

    wants_write = _i >= KINDS;
    kinds[kind].make(ends);
    writer = begin_writer(ends);
    open_reader(kind, ends[0]);
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0);
    ck_assert_msg(got == SIZE, "%s: %zu of %d bytes", kinds[kind].name, got, SIZE);
    ck_assert_uint_eq(wrong, 0);
    ck_assert_int_eq(ended, 1);
    ck_assert_int_eq(waitpid(writer, &status, 0), writer);
    ck_assert_int_eq(status, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("end");
    TCase *tcase = add_case(suite, "end");

    tcase_add_loop_test(tcase, test_all_comes, 0, 2 * KINDS);
    return run_suite(suite);
}
