/*
 * interpose.h - between the library and the system: a test program that is linked with interpose.c
 * counts the library's system calls, makes them fail, and sets its clock forward.
 */
#ifndef INTERPOSE_H
#define INTERPOSE_H

extern struct calls {
    int waits;    /* select, poll, epoll_wait */
    int controls; /* epoll_ctl */
    int fcntls;

    int fail_wait;                    /* the next wait fails with this errno, if not 0 */
    int fail_operation, fail_control; /* the next epoll_ctl with this operation, with this errno, */
    int fail_count;                   /* so many times */

    int fail_malloc; /* the n-th malloc, calloc or realloc from now on fails; 0: none */

    double later; /* seconds that the monotonic clock is ahead */
} calls;

void forget_calls(void);

#endif
