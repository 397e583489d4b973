/*
 * trace.c - what happens, told to whoever wants to know.
 */
#include "trace.h"

#include <pthread.h>
#include <stdlib.h>

unsigned asyncore__traced;
bool asyncore__is_traced;
_Thread_local bool asyncore__telling;

static void (*sink)(const struct asyncore_trace_event *event, void *argument);
static void *sink_argument;
static atomic_bool begun;
static int64_t began_at;

/* ==================================================
 * who wants to know
 */

void asyncore_set_trace(unsigned types,
                        void (*new_sink)(const struct asyncore_trace_event *event, void *argument),
                        void *argument)
{
    asyncore__trace_flush();
    if (new_sink == asyncore_trace_text)
        asyncore__trace_color(argument);
    sink = new_sink;
    sink_argument = argument;
    began_at = asyncore__now();
    asyncore__traced = new_sink != NULL ? types & ((1U << ASYNCORE__TRACE_TYPES) - 1) : 0;
    asyncore__is_traced = asyncore__traced != 0;
    atomic_store(&begun, true); /* whatever the environment says */
}

static void begin_once(void)
{
    if (!atomic_load(&begun))
        asyncore__trace_environment();
    atomic_store(&begun, true);
}

/* Several threads may open their first maps at once: all go on when one of them has looked. */
void asyncore__trace_begin(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static _Thread_local bool beginning; /* and a log that is told of a mistake may open one */

    if (atomic_load(&begun) || beginning)
        return;
    beginning = true;
    pthread_once(&once, begin_once);
    beginning = false;
}

/* ==================================================
 * telling
 */

/* All but what emit() does, field by field: the zeros of so large an initialiser GCC writes with a string
 * instruction, which is slow to start. */
static inline void set_up(struct asyncore__told *told, enum asyncore_trace_type type,
                          const struct asyncore_map *map, const char *name, size_t name_length)
{
    struct asyncore_trace_event *event = &told->event;

    event->type = type;
    event->map = map;
    event->dispatcher = NULL;
    event->class_name = NULL;
    event->fd = -1;
    event->name = name;
    event->text = NULL;
    event->created = NULL;
    event->number = 0;
    event->seconds = 0;
    event->size = 0;
    event->result = 0;
    told->name_length = name_length;
    told->class_length = 0;
}

static void emit(struct asyncore__told *told, int64_t now)
{
    struct asyncore_trace_event *const event = &told->event;
    unsigned depth = 0;

    if (!asyncore__traces(event->type) || asyncore__telling)
        return;
    for (const struct asyncore__frame *frame = event->map != NULL ? event->map->frame : NULL;
         frame != NULL; frame = frame->outer)
        depth++;
    event->depth = depth;
    if (asyncore__stable)
        now = asyncore__now();
    event->time = (double)(now - began_at) / ASYNCORE__SECOND;
    asyncore__telling = true;
    sink(event, sink_argument);
    asyncore__telling = false;
}

struct asyncore__told asyncore__measured(const struct asyncore_trace_event *event)
{
    return (struct asyncore__told){
        .event = *event,
        .name_length = event->name != NULL ? strlen(event->name) : 0,
        .class_length = event->class_name != NULL ? strlen(event->class_name) : 0,
    };
}

void asyncore__trace_emit(const struct asyncore_map *map, const struct asyncore_trace_event *event)
{
    const int error = errno; /* what was just told of is yet to be looked at */
    struct asyncore__told told;

    if (asyncore__traces(event->type)) {
        told = asyncore__measured(event);
        told.event.map = map;
        emit(&told, asyncore__monotonic());
    }
    errno = error;
}

const char *asyncore__trace_class(const struct asyncore_dispatcher *dispatcher)
{
    const struct asyncore_class *cls = dispatcher->cls;

    if (cls == NULL)
        return "?";
    return cls->name != NULL ? cls->name : asyncore__class_name(cls);
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
    return (struct asyncore_trace_event){
        .type = type,
        .name = name,
        .dispatcher = dispatcher,
        .class_name = asyncore__trace_class(dispatcher),
        .created = asyncore__trace_created(dispatcher),
        .fd = dispatcher->fd >= 0 ? asyncore__traced_fd(dispatcher->fd) : -1,
    };
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

/* fd is self's, or of a connection that it has accepted. */
static inline void tell_io(const struct asyncore_dispatcher *self, int fd, const char *name,
                           size_t name_length, size_t size, ssize_t result, const char *text)
{
    const int error = errno; /* what was just told of is yet to be looked at */
    struct asyncore__told told;

    set_up(&told, ASYNCORE_TRACE_IO, self->map, name, name_length);
    told.event.size = size;
    told.event.result = result < 0 ? -error : result;
    told.event.text = text;
    told.event.dispatcher = self;
    told.event.fd = asyncore__traced_fd(fd);
    told.event.class_name = asyncore__trace_class(self);
    told.event.created = asyncore__trace_created(self);
    if (asyncore__stable && strcmp(name, "accept") == 0)
        told.event.result = asyncore__stable_fd((int)told.event.result);
    if (asyncore__traces(ASYNCORE_TRACE_IO))
        emit(&told, asyncore__monotonic());
    errno = error;
}

void asyncore__trace_io(const struct asyncore_dispatcher *self, const char *name,
                        size_t name_length, size_t size, ssize_t result, const char *text)
{
    if (result > 0 && self->channel != NULL && (name[0] == 's' || name[0] == 'w')) /* send, write */
        self->channel->sent = true;
    tell_io(self, self->fd, name, name_length, size, result, text);
}

void asyncore__trace_accepted_io(const struct asyncore_dispatcher *listener, int fd,
                                 const char *name, size_t name_length, size_t size, ssize_t result)
{
    tell_io(listener, fd, name, name_length, size, result, NULL);
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
    asyncore__trace_io(self, name, strlen(name), 0, result, text);
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

static inline void set_up_frame(struct asyncore__frame *frame, struct asyncore_map *map,
                                const char *name, size_t name_length)
{
    set_up(&frame->told, ASYNCORE_TRACE_CALL, map, name, name_length);
    frame->created = NULL;
    frame->map = map;
    frame->self = NULL;
    frame->generation = 0;
    frame->slow_told = false;
}

static void begin(struct asyncore__frame *frame)
{
    frame->began_at = asyncore__monotonic();
    frame->told.event.created = frame->created;
    emit(&frame->told, frame->began_at);
    frame->outer = frame->map->frame;
    frame->map->frame = frame;
}

void asyncore__call_begins(struct asyncore__frame *frame, struct asyncore_map *map,
                           struct asyncore_dispatcher *self, const char *name, size_t name_length)
{
    struct asyncore_trace_event *const event = &frame->told.event;

    set_up_frame(frame, map, self == &map->wakeup ? NULL : name, name_length);
    frame->self = self;
    frame->generation = self->generation;
    frame->created = asyncore__trace_created(self);
    event->dispatcher = self;
    event->class_name = asyncore__trace_class(self);
    frame->told.class_length = strlen(event->class_name);
    if (self->fd >= 0)
        event->fd = asyncore__traced_fd(self->fd);
    if (self->channel != NULL)
        self->channel->sent = false;
    if (event->name != NULL)
        begin(frame);
}

void asyncore__target_begins(struct asyncore__frame *frame, struct asyncore_map *map,
                             const char *what, unsigned long number)
{
    set_up_frame(frame, map, "target", strlen("target"));
    frame->told.event.class_name = what;
    frame->told.class_length = strlen(what);
    frame->told.event.number = number;
    begin(frame);
}

/* The same event again, with what has come of it. */
void asyncore__call_ends(struct asyncore__frame *frame, ssize_t result)
{
    const int64_t now = asyncore__monotonic(), took = now - frame->began_at;
    struct asyncore_trace_event *event = &frame->told.event;

    event->type = ASYNCORE_TRACE_RET;
    event->created = NULL;
    event->result = result;
    event->seconds = asyncore__stable ? 0 : (double)took / ASYNCORE__SECOND;
    frame->map->frame = frame->outer;
    emit(&frame->told, now);
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
    struct asyncore__told told;
    int64_t before, now;
    int rc;

    if (map->traced != asyncore__traced) {
        map->traced = asyncore__traced;
        forget_known(map);
    }
    asyncore__lint_pass(map);
    set_up(&told, ASYNCORE_TRACE_ASK, map, NULL, 0);
    told.event.seconds = timeout < 0 ? -1 : (double)timeout / ASYNCORE__SECOND;
    emit(&told, asyncore__monotonic());
    if (timeout != 0)
        asyncore__trace_flush();
    before = asyncore__now();
    rc = asyncore__wait(map, timeout);
    if (map->unsorted)
        asyncore__ready_sort(map);
    asyncore__stable_waited(timeout, map->ready_count > 0 || rc < 0);
    now = asyncore__now();
    told.event.type = ASYNCORE_TRACE_READY;
    told.event.seconds = (double)(now - before) / ASYNCORE__SECOND;
    emit(&told, now);
    return rc == -EINTR ? 0 : rc;
}

/* ==================================================
 * the sets
 */

static bool next_asked(const struct asyncore_map *map, struct asyncore__member *member)
{
    const struct asyncore_channel *channel =
        member->channel != NULL ? member->channel->hh.next : map->channels;

    if (channel == NULL)
        return false;
    member->channel = channel;
    member->events = channel->interest;
    return true;
}

static bool next_ready(const struct asyncore_map *map, struct asyncore__member *member)
{
    const struct asyncore__ready *const end = map->ready + map->ready_count;
    const struct asyncore__ready *ready = member->ready != NULL ? member->ready + 1 : map->ready;

    while (ready != end && (ready->channel == &map->wakeup_channel ||
                            ready->channel->generation != ready->generation))
        ready++;
    if (ready == end)
        return false;
    member->channel = ready->channel;
    member->ready = ready;
    member->events = ready->events;
    return true;
}

bool asyncore__trace_next(const struct asyncore_trace_event *event, struct asyncore__member *member)
{
    if (event->type == ASYNCORE_TRACE_ASK)
        return next_asked(event->map, member);
    return event->type == ASYNCORE_TRACE_READY && next_ready(event->map, member);
}

bool asyncore_trace_next(const struct asyncore_trace_event *event,
                         struct asyncore_trace_entry *entry)
{
    struct asyncore__member member = {entry->place[0], entry->place[1], 0};

    if (!asyncore__trace_next(event, &member))
        return false;
    entry->place[0] = member.channel;
    entry->place[1] = member.ready;
    entry->fd = asyncore__traced_fd(member.channel->fd);
    entry->class_name = asyncore__trace_class(member.channel->dispatcher);
    entry->r = (member.events & ASYNCORE__READ) != 0;
    entry->w = (member.events & ASYNCORE__WRITE) != 0;
    entry->e = (member.events & ASYNCORE__EXCEPTIONAL) != 0;
    entry->connecting = member.events == ASYNCORE__CONNECT;
    return true;
}
