/*
 * interpose.h - between the library and the system: a test program that is linked with interpose.c
 * counts the library's system calls, makes them fail, and sets its clock forward, or stops it.
 * What succeeds leaves garbage in errno, which says nothing then.
 */
#ifndef INTERPOSE_H
#define INTERPOSE_H

#include <stdint.h>

extern struct calls {
    int waits;    /* select, poll, epoll_wait */
    int controls; /* epoll_ctl */
    int controls_refused;
    int fcntls;
    int alarms; /* timerfd_settime */
    int timers; /* timerfd_create */

    void (*before_wait)(void);        /* the last that happens before the next wait */
    int fail_wait;                    /* the next wait fails with this errno, if not 0 */
    int fail_operation, fail_control; /* the next epoll_ctl with this operation, with this errno, */
    int fail_count;                   /* so many times */

    int fail_timer; /* each timerfd_create fails with this errno, if not 0 */

    int fail_malloc; /* the n-th malloc, calloc, realloc or aligned_alloc from now on fails; 0: none */

    int accepts;         /* accept4 */
    int accept_nameless; /* so many accept4()s give no address */

    double later; /* seconds that the monotonic clock is ahead */
    /* Nanoseconds: if not 0, this is what the monotonic clock says.  It stands still but in a wait
     * that finds nothing, where it goes forward as far as the wait would have lasted. */
    int64_t clock;
    int64_t clock_step; /* seconds by which somebody has set the real-time clock forward */
} calls;

void forget_calls(void);

#endif
