/* trace.h - how the library's files tell the trace what happens.  While nothing is traced, each of the
 * inline functions is one test. */
#ifndef ASYNCORE__TRACE_H
#define ASYNCORE__TRACE_H

#include "internal.h"

#include "asyncore_trace.h"

/* 1 << type for those that somebody wants, and whether there are any: a bool is compared where it lies,
 * without being loaded.  Not atomic, and known to be our own, so that a test is one instruction and
 * a jump: they are set before there are threads. */
extern unsigned asyncore__traced __attribute__((visibility("hidden")));
extern bool asyncore__is_traced __attribute__((visibility("hidden")));
/* The sink is called by this thread, and what it calls is not told. */
extern _Thread_local bool asyncore__telling __attribute__((visibility("hidden")));

/* ASYNCORE__UNTRACED is for the benchmark, which compares the two. */
static inline bool asyncore__tracing(void)
{
#ifdef ASYNCORE__UNTRACED
    return false;
#endif
    return __builtin_expect(asyncore__is_traced, false);
}

static inline bool asyncore__traces(enum asyncore_trace_type type)
{
    return (asyncore__traced >> type & 1) != 0;
}

/* ---- trace.c ---- */

/* An event as the library tells it, and how long its names are. */
struct asyncore__told {
    struct asyncore_trace_event event; /* first member: what a sink is given */
    size_t name_length, class_length;
};

struct asyncore__told asyncore__measured(const struct asyncore_trace_event *event);

/* Looks into the environment, the first time. */
void asyncore__trace_begin(void);
/* Fills in what all events have, and calls the sink if it wants this type. */
void asyncore__trace_emit(const struct asyncore_map *map, const struct asyncore_trace_event *event);
/* asyncore__wait(), with what is asked and what is found. */
int asyncore__trace_wait(struct asyncore_map *map, int64_t timeout);
void asyncore__trace_open(struct asyncore_map *map, struct asyncore_dispatcher *dispatcher);
void asyncore__trace_close(const struct asyncore_dispatcher *self, const char *why);
/* Of one that may have been freed. */
void asyncore__trace_lost(const struct asyncore_map *map, const struct asyncore_channel *channel);
void asyncore__trace_io(const struct asyncore_dispatcher *self, const char *name,
                        size_t name_length, size_t size, ssize_t result, const char *text);
void asyncore__trace_timer(const struct asyncore_timer *timer, const char *name, int64_t left);
/* The class of one that may have been written over. */
const char *asyncore__trace_class(const struct asyncore_dispatcher *dispatcher);
/* Where it was created, as a program's source is named from above its build directory. */
const char *asyncore__trace_created(const struct asyncore_dispatcher *dispatcher);
/* An event with what all have that are about a dispatcher. */
struct asyncore_trace_event asyncore__trace_about(const struct asyncore_dispatcher *dispatcher,
                                                  enum asyncore_trace_type type, const char *name);
/* The next of an event's sets; zeroed for the first. */
struct asyncore__member {
    const struct asyncore_channel *channel;
    const struct asyncore__ready *ready;
    unsigned events;
};

enum { ASYNCORE__EXCEPTIONAL = ASYNCORE__EXPT | ASYNCORE__DEAD | ASYNCORE__FAILED };

bool asyncore__trace_next(const struct asyncore_trace_event *event,
                          struct asyncore__member *member);
/* An address as text, for an event. */
const char *asyncore__trace_addr(const struct sockaddr *addr, socklen_t addrlen, char *text,
                                 size_t size);

static inline void asyncore__closes(const struct asyncore_dispatcher *self, const char *why)
{
    if (self->fd >= 0 && asyncore__tracing())
        asyncore__trace_close(self, why);
}

/* What the system answered, errno included; returns it. */
static inline ssize_t asyncore__io(const struct asyncore_dispatcher *self, const char *name,
                                   size_t size, ssize_t result)
{
    if (asyncore__tracing())
        asyncore__trace_io(self, name, strlen(name), size, result, NULL);
    return result;
}

/* The same for a call that has an address. */
int asyncore__trace_io_addr(const struct asyncore_dispatcher *self, const char *name, int result,
                            const struct sockaddr *addr, socklen_t addrlen);
/* And for listen(), with the address that it really has, not port 0. */
int asyncore__trace_listen(const struct asyncore_dispatcher *self, int result);

/* Of a connection that is no dispatcher's, but the listener's that has accepted it. */
void asyncore__trace_accepted_io(const struct asyncore_dispatcher *listener, int fd,
                                 const char *name, size_t name_length, size_t size, ssize_t result);

static inline void asyncore__accepted_io(const struct asyncore_dispatcher *listener, int fd,
                                         const char *name, size_t size, ssize_t result)
{
    if (asyncore__tracing())
        asyncore__trace_accepted_io(listener, fd, name, strlen(name), size, result);
}

/* ---- a call, on the stack of who calls ---- */

struct asyncore__frame {
    struct asyncore__told told; /* its name NULL: is not traced */
    const char *created;
    struct asyncore_map *map;
    struct asyncore_dispatcher *self; /* NULL: a timer's, a signal's or a queued call's */
    struct asyncore__frame *outer;
    uint32_t generation;
    bool slow_told; /* of one that was called inside of it */
    int64_t began_at;
};

void asyncore__call_begins(struct asyncore__frame *frame, struct asyncore_map *map,
                           struct asyncore_dispatcher *self, const char *name, size_t name_length);
/* Of a "timer", a "signal" or a "call". */
void asyncore__target_begins(struct asyncore__frame *frame, struct asyncore_map *map,
                             const char *what, unsigned long number);
void asyncore__call_ends(struct asyncore__frame *frame, ssize_t result);

static inline void asyncore__calls(struct asyncore__frame *frame, struct asyncore_map *map,
                                   struct asyncore_dispatcher *self, const char *name)
{
    frame->told.event.name = NULL;
    if (asyncore__tracing())
        asyncore__call_begins(frame, map, self, name, strlen(name));
}

static inline void asyncore__calls_target(struct asyncore__frame *frame, struct asyncore_map *map,
                                          const char *what, unsigned long number)
{
    frame->told.event.name = NULL;
    if (asyncore__tracing())
        asyncore__target_begins(frame, map, what, number);
}

static inline void asyncore__returned(struct asyncore__frame *frame, ssize_t result)
{
    if (frame->told.event.name != NULL)
        asyncore__call_ends(frame, result);
}

/* ---- trace_stable.c ---- */

extern bool asyncore__stable __attribute__((visibility("hidden")));
int64_t asyncore__stable_now(void);
void asyncore__stable_waited(int64_t timeout, bool found);
/* The number that stands for this descriptor; below 0 is as it was. */
int asyncore__stable_fd(int fd);
/* It is closed: its number is free. */
void asyncore__stable_forget(int fd);

/* The number of a descriptor in the trace. */
static inline int asyncore__traced_fd(int fd)
{
    return asyncore__stable ? asyncore__stable_fd(fd) : fd;
}

/* ---- trace_env.c ---- */

void asyncore__trace_environment(void);

/* ---- trace_file.c: the file that the environment says ---- */

/* For lines of JSON, or text.  False, with errno, if it cannot be opened. */
bool asyncore__file_open(const char *name, bool json);
void asyncore__file_sink(const struct asyncore_trace_event *event, void *argument);
/* What is buffered, before the loop sleeps. */
void asyncore__trace_flush(void);
/* In between nobody writes, and nothing is buffered. */
void asyncore__file_fork_begins(void);
void asyncore__file_fork_ends(void);

/* ---- trace_line.c ---- */

/* "EAGAIN" for -EAGAIN; or "ExitNow"; NULL for what else is below 0. */
const char *asyncore__errno_name(ssize_t error);

extern const char *const asyncore__trace_names[];
enum { ASYNCORE__TRACE_TYPES = ASYNCORE_TRACE_LINT + 1 };

/* ---- trace_text.c, trace_json.c: a line, with its newline; returns its end ---- */

struct asyncore__line;

char *asyncore__text_line(struct asyncore__line *line, char *at, const struct asyncore__told *told,
                          bool colored);
char *asyncore__json_line(struct asyncore__line *line, char *at, const struct asyncore__told *told);
/* Is it a terminal whose user does not mind colours? */
bool asyncore__wants_color(int fd);
/* With colours, from now on, if it is one. */
void asyncore__trace_color(FILE *file);

/* ---- lint.c ---- */

void asyncore__lint_pass(struct asyncore_map *map);
void asyncore__lint_opened(struct asyncore_map *map, struct asyncore_dispatcher *dispatcher);
void asyncore__lint_returned(const struct asyncore__frame *frame, int64_t took);
void asyncore__lint_stale(const struct asyncore_dispatcher *self, const char *function);

/* What asyncore__check() or asyncore__check_socket() said, for a function that users call. */
static inline int asyncore__used(const struct asyncore_dispatcher *self, int rc,
                                 const char *function)
{
    if (__builtin_expect(rc == -EBADF, false) && asyncore__traces(ASYNCORE_TRACE_LINT))
        asyncore__lint_stale(self, function);
    return rc;
}

/* ---- dump_map.c ---- */

/* Bytes that wait to be sent, as far as the library knows. */
size_t asyncore__buffered(const struct asyncore_dispatcher *dispatcher);

#endif
