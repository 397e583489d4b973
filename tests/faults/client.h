/* client.h - a dispatcher that says what becomes of it. */
#ifndef CLIENT_H
#define CLIENT_H

#include "peer.h"

struct client {
    struct asyncore_dispatcher_with_send base;
    struct sockaddr_in peer; /* where client_connect() connects to */
    bool connected, closed, timed_out;
    int error; /* handle_error's */
    char received[64];
    size_t length;
};

/* Asks to read always, and to write until it is connected or while it has something to send.  It is
 * for clients that connect, and for both ends of other things. */
extern const struct asyncore_class client_class;

/* A client, made to connect to its peer by TCP; returns what failed, and is closed then.  What it
 * was before must be over. */
int client_connect(struct client *self);

#endif
