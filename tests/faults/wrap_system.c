/* wrap_system.c - files, signals, fork, and output. */
#define _GNU_SOURCE /* pipe2 */
#include "wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* ==================================================
 * files
 */

WRAP(int, open64, (const char *path, int flags, ...))
{
    /* nothing here makes a file */
    return FAULT_CHECK(open) != 0 ? -1 : open(path, flags);
}

WRAP(int, openat64, (int directory, const char *path, int flags, mode_t mode))
{
    return FAULT_CHECK(openat) != 0 ? -1 : openat(directory, path, flags, mode);
}

WRAP(int, renameat, (int from, const char *path, int to, const char *other))
{
    return FAULT_CHECK(renameat) != 0 ? -1 : renameat(from, path, to, other);
}

static ino_t bell; /* the pipe that the library has made for itself */

/* What wakes the loop, an eventfd or a pipe: few bytes, which are read and written whole or not at
 * all. */
static bool is_bell(int fd)
{
    char path[64], target[64];
    struct stat status;
    ssize_t n;

    if (bell != 0 && fstat(fd, &status) == 0 && status.st_ino == bell)
        return true;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = '\0';
    return strcmp(target, "anon_inode:[eventfd]") == 0;
}

WRAP(ssize_t, read, (int fd, void *buffer, size_t size))
{
    const int error = is_bell(fd) ? FAULT_CHECK(read_bell) : FAULT_CHECK(read);

    if (error == FAULT_SHORT)
        return read(fd, buffer, 1);
    return error != 0 ? -1 : read(fd, buffer, size);
}

static ssize_t write_bell(int fd, const void *data, size_t size, int error)
{
    if (error == EAGAIN) /* it has been written so often that it is full: it is readable */
        (void)!write(fd, data, size);
    errno = error;
    return error != 0 ? -1 : write(fd, data, size);
}

WRAP(ssize_t, write, (int fd, const void *data, size_t size))
{
    int error;

    if (is_bell(fd))
        return write_bell(fd, data, size, FAULT_CHECK(write_bell));
    error = FAULT_CHECK(write);
    if (error == FAULT_SHORT)
        return write(fd, data, 1);
    if (error == EPIPE)
        raise(SIGPIPE);
    return error != 0 ? -1 : write(fd, data, size);
}

bool fault_closed_behind;

/* Whatever it says, the descriptor is closed. */
WRAP(int, close, (int fd))
{
    const int error = FAULT_CHECK(close);

    if (close(fd) < 0 && errno == EBADF && !fault_closed_behind)
        fault_fail("close(%d): not open", fd);
    if (error == 0)
        return 0;
    errno = error;
    return -1;
}

static int check_fcntl(int command, const void *site)
{
    switch (command) {
    case F_GETFL:
        return fault_check(FAULT_F_GETFL, site);
    case F_SETFL:
        return fault_check(FAULT_F_SETFL, site);
    case F_GETFD:
        return fault_check(FAULT_F_GETFD, site);
    case F_SETFD:
        return fault_check(FAULT_F_SETFD, site);
    case F_DUPFD_CLOEXEC:
        return fault_check(FAULT_F_DUPFD_CLOEXEC, site);
    default:
        fault_fail("fcntl() with a command that calls.h does not list");
    }
}

WRAP(int, fcntl64, (int fd, int command, ...))
{
    va_list args;
    int arg;

    if (check_fcntl(command, __builtin_return_address(0)) != 0)
        return -1;
    va_start(args, command);
    arg = va_arg(args, int);
    va_end(args);
    return fcntl(fd, command, arg);
}

WRAP(int, eventfd, (unsigned value, int flags))
{
    return FAULT_CHECK(eventfd) != 0 ? -1 : eventfd(value, flags);
}

WRAP(int, pipe2, (int ends[2], int flags))
{
    struct stat status;

    if (FAULT_CHECK(pipe2) != 0 || pipe2(ends, flags) < 0)
        return -1;
    expect(fstat(ends[0], &status) == 0);
    bell = status.st_ino;
    return 0;
}

/* ==================================================
 * the set of epoll
 */

WRAP(int, epoll_create1, (int flags))
{
    return FAULT_CHECK(epoll_create1) != 0 ? -1 : epoll_create1(flags);
}

WRAP(int, epoll_ctl, (int set, int operation, int fd, struct epoll_event *event))
{
    const enum fault_call call = operation == EPOLL_CTL_ADD   ? FAULT_EPOLL_CTL_ADD
                                 : operation == EPOLL_CTL_MOD ? FAULT_EPOLL_CTL_MOD
                                                              : FAULT_EPOLL_CTL_DEL;
    const int error = fault_check(call, __builtin_return_address(0));

    if (error == ENOENT) /* then it is not in there */
        epoll_ctl(set, EPOLL_CTL_DEL, fd, NULL);
    if (error == 0)
        return epoll_ctl(set, operation, fd, event);
    errno = error;
    return -1;
}

WRAP(int, timerfd_create, (clockid_t clock, int flags))
{
    return FAULT_CHECK(timerfd_create) != 0 ? -1 : timerfd_create(clock, flags);
}

WRAP(int, timerfd_settime,
     (int fd, int flags, const struct itimerspec *when, struct itimerspec *old))
{
    return FAULT_CHECK(timerfd_settime) != 0 ? -1 : timerfd_settime(fd, flags, when, old);
}

/* ==================================================
 * the process
 */

WRAP(int, sigaction, (int signum, const struct sigaction *action, struct sigaction *old))
{
    return FAULT_CHECK(sigaction) != 0 ? -1 : sigaction(signum, action, old);
}

WRAP(int, pthread_atfork, (void (*before)(void), void (*parent)(void), void (*child)(void)))
{
    const int error = FAULT_CHECK(pthread_atfork);

    return error != 0 ? error : pthread_atfork(before, parent, child);
}

WRAP(int, getentropy, (void *buffer, size_t size))
{
    return FAULT_CHECK(getentropy) != 0 ? -1 : getentropy(buffer, size);
}

void (*fault_exit)(int status);

/* A program under test comes back to its scenario. */
_Noreturn WRAP(void, exit, (int status))
{
    fault_exit(status);
    abort();
}

/* ==================================================
 * output
 */

WRAP(int, fputs, (const char *text, FILE *file))
{
    return FAULT_CHECK(fputs) != 0 ? EOF : fputs(text, file);
}

WRAP(int, fflush, (FILE * file))
{
    return FAULT_CHECK(fflush) != 0 ? EOF : fflush(file);
}
