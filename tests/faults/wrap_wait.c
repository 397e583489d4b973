/*
 * wrap_wait.c - the waits and the clock.
 *
 * Nothing here takes time.  Before a wait blocks the world outside does its next step; when it has
 * nothing left to do and nothing becomes ready, the library's clock jumps to the end of the wait.
 * One that would never end is a failure of the test.
 */
#include "wrap.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <time.h>

/* What goes over the loopback may take a moment on a busy machine. */
enum { MOMENT = 1, LONG = 2000 }; /* milliseconds */

bool (*fault_world)(void);
static int64_t ahead; /* nanoseconds */

void fault_sleep(double seconds)
{
    ahead += (int64_t)(seconds * 1e9);
}

WRAP(int, clock_gettime, (clockid_t clock, struct timespec *now))
{
    int64_t nanoseconds;
    int rc;

    if (clock == CLOCK_REALTIME && FAULT_CHECK(CLOCK_REALTIME) != 0)
        return -1;
    rc = clock_gettime(clock, now);
    if (rc < 0 || clock != CLOCK_MONOTONIC)
        return rc;
    nanoseconds = now->tv_nsec + ahead;
    now->tv_sec += (time_t)(nanoseconds / 1000000000);
    now->tv_nsec = (long)(nanoseconds % 1000000000);
    return 0;
}

/* ==================================================
 * waiting, whatever for
 */

struct wait {
    int (*wait)(struct wait *self, int milliseconds);
    void *a, *b, *c;
    int x, y;
};

static double now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

static int do_wait(struct wait *self, double milliseconds)
{
    const double began = now();
    int n;

    fault_let_parent_go_on();
    while ((n = self->wait(self, 0)) == 0 && milliseconds != 0) {
        if (fault_world != NULL && fault_world()) {
            if (milliseconds > 0 && now() - began >= milliseconds)
                return 0; /* in the world's steps */
            continue;
        }
        n = self->wait(self, milliseconds < 0 ? LONG : MOMENT);
        if (n == 0 && milliseconds < 0)
            fault_fail("the loop sleeps for ever");
        if (n == 0)
            fault_sleep(milliseconds / 1000);
        return n;
    }
    return n;
}

/* One that comes back short comes back with nothing. */
static int fails(int error)
{
    return error == FAULT_SHORT ? 0 : -1;
}

static int wait_poll(struct wait *self, int milliseconds)
{
    return poll(self->a, (nfds_t)self->x, milliseconds);
}

WRAP(int, poll, (struct pollfd * fds, nfds_t count, int timeout))
{
    struct wait wait = {.wait = wait_poll, .a = fds, .x = (int)count};
    const int error = FAULT_CHECK(poll);

    for (nfds_t i = 0; error != 0 && i < count; i++)
        fds[i].revents = 0;
    return error != 0 ? fails(error) : do_wait(&wait, timeout);
}

static int wait_epoll(struct wait *self, int milliseconds)
{
    return epoll_wait(self->x, self->a, self->y, milliseconds);
}

WRAP(int, epoll_wait, (int set, struct epoll_event *events, int count, int timeout))
{
    struct wait wait = {.wait = wait_epoll, .a = events, .x = set, .y = count};
    const int error = FAULT_CHECK(epoll_wait);

    return error != 0 ? fails(error) : do_wait(&wait, timeout);
}

/* The sets are what is asked for and the answer in one. */
static int wait_select(struct wait *self, int milliseconds)
{
    fd_set asked[3], *sets[3] = {self->a, self->b, self->c};
    struct timeval timeout = {milliseconds / 1000, milliseconds % 1000 * 1000};
    const size_t size = (size_t)(self->x + 7) / 8;
    int n;

    if (self->x > FD_SETSIZE)
        fault_fail("select() with %d descriptors", self->x);
    for (int i = 0; i < 3 && size > 0; i++)
        memcpy(&asked[i], sets[i], size);
    n = select(self->x, &asked[0], &asked[1], &asked[2], &timeout);
    for (int i = 0; i < 3 && size > 0 && n != 0; i++)
        memcpy(sets[i], &asked[i], size);
    return n;
}

static void forget(fd_set *set, int count)
{
    if (count > 0)
        memset(set, 0, (size_t)(count + 7) / 8);
}

WRAP(int, select, (int count, fd_set *r, fd_set *w, fd_set *x, struct timeval *timeout))
{
    struct wait wait = {.wait = wait_select, .a = r, .b = w, .c = x, .x = count};
    const int error = FAULT_CHECK(select);
    int n = -1;

    if (error == 0)
        n = do_wait(&wait, timeout == NULL
                               ? -1
                               : (double)timeout->tv_sec * 1000 + (double)timeout->tv_usec / 1000);
    else
        n = fails(error);
    if (n == 0) {
        forget(r, count);
        forget(w, count);
        forget(x, count);
    }
    return n;
}
