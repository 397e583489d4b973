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

/* "echo fd 5, created at echo.c:80: ", or "timer 7: " of a target. */
static int write_whom(const struct asyncore_trace_event *event, char *text, size_t size)
{
    const char *created = event->created != NULL ? event->created : "an unknown place";

    if (event->dispatcher == NULL)
        return snprintf(text, size, "%s %lu: ", event->class_name, event->number);
    if (event->fd < 0)
        return snprintf(text, size, "%.64s, created at %.128s: ", event->class_name, created);
    return snprintf(text, size, "%.64s fd %d, created at %.128s: ", event->class_name, event->fd,
                    created);
}

static struct asyncore_trace_event mistake(const struct asyncore_dispatcher *dispatcher,
                                           const char *name)
{
    struct asyncore_trace_event event =
        asyncore__trace_about(dispatcher, ASYNCORE_TRACE_LINT, name);

    if (dispatcher->fd < 0)
        event.fd = asyncore__past(dispatcher->fd);
    return event;
}

__attribute__((format(printf, 3, 4))) static void
say(const struct asyncore_map *map, struct asyncore_trace_event event, const char *format, ...)
{
    char text[400];
    const int length = write_whom(&event, text, sizeof text);
    va_list args;

    va_start(args, format);
    /* It has begun in the line above.
     * NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized) */
    vsnprintf(text + length, sizeof text - (size_t)length, format, args);
    va_end(args);
    event.text = text;
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
    say(map, mistake(dispatcher, "deaf"),
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
    say(map, mistake(channel->dispatcher, "unbounded"),
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
        say(map, mistake(channel->dispatcher, "no deadline"),
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
    say(map, mistake(dispatcher, "near the limit"), "descriptor %d of %lu, %s", dispatcher->fd,
        number, limit);
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
        say(frame->map, mistake(frame->self, "hot"),
            "writable() has answered true and handle_write() sent nothing, %d times in a row: the "
            "loop spins; let writable() answer false while there is nothing to send",
            HOT);
}

/* It is told of the innermost; those around it took as long. */
static void say_slow(const struct asyncore__frame *frame, int64_t took)
{
    const struct asyncore_trace_event *const call = &frame->told.event;
    const struct asyncore_trace_event event = {
        .type = ASYNCORE_TRACE_LINT,
        .name = "slow",
        .dispatcher = frame->self, /* which a destroy() has freed */
        .class_name = call->class_name,
        .fd = call->fd,
        .created = frame->created,
        .number = call->number,
    };

    if (frame->outer != NULL)
        frame->outer->slow_told = true;
    if (!frame->slow_told)
        say(frame->map, event, "%s() took %.3f s, in which nobody else was served", call->name,
            (double)took / ASYNCORE__SECOND);
}

void asyncore__lint_returned(const struct asyncore__frame *frame, int64_t took)
{
    const struct asyncore_dispatcher *self = frame->self;

    if (!asyncore__traces(ASYNCORE_TRACE_LINT))
        return;
    if (took > SLOW && !asyncore__stable) /* whose clock stood still */
        say_slow(frame, took);
    /* who returns from something else may be freed: from destroy() */
    if (self != NULL && frame->told.name_length == strlen("handle_write") &&
        strcmp(frame->told.event.name, "handle_write") == 0 && self->channel != NULL &&
        self->generation == frame->generation)
        look_for_hot(frame, self->channel);
}

/* Its map may be gone. */
void asyncore__lint_stale(const struct asyncore_dispatcher *self, const char *function)
{
    if (self->state == ASYNCORE__CLOSED)
        say(NULL, mistake(self, "stale"), "%s() after asyncore_close()", function);
}
