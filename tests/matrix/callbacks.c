/* callbacks.c - whose callbacks are noted, and in which of them something is done: see matrix.h. */
#include "matrix.h"

#include <stdlib.h>
#include <string.h>

struct world world;

/* ==================================================
 * noting
 */

static int act(void)
{
    int destroyed[ROLES];

    memcpy(destroyed, world.destroyed, sizeof destroyed);
    world.acted_in = world.passes;
    world.action->act();
    for (enum role role = ACTOR; role < OTHER; role++)
        ASSERT_EQ(world.destroyed[role], destroyed[role], "%d destroyed while it is used", role);
    ASSERT_EQ(asyncore_check(world.map), 0, "asyncore_check() behind it");
    return world.origin->returns ? world.action->result : 0;
}

int note(enum role role, enum callback callback)
{
    if (world.acted_in == 0)
        world.called[role][callback].before++;
    else if (world.acted_in == world.passes)
        world.called[role][callback].after++;
    else
        world.called[role][callback].later++;
    if (role == ACTOR && callback == world.origin->callback && world.acted_in == 0)
        return act();
    return 0;
}

/* ==================================================
 * dispatchers
 */

static struct member *as_member(struct asyncore_dispatcher *self)
{
    return (struct member *)self;
}

static bool member_readable(struct asyncore_dispatcher *self)
{
    note(as_member(self)->role, READABLE);
    return as_member(self)->wants_read;
}

static bool member_writable(struct asyncore_dispatcher *self)
{
    note(as_member(self)->role, WRITABLE);
    return as_member(self)->wants_write;
}

/* In here the actor makes what it is there for happen. */
static int note_and_provoke(struct asyncore_dispatcher *self, enum callback callback)
{
    const enum role role = as_member(self)->role;
    const int rc = note(role, callback);

    if (rc < 0 || role != ACTOR || world.origin->provoke == NULL)
        return rc;
    return world.origin->provoke(self);
}

static int member_handle_read(struct asyncore_dispatcher *self)
{
    return note_and_provoke(self, READ);
}

static int member_handle_write(struct asyncore_dispatcher *self)
{
    return note_and_provoke(self, WRITE);
}

static int member_handle_connect(struct asyncore_dispatcher *self)
{
    return note(as_member(self)->role, CONNECT);
}

static int member_handle_accept(struct asyncore_dispatcher *self)
{
    const int rc = note(as_member(self)->role, ACCEPT);

    if (rc < 0)
        return rc;
    if (world.origin->provoke != NULL)
        return world.origin->provoke(self);
    return asyncore_dispatcher_class.handle_accept(self);
}

static int member_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    (void)addr;
    (void)addrlen;
    close(fd);
    return note(as_member(self)->role, ACCEPTED);
}

static int member_handle_expt(struct asyncore_dispatcher *self)
{
    return note(as_member(self)->role, EXPT);
}

static int member_handle_eof(struct asyncore_dispatcher *self)
{
    const int rc = note(as_member(self)->role, END);

    return rc < 0 ? rc : asyncore_dispatcher_class.handle_eof(self);
}

static int member_handle_close(struct asyncore_dispatcher *self)
{
    const int rc = note(as_member(self)->role, CLOSE);

    asyncore_close(self);
    return rc;
}

static int member_handle_error(struct asyncore_dispatcher *self, int error)
{
    const int rc = note(as_member(self)->role, ERROR);

    ASSERT_EQ(error, world.origin->phase == TIMING ? -ETIMEDOUT : -EIO, "handle_error");
    asyncore_close(self);
    return rc;
}

static int member_handle_timeout(struct asyncore_dispatcher *self)
{
    return note(as_member(self)->role, TIMEOUT);
}

static void member_log_info(struct asyncore_dispatcher *self, const char *message,
                            enum asyncore_log_type type)
{
    (void)message;
    (void)type;
    note(as_member(self)->role, LOG);
}

static ssize_t member_recv(struct asyncore_dispatcher *self, void *buffer, size_t size)
{
    note(as_member(self)->role, RECV);
    return asyncore_dispatcher_class.recv(self, buffer, size);
}

static ssize_t member_send(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    note(as_member(self)->role, SEND);
    return asyncore_dispatcher_class.send(self, data, size);
}

static void member_destroy(struct asyncore_dispatcher *self)
{
    struct member *member = as_member(self);

    note(member->role, DESTROY);
    world.destroyed[member->role]++;
    if (world.members[member->role] == member)
        world.members[member->role] = NULL;
    free(member);
}

const struct asyncore_class member_class = {
    .name = "member",
    .super = &asyncore_dispatcher_class,
    .readable = member_readable,
    .writable = member_writable,
    .handle_connect = member_handle_connect,
    .handle_accept = member_handle_accept,
    .handle_accepted = member_handle_accepted,
    .handle_read = member_handle_read,
    .handle_write = member_handle_write,
    .handle_expt = member_handle_expt,
    .handle_eof = member_handle_eof,
    .handle_close = member_handle_close,
    .handle_error = member_handle_error,
    .handle_timeout = member_handle_timeout,
    .log_info = member_log_info,
    .recv = member_recv,
    .send = member_send,
    .destroy = member_destroy,
};

const struct asyncore_class known_class = {
    .name = "known",
    .super = &member_class,
    .readable = asyncore_always,
    .writable = asyncore_always,
};

/* ==================================================
 * an async_chat
 */

static int chat_collect_incoming_data(struct asyncore_dispatcher *self, const void *data,
                                      size_t size)
{
    (void)data;
    (void)size;
    return note(as_member(self)->role, COLLECT);
}

static int chat_found_terminator(struct asyncore_dispatcher *self)
{
    return note_and_provoke(self, FOUND);
}

static void chat_destroy(struct asyncore_dispatcher *self)
{
    asynchat_async_chat_class.destroy(self);
    member_destroy(self);
}

const struct asyncore_class chat_class = {
    .name = "chat",
    .super = &asynchat_async_chat_class,
    .collect_incoming_data = chat_collect_incoming_data,
    .found_terminator = chat_found_terminator,
    .handle_close = member_handle_close,
    .destroy = chat_destroy,
};

/* ==================================================
 * making them
 */

struct member *new_member(enum role role)
{
    struct member *member = calloc(1, sizeof *member);

    ck_assert_ptr_nonnull(member);
    member->role = role;
    member->wants_read = true;
    world.members[role] = member;
    world.created[role]++;
    return member;
}

struct asyncore_dispatcher *new_channel(enum role role, const struct asyncore_class *cls)
{
    struct asyncore_dispatcher *self = &new_member(role)->chat.base;
    int ends[2];

    tcp_pair(ends);
    world.peers[role] = ends[1];
    ASSERT_EQ(asyncore_init(self, cls, ends[0], world.map), 0, "asyncore_init()");
    return self;
}

struct asyncore_dispatcher *member(enum role role)
{
    return world.members[role] != NULL ? &world.members[role]->chat.base : NULL;
}

/* ==================================================
 * timers, signals, calls
 */

void timer_fires(struct asyncore_timer *timer)
{
    if (timer == &world.timer)
        note(ACTOR, TIMER);
    else
        note(timer == &world.second_timer ? SECOND_TIMER : NEW, TIMER);
}

void signal_comes(struct asyncore_signal_handler *handler)
{
    note(handler == &world.handler ? ACTOR : SECOND_SIGNAL, SIGNAL);
}

void call_is_made(struct asyncore_call *call)
{
    note(call == &world.call ? ACTOR : SECOND_CALL, CALL);
}
