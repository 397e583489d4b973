/* sockets.h - the sockets that timed serves, before dispatchers are made of them. */
#ifndef TIMED_SOCKETS_H
#define TIMED_SOCKETS_H

#include "options.h"

struct timed_socket {
    int fd;
    int type; /* SOCK_STREAM, which listens, or SOCK_DGRAM */
};

enum { TIMED_SOCKETS = 4 * TIMED_LIST };

struct timed_sockets {
    struct timed_socket list[TIMED_SOCKETS];
    size_t count;
    int port;    /* of the first */
    int chosen;  /* by the system, for all that do not say which; 0: none */
    bool shared; /* others may be opened on the same addresses, for the system to divide clients */
};

/* All that open sockets return 0; or the exit status, with message saying what was refused: then none
 * is left open, but those that came from elsewhere. */

/* Those that the options ask for, from wherever. */
int timed_sockets_open(struct timed_sockets *sockets, const struct timed_options *options,
                       char *message, size_t size);

/* listen.c: opens and binds what the options ask for. */
int timed_listen(struct timed_sockets *sockets, const struct timed_options *options, char *message,
                 size_t size);

/* listen.c: others on the addresses of first, which are shared. */
int timed_listen_beside(struct timed_sockets *sockets, const struct timed_sockets *first,
                        char *message, size_t size);

/* inherit.c: those that a service manager has opened, systemd's LISTEN_FDS, LISTEN_PID and
 * LISTEN_FDNAMES, which are unset; there may be none. */
int timed_inherit(struct timed_sockets *sockets, char *message, size_t size);

/* inherit.c: the one that inetd has put in the place of the standard streams, where /dev/null is
 * afterwards. */
int timed_inherit_inetd(struct timed_sockets *sockets, char *message, size_t size);

void timed_sockets_close(struct timed_sockets *sockets);

/* The port that fd is bound to; -1 if the system does not say, or it has none. */
int timed_port_of(int fd);

#endif
