/*
 * time_client.h - asks a Time server (RFC 868, TCP) for the time: one dispatcher, which connects,
 * collects four bytes however they come, and reports.
 */
#ifndef TIME_CLIENT_H
#define TIME_CLIENT_H

#include <asyncore.h>

#include <time.h>

struct time_client {
    struct asyncore_dispatcher base;
    struct asyncore_timer timeout;
    /* Called once, when the client has closed, as the last thing that is done with it: *self may be
     * freed, or used again, from here on.
     *   error    0; -ECANCELED if it was closed by asyncore_close(); -EPROTO if the server closed
     *            before it had sent four bytes (received says how many there were), -ETIMEDOUT,
     *            -ECONNREFUSED, or what else the connection failed with
     *   seconds  since 1900 modulo 2^32, if error is 0 */
    void (*done)(struct time_client *self, int error, uint32_t seconds);
    int error;
    unsigned char answer[4];
    size_t received; /* bytes of answer */
};

extern const struct asyncore_class time_client_class;

/* Begins to connect to the server at addr, in map, NULL being the default one.
 *   cls      time_client_class or a class whose super it is
 *   timeout  seconds until done is called with -ETIMEDOUT, from now on
 * The memory of *self is the caller's and must stay until done is called.  Returns 0, or what
 * socket or connect refused at once with: done is then not called, and self is closed. */
int time_client_init(struct time_client *self, const struct asyncore_class *cls,
                     const struct sockaddr *addr, socklen_t addrlen, double timeout,
                     void (*done)(struct time_client *self, int error, uint32_t seconds),
                     struct asyncore_map *map);

/* When the protocol's seconds were: of all times that they may stand for, 136 years apart, the one
 * nearest to now. */
time_t time_client_nearest(uint32_t seconds, time_t now);

#endif
