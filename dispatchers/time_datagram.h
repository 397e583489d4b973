/*
 * time_datagram.h - the Time protocol (RFC 868) over UDP, in one dispatcher: it answers what clients
 * send with four bytes, from the address that they asked.
 *
 * Nothing that it answers can start a loop with another service, whoever forged the first datagram:
 * neither with itself, nor with another Time server, nor with echo, daytime or chargen.
 */
#ifndef TIME_DATAGRAM_H
#define TIME_DATAGRAM_H

#include "time_service.h"

#include <asyncore.h>

struct time_datagram {
    struct asyncore_dispatcher base;
    struct time_service service;
    /* Answer ports that services have too; may be set once it is made.  For closed networks with
     * clients that ask from such ports. */
    bool any_port;
    bool everywhere; /* on all addresses of the machine: each datagram says to which it came */
    bool one_by_one; /* the system does not let it receive several at once */
    uint16_t port;   /* its own */
};

extern const struct asyncore_class time_datagram_class;

/* On addr (IPv4 or IPv6; IPv6 sockets take IPv6 alone) in map, NULL being the default one.
 *   cls  time_datagram_class or a class whose super it is.
 * The memory of *self is the caller's and must stay until it is closed.  Returns 0, or what socket,
 * setsockopt or bind failed with; self is then closed, and a destroy() that cls may have follows. */
int time_datagram_init(struct time_datagram *self, const struct asyncore_class *cls,
                       const struct sockaddr *addr, socklen_t addrlen, struct asyncore_map *map);

/* The same with a UDP socket that is bound.  It is the dispatcher's from here on, also when this call
 * fails.  Returns 0, or what asyncore_init(), getsockname or setsockopt failed with. */
int time_datagram_init_socket(struct time_datagram *self, const struct asyncore_class *cls, int fd,
                              struct asyncore_map *map);

#endif
