/* virtual_time.c - see virtual_time.h. */
#include "virtual_time.h"

#include "fuzz.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>

int64_t virtual_now;
void (*virtual_wait)(int64_t timeout);

#define WRAP(result, name, parameters)                                                             \
    result __real_##name parameters;                                                               \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters

WRAP(int, clock_gettime, (clockid_t clock, struct timespec *now))
{
    if (clock != CLOCK_MONOTONIC)
        return __real_clock_gettime(clock, now);
    now->tv_sec = (time_t)(virtual_now / SECOND);
    now->tv_nsec = (long)(virtual_now % SECOND);
    return 0;
}

static void begin_wait(int64_t timeout)
{
    if (virtual_wait != NULL)
        virtual_wait(timeout);
}

/* Nothing was ready.  Nobody else would ever make it so. */
static void end_wait(int64_t timeout)
{
    if (timeout < 0)
        fuzz_fail("the loop sleeps for ever");
    virtual_now += timeout;
}

static int64_t nanoseconds(int milliseconds)
{
    return milliseconds < 0 ? -1 : milliseconds * (SECOND / 1000);
}

WRAP(int, poll, (struct pollfd * fds, nfds_t count, int timeout))
{
    int n;

    begin_wait(nanoseconds(timeout));
    n = __real_poll(fds, count, 0);
    if (n == 0)
        end_wait(nanoseconds(timeout));
    return n;
}

int real_poll(struct pollfd *fds, unsigned long count, int milliseconds)
{
    return __real_poll(fds, count, milliseconds);
}

WRAP(int, epoll_wait, (int set, struct epoll_event *events, int count, int timeout))
{
    int n;

    begin_wait(nanoseconds(timeout));
    n = __real_epoll_wait(set, events, count, 0);
    if (n == 0)
        end_wait(nanoseconds(timeout));
    return n;
}

WRAP(int, select, (int count, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout))
{
    const int64_t wait = timeout == NULL ? -1 : timeout->tv_sec * SECOND + timeout->tv_usec * 1000;
    struct timeval at_once = {0};
    int n;

    begin_wait(wait);
    n = __real_select(count, r, w, x, &at_once);
    if (n == 0)
        end_wait(wait);
    return n;
}
