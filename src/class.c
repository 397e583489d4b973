/*
 * class.c - classes, and class dispatcher itself: what a handler does that nobody overrides, and
 * the call of a handler on an object, self.handle_read(), which finds the class that defines it.
 */
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* ==================================================
 * predicates for select()
 */

bool asyncore_always(struct asyncore_dispatcher *self)
{
    (void)self;
    return true;
}

bool asyncore_never(struct asyncore_dispatcher *self)
{
    (void)self;
    return false;
}

/* ==================================================
 * class dispatcher
 */

static void dispatcher_log(struct asyncore_dispatcher *self, const char *message)
{
    (void)self;
    asyncore__write_log(ASYNCORE_LOG, message);
}

static void dispatcher_log_info(struct asyncore_dispatcher *self, const char *message,
                                enum asyncore_log_type type)
{
    if ((unsigned)type <= ASYNCORE_ERROR && (self->ignore_log_types & (1U << type)) == 0)
        asyncore__write_log(type, message);
}

static int dispatcher_handle_error(struct asyncore_dispatcher *self, int error)
{
    struct asyncore_map *map = self->map;
    const uint32_t generation = self->generation;
    char repr[256], text[64];
    int rc = 0;

    asyncore__enter(map);
    asyncore_repr(self, repr, sizeof repr);
    asyncore__log_infof(self, ASYNCORE_ERROR, "uncaptured error, closing channel %s: %s", repr,
                        asyncore__strerror(-error, text, sizeof text));
    if (self->generation == generation)
        rc = asyncore_handle_close(self);
    asyncore__leave(map);
    return rc;
}

static int dispatcher_handle_expt(struct asyncore_dispatcher *self)
{
    char byte;
    int fd;

    asyncore_log_info(self, "unhandled incoming priority event", ASYNCORE_WARNING);
    /* Left unread it would be reported in each pass. */
    fd = asyncore_fileno(self);
    if (fd >= 0)
        (void)recv(fd, &byte, 1, MSG_OOB);
    return 0;
}

static int dispatcher_handle_read(struct asyncore_dispatcher *self)
{
    asyncore_log_info(self, "unhandled read event", ASYNCORE_WARNING);
    return 0;
}

static int dispatcher_handle_write(struct asyncore_dispatcher *self)
{
    asyncore_log_info(self, "unhandled write event", ASYNCORE_WARNING);
    return 0;
}

static int dispatcher_handle_connect(struct asyncore_dispatcher *self)
{
    asyncore_log_info(self, "unhandled connect event", ASYNCORE_WARNING);
    return 0;
}

static int dispatcher_handle_accept(struct asyncore_dispatcher *self)
{
    struct asyncore_map *map = self->map;
    const uint32_t generation = self->generation;
    struct sockaddr_storage addr;
    char text[64];
    socklen_t addrlen;
    const int fd = asyncore_accept(self, &addr, &addrlen);
    int rc;

    if (fd < 0)
        return fd;
    asyncore__enter(map);
    rc = asyncore_handle_accepted(self, fd, (struct sockaddr *)&addr, addrlen);
    if (asyncore__is_error(rc) && self->generation == generation) {
        /* One connection's failure is not the listener's. */
        asyncore__log_infof(self, ASYNCORE_ERROR, "accepted connection dropped: %s",
                            asyncore__strerror(-rc, text, sizeof text));
        rc = 0;
    }
    asyncore__leave(map);
    return rc;
}

static int dispatcher_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                      const struct sockaddr *addr, socklen_t addrlen)
{
    (void)addr;
    (void)addrlen;
    close(fd);
    asyncore_log_info(self, "unhandled accepted event", ASYNCORE_WARNING);
    return 0;
}

static int dispatcher_handle_close(struct asyncore_dispatcher *self)
{
    struct asyncore_map *map = self->map;
    const uint32_t generation = self->generation;

    asyncore__enter(map);
    asyncore_log_info(self, "unhandled close event", ASYNCORE_WARNING);
    if (self->generation == generation)
        asyncore_close(self);
    asyncore__leave(map);
    return 0;
}

static int dispatcher_handle_eof(struct asyncore_dispatcher *self)
{
    return asyncore_handle_close(self);
}

static int dispatcher_handle_timeout(struct asyncore_dispatcher *self)
{
    struct asyncore_map *map = self->map;
    const uint32_t generation = self->generation;
    int rc = 0;

    asyncore__enter(map);
    asyncore_log_info(self, "unhandled timeout event", ASYNCORE_WARNING);
    if (self->generation == generation)
        rc = asyncore_handle_close(self);
    asyncore__leave(map);
    return rc;
}

static void dispatcher_destroy(struct asyncore_dispatcher *self)
{
    (void)self;
}

const struct asyncore_class asyncore_dispatcher_class = {
    .name = "dispatcher",
    .readable = asyncore_always,
    .writable = asyncore_always,
    .handle_connect = dispatcher_handle_connect,
    .handle_accept = dispatcher_handle_accept,
    .handle_accepted = dispatcher_handle_accepted,
    .handle_read = dispatcher_handle_read,
    .handle_write = dispatcher_handle_write,
    .handle_expt = dispatcher_handle_expt,
    .handle_close = dispatcher_handle_close,
    .handle_eof = dispatcher_handle_eof,
    .handle_error = dispatcher_handle_error,
    .handle_timeout = dispatcher_handle_timeout,
    .log = dispatcher_log,
    .log_info = dispatcher_log_info,
    .destroy = dispatcher_destroy,
    .recv = asyncore__dispatcher_recv,
    .send = asyncore__dispatcher_send,
};

/* ==================================================
 * self.method()
 */

const char *asyncore__class_name(const struct asyncore_class *cls)
{
    while (cls->name == NULL && cls->super != NULL)
        cls = cls->super;
    return cls->name != NULL ? cls->name : asyncore_dispatcher_class.name;
}

bool asyncore__is_subclass(const struct asyncore_class *cls, const struct asyncore_class *of)
{
    while (cls != NULL && cls != of)
        cls = cls->super;
    return cls == of;
}

/* Whatever it calls may close its dispatcher, and go on using it. */
static bool answer(struct asyncore_dispatcher *self, bool (*ask)(struct asyncore_dispatcher *))
{
    struct asyncore_map *map;
    bool yes;

    if (asyncore__check(self) < 0)
        return false;
    map = self->map;
    asyncore__enter(map);
    yes = ask(self);
    asyncore__leave(map);
    return yes;
}

bool asyncore_readable(struct asyncore_dispatcher *self)
{
    return answer(self, asyncore__readable);
}

bool asyncore_writable(struct asyncore_dispatcher *self)
{
    return answer(self, asyncore__writable);
}

/* Out of line, lest those pay for it who are not traced. */
__attribute__((noinline)) static int call_traced(struct asyncore_dispatcher *self, const char *name,
                                                 size_t name_length,
                                                 int (*handler)(struct asyncore_dispatcher *self))
{
    struct asyncore__frame frame;
    int rc;

    asyncore__call_begins(&frame, self->map, self, name, name_length);
    rc = handler(self);
    asyncore__returned(&frame, rc);
    return rc;
}

static inline int call(struct asyncore_dispatcher *self, size_t slot, const char *name)
{
    int (*handler)(struct asyncore_dispatcher * self);
    struct asyncore_map *map;
    int rc = asyncore__used(self, asyncore__check(self), name);

    if (rc < 0)
        return rc;
    memcpy(&handler, (const char *)asyncore__lookup(self->cls, slot) + slot, sizeof handler);
    map = self->map;
    asyncore__enter(map);
    rc = asyncore__tracing() ? call_traced(self, name, strlen(name), handler) : handler(self);
    asyncore__leave(map);
    return rc;
}

#define CALL(self, slot) call(self, offsetof(struct asyncore_class, slot), #slot)

int asyncore_handle_connect(struct asyncore_dispatcher *self)
{
    return CALL(self, handle_connect);
}

int asyncore_handle_accept(struct asyncore_dispatcher *self)
{
    return CALL(self, handle_accept);
}

int asyncore_handle_accepted(struct asyncore_dispatcher *self, int fd, const struct sockaddr *addr,
                             socklen_t addrlen)
{
    struct asyncore__frame frame;
    struct asyncore_map *map;
    int rc = asyncore__check(self);

    if (rc < 0) {
        close(fd);
        return rc;
    }
    map = self->map;
    asyncore__enter(map);
    asyncore__calls(&frame, map, self, "handle_accepted");
    rc = ASYNCORE__CLASS_WITH(self, handle_accepted)->handle_accepted(self, fd, addr, addrlen);
    asyncore__returned(&frame, rc);
    asyncore__leave(map);
    return rc;
}

int asyncore_handle_read(struct asyncore_dispatcher *self)
{
    return CALL(self, handle_read);
}

int asyncore_handle_write(struct asyncore_dispatcher *self)
{
    return CALL(self, handle_write);
}

int asyncore_handle_expt(struct asyncore_dispatcher *self)
{
    return CALL(self, handle_expt);
}

/* It may send a last word to a connection that is gone, which would call it again, and again. */
int asyncore_handle_close(struct asyncore_dispatcher *self)
{
    struct asyncore__frame frame;
    struct asyncore_map *map;
    int rc = asyncore__check(self);

    if (rc < 0 || self->closing)
        return rc;
    map = self->map;
    asyncore__enter(map);
    self->closing = true;
    asyncore__calls(&frame, map, self, "handle_close");
    rc = ASYNCORE__CLASS_WITH(self, handle_close)->handle_close(self);
    asyncore__returned(&frame, rc);
    self->closing = false;
    asyncore__leave(map);
    return rc;
}

int asyncore_handle_eof(struct asyncore_dispatcher *self)
{
    return CALL(self, handle_eof);
}

int asyncore_handle_timeout(struct asyncore_dispatcher *self)
{
    return CALL(self, handle_timeout);
}

int asyncore_handle_error(struct asyncore_dispatcher *self, int error)
{
    struct asyncore__frame frame;
    struct asyncore_map *map;
    int rc = asyncore__check(self);

    if (rc < 0)
        return rc;
    map = self->map;
    asyncore__enter(map);
    asyncore__calls(&frame, map, self, "handle_error");
    rc = ASYNCORE__CLASS_WITH(self, handle_error)->handle_error(self, error);
    asyncore__returned(&frame, rc);
    asyncore__leave(map);
    return rc;
}

/* The map of one that is closed may be gone. */
static struct asyncore_map *enter_to_log(struct asyncore_dispatcher *self)
{
    if (asyncore__check(self) < 0)
        return NULL;
    asyncore__enter(self->map);
    return self->map;
}

void asyncore_log(struct asyncore_dispatcher *self, const char *message)
{
    struct asyncore_map *map = enter_to_log(self);

    if (asyncore__check(self) != -EINVAL)
        ASYNCORE__CLASS_WITH(self, log)->log(self, message);
    if (map != NULL)
        asyncore__leave(map);
}

void asyncore_log_info(struct asyncore_dispatcher *self, const char *message,
                       enum asyncore_log_type type)
{
    struct asyncore_map *map = enter_to_log(self);

    if (asyncore__check(self) != -EINVAL)
        ASYNCORE__CLASS_WITH(self, log_info)->log_info(self, message, type);
    if (map != NULL)
        asyncore__leave(map);
}
