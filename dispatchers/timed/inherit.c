/* inherit.c - sockets that others have opened, see sockets.h. */
#include "command.h"
#include "sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST = 3 /* descriptor that a service manager gives */ };

/* ==================================================
 * one socket
 */

static int option(int fd, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

/* What is wrong with it; NULL if it can be served. */
static const char *complaint(int fd, int type)
{
    if (type < 0)
        return errno == EBADF || errno == ENOTSOCK ? "not a socket" : strerror(errno);
    if (timed_port_of(fd) < 0)
        return "neither an IPv4 nor an IPv6 socket";
    if (type != SOCK_STREAM && type != SOCK_DGRAM)
        return "neither a TCP nor a UDP socket";
    if (type == SOCK_STREAM && option(fd, SO_ACCEPTCONN) != 1)
        return "a TCP socket that does not listen (systemd: Accept=no; inetd: wait)";
    if (type == SOCK_DGRAM && timed_port_of(fd) == 0)
        return "a UDP socket without a port";
    return NULL;
}

/* Returns NULL, or what is wrong. */
static const char *take(struct timed_sockets *sockets, int fd)
{
    const int type = option(fd, SO_TYPE);
    const char *wrong = complaint(fd, type);

    if (wrong != NULL)
        return wrong;
    if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return strerror(errno);
    if (sockets->count == 0)
        sockets->port = timed_port_of(fd);
    sockets->list[sockets->count++] = (struct timed_socket){fd, type};
    return NULL;
}

/* ==================================================
 * LISTEN_FDS
 */

/* The number that this variable says; -1 if it says none, or is not set. */
static long number(const char *variable)
{
    const char *text = getenv(variable);
    const size_t digits = text != NULL ? strspn(text, "0123456789") : 0;

    return digits > 0 && digits <= 10 && text[digits] == '\0' ? (long)strtoll(text, NULL, 10) : -1;
}

/* The nth name of those between colons, for messages. */
static int name_of(int n, const char **name)
{
    *name = getenv("LISTEN_FDNAMES");
    if (*name == NULL)
        return 0;
    while (n-- > 0 && **name != '\0') {
        *name += strcspn(*name, ":");
        *name += **name == ':';
    }
    return (int)strcspn(*name, ":");
}

static int take_all(struct timed_sockets *sockets, long count, char *message, size_t size)
{
    for (int i = 0; i < count; i++) {
        const char *wrong = take(sockets, FIRST + i), *name;
        int length;

        if (wrong == NULL)
            continue;
        length = name_of(i, &name);
        snprintf(message, size, "LISTEN_FDS: descriptor %d%s%.*s: %s", FIRST + i,
                 length > 0 ? " " : "", length, length > 0 ? name : "", wrong);
        return EXIT_FAILURE;
    }
    return 0;
}

int timed_inherit(struct timed_sockets *sockets, char *message, size_t size)
{
    const char *text = getenv("LISTEN_FDS");
    const long count = number("LISTEN_FDS");
    int status = 0;

    sockets->count = 0;
    /* They may be meant for another process, whose environment this one has. */
    if (text != NULL && number("LISTEN_PID") == getpid()) {
        if (count >= 0 && count <= TIMED_SOCKETS) {
            status = take_all(sockets, count, message, size);
        } else {
            snprintf(message, size, "LISTEN_FDS=%.100s: want a number from 0 to %d", text,
                     TIMED_SOCKETS);
            status = EXIT_FAILURE;
        }
    }
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDNAMES");
    return status;
}

/* ==================================================
 * inetd
 */

/* Standard error is left alone, unless it is the socket as well. */
static int cover_standard_streams(bool error_too)
{
    const int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int last = error_too ? STDERR_FILENO : STDOUT_FILENO;

    if (fd < 0)
        return -1;
    for (int stream = STDIN_FILENO; stream <= last; stream++)
        dup2(fd, stream);
    close(fd);
    return 0;
}

int timed_inherit_inetd(struct timed_sockets *sockets, char *message, size_t size)
{
    const int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, FIRST);
    const char *wrong;

    sockets->count = 0;
    wrong = fd < 0 ? strerror(errno) : take(sockets, fd);
    if (wrong == NULL && cover_standard_streams(option(STDERR_FILENO, SO_TYPE) >= 0) < 0)
        wrong = strerror(errno);
    if (wrong == NULL)
        return 0;
    sockets->count = 0;
    if (fd >= 0)
        close(fd);
    snprintf(message, size, "--inetd: standard input: %s", wrong);
    return EXIT_FAILURE;
}
