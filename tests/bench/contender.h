/*
 * contender.h - what the benchmark asks of a contender, which is an event loop: one file each, so
 * that they can be read side by side.  Each does the same work with the same system calls; what
 * differs is how it comes to know what is ready, and how it calls who waits for that.
 */
#ifndef CONTENDER_H
#define CONTENDER_H

#include <stdbool.h>
#include <stddef.h>

/* A slot left NULL is work that this contender does not do. */
struct contender {
    /* Makes the loop ready, on the poller of this name (NULL: the one it has or likes best).
     * False if it has no such poller. */
    bool (*open)(const char *poller);

    void (*about)(void); /* prints its version, and the bytes of what its users keep, in one line */

    /* Servers, on a listener that does not block.  They serve until a signal ends the program.
     * The listener is accepted from until nobody waits.  A connection is read once when it is
     * ready and what came is sent back at once; what its peer does not take is kept, and the peer
     * not read, until it can be written. */
    void (*echo)(int listener);
    void (*echo_buffered)(int listener);  /* by what the loop's library has for buffered output */
    void (*time)(int listener);           /* RFC 868: accept, send four bytes, close */
    void (*time_more)(int listener);      /* the four bytes and the end in one segment */
    void (*time_more_read)(int listener); /* ... after a look at what the client has sent */
    void (*time_more_shut)(int listener); /* ... shut in as timed is */
    /* The same of datagrams, on a socket that blocks, and on one that does not. */
    void (*time_udp)(int socket);
    void (*time_udp_epoll)(int socket);

    /* The chain of pipes.  Calls chain_step(i) when fds[i] can be read. */
    void (*chain_open)(const int *fds, size_t count);
    void (*chain_pass)(void); /* waits for events, and serves those that there are */

    /* Timers, numbered from 0.  timer_pass calls timer_fired() for those that are due, and does not
     * wait for others. */
    void (*timers_open)(size_t count);
    void (*timer_add)(size_t timer, double seconds);
    void (*timer_cancel)(size_t timer);
    void (*timer_pass)(void);
};

extern const struct contender contender;

enum { NOT_HERE = 77 }; /* the exit status for work that this contender does not do */

/* Says what failed, with errno's meaning, and ends the program; gives result if it is not below
 * 0. */
int must(int result, const char *call);
void *allocate(size_t count, size_t size); /* zeroed, or the end */

int accept_one(int listener); /* a connection that does not block; -1 when nobody waits */

/* ---- chain.c ---- */

/* The pipe can be read: takes a byte from it, and puts one in the next while writes are left. */
void chain_step(size_t pipe);
int chain_measure(size_t count, size_t active, size_t writes);

/* ---- timers.c ---- */

void timer_fired(void);
int timers_measure(size_t count);

#endif
