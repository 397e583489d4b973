/*
 * time_service.h - what a Time server (RFC 868) does whatever the transport: the time, who may ask for
 * it, and what became of the requests.
 */
#ifndef TIME_SERVICE_H
#define TIME_SERVICE_H

#include <asyncore.h>

#include <time.h>

/* From 1900-01-01, where the protocol's seconds begin, to 1970-01-01. */
#define TIME1970 2208988800U

/* The protocol's 32 bits for a clock's time: seconds since 1900 modulo 2^32, so that
 * 2036-02-07 06:28:16 UTC is 0; big-endian. */
void time_service_bytes(time_t now, unsigned char bytes[4]);

/* How many clients may wait to be accepted; the system cuts it down to what it lets.  SOMAXCONN is 128
 * in some C libraries, whatever the system is. */
enum { TIME_BACKLOG = 4096 };

/* What became of a request.  The last four are of datagrams alone, and stand in the order in which
 * they are looked for, before the limit. */
enum time_outcome {
    TIME_ANSWERED,
    TIME_LATER,       /* the answer did not go out at once; a time_channel sees to it */
    TIME_UNSENT,      /* the answer could not be sent: the client is gone, or the network */
    TIME_UNKNOWN,     /* the clock did not know the time: no answer, as the RFC asks */
    TIME_LIMITED,     /* this source asks too often */
    TIME_SOURCE_PORT, /* from a port that services have, not clients */
    TIME_NOT_UNICAST, /* to many, or from no single host */
    TIME_TOO_LONG,    /* no client sends so much */
    TIME_IS_ANSWER,   /* itself the answer of a Time server */
    TIME_OUTCOMES
};

/* A word for it, as "answered" or "not-unicast". */
const char *time_outcome_name(enum time_outcome outcome);

struct rate_limit;

/* In each server; the first three may be set once it is made. */
struct time_service {
    /* Where the time comes from: writes *now and returns 0, or returns -1 if the time is not known.
     * At first the system's real-time clock. */
    int (*clock)(struct timespec *now);
    /* How often each source may ask; may be the same for several servers.  At first NULL: as it
     * likes. */
    struct rate_limit *limit;
    /* Called after each request from addr, which is valid during the call.  It may close the server.
     * At first NULL. */
    void (*heard)(struct time_service *self, const struct sockaddr *addr, socklen_t addrlen,
                  enum time_outcome outcome);
    uint64_t counts[TIME_OUTCOMES];
};

void time_service_init(struct time_service *self);

/* Opens a socket of this type, SOCK_STREAM or SOCK_DGRAM, for the dispatcher, and binds it to addr; IPv6
 * takes IPv6 alone.  Returns 0 or a negative errno. */
int time_service_bind(struct asyncore_dispatcher *self, int type, const struct sockaddr *addr,
                      socklen_t addrlen);

/* Is this source within its limit? */
bool time_service_admits(struct time_service *self, const struct sockaddr *addr);

/* Counts the request, and calls heard. */
void time_service_note(struct time_service *self, const struct sockaddr *addr, socklen_t addrlen,
                       enum time_outcome outcome);

#endif
