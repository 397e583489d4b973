/*
 * time_client.h - asks a Time server (RFC 868) for the time, with one dispatcher: over TCP it
 * connects and collects four bytes however they come, over UDP it asks, and asks again.
 */
#ifndef TIME_CLIENT_H
#define TIME_CLIENT_H

#include <asyncore.h>

#include <time.h>

/* Datagrams are lost: so many questions, in equal steps of the timeout, at most. */
#define TIME_CLIENT_QUESTIONS 3

struct time_client {
    struct asyncore_dispatcher base;
    struct asyncore_timer timeout, again;
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
    /* Over UDP */
    unsigned questions; /* sent so far */
    unsigned others;    /* datagrams from the server that were of another size, and left aside */
    /* When the question was asked (CLOCK_MONOTONIC; over UDP the first of them), and for done, if
     * error is 0: when the answer came, and how many seconds it had taken. */
    struct timespec asked_at, answered_at;
    double round_trip;
};

extern const struct asyncore_class time_client_class;     /* over TCP */
extern const struct asyncore_class time_client_udp_class; /* over UDP */

/* Begins to connect to the server at addr, in map, NULL being the default one.
 *   cls      time_client_class or a class whose super it is
 *   timeout  seconds until done is called with -ETIMEDOUT, from now on
 * The memory of *self is the caller's and must stay until done is called.  Returns 0, or what
 * socket or connect refused at once with: done is then not called, and self is closed. */
int time_client_init(struct time_client *self, const struct asyncore_class *cls,
                     const struct sockaddr *addr, socklen_t addrlen, double timeout,
                     void (*done)(struct time_client *self, int error, uint32_t seconds),
                     struct asyncore_map *map);

/* The same over UDP: sends an empty datagram.  Only what comes from addr can be an answer, and only
 * if it is of four bytes.  cls is time_client_udp_class or a class whose super it is; returns as
 * above, or what the first datagram could not be sent for. */
int time_client_udp_init(struct time_client *self, const struct asyncore_class *cls,
                         const struct sockaddr *addr, socklen_t addrlen, double timeout,
                         void (*done)(struct time_client *self, int error, uint32_t seconds),
                         struct asyncore_map *map);

/* When the protocol's seconds were: of all times that they may stand for, 136 years apart, the one
 * nearest to now. */
time_t time_client_nearest(uint32_t seconds, time_t now);

/* What is to be added to a clock, in seconds: at least low, at most high. */
struct time_offset {
    double low, high;
};

/* What an answer says of the local clock.  The server's clock showed these whole seconds at some
 * moment of the round trip; so what is known is a second and the round trip wide. */
struct time_offset time_client_offset(uint32_t seconds, const struct timespec *answered_at,
                                      double round_trip);

#endif
