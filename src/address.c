/* address.c - socket addresses as text. */
#include "internal.h"

#include <netdb.h>
#include <stdio.h>
#include <sys/un.h>

/* The peer has chosen it, and it shall not end a line of a log and begin another. */
static void make_printable(char *text, size_t size)
{
    for (size_t i = 0; i < size && text[i] != '\0'; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            text[i] = '?';
}

static void unix_path(const struct sockaddr_un *addr, socklen_t addrlen, char *buffer, size_t size)
{
    const size_t start = offsetof(struct sockaddr_un, sun_path);
    const size_t length = addrlen > start ? addrlen - start : 0;

    if (length == 0)
        snprintf(buffer, size, "(unnamed)");
    else if (addr->sun_path[0] == '\0') /* Linux' abstract names are written with an @ */
        snprintf(buffer, size, "@%.*s", (int)length - 1, addr->sun_path + 1);
    else
        snprintf(buffer, size, "%.*s", (int)length, addr->sun_path);
    make_printable(buffer, size);
}

const char *asyncore_ntop(const struct sockaddr *addr, socklen_t addrlen, char *buffer, size_t size)
{
    char host[ASYNCORE_ADDRSTRLEN], port[8];

    if (addr == NULL || addrlen < sizeof addr->sa_family)
        snprintf(buffer, size, "(none)");
    else if (addr->sa_family == AF_UNIX)
        unix_path((const struct sockaddr_un *)(const void *)addr, addrlen, buffer, size);
    else if (getnameinfo(addr, addrlen, host, sizeof host, port, sizeof port,
                         NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        snprintf(buffer, size, "(address family %d)", addr->sa_family);
    else
        snprintf(buffer, size, addr->sa_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
    return buffer;
}
