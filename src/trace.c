/*
 * trace.c - what happens, told to whoever wants to know.
 */
#include "trace.h"

#include <stdlib.h>

unsigned asyncore__traced;
bool asyncore__is_traced;

static void (*sink)(const struct asyncore_trace_event *event, void *argument);
static void *sink_argument;
static atomic_bool begun;
static int64_t began_at;
static _Thread_local bool telling; /* the sink is called, and what it calls is not told */

/* ==================================================
 * who wants to know
 */

void asyncore_set_trace(unsigned types,
                        void (*new_sink)(const struct asyncore_trace_event *event, void *argument),
                        void *argument)
{
    atomic_store(&begun, true); /* whatever the environment says */
    asyncore__traced = 0;
    asyncore__is_traced = false;
    if (new_sink == NULL)
        return;
    sink = new_sink;
    sink_argument = argument;
    if (new_sink == asyncore_trace_text)
        asyncore__trace_color(argument);
    began_at = asyncore__now();
    asyncore__traced = types & ((1U << ASYNCORE__TRACE_TYPES) - 1);
    asyncore__is_traced = asyncore__traced != 0;
}

void asyncore__trace_begin(void)
{
    if (!atomic_load_explicit(&begun, memory_order_relaxed) && !atomic_exchange(&begun, true))
        asyncore__trace_environment();
}

/* ==================================================
 * telling
 */

/* What an event begins as, where there are many.  Copied it is a few stores; the zeros of so large an
 * initialiser GCC writes with a string instruction, which is slow to start. */
static const struct asyncore_trace_event nothing = {.fd = -1};

void asyncore__trace_emit_at(const struct asyncore_map *map, struct asyncore_trace_event *event,
                             int64_t now)
{
    if (!asyncore__traces(event->type) || telling)
        return;
    event->map = map;
    for (const struct asyncore__frame *frame = map != NULL ? map->frame : NULL; frame != NULL;
         frame = frame->outer)
        event->depth++;
    if (asyncore__stable)
        now = asyncore__now();
    event->time = (double)(now - began_at) / ASYNCORE__SECOND;
    telling = true;
    sink(event, sink_argument);
    telling = false;
}

void asyncore__trace_emit(const struct asyncore_map *map, struct asyncore_trace_event *event)
{
    const int error = errno; /* what was just told of is yet to be looked at */

    if (asyncore__traces(event->type))
        asyncore__trace_emit_at(map, event, asyncore__monotonic());
    errno = error;
}

const char *asyncore__trace_class(const struct asyncore_dispatcher *dispatcher)
{
    return dispatcher->cls != NULL ? asyncore__class_name(dispatcher->cls) : "?";
}

const char *asyncore__trace_created(const struct asyncore_dispatcher *dispatcher)
{
    const char *created = dispatcher->created;

    while (created != NULL && strncmp(created, "../", 3) == 0)
        created += 3;
    return created;
}

const char *asyncore__trace_addr(const struct sockaddr *addr, socklen_t addrlen, char *text,
                                 size_t size)
{
    char *port;

    asyncore_ntop(addr, addrlen, text, size);
    port = strrchr(text, ':'); /* none if it was no address */
    if (asyncore__stable && port != NULL && addr->sa_family != AF_UNIX)
        *port = '\0';
    return text;
}

struct asyncore_trace_event asyncore__trace_about(const struct asyncore_dispatcher *dispatcher,
                                                  enum asyncore_trace_type type, const char *name)
{
    struct asyncore_trace_event event = nothing;

    event.type = type;
    event.name = name;
    event.dispatcher = dispatcher;
    event.class_name = asyncore__trace_class(dispatcher);
    event.created = asyncore__trace_created(dispatcher);
    if (dispatcher->fd >= 0)
        event.fd = asyncore__traced_fd(dispatcher->fd);
    return event;
}

void asyncore__trace_open(struct asyncore_map *map, struct asyncore_dispatcher *dispatcher)
{
    struct asyncore_trace_event event =
        asyncore__trace_about(dispatcher, ASYNCORE_TRACE_OPEN, NULL);
    char text[ASYNCORE_ADDRSTRLEN];

    dispatcher->recv_of = dispatcher->send_of = NULL; /* they are told about, from now on */
    if (dispatcher->addrlen > 0 && dispatcher->addrlen <= sizeof dispatcher->addr)
        event.text =
            asyncore__trace_addr(&dispatcher->addr.sa, dispatcher->addrlen, text, sizeof text);
    asyncore__trace_emit(map, &event);
    asyncore__lint_opened(map, dispatcher);
}

void asyncore__trace_close(const struct asyncore_dispatcher *self, const char *why)
{
    struct asyncore_trace_event event = asyncore__trace_about(self, ASYNCORE_TRACE_CLOSE, why);

    asyncore__trace_emit(self->map, &event);
    asyncore__stable_forget(self->fd);
}

void asyncore__trace_lost(const struct asyncore_map *map, const struct asyncore_channel *channel)
{
    struct asyncore_trace_event event = {
        .type = ASYNCORE_TRACE_CLOSE,
        .name = "written over",
        .class_name = "?",
        .fd = asyncore__traced_fd(channel->fd),
    };

    asyncore__trace_emit(map, &event);
    asyncore__stable_forget(channel->fd);
}

static struct asyncore_trace_event about_io(const struct asyncore_dispatcher *self, int fd,
                                            const char *name, size_t size, ssize_t result)
{
    const int error = errno;
    struct asyncore_trace_event event = asyncore__trace_about(self, ASYNCORE_TRACE_IO, name);

    if (fd != self->fd)
        event.fd = asyncore__traced_fd(fd);
    event.size = size;
    event.result = result < 0 ? -error : result;
    errno = error;
    return event;
}

void asyncore__trace_io(const struct asyncore_dispatcher *self, const char *name, size_t size,
                        ssize_t result, const char *text)
{
    struct asyncore_trace_event event = about_io(self, self->fd, name, size, result);

    event.text = text;
    if (result > 0 && self->channel != NULL && (name[0] == 's' || name[0] == 'w')) /* send, write */
        self->channel->sent = true;
    if (asyncore__stable && strcmp(name, "accept") == 0)
        event.result = asyncore__stable_fd((int)event.result);
    asyncore__trace_emit(self->map, &event);
}

void asyncore__trace_accepted_io(const struct asyncore_dispatcher *listener, int fd,
                                 const char *name, size_t size, ssize_t result)
{
    struct asyncore_trace_event event = about_io(listener, fd, name, size, result);

    asyncore__trace_emit(listener->map, &event);
}

int asyncore__trace_io_addr(const struct asyncore_dispatcher *self, const char *name, int result,
                            const struct sockaddr *addr, socklen_t addrlen)
{
    char text[ASYNCORE_ADDRSTRLEN];
    const int error = errno;

    if (!asyncore__tracing())
        return result;
    asyncore__trace_addr(addr, addrlen, text, sizeof text);
    errno = error;
    asyncore__trace_io(self, name, 0, result, text);
    return result;
}

int asyncore__trace_listen(const struct asyncore_dispatcher *self, int result)
{
    struct sockaddr_storage addr;
    socklen_t addrlen;
    const int error = errno;

    if (!asyncore__tracing())
        return result;
    if (asyncore_getsockname(self, &addr, &addrlen) < 0)
        addrlen = 0;
    errno = error;
    return asyncore__trace_io_addr(self, "listen", result, (struct sockaddr *)&addr, addrlen);
}

void asyncore__trace_timer(const struct asyncore_timer *timer, const char *name, int64_t left)
{
    struct asyncore_trace_event event = {
        .type = ASYNCORE_TRACE_TIMER,
        .name = name,
        .fd = -1,
        .number = (unsigned long)timer->serial,
        .seconds = (double)left / ASYNCORE__SECOND,
    };

    asyncore__trace_emit(timer->map, &event);
}

/* ==================================================
 * calls
 */

static struct asyncore_trace_event event_of(const struct asyncore__frame *frame,
                                            enum asyncore_trace_type type)
{
    struct asyncore_trace_event event = nothing;

    event.type = type;
    event.name = frame->name;
    event.dispatcher = frame->self;
    event.class_name = frame->class_name;
    event.fd = frame->fd;
    event.number = frame->number;
    return event;
}

static void begin(struct asyncore__frame *frame)
{
    struct asyncore_trace_event event = event_of(frame, ASYNCORE_TRACE_CALL);

    event.created = frame->created;
    frame->began_at = asyncore__monotonic();
    asyncore__trace_emit_at(frame->map, &event, frame->began_at);
    frame->outer = frame->map->frame;
    frame->map->frame = frame;
}

void asyncore__call_begins(struct asyncore__frame *frame, struct asyncore_map *map,
                           struct asyncore_dispatcher *self, const char *name)
{
    *frame = (struct asyncore__frame){
        .name = self == &map->wakeup ? NULL : name,
        .class_name = asyncore__trace_class(self),
        .created = asyncore__trace_created(self),
        .map = map,
        .self = self,
        .generation = self->generation,
        .fd = self->fd >= 0 ? asyncore__traced_fd(self->fd) : -1,
    };
    if (self->channel != NULL)
        self->channel->sent = false;
    if (frame->name != NULL)
        begin(frame);
}

void asyncore__target_begins(struct asyncore__frame *frame, struct asyncore_map *map,
                             const char *what, unsigned long number)
{
    *frame = (struct asyncore__frame){
        .name = "target",
        .class_name = what,
        .map = map,
        .fd = -1,
        .number = number,
    };
    begin(frame);
}

void asyncore__call_ends(struct asyncore__frame *frame, ssize_t result)
{
    const int64_t now = asyncore__monotonic(), took = now - frame->began_at;
    struct asyncore_trace_event event = event_of(frame, ASYNCORE_TRACE_RET);

    event.result = result;
    event.seconds = asyncore__stable ? 0 : (double)took / ASYNCORE__SECOND;
    frame->map->frame = frame->outer;
    asyncore__trace_emit_at(frame->map, &event, now);
    asyncore__lint_returned(frame, took);
}

/* ==================================================
 * waiting
 */

/* Those who were known to have a recv and send like everybody's are asked again. */
static void forget_known(struct asyncore_map *map)
{
    for (struct asyncore_channel *c = map->channels; c != NULL; c = c->hh.next)
        c->dispatcher->recv_of = c->dispatcher->send_of = NULL;
}

int asyncore__trace_wait(struct asyncore_map *map, int64_t timeout)
{
    struct asyncore_trace_event ask = {.type = ASYNCORE_TRACE_ASK, .fd = -1};
    struct asyncore_trace_event ready = {.type = ASYNCORE_TRACE_READY, .fd = -1};
    int64_t before;
    int rc;

    if (map->traced != asyncore__traced) {
        map->traced = asyncore__traced;
        forget_known(map);
    }
    asyncore__lint_pass(map);
    ask.seconds = timeout < 0 ? -1 : (double)timeout / ASYNCORE__SECOND;
    asyncore__trace_emit(map, &ask);
    if (timeout != 0)
        asyncore__trace_flush();
    before = asyncore__now();
    rc = asyncore__wait(map, timeout);
    if (map->unsorted)
        asyncore__ready_sort(map);
    asyncore__stable_waited(timeout, map->ready_count > 0 || rc < 0);
    ready.seconds = (double)(asyncore__now() - before) / ASYNCORE__SECOND;
    asyncore__trace_emit(map, &ready);
    return rc == -EINTR ? 0 : rc;
}

/* ==================================================
 * the sets
 */

static bool next_asked(const struct asyncore_map *map, struct asyncore_trace_entry *entry,
                       unsigned *events)
{
    const struct asyncore_channel *channel = entry->place[0];

    channel = channel != NULL ? channel->hh.next : map->channels;
    entry->place[0] = channel;
    if (channel == NULL)
        return false;
    *events = channel->interest;
    return true;
}

static bool next_ready(const struct asyncore_map *map, struct asyncore_trace_entry *entry,
                       unsigned *events)
{
    const struct asyncore__ready *ready = entry->place[1];

    ready = ready != NULL ? ready + 1 : map->ready;
    while (
        ready != map->ready + map->ready_count &&
        (ready->channel == &map->wakeup_channel || ready->channel->generation != ready->generation))
        ready++;
    if (ready == map->ready + map->ready_count)
        return false;
    entry->place[0] = ready->channel;
    entry->place[1] = ready;
    *events = ready->events;
    return true;
}

bool asyncore_trace_next(const struct asyncore_trace_event *event,
                         struct asyncore_trace_entry *entry)
{
    const struct asyncore_channel *channel;
    unsigned events = 0;

    if (event->type == ASYNCORE_TRACE_ASK
            ? !next_asked(event->map, entry, &events)
            : event->type != ASYNCORE_TRACE_READY || !next_ready(event->map, entry, &events))
        return false;
    channel = entry->place[0];
    entry->fd = asyncore__traced_fd(channel->fd);
    entry->class_name = asyncore__trace_class(channel->dispatcher);
    entry->r = (events & ASYNCORE__READ) != 0;
    entry->w = (events & ASYNCORE__WRITE) != 0;
    entry->e = (events & (ASYNCORE__EXPT | ASYNCORE__DEAD | ASYNCORE__FAILED)) != 0;
    entry->connecting = events == ASYNCORE__CONNECT;
    return true;
}
