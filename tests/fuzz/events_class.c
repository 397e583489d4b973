/*
 * events_class.c - the dispatchers: each handler tells the model, does what the bytes say, and then, if
 * it still can, what such a handler is for.
 */
#include "events.h"
#include "virtual_time.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

static struct character *character_of(struct asyncore_dispatcher *self)
{
    return ((struct actor *)self)->character;
}

/* ==================================================
 * what a handler is for
 */

static int do_nothing(struct character *c)
{
    (void)c;
    return 0;
}

static int do_accept(struct character *c)
{
    struct asyncore_dispatcher *self = &c->actor->is.base;
    const bool many = choose(&world.bytes, 2) == 1;
    const int rc =
        many ? asyncore_accept_many(self) : asyncore_dispatcher_class.handle_accept(self);

    return rc == -EAGAIN ? 0 : rc;
}

static int do_receive(struct character *c)
{
    receive(c, 4001 - choose(&world.bytes, 5) * 1000);
    return 0;
}

/* One that has nothing to send is writable no more. */
static int do_write(struct character *c)
{
    size_t before;
    int rc;

    c->wants[WRITABLE] = false;
    if (c->kind != WITH_SEND)
        return 0;
    before = asyncore_out_buffer(&c->actor->is);
    rc = asyncore_dispatcher_with_send_class.handle_write(&c->actor->is.base);
    if (c->open && asyncore_out_buffer(&c->actor->is) < before)
        settle_sent(c);
    return rc;
}

static int do_receive_urgent(struct character *c)
{
    char byte;

    if (recv(c->fd, &byte, 1, MSG_OOB) == 1)
        expect(byte == '!');
    return 0;
}

static int do_close(struct character *c)
{
    const unsigned choice = choose(&world.bytes, 8);

    if (choice != 1)
        close_character(c);
    if (choice == 2)
        reopen(c);
    return 0;
}

/* ==================================================
 * handlers
 */

static int result(void)
{
    static const int results[] = {-EIO, asyncore_ExitNow, -EAGAIN, 1};
    const unsigned which = choose(&world.bytes, 32);

    return which >= 28 ? results[which - 28] : 0;
}

static int handle(struct asyncore_dispatcher *self, enum method method, int error,
                  int (*usual)(struct character *c))
{
    struct character *c = character_of(self);
    const uint64_t generation = model_begins(c, method, error);
    int rc = 0;

    while (choose(&world.bytes, 4) == 3)
        act();
    if (c->open)
        rc = usual(c);
    return model_ends(c, method, generation, rc == 0 ? result() : rc);
}

#define HANDLER(slot, method, usual)                                                               \
    static int actor_##slot(struct asyncore_dispatcher *self)                                      \
    {                                                                                              \
        return handle(self, method, 0, usual);                                                     \
    }

HANDLER(handle_connect, HANDLE_CONNECT, do_nothing)
HANDLER(handle_accept, HANDLE_ACCEPT, do_accept)
HANDLER(handle_read, HANDLE_READ, do_receive)
HANDLER(handle_write, HANDLE_WRITE, do_write)
HANDLER(handle_expt, HANDLE_EXPT, do_receive_urgent)
HANDLER(handle_close, HANDLE_CLOSE, do_close)
HANDLER(handle_timeout, HANDLE_TIMEOUT, do_close)

static int actor_handle_error(struct asyncore_dispatcher *self, int error)
{
    return handle(self, HANDLE_ERROR, error, do_close);
}

static int actor_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                 const struct sockaddr *addr, socklen_t addrlen)
{
    struct character *c = character_of(self);
    const uint64_t generation = model_begins(c, HANDLE_ACCEPTED, 0);
    const int rc = adopt(self, fd, addr, addrlen);

    while (choose(&world.bytes, 4) == 3)
        act();
    return model_ends(c, HANDLE_ACCEPTED, generation, rc == 0 ? result() : rc);
}

static bool asked(struct asyncore_dispatcher *self, enum method method)
{
    struct character *c = character_of(self);
    const bool answer = c->wants[method];

    model_asked(c, method, answer);
    if (c->ambush) {
        c->ambush = false;
        world.depth++;
        act();
        world.depth--;
    }
    return answer;
}

static bool actor_readable(struct asyncore_dispatcher *self)
{
    return asked(self, READABLE);
}

static bool actor_writable(struct asyncore_dispatcher *self)
{
    return asked(self, WRITABLE);
}

/* May close others, whose turn comes then.  Of one that is put out of its map by another nobody knows
 * whether that one is in it already. */
static void actor_destroy(struct asyncore_dispatcher *self)
{
    struct character *c = character_of(self);
    const int map = c->belongs;

    expect(!c->open && c->actor == (struct actor *)self);
    model_destroyed(c);
    c->actor = NULL;
    if (c->kind == WITH_SEND)
        asyncore_dispatcher_with_send_class.destroy(self);
    free(self);
    world.depth++;
    world.frames[map]++;
    if (!world.quiet && !world.is_wild && choose(&world.bytes, 8) == 7)
        act();
    world.frames[map]--;
    world.depth--;
}

#define CLASS(super_, readable_, writable_)                                                        \
    {                                                                                              \
        .name = "actor", .super = (super_), .readable = (readable_), .writable = (writable_),      \
        .handle_connect = actor_handle_connect, .handle_accept = actor_handle_accept,              \
        .handle_accepted = actor_handle_accepted, .handle_read = actor_handle_read,                \
        .handle_write = actor_handle_write, .handle_expt = actor_handle_expt,                      \
        .handle_close = actor_handle_close, .handle_timeout = actor_handle_timeout,                \
        .handle_error = actor_handle_error, .destroy = actor_destroy                               \
    }

const struct asyncore_class *class_of(enum kind kind)
{
    static const struct asyncore_class classes[KINDS] = {
        [ASKED] = CLASS(&asyncore_dispatcher_class, actor_readable, actor_writable),
        [READER] = CLASS(&asyncore_dispatcher_class, asyncore_always, asyncore_never),
        [BOTH] = CLASS(NULL, NULL, NULL),
        [SILENT] = CLASS(&asyncore_dispatcher_class, asyncore_never, asyncore_never),
        [WITH_SEND] = CLASS(&asyncore_dispatcher_with_send_class, NULL, NULL),
        [FILE_ASKED] = CLASS(&asyncore_file_dispatcher_class, actor_readable, actor_writable),
        [FILE_READER] = CLASS(&asyncore_file_dispatcher_class, NULL, asyncore_never),
    };

    return &classes[kind];
}

/* ==================================================
 * timers and calls
 */

static void act_for(int map)
{
    world.depth++;
    world.frames[map]++;
    while (choose(&world.bytes, 4) == 3)
        act();
    world.frames[map]--;
    world.depth--;
}

void clock_fires(struct asyncore_timer *timer)
{
    struct clock *clock = (struct clock *)timer;

    model_fires(clock);
    act_for(clock->map);
}

void call_is_made(struct asyncore_call *call)
{
    struct queued *queued = (struct queued *)call;

    model_calls(queued);
    act_for(queued->map);
}
