/* interpose.c - see interpose.h.  What is defined here is found before the C library's. */
#define _GNU_SOURCE    /* RTLD_NEXT */
#undef _FORTIFY_SOURCE /* with which the headers define some of these as well */
#include "interpose.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#ifdef ASYNCORE__HAVE_EPOLL
#include <sys/epoll.h>
#include <sys/timerfd.h>
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

/* Where glibc has times of 64 bits beside those of 32, these are the functions that the headers mean. */
#if defined(__TIMESIZE) && __TIMESIZE == 32
#define SELECT "__select64"
#define FCNTL "__fcntl_time64"
#define CLOCK_GETTIME "__clock_gettime64"
#define TIMERFD_SETTIME "__timerfd_settime64"
#else
#define SELECT "select"
#define FCNTL "fcntl"
#define CLOCK_GETTIME "clock_gettime"
#define TIMERFD_SETTIME "timerfd_settime"
#endif

/* errno after a call that has succeeded is anything. */
static int garbled(int rc)
{
    if (rc >= 0)
        errno = EDOM;
    return rc;
}

static bool wait_fails(void)
{
    void (*before_wait)(void) = calls.before_wait;

    calls.waits++;
    calls.before_wait = NULL;
    if (before_wait != NULL)
        before_wait();
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
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

static bool memory_fails(void)
{
    return calls.fail_malloc > 0 && --calls.fail_malloc == 0;
}

static void *garbled_memory(void *memory)
{
    garbled(memory != NULL ? 0 : -1);
    return memory;
}

void *__wrap_malloc(size_t size)
{
    return memory_fails() ? NULL : garbled_memory(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return memory_fails() ? NULL : garbled_memory(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    return memory_fails() ? NULL : garbled_memory(__real_realloc(old, size));
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return memory_fails() ? NULL : garbled_memory(__real_aligned_alloc(alignment, size));
}

/* ---- waits ---- */

/* The clock that stands still: nothing was ready, so it goes to the end of the wait. */
static void pass_time(int64_t nanoseconds)
{
    if (nanoseconds < 0) { /* nobody would ever end it */
        fprintf(stderr, "interpose: a wait without end\n");
        abort();
    }
    calls.clock += nanoseconds;
}

static int wait_over(int n, int64_t nanoseconds)
{
    if (n == 0 && calls.clock != 0)
        pass_time(nanoseconds);
    return garbled(n);
}

static int64_t of_milliseconds(int timeout)
{
    return timeout < 0 ? -1 : (int64_t)timeout * 1000000;
}

int poll(struct pollfd *fds, nfds_t count, int timeout)
{
    int (*real)(struct pollfd *, nfds_t, int);

    find("poll", &real);
    if (wait_fails())
        return -1;
    return wait_over(real(fds, count, calls.clock != 0 ? 0 : timeout), of_milliseconds(timeout));
}

int select(int count, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout)
{
    int (*real)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
    struct timeval at_once = {0};
    int64_t nanoseconds = -1;

    find(SELECT, &real);
    if (wait_fails())
        return -1;
    if (timeout != NULL)
        nanoseconds = (int64_t)timeout->tv_sec * 1000000000 + (int64_t)timeout->tv_usec * 1000;
    return wait_over(real(count, r, w, x, calls.clock != 0 ? &at_once : timeout), nanoseconds);
}

#ifdef ASYNCORE__HAVE_EPOLL
/* The kernel's timer does not know of a clock that is set forward or stands still. */
static struct {
    int fd;
    int64_t at; /* by our clock; 0: it is not set */
} alarm_clock;

static int64_t now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int timerfd_create(clockid_t clock, int flags)
{
    int (*real)(clockid_t, int);

    find("timerfd_create", &real);
    calls.timers++;
    errno = calls.fail_timer;
    return calls.fail_timer != 0 ? -1 : garbled(real(clock, flags));
}

static int set_timer(int fd, const struct itimerspec *when)
{
    int (*real)(int, int, const struct itimerspec *, struct itimerspec *);

    find(TIMERFD_SETTIME, &real);
    return real(fd, 0, when, NULL);
}

int timerfd_settime(int fd, int flags, const struct itimerspec *when, struct itimerspec *old)
{
    const int rc = set_timer(fd, when);

    (void)flags;
    (void)old;
    calls.alarms++;
    alarm_clock.fd = fd;
    alarm_clock.at = rc < 0 ? 0 : now() + when->it_value.tv_sec * INT64_C(1000000000);
    return garbled(rc);
}

static void ring_if_due(void)
{
    const struct itimerspec at_once = {.it_value.tv_nsec = 1};

    if (alarm_clock.at == 0 || alarm_clock.at > now())
        return;
    alarm_clock.at = 0;
    set_timer(alarm_clock.fd, &at_once);
}

/* What is found when the clock that stands still has gone forward to the alarm. */
static int wait_for_alarm(int (*real)(int, struct epoll_event *, int, int), int set,
                          struct epoll_event *events, int count, int64_t nanoseconds)
{
    if (alarm_clock.at == 0 || (nanoseconds >= 0 && alarm_clock.at > calls.clock + nanoseconds))
        return 0;
    calls.clock = alarm_clock.at;
    ring_if_due();
    return real(set, events, count, -1);
}

int epoll_wait(int set, struct epoll_event *events, int count, int timeout)
{
    int (*real)(int, struct epoll_event *, int, int);
    int n;

    find("epoll_wait", &real);
    if (wait_fails())
        return -1;
    ring_if_due();
    n = real(set, events, count, calls.clock != 0 ? 0 : timeout);
    if (n == 0 && calls.clock != 0)
        n = wait_for_alarm(real, set, events, count, of_milliseconds(timeout));
    return wait_over(n, of_milliseconds(timeout));
}
#endif

/* ---- other system calls ---- */

int fcntl(int fd, int command, ...)
{
    int (*real)(int, int, ...);
    va_list args;
    long arg;

    va_start(args, command);
    arg = va_arg(args, long);
    va_end(args);
    find(FCNTL, &real);
    calls.fcntls++;
    return garbled(real(fd, command, arg));
}

int close(int fd)
{
    int (*real)(int);

    find("close", &real);
    return garbled(real(fd));
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int (*real)(clockid_t, struct timespec *);
    int rc;

    find(CLOCK_GETTIME, &real);
    rc = real(clock, now);
    if (clock == CLOCK_REALTIME)
        now->tv_sec += (time_t)calls.clock_step;
    if (clock == CLOCK_MONOTONIC && calls.clock != 0) {
        now->tv_sec = (time_t)(calls.clock / 1000000000);
        now->tv_nsec = (long)(calls.clock % 1000000000);
    }
    if (clock == CLOCK_MONOTONIC)
        now->tv_sec += (time_t)calls.later;
    return garbled(rc);
}

/* The linker's too: a sockaddr is a union of its own in glibc's declaration. */
int __real_accept4(int fd, struct sockaddr *addr, socklen_t *addrlen, int flags);
int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *addrlen, int flags);

int __wrap_accept4(int fd, struct sockaddr *addr, socklen_t *addrlen, int flags)
{
    const int rc = __real_accept4(fd, addr, addrlen, flags);

    calls.accepts++;
    if (rc >= 0 && calls.accept_nameless > 0) {
        calls.accept_nameless--;
        *addrlen = 0;
    }
    return garbled(rc);
}

#ifdef ASYNCORE__HAVE_EPOLL
int epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
    int (*real)(int, int, int, struct epoll_event *);
    int rc;

    find("epoll_ctl", &real);
    calls.controls++;
    if (calls.fail_count > 0 && calls.fail_operation == operation) {
        calls.fail_count--;
        errno = calls.fail_control;
        rc = -1;
    } else {
        rc = real(set, operation, fd, event);
    }
    calls.controls_refused += rc < 0;
    return garbled(rc);
}
#endif
