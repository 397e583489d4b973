/* peer.h - what the scenarios share: the other side of a connection, and the loop. */
#ifndef PEER_H
#define PEER_H

#include "sweep.h"

#include <asyncore.h>
#include <stddef.h>

/* One pass, of a second at most. */
void pass(void);
/* Passes until done() says that it is. */
void pass_until(bool (*done)(void));

/* 127.0.0.1, and a port that the system chooses. */
struct sockaddr_in loopback(void);
/* Where nobody listens, nor will while this descriptor is open: it has the port. */
int nowhere(struct sockaddr_in *addr);
/* Where this listener, which lives and is watched, can be reached. */
struct sockaddr_in address_of(struct asyncore_dispatcher *listener);

/* Makes self a listener on the loopback; returns what failed, and it is closed then. */
int listen_with(struct asyncore_dispatcher *self, const struct asyncore_class *cls);
/* A listener that is no dispatcher. */
int peer_listen(struct sockaddr_in *addr);
/* The same for datagrams. */
int peer_bind(struct sockaddr_in *addr);
/* A connection to it, non-blocking. */
int peer_connect(const struct sockaddr_in *addr);

/* A client that connects, sends the question, and waits for the answer, of size bytes; the loop runs
 * meanwhile.  If it is not answered another one comes, which must be.  The listener must have
 * survived. */
void ask(struct asyncore_dispatcher *listener, const char *question, const void *answer,
         size_t size);
/* The same; any answer of that size will do. */
void ask_size(struct asyncore_dispatcher *listener, const char *question, size_t size);

/* Handlers that say what they were told. */
int note_handle_error(struct asyncore_dispatcher *self, int error); /* and closes */
int note_handle_close(struct asyncore_dispatcher *self);            /* and closes */

#endif
