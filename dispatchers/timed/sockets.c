/* sockets.c - where timed's sockets come from, see sockets.h. */
#include "sockets.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

int timed_port_of(int fd)
{
    struct sockaddr_storage addr;
    socklen_t addrlen = sizeof addr;

    if (getsockname(fd, (struct sockaddr *)&addr, &addrlen) < 0)
        return -1;
    switch (addr.ss_family) {
    case AF_INET:
        return ntohs(((struct sockaddr_in *)&addr)->sin_port);
    case AF_INET6:
        return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
    default:
        return -1;
    }
}

void timed_sockets_close(struct timed_sockets *sockets)
{
    while (sockets->count > 0)
        close(sockets->list[--sockets->count].fd);
}

int timed_sockets_open(struct timed_sockets *sockets, const struct timed_options *options,
                       char *message, size_t size)
{
    int status;

    if (options->inetd)
        return timed_inherit_inetd(sockets, message, size);
    status = timed_inherit(sockets, message, size);
    if (status != 0 || sockets->count > 0)
        return status;
    return timed_listen(sockets, options, message, size);
}
