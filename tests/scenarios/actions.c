/* actions.c - what a scenario has its methods do. */
#include "world.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <utlist.h>

static struct actor *actor_of(const struct call *call)
{
    return (struct actor *)call->self;
}

/* Closed from outside a pass, it may be destroyed already. */
static bool is_open(const struct world *world, const struct asyncore_dispatcher *self)
{
    const struct actor *actor;

    DL_FOREACH (world->actors, actor)
        if (&actor->is.base == self)
            return asyncore_fileno(self) >= 0;
    return false;
}

static int trace_errno(const struct character *character, const char *function, ssize_t rc)
{
    if (rc != asyncore_ExitNow)
        printf("  %s.%s -> %s\n", character->name, function, errno_name((int)-rc));
    return (int)rc;
}

static int do_recv(const struct call *call, size_t size)
{
    const struct character *character = actor_of(call)->character;
    unsigned char *buffer = malloc(size + 1);
    ssize_t n;

    if (buffer == NULL)
        give_up("malloc");
    n = asyncore_recv(call->self, buffer, size);
    if (n >= 0) {
        printf("  %s.recv -> ", character->name);
        print_data(buffer, (size_t)n);
        putchar('\n');
    }
    free(buffer);
    return n < 0 ? trace_errno(character, "recv", n) : 0;
}

static int do_send(const struct call *call, const struct text *text)
{
    const struct character *character = actor_of(call)->character;
    const bool buffers = actor_of(call)->super == &asyncore_dispatcher_with_send_class;
    ssize_t n = asyncore_send(call->self, text->bytes, text->length);

    if (buffers && n == -EPIPE) /* handle_close was called; Python's send says no more than that */
        n = 0;
    if (n < 0)
        return trace_errno(character, "send", n);
    printf("  %s.send -> ", character->name);
    if (buffers)
        puts("queued");
    else if (n > 0 && (size_t)n < text->length)
        puts("some");
    else
        printf("%zd\n", n);
    return 0;
}

static int do_accept(const struct call *call)
{
    const struct character *character = actor_of(call)->character;
    const int fd = asyncore_accept(call->self, NULL, NULL);

    if (fd >= 0)
        close(fd);
    else if (fd != -EAGAIN)
        return fd;
    printf("  %s.accept -> %s\n", character->name, fd >= 0 ? "ok" : "none");
    return 0;
}

static int do_adopt(struct call *call, const char *name)
{
    int rc = 0;

    if (call->fd >= 0)
        actor_new(actor_of(call)->world, DISPATCHER, name, call->fd, &rc);
    call->fd = -1;
    return rc;
}

static int do_close(const struct call *call, const char *name)
{
    struct actor *actor = actor_of(call);

    if (name[0] != '\0')
        actor = world_character(actor->world, name)->actor;
    return actor != NULL ? asyncore_close(&actor->is.base) : 0;
}

static int do_super(struct call *call)
{
    const int rc = base_class_method(call);

    return rc == -EAGAIN ? 0 : rc; /* no error: accept() found nobody */
}

static int do_one(struct call *call, const struct action *action)
{
    const struct arguments *given = &action->given;

    switch (action->verb) {
    case DO_RECV:
        return do_recv(call, (size_t)given->number);
    case DO_SEND:
        return do_send(call, &given->text);
    case DO_ACCEPT:
        return do_accept(call);
    case DO_ADOPT:
        return do_adopt(call, given->names[0]);
    case DO_CLOSE:
        return do_close(call, given->names[0]);
    case DO_RAISE:
        return -given->number;
    case DO_EXIT:
        return asyncore_ExitNow;
    case DO_SUPER:
        return do_super(call);
    case DO_SET:
        actor_of(call)->character->answers[given->predicate] = given->answer;
        return 0;
    case DO_TERMINATOR:
    case DO_PUSH:
    case DO_PRODUCE:
    case DO_CLOSE_WHEN_DONE:
    case DO_DISCARD_BUFFERS:
        return chat_perform(actor_of(call), action);
    case DO_NOTHING:
        break;
    }
    return 0;
}

int perform(struct call *call, const struct action *actions)
{
    const struct world *world = actor_of(call)->world;

    for (; actions != NULL; actions = actions->next) {
        const int rc = do_one(call, actions);

        if (rc < 0)
            return rc;
        if (!is_open(world, call->self))
            break;
    }
    return 0;
}
