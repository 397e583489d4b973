/* listen.c - addresses, and sockets bound to them, see sockets.h. */
#include "command.h"
#include "sockets.h"
#include "time_service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HOST_SIZE = 256,
    TRIES = 16 /* with ports that the system chooses, until one is free over both transports */
};

/* ==================================================
 * addresses
 */

/* What getaddrinfo() says of the text, with this port if it names none.  "*" is all addresses.
 * Returns 0, or the exit status. */
static int lookup(const char *text, int port, struct addrinfo **list, char *message, size_t size)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    char host[HOST_SIZE], service[16];
    const char *own_port = NULL;
    int rc;

    if (!command_split_address(text, host, sizeof host, &own_port) ||
        (own_port != NULL && (port = command_port(own_port)) < 0)) {
        snprintf(message, size, "bad address '%s': want ADDRESS, ADDRESS:PORT or [ADDRESS6]:PORT",
                 text);
        return COMMAND_USAGE;
    }
    /* What is nearly an address is no name to ask a name server for. */
    if (host[strspn(host, "0123456789.")] == '\0' || strchr(host, ':') != NULL)
        hints.ai_flags |= AI_NUMERICHOST;
    snprintf(service, sizeof service, "%d", port);
    rc = getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, service, &hints, list);
    if (rc == 0)
        return 0;
    if (rc != EAI_NONAME) {
        snprintf(message, size, "address %s: %s", text,
                 rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
        return EXIT_FAILURE;
    }
    snprintf(message, size,
             "bad address '%s': want an IPv4 or IPv6 address, as 127.0.0.1 or ::1, or a name",
             text);
    return COMMAND_USAGE;
}

static in_port_t *port_in(struct sockaddr *addr)
{
    return addr->sa_family == AF_INET6 ? &((struct sockaddr_in6 *)(void *)addr)->sin6_port
                                       : &((struct sockaddr_in *)(void *)addr)->sin_port;
}

static void print_address(const struct sockaddr *addr, socklen_t addrlen, char *text, size_t size)
{
    char host[HOST_SIZE], service[16];

    if (getnameinfo(addr, addrlen, host, sizeof host, service, sizeof service,
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(text, size, "?");
    else
        snprintf(text, size, addr->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, service);
}

/* ==================================================
 * one socket
 */

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

static int prepare(int fd, const struct sockaddr *addr, socklen_t addrlen, int type, bool shared)
{
    const int on = 1;

    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return -1;
    if (addr->sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
        return -1;
    if (type == SOCK_STREAM && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return -1;
    if (shared && setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on) < 0)
        return -1;
    if (bind(fd, addr, addrlen) < 0)
        return -1;
    return type == SOCK_STREAM ? listen(fd, TIME_BACKLOG) : 0;
}

/* A name may have an address twice, and two names the same one. */
static bool is_open(const struct timed_sockets *sockets, const struct sockaddr *addr,
                    socklen_t addrlen, int type)
{
    for (size_t i = 0; i < sockets->count; i++) {
        struct sockaddr_storage bound;
        socklen_t size = sizeof bound;

        if (sockets->list[i].type == type &&
            getsockname(sockets->list[i].fd, (struct sockaddr *)&bound, &size) == 0 &&
            size == addrlen && memcmp(&bound, addr, size) == 0)
            return true;
    }
    return false;
}

/* Where the system is to choose the port, it does so once, and the others get the same.  Returns 0 or
 * a negative errno. */
static int open_socket(struct timed_sockets *sockets, struct sockaddr *addr, socklen_t addrlen,
                       int type)
{
    in_port_t *port = port_in(addr);
    const bool choose = *port == 0;
    int fd, error;

    if (sockets->count == TIMED_SOCKETS)
        return -EMFILE;
    if (choose)
        *port = htons((in_port_t)sockets->chosen);
    if (is_open(sockets, addr, addrlen, type))
        return 0;
    fd = socket(addr->sa_family, type, 0);
    if (fd < 0)
        return -errno;
    if (prepare(fd, addr, addrlen, type, sockets->shared) < 0 ||
        (choose && (sockets->chosen = timed_port_of(fd)) < 0)) {
        error = errno;
        close(fd);
        return -error;
    }
    if (sockets->count == 0)
        sockets->port = choose ? sockets->chosen : ntohs(*port);
    sockets->list[sockets->count++] = (struct timed_socket){fd, type};
    return 0;
}

/* ==================================================
 * all of them
 */

/* On one address, over the transports that are asked for.  Returns 0, or a negative errno with the
 * message. */
static int open_transports(struct timed_sockets *sockets, const struct timed_options *options,
                           struct addrinfo *info, char *message, size_t size)
{
    const struct {
        bool wanted;
        int type;
    } transports[] = {{options->tcp, SOCK_STREAM}, {options->udp, SOCK_DGRAM}};
    char text[HOST_SIZE + 16];

    for (size_t i = 0; i < sizeof transports / sizeof transports[0]; i++) {
        int rc;

        if (!transports[i].wanted)
            continue;
        rc = open_socket(sockets, info->ai_addr, info->ai_addrlen, transports[i].type);
        if (rc == 0)
            continue;
        print_address(info->ai_addr, info->ai_addrlen, text, sizeof text);
        snprintf(message, size, "bind %s: %s%s", text, strerror(-rc), advice(-rc));
        return rc;
    }
    return 0;
}

/* On all addresses that the text stands for.  Returns as above, or the exit status. */
static int open_item(struct timed_sockets *sockets, const struct timed_options *options,
                     const char *text, char *message, size_t size)
{
    struct addrinfo *list;
    int rc = lookup(text, (int)options->port, &list, message, size);

    if (rc != 0)
        return rc;
    for (struct addrinfo *info = list; rc == 0 && info != NULL; info = info->ai_next) {
        rc = open_transports(sockets, options, info, message, size);
        /* A machine may be without IPv6, or have it switched off. */
        if (info->ai_family == AF_INET6 && list->ai_next != NULL &&
            (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL))
            rc = 0;
    }
    freeaddrinfo(list);
    if (rc == 0 && sockets->count == 0)
        return EXIT_FAILURE;
    return rc;
}

static int open_all(struct timed_sockets *sockets, const struct timed_options *options,
                    char *message, size_t size)
{
    static const struct timed_list everywhere = {{"*"}, 1};
    const struct timed_list *items = options->listen.count > 0 ? &options->listen : &everywhere;
    int rc = 0;

    *sockets = (struct timed_sockets){.shared = options->workers > 1};
    for (size_t i = 0; rc == 0 && i < items->count; i++)
        rc = open_item(sockets, options, items->items[i], message, size);
    return rc;
}

int timed_listen(struct timed_sockets *sockets, const struct timed_options *options, char *message,
                 size_t size)
{
    for (int i = 0; i < TRIES; i++) {
        const int rc = open_all(sockets, options, message, size);

        if (rc == 0)
            return 0;
        timed_sockets_close(sockets);
        /* A port that the system chose for TCP may be another's over UDP: it chooses another. */
        if (rc != -EADDRINUSE || sockets->chosen == 0)
            return rc > 0 ? rc : EXIT_FAILURE;
    }
    return EXIT_FAILURE;
}

int timed_listen_beside(struct timed_sockets *sockets, const struct timed_sockets *first,
                        char *message, size_t size)
{
    *sockets = (struct timed_sockets){.shared = true};
    for (size_t i = 0; i < first->count; i++) {
        struct sockaddr_storage addr;
        socklen_t addrlen = sizeof addr;
        int rc = 0;

        if (getsockname(first->list[i].fd, (struct sockaddr *)&addr, &addrlen) < 0)
            rc = -errno;
        if (rc == 0)
            rc = open_socket(sockets, (struct sockaddr *)&addr, addrlen, first->list[i].type);
        if (rc == 0)
            continue;
        snprintf(message, size, "bind for another worker: %s", strerror(-rc));
        timed_sockets_close(sockets);
        return EXIT_FAILURE;
    }
    return 0;
}
