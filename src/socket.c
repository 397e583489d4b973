/*
 * socket.c - the socket object methods: each asks the system and says what its answer means for a
 * dispatcher.
 */
#include "trace.h"

#include "asynchat.h"

#include <errno.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* SO_NOSIGPIPE is set instead */
#endif
#ifndef MSG_MORE
#define MSG_MORE 0
#endif

/* ==================================================
 * what an errno means
 */

/* Or a signal came first, which some systems report even where nothing would block. */
bool asyncore__would_block(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

/* The connection is gone: what CPython calls _DISCONNECTED, and the ordinary deaths of a network.
 */
bool asyncore__disconnected(int error)
{
    switch (error) {
    case ECONNRESET:
    case ENOTCONN:
    case ESHUTDOWN:
    case ECONNABORTED:
    case EPIPE:
    case EBADF:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case ENETRESET:
        return true;
    default:
        return false;
    }
}

/* The socket's pending error, which asking for clears. */
int asyncore__socket_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return errno == ENOTSOCK ? 0 : errno;
    return error;
}

static bool is_datagram(int fd)
{
    int type = SOCK_STREAM;
    socklen_t size = sizeof type;

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}

/* ==================================================
 * the beginning of a connection
 */

static int open_socket(int family, int type)
{
#ifdef SOCK_NONBLOCK
    return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
    return asyncore__set_up(socket(family, type, 0));
#endif
}

int asyncore_create_socket(struct asyncore_dispatcher *self, int family, int type)
{
    int fd;

    if (asyncore__check(self) == -EINVAL)
        return -EINVAL;
    fd = open_socket(family, type);
    return fd < 0 ? -errno : asyncore_set_socket(self, fd, NULL);
}

int asyncore_set_reuse_addr(struct asyncore_dispatcher *self)
{
    const int on = 1, rc = asyncore__check_socket(self);

    if (rc < 0)
        return rc;
    return setsockopt(self->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ? -errno : 0;
}

int asyncore_bind(struct asyncore_dispatcher *self, const struct sockaddr *addr, socklen_t addrlen)
{
    const int rc = asyncore__check_socket(self);

    if (rc < 0)
        return rc;
    if (addr == NULL)
        return -EINVAL;
    if (bind(self->fd, addr, addrlen) < 0)
        return -errno;
    asyncore__set_addr(self, addr, addrlen);
    return 0;
}

int asyncore_listen(struct asyncore_dispatcher *self, int num)
{
    const int rc = asyncore__check_socket(self);

    if (rc < 0)
        return rc;
    if (asyncore__trace_listen(self, listen(self->fd, num)) < 0)
        return -errno;
    self->accepting = true;
    asyncore__changed(self);
    return 0;
}

int asyncore_connect(struct asyncore_dispatcher *self, const struct sockaddr *addr,
                     socklen_t addrlen)
{
    int error = 0;
    const int rc = asyncore__check_socket(self);

    if (rc < 0)
        return rc;
    if (addr == NULL)
        return -EINVAL;
    if (self->accepting)
        return -EOPNOTSUPP;
    if (self->connected && !is_datagram(self->fd)) /* the system may say 0 */
        return -EISCONN;
    if (asyncore__trace_io_addr(self, "connect", connect(self->fd, addr, addrlen), addr, addrlen) <
        0)
        error = errno;
    switch (error) {
    case 0:
    case EISCONN: /* it came to stand since the last pass */
    case EINPROGRESS:
    case EALREADY:
    case EINTR: /* it goes on without us */
        break;
    default:
        return -error;
    }
    self->connected = false;
    self->connecting = true;
    asyncore__set_addr(self, addr, addrlen);
    asyncore__ready_forget(self);
    asyncore__changed(self);
    if (error == 0 || error == EISCONN)
        return asyncore_handle_connect_event(self);
    return asyncore__connect_begins(self);
}

/* ==================================================
 * data
 */

static ssize_t ended(struct asyncore_dispatcher *self, int (*handler)(struct asyncore_dispatcher *))
{
    const int rc = handler(self);

    return rc < 0 ? rc : 0;
}

/* Of a connect that is under way it is the outcome: told here, it is forgotten by the system, and who
 * asked again would find the socket connected. */
static ssize_t failed(struct asyncore_dispatcher *self, int error)
{
    self->connecting = false;
    asyncore__changed(self);
    return asyncore__disconnected(error) ? ended(self, asyncore_handle_close) : -error;
}

ssize_t asyncore__nothing_received(struct asyncore_dispatcher *self, ssize_t n)
{
    /* a closed connection is indicated by signaling a read condition, and having recv() return 0.
     */
    if (n == 0)
        return is_datagram(self->fd) ? 0 : ended(self, asyncore_handle_eof);
    if (asyncore__would_block(errno))
        return -EAGAIN;
    return failed(self, errno);
}

static bool takes_nothing_now(int error)
{
    return asyncore__would_block(error) || error == ENOBUFS || error == ENOMEM;
}

ssize_t asyncore__nothing_sent(struct asyncore_dispatcher *self)
{
    if (takes_nothing_now(errno))
        return 0;
    return failed(self, errno);
}

static inline ssize_t receive(struct asyncore_dispatcher *self, void *buffer, size_t size)
{
    if (size == 0) /* 0 could not be told from the end of file */
        return -EINVAL;
    return asyncore__received(self, recv(self->fd, buffer, size, 0));
}

static inline ssize_t send_with(struct asyncore_dispatcher *self, const void *data, size_t size,
                                int flags)
{
    return asyncore__sent(self, send(self->fd, data, size, flags | MSG_NOSIGNAL));
}

/* The same, told to the trace; out of line, lest those pay for it who are not traced. */
__attribute__((noinline)) static ssize_t receive_traced(struct asyncore_dispatcher *self,
                                                        void *buffer, size_t size)
{
    const int rc = asyncore__check_socket(self);

    if (rc < 0 || size == 0)
        return rc < 0 ? rc : -EINVAL;
    return asyncore__received(self,
                              asyncore__io(self, "recv", size, recv(self->fd, buffer, size, 0)));
}

__attribute__((noinline)) static ssize_t send_traced(struct asyncore_dispatcher *self,
                                                     const void *data, size_t size, int flags)
{
    const int rc = asyncore__check_socket(self);
    ssize_t n;

    if (rc < 0)
        return rc;
    n = send(self->fd, data, size, flags | MSG_NOSIGNAL);
    return asyncore__sent(self, asyncore__io(self, "send", size, n));
}

ssize_t asyncore__dispatcher_recv(struct asyncore_dispatcher *self, void *buffer, size_t size)
{
    int rc;

    if (asyncore__tracing())
        return receive_traced(self, buffer, size);
    rc = asyncore__check_socket(self);
    return rc < 0 ? rc : receive(self, buffer, size);
}

ssize_t asyncore__dispatcher_send(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    int rc;

    if (asyncore__tracing())
        return send_traced(self, data, size, 0);
    rc = asyncore__check_socket(self);
    return rc < 0 ? rc : send_with(self, data, size, 0);
}

/* ==================================================
 * self.recv(data), self.send(data): a class that was found to have none of its own is not searched again
 * for every message, unless each is told the trace
 */

/* What a class does in its own way may close the dispatcher and go on using it.  Kept out of line, lest
 * those pay for it who have nothing of their own. */
__attribute__((noinline)) static ssize_t recv_inside(const struct asyncore_class *cls,
                                                     struct asyncore_dispatcher *self, void *buffer,
                                                     size_t size)
{
    struct asyncore_map *map = self->map;
    ssize_t n;

    asyncore__enter(map);
    n = cls->recv(self, buffer, size);
    asyncore__leave(map);
    return n;
}

__attribute__((noinline)) static ssize_t send_inside(const struct asyncore_class *cls,
                                                     struct asyncore_dispatcher *self,
                                                     const void *data, size_t size)
{
    struct asyncore_map *map = self->map;
    ssize_t n;

    asyncore__enter(map);
    n = cls->send(self, data, size);
    asyncore__leave(map);
    return n;
}

__attribute__((noinline)) static ssize_t recv_by_class(struct asyncore_dispatcher *self,
                                                       void *buffer, size_t size)
{
    const int rc = asyncore__used(self, asyncore__check_socket(self), "asyncore_recv");
    const struct asyncore_class *cls;

    if (rc < 0)
        return rc;
    cls = ASYNCORE__CLASS_WITH(self, recv);
    if (cls != &asyncore_dispatcher_class)
        return recv_inside(cls, self, buffer, size);
    if (!asyncore__tracing())
        self->recv_of = self->cls;
    return cls->recv(self, buffer, size);
}

__attribute__((noinline)) static ssize_t send_by_class(struct asyncore_dispatcher *self,
                                                       const void *data, size_t size)
{
    const int rc = asyncore__used(self, asyncore__check_socket(self), "asyncore_send");
    const struct asyncore_class *cls;

    if (rc < 0)
        return rc;
    cls = ASYNCORE__CLASS_WITH(self, send);
    if (cls == &asyncore_dispatcher_class && !asyncore__tracing())
        self->send_of = self->cls;
    /* The library's own see to that themselves. */
    if (cls == &asyncore_dispatcher_class || cls == &asyncore_dispatcher_with_send_class)
        return cls->send(self, data, size);
    return send_inside(cls, self, data, size);
}

ssize_t asyncore_recv(struct asyncore_dispatcher *self, void *buffer, size_t size)
{
    if (asyncore__check_socket(self) == 0 && self->recv_of == self->cls)
        return receive(self, buffer, size);
    return recv_by_class(self, buffer, size);
}

ssize_t asyncore_send(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    if (asyncore__check_socket(self) == 0 && self->send_of == self->cls)
        return send_with(self, data, size, 0);
    return send_by_class(self, data, size);
}

/* ==================================================
 * the last word
 */

ssize_t asyncore_send_last(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    const int rc = asyncore__used(self, asyncore__check_socket(self), "asyncore_send_last");
    struct asyncore_map *map;
    uint32_t generation;
    ssize_t n;

    if (rc < 0)
        return rc;
    /* What these have taken may still be in their buffers. */
    if (asyncore__is_subclass(self->cls, &asyncore_dispatcher_with_send_class) ||
        asyncore__is_subclass(self->cls, &asynchat_async_chat_class))
        return -EOPNOTSUPP;
    map = self->map;
    generation = self->generation;
    asyncore__enter(map);
    /* A class that sends in a way of its own is not gone around for the sake of a segment. */
    if (ASYNCORE__CLASS_WITH(self, send) == &asyncore_dispatcher_class)
        n = asyncore__tracing() ? send_traced(self, data, size, MSG_MORE)
                                : send_with(self, data, size, MSG_MORE);
    else
        n = asyncore_send(self, data, size);
    if (n >= 0 && (size_t)n == size && self->generation == generation)
        asyncore__io(self, "shutdown", 0, shutdown(self->fd, SHUT_WR));
    asyncore__leave(map);
    return n;
}

ssize_t asyncore_accepted_send_last(struct asyncore_dispatcher *self, int fd, const void *data,
                                    size_t size)
{
    const int rc =
        asyncore__used(self, asyncore__check_socket(self), "asyncore_accepted_send_last");
    ssize_t n;

    if (rc < 0)
        return rc;
    asyncore__no_sigpipe(fd);
    n = send(fd, data, size, MSG_MORE | MSG_NOSIGNAL);
    asyncore__accepted_io(self, fd, "send", size, n);
    if (n < 0)
        return takes_nothing_now(errno) ? 0 : -errno;
    if ((size_t)n == size)
        asyncore__accepted_io(self, fd, "shutdown", 0, shutdown(fd, SHUT_WR));
    return n;
}

/* ==================================================
 * datagrams
 */

static ssize_t transferred(struct asyncore_dispatcher *self, const char *name, size_t size,
                           ssize_t n)
{
    asyncore__io(self, name, size, n);
    if (n < 0)
        return -errno;
    return self->timeouts == NULL ? n : asyncore__active(self, n);
}

ssize_t asyncore_recvfrom(struct asyncore_dispatcher *self, void *buffer, size_t size,
                          struct sockaddr_storage *addr, socklen_t *addrlen)
{
    socklen_t length = sizeof *addr;
    const int rc = asyncore__used(self, asyncore__check_socket(self), "asyncore_recvfrom");
    ssize_t n;

    if (rc < 0)
        return rc;
    do
        n = recvfrom(self->fd, buffer, size, 0, (struct sockaddr *)addr,
                     addr != NULL ? &length : NULL);
    while (n < 0 && errno == EINTR);
    if (n >= 0 && addr != NULL && addrlen != NULL)
        *addrlen = length;
    return transferred(self, "recvfrom", size, n);
}

ssize_t asyncore_sendto(struct asyncore_dispatcher *self, const void *data, size_t size,
                        const struct sockaddr *addr, socklen_t addrlen)
{
    const int rc = asyncore__used(self, asyncore__check_socket(self), "asyncore_sendto");
    ssize_t n;

    if (rc < 0)
        return rc;
    do
        n = sendto(self->fd, data, size, MSG_NOSIGNAL, addr, addrlen);
    while (n < 0 && errno == EINTR);
    return transferred(self, "sendto", size, n);
}

ssize_t asyncore_recvmsg(struct asyncore_dispatcher *self, struct msghdr *message)
{
    const int rc = asyncore__used(self, asyncore__check_socket(self), "asyncore_recvmsg");
    ssize_t n;

    if (rc < 0)
        return rc;
    if (message == NULL)
        return -EINVAL;
    do
        n = recvmsg(self->fd, message, 0);
    while (n < 0 && errno == EINTR);
    return transferred(self, "recvmsg", 0, n);
}

ssize_t asyncore_sendmsg(struct asyncore_dispatcher *self, const struct msghdr *message)
{
    const int rc = asyncore__used(self, asyncore__check_socket(self), "asyncore_sendmsg");
    ssize_t n;

    if (rc < 0)
        return rc;
    if (message == NULL)
        return -EINVAL;
    do
        n = sendmsg(self->fd, message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    return transferred(self, "sendmsg", 0, n);
}
