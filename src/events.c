/*
 * events.c - what the loop makes of a read, write or exceptional event, and of the errors that
 * handlers "raise".
 */
#include "internal.h"

#include <errno.h>
#include <poll.h>

/* ==================================================
 * dispatcher.handle_*_event
 */

int asyncore_handle_connect_event(struct asyncore_dispatcher *self)
{
    int rc = asyncore__check_socket(self);
    uint32_t generation;
    struct asyncore_map *map;

    if (rc < 0)
        return rc;
    rc = asyncore__socket_error(self->fd);
    if (rc != 0) {
        /* Having been asked for, the error is forgotten: who asked again would find the socket
         * connected. */
        self->connecting = false;
        asyncore__changed(self);
        return -rc;
    }
    map = self->map;
    generation = self->generation;
    asyncore__enter(map);
    rc = asyncore_handle_connect(self);
    if (rc != asyncore_ExitNow && !asyncore__is_error(rc))
        rc = 0;
    if (rc == 0 && self->generation == generation) {
        self->connected = true;
        self->connecting = false;
        asyncore__changed(self);
    }
    asyncore__leave(map);
    return rc;
}

/* The first event of a dispatcher that connects is the outcome; then comes what the event says. */
static int outcome_first(struct asyncore_dispatcher *self,
                         int (*handler)(struct asyncore_dispatcher *))
{
    struct asyncore_map *map = self->map;
    const uint32_t generation = self->generation;
    int rc;

    asyncore__enter(map);
    rc = asyncore_handle_connect_event(self);
    if (rc == 0 && self->generation == generation)
        rc = handler(self);
    asyncore__leave(map);
    return rc;
}

int asyncore_handle_read_event(struct asyncore_dispatcher *self)
{
    const int rc = asyncore__check_socket(self);

    if (rc < 0)
        return rc;
    /* accepting sockets are never connected, they "spawn" new sockets that are connected */
    if (self->accepting)
        return asyncore_handle_accept(self);
    if (self->connecting)
        return outcome_first(self, asyncore_handle_read);
    return asyncore_handle_read(self);
}

int asyncore_handle_write_event(struct asyncore_dispatcher *self)
{
    const int rc = asyncore__check_socket(self);

    /* Accepting sockets shouldn't get a write event.  We will pretend it didn't happen. */
    if (rc < 0 || self->accepting)
        return rc;
    if (self->connecting)
        return outcome_first(self, asyncore_handle_write);
    return asyncore_handle_write(self);
}

int asyncore_handle_expt_event(struct asyncore_dispatcher *self)
{
    const int rc = asyncore__check_socket(self);

    if (rc < 0)
        return rc;
    /* handle_expt_event() is called if there might be an error on the socket, or if there is OOB
     * data: check for the error condition first. */
    if (asyncore__socket_error(self->fd) != 0)
        return asyncore_handle_close(self);
    return asyncore_handle_expt(self);
}

/* ==================================================
 * read(obj), write(obj), _exception(obj): "try: event, except: obj.handle_error()"
 */

bool asyncore__is_error(int rc)
{
    return rc < 0 && rc != -EAGAIN && rc != -EWOULDBLOCK && rc != asyncore_ExitNow;
}

void asyncore__raise(struct asyncore_map *map, int rc)
{
    if (rc < 0)
        map->raised = rc;
}

int asyncore__except(struct asyncore_dispatcher *self, int error)
{
    if (!asyncore__is_error(error))
        return error == asyncore_ExitNow ? error : 0;
    if (asyncore__check_socket(self) < 0) /* closed meanwhile: there is nobody to tell */
        return 0;
    if (self->accepting && asyncore__cannot_accept_now(-error)) { /* it lives */
        asyncore__accept_pause(self, -error);
        return 0;
    }
    error = asyncore_handle_error(self, error);
    if (error == -EBADF &&
        asyncore__check_socket(self) < 0) /* it has found out that it is closed */
        return 0;
    return error < 0 ? error : 0;
}

int asyncore__serve(struct asyncore_dispatcher *self, int (*event)(struct asyncore_dispatcher *))
{
    struct asyncore_map *map;
    int rc = asyncore__check_socket(self);

    if (rc < 0)
        return rc;
    map = self->map;
    asyncore__enter(map);
    rc = asyncore__except(self, event(self));
    asyncore__leave(map);
    return rc;
}

int asyncore_read(struct asyncore_dispatcher *self)
{
    return asyncore__serve(self, asyncore_handle_read_event);
}

int asyncore_write(struct asyncore_dispatcher *self)
{
    return asyncore__serve(self, asyncore_handle_write_event);
}

int asyncore_exception(struct asyncore_dispatcher *self)
{
    return asyncore__serve(self, asyncore_handle_expt_event);
}

int asyncore_readwrite(struct asyncore_dispatcher *self, int flags)
{
    static const struct {
        int flags;
        int (*event)(struct asyncore_dispatcher *);
    } steps[] = {
        {POLLIN, asyncore_handle_read_event},
        {POLLOUT, asyncore_handle_write_event},
        {POLLPRI, asyncore_handle_expt_event},
        {POLLHUP | POLLERR | POLLNVAL, asyncore_handle_close},
    };
    const int ends = POLLHUP | POLLERR;
    struct asyncore_map *map;
    uint32_t generation;
    int rc = asyncore__check_socket(self);

    if (rc < 0)
        return rc;
    map = self->map;
    generation = self->generation;
    /* What is left to read must not be lost behind the hang-up: the end will be read too. */
    if ((flags & POLLIN) != 0)
        flags &= ~ends;
    asyncore__enter(map);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        if ((flags & steps[i].flags) != 0)
            rc = steps[i].event(self);
        if (rc == asyncore_ExitNow || asyncore__is_error(rc) || self->generation != generation)
            break;
    }
    if (asyncore__is_error(rc) && self->generation == generation && asyncore__disconnected(-rc))
        rc = asyncore_handle_close(self);
    rc = asyncore__except(self, rc);
    asyncore__leave(map);
    return rc;
}
