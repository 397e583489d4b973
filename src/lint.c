/*
 * lint.c - what looks like a mistake of the program, told as an event of the trace.
 */
#include "trace.h"

#include <stdarg.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/select.h>

enum {
    HOT = 100,               /* write events in a row for which nothing was sent */
    UNBOUNDED = 1024 * 1024, /* bytes */
};
#define SLOW (ASYNCORE__SECOND / 10)
#define DEAF (10 * ASYNCORE__SECOND)

/* What was said of a channel, lest it be said in each pass. */
enum { SAID_DEAF = 1, SAID_UNBOUNDED = 2, SAID_NO_DEADLINE = 4 };

/* "hot: echo fd 5, created at echo.c:80: ..." */
__attribute__((format(printf, 4, 5))) static void say(const struct asyncore_map *map,
                                                      const struct asyncore_dispatcher *dispatcher,
                                                      const char *name, const char *format, ...)
{
    char text[400];
    const int fd = asyncore__stable ? asyncore__stable_fd(dispatcher->fd) : dispatcher->fd;
    const char *created = asyncore__trace_created(dispatcher);
    int length = snprintf(text, sizeof text,
                          "%.64s fd %d, created at %.128s: ", asyncore__trace_class(dispatcher), fd,
                          created != NULL ? created : "an unknown place");
    struct asyncore_trace_event event = {
        .type = ASYNCORE_TRACE_LINT,
        .name = name,
        .dispatcher = dispatcher,
        .class_name = asyncore__trace_class(dispatcher),
        .fd = dispatcher->fd,
        .created = created,
        .text = text,
    };
    va_list args;

    va_start(args, format);
    /* It has begun in the line above.
     * NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    vsnprintf(text + length, sizeof text - (size_t)length, format, args);
    va_end(args);
    asyncore__trace_emit(map, &event);
}

/* ==================================================
 * before the wait
 */

/* By a timer or a signal handler, whatever that may do. */
static bool may_be_woken(const struct asyncore_map *map)
{
    return map->timer_count > 0 || map->signal_handlers != NULL;
}

/* A descriptor that asks for nothing can be meant: another dispatcher, a timer or a signal will make it
 * ask again.  Not if there is none of these, or not for so long. */
static void look_for_deaf(const struct asyncore_map *map, struct asyncore_channel *channel,
                          bool all_deaf)
{
    const struct asyncore_dispatcher *dispatcher = channel->dispatcher;

    if (channel->interest != 0 || dispatcher->timeouts != NULL || map->accept_resume_at != 0) {
        channel->deaf_since = 0;
        channel->said &= ~(unsigned)SAID_DEAF;
        return;
    }
    if (channel->deaf_since == 0)
        channel->deaf_since = asyncore__now();
    if ((channel->said & SAID_DEAF) != 0 || may_be_woken(map) ||
        (!all_deaf && asyncore__now() - channel->deaf_since < DEAF))
        return;
    channel->said |= SAID_DEAF;
    say(map, dispatcher, "deaf",
        "readable() and writable() answer false and no timer or signal is set: it is not called, "
        "and keeps the loop from ending");
}

static bool nobody_asks(const struct asyncore_map *map)
{
    for (const struct asyncore_channel *c = map->channels; c != NULL; c = c->hh.next)
        if (c->interest != 0)
            return false;
    return true;
}

static void look_for_unbounded(const struct asyncore_map *map, struct asyncore_channel *channel)
{
    const size_t buffered = asyncore__buffered(channel->dispatcher);

    if (buffered <= UNBOUNDED / 2)
        channel->said &= ~(unsigned)SAID_UNBOUNDED;
    if (buffered <= UNBOUNDED || (channel->interest & ASYNCORE__READ) == 0 ||
        (channel->said & SAID_UNBOUNDED) != 0)
        return;
    channel->said |= SAID_UNBOUNDED;
    say(map, channel->dispatcher, "unbounded",
        "%zu bytes wait to be sent, and it still reads: let readable() answer false until they "
        "are sent, or see asynchat_set_high_water()",
        buffered);
}

/* Once for each class: what is missing there is missing in each of its connections. */
static bool is_new_class(const struct asyncore_class *cls)
{
    static _Atomic(const struct asyncore_class *) classes[64];

    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++) {
        const struct asyncore_class *none = NULL;

        if (atomic_compare_exchange_strong(&classes[i], &none, cls))
            return true;
        if (none == cls)
            return false;
    }
    return false;
}

static void look_for_no_deadline(const struct asyncore_map *map, struct asyncore_channel *channel)
{
    if (!channel->accepted || (channel->said & SAID_NO_DEADLINE) != 0)
        return;
    channel->said |= SAID_NO_DEADLINE;
    if (channel->dispatcher->timeouts == NULL && is_new_class(channel->dispatcher->cls))
        say(map, channel->dispatcher, "no deadline",
            "accepted, and without asyncore_set_idle_timeout(): a peer that is silent, or gone "
            "without a word, keeps its descriptor for ever");
}

void asyncore__lint_pass(struct asyncore_map *map)
{
    bool all_deaf;

    if (!asyncore__traces(ASYNCORE_TRACE_LINT))
        return;
    all_deaf = nobody_asks(map);
    for (struct asyncore_channel *c = map->channels; c != NULL; c = c->hh.next) {
        if (asyncore__check(c->dispatcher) < 0)
            continue;
        look_for_deaf(map, c, all_deaf);
        look_for_unbounded(map, c);
        look_for_no_deadline(map, c);
    }
}

/* ==================================================
 * when something has happened
 */

static void say_near(struct asyncore_map *map, const struct asyncore_dispatcher *dispatcher,
                     const char *limit, unsigned long number)
{
    say(map, dispatcher, "near the limit", "descriptor %d of %lu, %s", dispatcher->fd, number,
        limit);
}

void asyncore__lint_opened(struct asyncore_map *map, struct asyncore_dispatcher *dispatcher)
{
    const unsigned long fd = (unsigned long)dispatcher->fd;
    struct rlimit limit;

    if (!asyncore__traces(ASYNCORE_TRACE_LINT))
        return;
    if (!map->said_nofile && getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
        limit.rlim_cur != RLIM_INFINITY && fd >= limit.rlim_cur / 10 * 9) {
        map->said_nofile = true;
        say_near(map, dispatcher, "RLIMIT_NOFILE: then connections wait (ulimit -n sets it)",
                 (unsigned long)limit.rlim_cur);
    }
    if (!map->said_setsize && fd >= FD_SETSIZE / 10 * 9 &&
        strcmp(asyncore_map_get_poller(map), "select") == 0) {
        map->said_setsize = true;
        say_near(map, dispatcher,
                 "FD_SETSIZE: ASYNCORE_POLLER=epoll has no such limit, and costs less", FD_SETSIZE);
    }
}

static void look_for_hot(const struct asyncore__frame *frame, struct asyncore_channel *channel)
{
    channel->hot = channel->sent ? 0 : channel->hot + 1;
    if (channel->hot == HOT)
        say(frame->map, frame->self, "hot",
            "writable() has answered true and handle_write() sent nothing, %d times in a row: the "
            "loop spins; let writable() answer false while there is nothing to send",
            HOT);
}

void asyncore__lint_returned(const struct asyncore__frame *frame, int64_t took)
{
    const struct asyncore_dispatcher *self = frame->self;

    if (!asyncore__traces(ASYNCORE_TRACE_LINT))
        return;
    /* What a destroy() has freed is not looked at. */
    if (self == NULL || strcmp(frame->name, "destroy") == 0)
        return;
    if (took > SLOW)
        say(frame->map, self, "slow", "%s() took %.3f s, in which nobody else was served",
            frame->name, (double)took / ASYNCORE__SECOND);
    if (self->channel != NULL && self->generation == frame->generation &&
        strcmp(frame->name, "handle_write") == 0)
        look_for_hot(frame, self->channel);
}

void asyncore__lint_stale(const struct asyncore_dispatcher *self, const char *function)
{
    if (self->state == ASYNCORE__CLOSED)
        say(asyncore__map(NULL), self, "stale", "%s() after asyncore_close()", function);
}
