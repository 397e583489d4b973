/* sockets.h - the sockets that timed serves, before dispatchers are made of them. */
#ifndef TIMED_SOCKETS_H
#define TIMED_SOCKETS_H

#include "options.h"

struct timed_socket {
    int fd;   /* -1: it is a dispatcher's */
    int type; /* SOCK_STREAM, which listens, or SOCK_DGRAM */
};

enum { TIMED_SOCKETS = 4 * TIMED_LIST };

struct timed_sockets {
    struct timed_socket list[TIMED_SOCKETS];
    size_t count;
    int port; /* of all of them */
};

/* listen.c: opens and binds what the options ask for.  Returns 0; or the exit status, with message
 * saying what was refused: then none is left open. */
int timed_listen(struct timed_sockets *sockets, const struct timed_options *options, char *message,
                 size_t size);

/* Closes those that are no dispatcher's. */
void timed_sockets_close(struct timed_sockets *sockets);

#endif
