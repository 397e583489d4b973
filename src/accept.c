/*
 * accept.c - accept, and what a listener does when the system will not give it the connection.
 */
#ifdef __linux__
#define _GNU_SOURCE /* accept4 */
#endif
#include "trace.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

/* Of one listener in one event; then the others have their turn. */
enum { ACCEPTS = 64 };

/* ==================================================
 * what an errno means
 */

/* The system does not want to just now, and the connection stays in the backlog: it has nothing left
 * to make one of, or to watch the listener with (ENOSPC), or somebody's policy forbids it (EPERM). */
bool asyncore__cannot_accept_now(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM ||
           error == ENOSPC || error == EPERM;
}

/* Not an error of the listener, but of the connection that it would have accepted. */
static bool failed_before_accept(int error)
{
    switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case ENOPROTOOPT:
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
#ifdef ENONET
    case ENONET:
#endif
        return true;
    default:
        return false;
    }
}

/* ==================================================
 * listeners pause, all of a map, and go on
 */

static void listeners_changed(struct asyncore_map *map)
{
    for (struct asyncore_channel *c = map->channels; c != NULL; c = c->hh.next)
        if (c->dispatcher->accepting)
            asyncore__changed(c->dispatcher);
}

void asyncore__accept_pause(struct asyncore_dispatcher *listener, int error)
{
    struct asyncore_map *map = listener->map;
    const int64_t now = asyncore__now();
    char repr[256], text[64];

    if (map->accept_resume_at != 0)
        return;
    /* The connection that waits keeps the listener readable: to go on would be to spin. */
    map->accept_resume_at = now + ASYNCORE__SECOND / 10;
    listeners_changed(map);
    if (map->accept_logged_at != 0 && now - map->accept_logged_at < 10 * ASYNCORE__SECOND)
        return;
    map->accept_logged_at = now;
    asyncore_repr(listener, repr, sizeof repr);
    asyncore__log_infof(listener, ASYNCORE_ERROR,
                        "accept on %s: %s; connections wait in the backlog%s", repr,
                        asyncore__strerror(error, text, sizeof text),
                        error == EMFILE ? " (ulimit -n sets the limit of descriptors)" : "");
}

void asyncore__accept_resume(struct asyncore_map *map)
{
    if (map->accept_resume_at == 0)
        return;
    map->accept_resume_at = 0;
    listeners_changed(map);
}

/* ==================================================
 * accept
 */

static int accept_socket(int listener, struct sockaddr *addr, socklen_t *addrlen)
{
#ifdef SOCK_NONBLOCK
    return accept4(listener, addr, addrlen, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
    return asyncore__set_up(accept(listener, addr, addrlen));
#endif
}

int asyncore_accept(struct asyncore_dispatcher *self, struct sockaddr_storage *addr,
                    socklen_t *addrlen)
{
    struct sockaddr_storage unwanted;
    socklen_t peerlen = sizeof unwanted;
    const int rc = asyncore__check_socket(self);
    int fd, error;

    if (rc < 0)
        return rc;
    fd = accept_socket(self->fd, (struct sockaddr *)(addr != NULL ? addr : &unwanted), &peerlen);
    error = errno;
    asyncore__io(self, "accept", 0, fd);
    if (fd >= 0 && peerlen == 0) { /* how some systems hand over a connection that is gone */
        close(fd);
        return -EAGAIN;
    }
    if (fd >= 0) {
        if (addrlen != NULL)
            *addrlen = peerlen;
        if (self->map->accept_resume_at != 0) /* somebody has made room */
            asyncore__accept_resume(self->map);
        return fd;
    }
    if (asyncore__would_block(error) || failed_before_accept(error))
        return -EAGAIN;
    if (asyncore__cannot_accept_now(error))
        asyncore__accept_pause(self, error);
    return -error;
}

/* How many connections wait.  accept() finds that none does only after it has made a socket and a file for
 * it, which takes several times as long as to ask. */
static int count_waiting(int listener)
{
#ifdef __linux__
    struct tcp_info info;
    socklen_t size = sizeof info;

    if (getsockopt(listener, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
        size >= offsetof(struct tcp_info, tcpi_sacked) && info.tcpi_unacked < ACCEPTS)
        return (int)info.tcpi_unacked; /* of a listener, this is its backlog */
#else
    (void)listener;
#endif
    return ACCEPTS; /* who knows? */
}

int asyncore_accept_many(struct asyncore_dispatcher *self)
{
    int rc = asyncore__check_socket(self), waiting = 1; /* at least: the event says so */
    struct asyncore_map *map;
    uint32_t generation;

    if (rc < 0)
        return rc;
    map = self->map;
    generation = self->generation;
    asyncore__enter(map);
    for (int i = 0; i < ACCEPTS && rc >= 0 && self->generation == generation; i++) {
        if (waiting == 0)
            waiting = count_waiting(self->fd);
        rc = waiting-- > 0 ? asyncore_dispatcher_class.handle_accept(self) : -EAGAIN;
    }
    asyncore__leave(map);
    return rc;
}
