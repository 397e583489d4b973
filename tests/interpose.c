/* interpose.c - see interpose.h.  What is defined here is found before the C library's. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include "interpose.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#ifdef ASYNCORE__HAVE_EPOLL
#include <sys/epoll.h>
#endif

struct calls calls;

void forget_calls(void)
{
    memset(&calls, 0, sizeof calls);
}

static void find(const char *name, void *function)
{
    void *const symbol = dlsym(RTLD_NEXT, name);

    if (symbol == NULL)
        abort();
    memcpy(function, &symbol, sizeof symbol);
}

static bool wait_fails(void)
{
    calls.waits++;
    if (calls.fail_wait == 0)
        return false;
    errno = calls.fail_wait;
    calls.fail_wait = 0;
    return true;
}

/* ---- memory: the linker puts these in the place of the library's calls ---- */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static bool memory_fails(void)
{
    return calls.fail_malloc > 0 && --calls.fail_malloc == 0;
}

void *__wrap_malloc(size_t size)
{
    return memory_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return memory_fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return memory_fails() ? NULL : __real_realloc(old, size);
}

/* ---- system calls ---- */

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    int (*real)(struct pollfd *, nfds_t, int);

    find("poll", &real);
    return wait_fails() ? -1 : real(fds, count, timeout);
}

int select(int count, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout)
{
    int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *);

    find("select", &real);
    return wait_fails() ? -1 : real(count, r, w, x, timeout);
}

int fcntl(int fd, int command, ...)
{
    int (*real)(int, int, ...);
    va_list args;
    long arg;

    va_start(args, command);
    arg = va_arg(args, long);
    va_end(args);
    find("fcntl", &real);
    calls.fcntls++;
    return real(fd, command, arg);
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int (*real)(clockid_t, struct timespec *);
    int rc;

    find("clock_gettime", &real);
    rc = real(clock, now);
    if (clock == CLOCK_MONOTONIC && rc == 0)
        now->tv_sec += (time_t)calls.later;
    return rc;
}

#ifdef ASYNCORE__HAVE_EPOLL
int epoll_wait(int set, struct epoll_event *events, int count, int timeout)
{
    int (*real)(int, struct epoll_event *, int, int);

    find("epoll_wait", &real);
    return wait_fails() ? -1 : real(set, events, count, timeout);
}

int epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
    int (*real)(int, int, int, struct epoll_event *);

    find("epoll_ctl", &real);
    calls.controls++;
    if (calls.fail_count > 0 && calls.fail_operation == operation) {
        calls.fail_count--;
        errno = calls.fail_control;
        return -1;
    }
    return real(set, operation, fd, event);
}
#endif
