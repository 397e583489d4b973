/* listen.c - addresses, and sockets bound to them, see sockets.h. */
#include "sockets.h"

#include "command.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the operator can do about it. */
static const char *advice(int error)
{
    switch (error) {
    case EACCES:
        return " (ports below 1024 need CAP_NET_BIND_SERVICE; try --port 8037)";
    case EADDRINUSE:
        return " (another server has this port: stop it, or try another --port)";
    case EADDRNOTAVAIL:
        return " (no interface of this machine has this address; 'ip address' lists those it has)";
    default:
        return "";
    }
}

/* Returns 0, or the exit status. */
static int lookup(const char *address, int port, struct addrinfo **list, char *message, size_t size)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
        .ai_socktype = SOCK_STREAM,
    };
    char service[16];
    int rc;

    snprintf(service, sizeof service, "%d", port);
    rc = getaddrinfo(address, service, &hints, list);
    if (rc == 0)
        return 0;
    if (rc == EAI_MEMORY || rc == EAI_AGAIN || rc == EAI_SYSTEM) {
        snprintf(message, size, "address %s: %s", address,
                 rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
        return EXIT_FAILURE;
    }
    snprintf(message, size, "bad address '%s': want an IPv4 or IPv6 address, as 127.0.0.1 or ::1",
             address);
    return COMMAND_USAGE;
}

/* ==================================================
 * one socket
 */

static int prepare(int fd, const struct addrinfo *info)
{
    const int on = 1;

    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    if (info->ai_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return -1;
    if (bind(fd, info->ai_addr, info->ai_addrlen) < 0)
        return -1;
    return listen(fd, SOMAXCONN);
}

static int port_of(int fd)
{
    struct sockaddr_storage addr;
    socklen_t addrlen = sizeof addr;

    if (getsockname(fd, (struct sockaddr *)&addr, &addrlen) < 0)
        return -1;
    return ntohs(addr.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&addr)->sin6_port
                                            : ((struct sockaddr_in *)&addr)->sin_port);
}

/* Returns 0 or a negative errno. */
static int open_socket(struct timed_sockets *sockets, const struct addrinfo *info)
{
    const int fd = socket(info->ai_family, info->ai_socktype, 0);
    int error;

    if (fd >= 0 && prepare(fd, info) == 0 && (sockets->port = port_of(fd)) >= 0) {
        sockets->list[sockets->count++] = (struct timed_socket){fd, info->ai_socktype};
        return 0;
    }
    error = errno;
    if (fd >= 0)
        close(fd);
    return -error;
}

/* ==================================================
 * all of them
 */

void timed_sockets_close(struct timed_sockets *sockets)
{
    while (sockets->count > 0) {
        const int fd = sockets->list[--sockets->count].fd;

        if (fd >= 0)
            close(fd);
    }
}

/* All addresses get the same port, also when the system chooses it. */
int timed_listen(struct timed_sockets *sockets, const struct timed_options *options, char *message,
                 size_t size)
{
    static const struct timed_list any = {{"0.0.0.0", "::"}, 2};
    const bool by_default = options->addresses.count == 0;
    const struct timed_list *addresses = by_default ? &any : &options->addresses;

    sockets->count = 0;
    sockets->port = (int)options->port;
    for (size_t i = 0; i < addresses->count; i++) {
        const char *address = addresses->items[i];
        struct addrinfo *info;
        int rc = lookup(address, sockets->port, &info, message, size);

        if (rc != 0) {
            timed_sockets_close(sockets);
            return rc;
        }
        rc = open_socket(sockets, info);
        freeaddrinfo(info);
        /* A machine may be without IPv6, or have it switched off. */
        if (rc == 0 || (by_default && i > 0 && (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL)))
            continue;
        snprintf(message, size,
                 strchr(address, ':') != NULL ? "bind [%s]:%d: %s%s" : "bind %s:%d: %s%s", address,
                 sockets->port, strerror(-rc), advice(-rc));
        timed_sockets_close(sockets);
        return EXIT_FAILURE;
    }
    return 0;
}
