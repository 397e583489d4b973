/*
 * exercise.h - what every exercise needs and none is about: a port of the loopback, which the system
 * chooses and the program names on its output, and a loop.
 */
#ifndef EXERCISE_H
#define EXERCISE_H

#include <asynchat.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A socket on the loopback, which does not block; or the end of the program. */
static inline int loopback_socket(int type)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof addr;
    const int sock = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (sock < 0 || bind(sock, (struct sockaddr *)&addr, sizeof addr) < 0 ||
        (type == SOCK_STREAM && listen(sock, SOMAXCONN) < 0) ||
        getsockname(sock, (struct sockaddr *)&addr, &size) < 0) {
        perror("no socket on the loopback");
        exit(1);
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("listening on port %d\n", ntohs(addr.sin_port));
    return sock;
}

/* Makes self the dispatcher of such a socket, and serves until the map is empty.  Returns the program's
 * exit status. */
static inline int serve(struct asyncore_dispatcher *self, const struct asyncore_class *cls,
                        int type)
{
    int rc = asyncore_init(self, cls, loopback_socket(type), NULL);

    if (rc == 0)
        rc = asyncore_loop(30, NULL, -1);
    if (rc < 0)
        fprintf(stderr, "loop: %s\n", strerror(-rc));
    return rc < 0 ? 1 : 0;
}

#endif
