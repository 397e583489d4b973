/* datagrams.h - what the suites of time_datagram share: the server, its clients, and what the system is
 * made to say to it, by wrapping its calls (tests/meson.build). */
#ifndef DATAGRAMS_H
#define DATAGRAMS_H

#include "support.h"

#include "time_datagram.h"

/* ---- the server, on a port that the system chose ---- */

extern struct time_datagram server;
extern struct sockaddr_storage server_addr;
extern socklen_t server_addrlen;
extern time_t clock_shows; /* 2040-01-01 at first */

void serve_on(in_addr_t address); /* in host order */
void serve_as_it_is(void);        /* that it was made otherwise */
in_port_t own_port(void);         /* the server's, in network order */

/* ---- its clients ---- */

/* A socket that is bound to this address and port, 0 being any, and hears the one it asks alone; -1 if
 * the port is root's. */
int client_at(in_addr_t from, in_port_t port, in_addr_t to);
int client(void); /* on 127.0.0.1 */

void send_datagram(int fd, const void *data, size_t size);
/* What has been sent comes to this; and an answer, if any, says that it is 2040. */
void assert_outcome(int fd, enum time_outcome outcome);
void assert_ask(int fd, const void *data, size_t size, enum time_outcome outcome);

/* ---- what the system says ---- */

extern int send_error, receive_error;        /* 0: none; the second is said once */
extern const struct sockaddr *forged_source; /* of what is received; NULL: as it is */
extern const struct in6_pktinfo *forged_destination;
extern struct in6_pktinfo *answered_from; /* gets what goes with an answer */

#endif
