/*
 * virtual_time.h - the clock and the waits of everything that is linked with it, by ld --wrap: nothing
 * takes time, and a wait in which nothing becomes ready sets the clock to its end.
 */
#ifndef VIRTUAL_TIME_H
#define VIRTUAL_TIME_H

#include <stdint.h>

#define SECOND INT64_C(1000000000)

extern int64_t virtual_now; /* nanoseconds */

/* Called before each wait of select(), poll() and epoll_wait(), which lasts so many nanoseconds; below
 * 0 for ever.  NULL: nobody. */
extern void (*virtual_wait)(int64_t timeout);

struct pollfd;
/* The real one, which waits in earnest. */
int real_poll(struct pollfd *fds, unsigned long count, int milliseconds);

#endif
