/* actor.c - dispatchers that write down what is called, and do what was said with `on`. */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

static struct actor *actor_of(struct asyncore_dispatcher *self)
{
    return (struct actor *)self;
}

/* ==================================================
 * the base class's method
 */

/* The class, from cls up, that fills this slot. */
#define LOOK_UP(cls, slot)                                                                         \
    do {                                                                                           \
        while ((cls)->slot == NULL && (cls)->super != NULL)                                        \
            (cls) = (cls)->super;                                                                  \
        if ((cls)->slot == NULL)                                                                   \
            (cls) = &asyncore_dispatcher_class;                                                    \
    } while (0)

static bool base_class_answer(struct asyncore_dispatcher *self, enum predicate predicate)
{
    const struct asyncore_class *cls = actor_of(self)->super;

    if (predicate == READABLE) {
        LOOK_UP(cls, readable);
        return cls->readable(self);
    }
    LOOK_UP(cls, writable);
    return cls->writable(self);
}

static int handle_accepted_of(const struct asyncore_class *cls, struct call *call)
{
    const int fd = call->fd;

    call->fd = -1; /* it is closed or kept by that method */
    LOOK_UP(cls, handle_accepted);
    return cls->handle_accepted(call->self, fd, call->addr, call->addrlen);
}

int base_class_method(struct call *call)
{
    struct asyncore_dispatcher *self = call->self;
    const struct asyncore_class *cls = actor_of(self)->super;

    switch (call->method) {
    case HANDLE_CONNECT:
        LOOK_UP(cls, handle_connect);
        return cls->handle_connect(self);
    case HANDLE_ACCEPT:
        LOOK_UP(cls, handle_accept);
        return cls->handle_accept(self);
    case HANDLE_ACCEPTED:
        return handle_accepted_of(cls, call);
    case HANDLE_READ:
        LOOK_UP(cls, handle_read);
        return cls->handle_read(self);
    case HANDLE_WRITE:
        LOOK_UP(cls, handle_write);
        return cls->handle_write(self);
    case HANDLE_EXPT:
        LOOK_UP(cls, handle_expt);
        return cls->handle_expt(self);
    case HANDLE_ERROR:
        LOOK_UP(cls, handle_error);
        return cls->handle_error(self, call->error);
    case HANDLE_CLOSE:
        LOOK_UP(cls, handle_close);
        return cls->handle_close(self);
    case COLLECT_INCOMING_DATA: /* abstract in async_chat: here they do nothing */
    case FOUND_TERMINATOR:
    case METHODS:
        break;
    }
    return 0;
}

/* ==================================================
 * the overridden methods
 */

static int called(struct call *call)
{
    const struct character *character = actor_of(call->self)->character;
    const struct action *actions = character->overridden[call->method];
    int rc;

    actor_of(call->self)->world->stirred = true;
    printf("  %s.%s", character->name, method_names[call->method]);
    if (call->method == COLLECT_INCOMING_DATA) {
        putchar(' ');
        print_data(call->data, call->size);
    }
    putchar('\n');
    rc = actions != NULL ? perform(call, actions) : base_class_method(call);
    if (call->method == HANDLE_ACCEPTED && call->fd >= 0)
        close(call->fd); /* as Python does with a socket that nobody keeps */
    return rc;
}

#define METHOD(name, method_)                                                                      \
    static int traced_##name(struct asyncore_dispatcher *self)                                     \
    {                                                                                              \
        return called(&(struct call){.self = self, .method = (method_), .fd = -1});                \
    }

METHOD(handle_connect, HANDLE_CONNECT)
METHOD(handle_accept, HANDLE_ACCEPT)
METHOD(handle_read, HANDLE_READ)
METHOD(handle_write, HANDLE_WRITE)
METHOD(handle_expt, HANDLE_EXPT)
METHOD(handle_close, HANDLE_CLOSE)
METHOD(found_terminator, FOUND_TERMINATOR)

static int traced_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    return called(&(struct call){
        .self = self, .method = HANDLE_ACCEPTED, .fd = fd, .addr = addr, .addrlen = addrlen});
}

static int traced_handle_error(struct asyncore_dispatcher *self, int error)
{
    return called(&(struct call){.self = self, .method = HANDLE_ERROR, .fd = -1, .error = error});
}

static int traced_collect_incoming_data(struct asyncore_dispatcher *self, const void *data,
                                        size_t size)
{
    return called(&(struct call){
        .self = self, .method = COLLECT_INCOMING_DATA, .fd = -1, .data = data, .size = size});
}

static void traced_log_info(struct asyncore_dispatcher *self, const char *message,
                            enum asyncore_log_type type)
{
    static const char *const types[] = {"log", "info", "warning", "error"};

    (void)message;
    printf("  %s.log_info %s\n", actor_of(self)->character->name, types[type]);
}

static bool answer(struct asyncore_dispatcher *self, enum predicate predicate)
{
    static const char *const names[] = {"readable", "writable"};
    const struct character *character = actor_of(self)->character;
    const enum answer said = character->answers[predicate];
    const bool yes =
        said == ANSWER_SUPER ? base_class_answer(self, predicate) : said == ANSWER_TRUE;

    world_settle(actor_of(self)->world); /* every pass begins with a question */
    printf("  %s.%s -> %s\n", character->name, names[predicate], yes ? "true" : "false");
    return yes;
}

static bool traced_readable(struct asyncore_dispatcher *self)
{
    return answer(self, READABLE);
}

static bool traced_writable(struct asyncore_dispatcher *self)
{
    return answer(self, WRITABLE);
}

static void traced_destroy(struct asyncore_dispatcher *self)
{
    struct actor *actor = actor_of(self);
    const struct asyncore_class *cls = actor->super;

    if (actor->character->actor == actor)
        actor->character->actor = NULL;
    DL_DELETE(actor->world->actors, actor);
    LOOK_UP(cls, destroy);
    cls->destroy(self);
    free(actor);
}

#define TRACED(super_)                                                                             \
    {                                                                                              \
        .name = "traced", .super = (super_), .readable = traced_readable,                          \
        .writable = traced_writable, .handle_connect = traced_handle_connect,                      \
        .handle_accept = traced_handle_accept, .handle_accepted = traced_handle_accepted,          \
        .handle_read = traced_handle_read, .handle_write = traced_handle_write,                    \
        .handle_expt = traced_handle_expt, .handle_close = traced_handle_close,                    \
        .handle_error = traced_handle_error, .log_info = traced_log_info,                          \
        .destroy = traced_destroy, .collect_incoming_data = traced_collect_incoming_data,          \
        .found_terminator = traced_found_terminator                                                \
    }

static const struct asyncore_class traced_dispatcher = TRACED(&asyncore_dispatcher_class);
static const struct asyncore_class traced_with_send = TRACED(&asyncore_dispatcher_with_send_class);
static const struct asyncore_class traced_file = TRACED(&asyncore_file_dispatcher_class);
static const struct asyncore_class traced_chat = TRACED(&asynchat_async_chat_class);

/* ==================================================
 * the beginning
 */

static int init(struct actor *actor, enum kind kind, int fd)
{
    struct asyncore_map *map = actor->world->map;
    int rc;

    switch (kind) {
    case DISPATCHER:
        actor->super = &asyncore_dispatcher_class;
        return asyncore_init(&actor->is.base, &traced_dispatcher, fd, map);
    case WITH_SEND:
        actor->super = &asyncore_dispatcher_with_send_class;
        return asyncore_dispatcher_with_send_init(&actor->is.sender, &traced_with_send, fd, NULL, 0,
                                                  map);
    case FILE_DISPATCHER:
        actor->super = &asyncore_file_dispatcher_class;
        rc = asyncore_file_dispatcher_init(&actor->is.base, &traced_file, fd, map);
        close(fd); /* it has made a dup() of it */
        return rc;
    case ASYNC_CHAT:
        actor->super = &asynchat_async_chat_class;
        return asynchat_init(&actor->is.chat, &traced_chat, fd, NULL, 0, map);
    }
    return -EINVAL;
}

struct actor *actor_new(struct world *world, enum kind kind, const char *name, int fd, int *error)
{
    struct actor *actor = calloc(1, sizeof *actor);

    if (actor == NULL)
        give_up("calloc");
    actor->world = world;
    actor->character = world_character(world, name);
    *error = init(actor, kind, fd);
    if (*error < 0) {
        free(actor);
        return NULL;
    }
    actor->character->actor = actor;
    DL_APPEND(world->actors, actor);
    return actor;
}
