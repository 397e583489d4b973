/*
 * dispatcher.c - what a dispatcher is: its beginning, its place in a map, its attributes and its
 * end.
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

/* The address is longer than the dispatcher keeps (AF_UNIX): the system knows it. */
enum { ADDRESS_NOT_KEPT = UCHAR_MAX };

/* ==================================================
 * the beginning
 */

static _Thread_local const char *here;

void asyncore_here(const char *where)
{
    here = where;
}

/* It is no dispatcher yet: should it come to a handler of another's while it gets its socket, that
 * cannot close it. */
static void begin(struct asyncore_dispatcher *self, const struct asyncore_class *cls,
                  struct asyncore_map *map)
{
    memset(self, 0, sizeof *self);
    self->cls = cls;
    self->map = asyncore__map(map);
    self->fd = -1;
    self->ignore_log_types = 1U << ASYNCORE_WARNING;
    self->created = here;
    here = NULL;
}

int asyncore__set_nonblocking(int fd)
{
    const int flags = fcntl(fd, F_GETFL);

    if (flags < 0)
        return -errno;
    if ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
        return -errno;
    return 0;
}

#ifndef SOCK_NONBLOCK
int asyncore__set_up(int fd)
{
    if (fd >= 0 && (asyncore__set_nonblocking(fd) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)) {
        close(fd);
        return -1;
    }
    return fd;
}
#endif

/* Out of the map it may have been closed behind the library's back: who is in the map with the number
 * has it now. */
static bool has_lost_its_number(const struct asyncore_dispatcher *self)
{
    return self->fd >= 0 && self->channel == NULL && asyncore__find(self->map, self->fd) != NULL;
}

/* Ends whatever socket there was, but for its descriptor, which is returned; or -1. */
static int release_socket(struct asyncore_dispatcher *self)
{
    int fd;

    if (has_lost_its_number(self))
        self->fd = -1;
    fd = self->fd;
    asyncore__file_ends(self);
    self->connected = self->accepting = self->connecting = false;
    self->generation++;
    if (self->channel != NULL)
        asyncore__channel_remove(self->map, self->channel);
    self->fd = -1;
    return fd;
}

/* What close() says, less what only means that it was closed. */
static int drop_socket(struct asyncore_dispatcher *self)
{
    const int fd = release_socket(self);

    if (fd < 0)
        return 0;
    asyncore__accept_resume(self->map); /* there is a descriptor to be had again */
    if (close(fd) < 0 && errno != ENOTCONN && errno != EBADF && errno != EINTR)
        return -errno;
    return 0;
}

static int enter_map(struct asyncore_dispatcher *self, struct asyncore_map *map)
{
    struct asyncore_map *old = self->map;
    int rc = asyncore__channel_add(map, self);

    if (rc < 0)
        return rc;
    self->map = map;
    rc = asyncore__timeouts_begin(self);
    if (rc < 0) {
        asyncore__channel_remove(map, self->channel);
        self->map = old;
    }
    return rc;
}

static int take_socket(struct asyncore_dispatcher *self, int fd, struct asyncore_map *map)
{
    struct asyncore_map *old = self->map;
    int rc;

    if (map == NULL)
        map = old;
    asyncore__enter(old); /* self may be closed in there, and is opened again */
    rc = asyncore__make_way(map, fd, NULL);
    asyncore__closes(self, "another socket");
    drop_socket(self);
    self->map = map;
    asyncore__no_sigpipe(fd);
    self->fd = fd;
    if (rc == 0)
        rc = enter_map(self, map);
    if (rc == 0) {
        self->state = ASYNCORE__LIVE; /* for the first time, or again after a close */
    } else {
        self->fd = -1;
        close(fd);
    }
    asyncore__leave(old);
    return rc;
}

/* One from elsewhere; which is closed if refused says so, a negative errno. */
static int take_foreign_socket(struct asyncore_dispatcher *self, int fd, struct asyncore_map *map,
                               int refused)
{
    const int rc = refused == 0 ? asyncore__set_nonblocking(fd) : refused;

    if (rc == 0)
        return take_socket(self, fd, map);
    close(fd);
    return rc;
}

/* While functions of its map still use it, its destroy() must wait for them, and so it stays there.
 */
static bool may_move(const struct asyncore_dispatcher *self, const struct asyncore_map *map)
{
    return map == NULL || map == self->map || self->map->frames == 0;
}

int asyncore_set_socket(struct asyncore_dispatcher *self, int fd, struct asyncore_map *map)
{
    int rc = asyncore__check(self);

    if (fd < 0)
        return -EINVAL;
    if (rc != -EINVAL && fd == self->fd)
        return asyncore_add_channel(self, map);
    if (rc != -EINVAL)
        rc = may_move(self, map) ? 0 : -EBUSY;
    return take_foreign_socket(self, fd, map, rc);
}

/* A socket from elsewhere: is it connected, does it listen? */
static int look_at_socket(struct asyncore_dispatcher *self)
{
    struct sockaddr_storage addr;
    socklen_t addrlen = sizeof addr;
    int accepting = 0;

    if (getpeername(self->fd, (struct sockaddr *)&addr, &addrlen) == 0) {
        asyncore__set_addr(self, (struct sockaddr *)&addr, addrlen);
        self->connected = true;
        return 0;
    }
    /* An unconnected socket is as good; one that is broken in some unknown way is not. */
    if (errno != ENOTCONN && errno != EINVAL)
        return -errno;
    addrlen = sizeof accepting;
    if (getsockopt(self->fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &addrlen) == 0 && accepting) {
        self->accepting = true;
        if (asyncore_getsockname(self, &addr, &addrlen) == 0)
            asyncore__set_addr(self, (struct sockaddr *)&addr, addrlen);
    }
    return 0;
}

int asyncore_init(struct asyncore_dispatcher *self, const struct asyncore_class *cls, int fd,
                  struct asyncore_map *map)
{
    int rc;

    if (self == NULL || cls == NULL || fd < -1) {
        if (fd >= 0)
            close(fd);
        return -EINVAL;
    }
    begin(self, cls, map);
    if (fd < 0) {
        self->state = ASYNCORE__LIVE;
        return 0;
    }
    rc = take_foreign_socket(self, fd, NULL, 0);
    if (rc < 0)
        return rc;
    rc = look_at_socket(self);
    if (rc < 0) {
        drop_socket(self);
        self->state = 0;
    }
    return rc;
}

int asyncore_init_accepted(struct asyncore_dispatcher *self, const struct asyncore_class *cls,
                           int fd, const struct sockaddr *addr, socklen_t addrlen,
                           struct asyncore_map *map)
{
    int rc;

    if (self == NULL || cls == NULL || fd < 0) {
        if (fd >= 0)
            close(fd);
        return self == NULL ? -ENOMEM : -EINVAL;
    }
    begin(self, cls, map);
    asyncore__set_addr(self, addr, addrlen);
    rc = take_socket(self, fd, NULL);
    if (rc == 0)
        self->connected = self->channel->accepted = true;
    return rc;
}

/* ==================================================
 * its place in a map
 */

int asyncore_add_channel(struct asyncore_dispatcher *self, struct asyncore_map *map)
{
    struct asyncore_map *old;
    int rc = asyncore__check_socket(self);

    if (rc < 0)
        return rc;
    if (map == NULL)
        map = self->map;
    if (self->channel != NULL && map == self->map)
        return 0;
    if (self->channel != NULL || !may_move(self, map))
        return -EBUSY;
    old = self->map;
    asyncore__enter(old);
    rc = asyncore__make_way(map, self->fd, self);
    if (rc == 0)
        rc = asyncore__check_socket(self); /* it may have been closed in there */
    if (rc == 0 && self->channel == NULL)
        rc = enter_map(self, map);
    asyncore__leave(old);
    return rc;
}

int asyncore_del_channel(struct asyncore_dispatcher *self)
{
    const int rc = asyncore__check_socket(self);

    if (rc < 0 || self->channel == NULL)
        return rc;
    asyncore__closes(self, "del_channel");
    asyncore__channel_remove(self->map, self->channel);
    return 0;
}

/* ==================================================
 * the end
 */

/* What is closed in a destroy() comes onto the list while it is worked off. */
void asyncore__destroy_doomed(struct asyncore_map *map)
{
    while (map->doomed != NULL) {
        struct asyncore_dispatcher *self = map->doomed;
        struct asyncore__frame frame;

        map->doomed = self->next;
        self->doomed = false;
        if (self->state != ASYNCORE__CLOSED) /* it has been opened again */
            continue;
        asyncore__calls(&frame, map, self, "destroy");
        ASYNCORE__CLASS_WITH(self, destroy)->destroy(self);
        asyncore__returned(&frame, 0);
    }
}

static void doom(struct asyncore_dispatcher *self)
{
    struct asyncore_map *map = self->map;

    asyncore__enter(map);
    self->doomed = true;
    self->next = map->doomed;
    map->doomed = self;
    asyncore__leave(map);
}

/* The descriptor of one that ends, as the trace will say if somebody still uses it. */
static int known_as(const struct asyncore_dispatcher *self)
{
    return asyncore__tracing() ? asyncore__traced_fd(self->fd) : self->fd;
}

static void end(struct asyncore_dispatcher *self, int fd)
{
    self->fd = asyncore__past(fd);
    asyncore__timeouts_free(self->timeouts);
    self->timeouts = NULL;
    self->state = ASYNCORE__CLOSED;
    if (!self->doomed && ASYNCORE__CLASS_WITH(self, destroy) != &asyncore_dispatcher_class)
        doom(self);
}

int asyncore_close(struct asyncore_dispatcher *self)
{
    int rc = asyncore__check(self), had;

    if (rc < 0)
        return rc == -EBADF ? 0 : rc;
    had = known_as(self);
    asyncore__closes(self, "close");
    rc = drop_socket(self);
    end(self, had);
    return rc;
}

int asyncore_detach(struct asyncore_dispatcher *self)
{
    const int rc = asyncore__used(self, asyncore__check_socket(self), "asyncore_detach");
    int fd, had;

    if (rc < 0 || has_lost_its_number(self))
        return rc < 0 ? rc : -EBADF;
    had = known_as(self);
    asyncore__closes(self, "detach");
    fd = release_socket(self);
    end(self, had);
    return fd;
}

/* ==================================================
 * attributes
 */

int asyncore_fileno(const struct asyncore_dispatcher *self)
{
    return asyncore__check(self) == 0 ? self->fd : -1;
}

struct asyncore_map *asyncore_get_map(const struct asyncore_dispatcher *self)
{
    return asyncore__check(self) != -EINVAL ? self->map : NULL;
}

bool asyncore_connected(const struct asyncore_dispatcher *self)
{
    return asyncore__check(self) == 0 && self->connected;
}

bool asyncore_accepting(const struct asyncore_dispatcher *self)
{
    return asyncore__check(self) == 0 && self->accepting;
}

bool asyncore_connecting(const struct asyncore_dispatcher *self)
{
    return asyncore__check(self) == 0 && self->connecting;
}

void asyncore__set_addr(struct asyncore_dispatcher *self, const struct sockaddr *addr,
                        socklen_t addrlen)
{
    if (addr == NULL || addrlen < sizeof addr->sa_family)
        addrlen = 0;
    self->addrlen = (unsigned char)(addrlen > sizeof self->addr ? ADDRESS_NOT_KEPT : addrlen);
    if (self->addrlen > 0 && self->addrlen != ADDRESS_NOT_KEPT)
        memcpy(&self->addr, addr, addrlen);
}

int asyncore_addr(const struct asyncore_dispatcher *self, struct sockaddr_storage *addr,
                  socklen_t *addrlen)
{
    if (asyncore__check(self) == -EINVAL)
        return -EINVAL;
    if (self->addrlen == ADDRESS_NOT_KEPT && self->fd >= 0) {
        *addrlen = sizeof *addr;
        if (!self->accepting && getpeername(self->fd, (struct sockaddr *)addr, addrlen) == 0)
            return 0;
        return asyncore_getsockname(self, addr, addrlen);
    }
    if (self->addrlen == 0 || self->addrlen == ADDRESS_NOT_KEPT)
        return -ENOTCONN;
    memcpy(addr, &self->addr, self->addrlen);
    *addrlen = self->addrlen;
    return 0;
}

int asyncore_getsockname(const struct asyncore_dispatcher *self, struct sockaddr_storage *addr,
                         socklen_t *addrlen)
{
    const int rc = asyncore__check_socket(self);

    if (rc < 0)
        return rc;
    *addrlen = sizeof *addr;
    return getsockname(self->fd, (struct sockaddr *)addr, addrlen) < 0 ? -errno : 0;
}

int asyncore_repr(const struct asyncore_dispatcher *self, char *buffer, size_t size)
{
    char text[ASYNCORE_ADDRSTRLEN] = "", fd[16] = "closed";
    const char *status = "";
    struct sockaddr_storage addr;
    socklen_t addrlen;

    if (asyncore__check(self) == -EINVAL)
        return snprintf(buffer, size, "<uninitialised dispatcher>");
    /* Of a listener the address that it really has, not port 0. */
    if (self->accepting ? asyncore_getsockname(self, &addr, &addrlen) == 0
                        : asyncore_addr(self, &addr, &addrlen) == 0)
        asyncore_ntop((struct sockaddr *)&addr, addrlen, text, sizeof text);
    if (self->accepting)
        status = " listening";
    else if (self->connected)
        status = " connected";
    else if (self->connecting)
        status = " connecting";
    if (self->fd >= 0)
        snprintf(fd, sizeof fd, "fd %d", self->fd);
    return snprintf(buffer, size, "<%s%s%s%s %s>", asyncore__class_name(self->cls), status,
                    text[0] != '\0' ? " " : "", text, fd);
}
