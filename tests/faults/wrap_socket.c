/* wrap_socket.c - the calls for sockets. */
#define _GNU_SOURCE /* accept4 */
#include "wrap.h"

#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>

/* A call that fails without having done anything. */
#define FAILING(name, parameters, arguments)                                                       \
    WRAP(int, name, parameters)                                                                    \
    {                                                                                              \
        return FAULT_CHECK(name) != 0 ? -1 : name arguments;                                       \
    }

FAILING(socket, (int family, int type, int protocol), (family, type, protocol))
FAILING(bind, (int fd, const struct sockaddr *addr, socklen_t length), (fd, addr, length))
FAILING(listen, (int fd, int backlog), (fd, backlog))
FAILING(shutdown, (int fd, int how), (fd, how))
FAILING(setsockopt, (int fd, int level, int name, const void *value, socklen_t size),
        (fd, level, name, value, size))
FAILING(getsockname, (int fd, struct sockaddr *addr, socklen_t *length), (fd, addr, length))

/* What is gone when it is taken has no address, on some systems. */
WRAP(int, accept4, (int fd, struct sockaddr *addr, socklen_t *length, int flags))
{
    const int error = FAULT_CHECK(accept4);
    int rc = -1;

    if (error == 0 || error == FAULT_SHORT)
        rc = accept4(fd, addr, length, flags);
    if (error == FAULT_SHORT && rc >= 0)
        *length = 0;
    return rc;
}

/* A stream that is not connected any more, or, as BSDs say, was shut down, has been and is at its
 * end. */
WRAP(int, getpeername, (int fd, struct sockaddr *addr, socklen_t *length))
{
    const int error = FAULT_CHECK(getpeername);
    int type = 0;
    socklen_t size = sizeof type;

    if (error == 0)
        return getpeername(fd, addr, length);
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    if ((error == ENOTCONN || error == EINVAL) && type == SOCK_STREAM)
        shutdown(fd, SHUT_RDWR);
    errno = error;
    return -1;
}

/* One that a signal interrupts goes on without us. */
WRAP(int, connect, (int fd, const struct sockaddr *addr, socklen_t length))
{
    const int error = FAULT_CHECK(connect);

    if (error == EINTR)
        connect(fd, addr, length);
    if (error == 0)
        return connect(fd, addr, length);
    errno = error;
    return -1;
}

WRAP(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *size))
{
    int error, rc;

    if (FAULT_CHECK(getsockopt) != 0)
        return -1;
    rc = getsockopt(fd, level, name, value, size);
    if (rc < 0 || level != SOL_SOCKET || name != SO_ERROR)
        return rc;
    error = FAULT_CHECK(SO_ERROR);
    if (error != 0)
        memcpy(value, &error, sizeof error);
    return rc;
}

/* ==================================================
 * data
 */

static size_t less(int error, size_t size)
{
    return error == FAULT_SHORT && size > 1 ? 1 : size;
}

static bool is_failure(int error)
{
    return error != 0 && error != FAULT_SHORT;
}

WRAP(ssize_t, recv, (int fd, void *buffer, size_t size, int flags))
{
    const int error = FAULT_CHECK(recv);

    return is_failure(error) ? -1 : recv(fd, buffer, less(error, size), flags);
}

WRAP(ssize_t, send, (int fd, const void *data, size_t size, int flags))
{
    const int error = FAULT_CHECK(send);

    if (error == EPIPE && (flags & MSG_NOSIGNAL) == 0)
        raise(SIGPIPE);
    return is_failure(error) ? -1 : send(fd, data, less(error, size), flags);
}

WRAP(ssize_t, recvfrom,
     (int fd, void *buffer, size_t size, int flags, struct sockaddr *addr, socklen_t *length))
{
    return FAULT_CHECK(recvfrom) != 0 ? -1 : recvfrom(fd, buffer, size, flags, addr, length);
}

WRAP(ssize_t, sendto,
     (int fd, const void *data, size_t size, int flags, const struct sockaddr *addr,
      socklen_t length))
{
    return FAULT_CHECK(sendto) != 0 ? -1 : sendto(fd, data, size, flags, addr, length);
}

WRAP(ssize_t, recvmsg, (int fd, struct msghdr *message, int flags))
{
    return FAULT_CHECK(recvmsg) != 0 ? -1 : recvmsg(fd, message, flags);
}

WRAP(int, recvmmsg,
     (int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout))
{
    return FAULT_CHECK(recvmmsg) != 0 ? -1 : recvmmsg(fd, messages, count, flags, timeout);
}

WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags))
{
    return FAULT_CHECK(sendmsg) != 0 ? -1 : sendmsg(fd, message, flags);
}

/* ==================================================
 * names; an error is the result
 */

WRAP(int, getnameinfo,
     (const struct sockaddr *addr, socklen_t length, char *host, socklen_t host_size, char *service,
      socklen_t service_size, int flags))
{
    const int error = FAULT_CHECK(getnameinfo);

    return error != 0 ? error
                      : getnameinfo(addr, length, host, host_size, service, service_size, flags);
}

WRAP(int, getaddrinfo,
     (const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **list))
{
    const int error = FAULT_CHECK(getaddrinfo);
    int rc;

    if (error == EAI_SYSTEM)
        errno = EMFILE;
    if (error != 0)
        return error;
    rc = getaddrinfo(host, service, hints, list);
    if (rc == 0)
        counted(*list, sizeof **list);
    return rc;
}

WRAP(void, freeaddrinfo, (struct addrinfo * list))
{
    uncounted(list);
    freeaddrinfo(list);
}
