/* internal.h - what the files of the library know of each other; nothing of it is exported. */
#ifndef ASYNCORE_INTERNAL_H
#define ASYNCORE_INTERNAL_H

#define ASYNCORE_NO_HERE /* who creates is the program */
#include "asyncore.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>

/* Descriptors are small dense numbers: their own best hash.  And running out of memory is an error
 * of the call that needed it, not the end of the process. */
#define HASH_FUNCTION(key, keylen, hashv)                                                          \
    do {                                                                                           \
        (hashv) = (unsigned)*(const int *)(const void *)(key);                                     \
    } while (0)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>
#undef HASH_BKT_CAPACITY_THRESH
#define HASH_BKT_CAPACITY_THRESH 2U /* not 10: hardly ever is a second one looked at */

/* ---- events.c: what a poller is asked for, and what it reports ---- */

enum {
    ASYNCORE__READ = POLLIN,
    ASYNCORE__WRITE = POLLOUT,
    ASYNCORE__EXPT = POLLPRI,
    ASYNCORE__CONNECT = 1 << 16, /* asked for: writing, but for the outcome of a connect alone */
    ASYNCORE__DEAD = 1 << 17,    /* found: the descriptor is not open */
    ASYNCORE__FAILED = 1 << 18   /* found: the poller does not take it */
};

/* The event, and "except: obj.handle_error()"; as asyncore_read() does. */
int asyncore__serve(struct asyncore_dispatcher *self, int (*event)(struct asyncore_dispatcher *));
/* "except: obj.handle_error()" alone, for what an event returned; the caller has entered the map.
 * Returns 0, or what ends the pass. */
int asyncore__except(struct asyncore_dispatcher *self, int error);
/* Ends the pass with this, if negative, from where nothing can be returned. */
void asyncore__raise(struct asyncore_map *map, int rc);
/* Does this result of a handler "raise", other than ExitNow? */
bool asyncore__is_error(int rc);

/* ---- dispatcher.c ---- */

enum {
    ASYNCORE__LIVE = 0x6c697665,
    ASYNCORE__CLOSED = 0x636c6f73
}; /* anything else: never initialised */

/* 0 if the dispatcher may be used, -EINVAL or -EBADF if not. */
static inline int asyncore__check(const struct asyncore_dispatcher *self)
{
    if (self != NULL && self->state == ASYNCORE__LIVE)
        return 0;
    return self != NULL && self->state == ASYNCORE__CLOSED ? -EBADF : -EINVAL;
}

/* The same, and it must have a socket. */
static inline int asyncore__check_socket(const struct asyncore_dispatcher *self)
{
    const int rc = asyncore__check(self);

    return rc == 0 && self->fd < 0 ? -EBADF : rc;
}

/* Which descriptor a dispatcher had is kept in its fd, as a number that is none; and back.  -1: none,
 * as is the highest number. */
static inline int asyncore__past(int fd)
{
    return fd == -1 || fd == INT_MAX ? -1 : -2 - fd;
}

void asyncore__set_addr(struct asyncore_dispatcher *self, const struct sockaddr *addr,
                        socklen_t addrlen);

/* 0 or a negative errno. */
int asyncore__set_nonblocking(int fd);
#ifndef SOCK_NONBLOCK
/* What socket() or accept() returned, made non-blocking and close-on-exec; or -1. */
int asyncore__set_up(int fd);
#endif

/* Where send() has no flag for it. */
static inline void asyncore__no_sigpipe(int fd)
{
#ifdef SO_NOSIGPIPE
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &(int){1}, sizeof(int));
#else
    (void)fd;
#endif
}

/* ---- class.c ---- */

/* The nearest class, from cls up, that fills the slot at this offset: Python's attribute lookup. */
static inline const struct asyncore_class *asyncore__lookup(const struct asyncore_class *cls,
                                                            size_t offset)
{
    void (*method)(void);

    for (; cls != NULL; cls = cls->super) {
        memcpy(&method, (const char *)cls + offset, sizeof method);
        if (method != NULL)
            return cls;
    }
    return &asyncore_dispatcher_class;
}

#define ASYNCORE__CLASS_WITH(self, slot)                                                           \
    asyncore__lookup((self)->cls, offsetof(struct asyncore_class, slot))

/* What its class says; inside asyncore__enter(). */
static inline bool asyncore__readable(struct asyncore_dispatcher *self)
{
    return asyncore__check(self) == 0 && ASYNCORE__CLASS_WITH(self, readable)->readable(self);
}

static inline bool asyncore__writable(struct asyncore_dispatcher *self)
{
    return asyncore__check(self) == 0 && ASYNCORE__CLASS_WITH(self, writable)->writable(self);
}

const char *asyncore__class_name(const struct asyncore_class *cls);
/* issubclass(cls, of) */
bool asyncore__is_subclass(const struct asyncore_class *cls, const struct asyncore_class *of);

/* ---- log.c ---- */

void asyncore__write_log(enum asyncore_log_type type, const char *message);
/* strerror(), for as many threads as there are.  Returns text. */
const char *asyncore__strerror(int error, char *text, size_t size);
void asyncore__log_infof(struct asyncore_dispatcher *self, enum asyncore_log_type type,
                         const char *format, ...) __attribute__((format(printf, 3, 4)));

/* ---- socket.c ---- */

ssize_t asyncore__dispatcher_recv(struct asyncore_dispatcher *self, void *buffer, size_t size);
ssize_t asyncore__dispatcher_send(struct asyncore_dispatcher *self, const void *data, size_t size);
/* What a dispatcher makes of it when the system has given or taken nothing, errno included: at the
 * end of the connection handle_eof or handle_close is called. */
ssize_t asyncore__nothing_received(struct asyncore_dispatcher *self, ssize_t n);
ssize_t asyncore__nothing_sent(struct asyncore_dispatcher *self);
/* Not idle, then.  Returns n. */
ssize_t asyncore__active(struct asyncore_dispatcher *self, ssize_t n);

/* What the system answered to a read or a write, and what a dispatcher returns for it. */
static inline ssize_t asyncore__received(struct asyncore_dispatcher *self, ssize_t n)
{
    if (n <= 0)
        return asyncore__nothing_received(self, n);
    return self->timeouts == NULL ? n : asyncore__active(self, n);
}

static inline ssize_t asyncore__sent(struct asyncore_dispatcher *self, ssize_t n)
{
    if (n < 0)
        return asyncore__nothing_sent(self);
    return self->timeouts == NULL ? n : asyncore__active(self, n);
}

int asyncore__socket_error(int fd);
bool asyncore__disconnected(int error);
bool asyncore__would_block(int error);

/* ---- file_dispatcher.c ---- */

/* Of no file any more; does nothing where there was none. */
void asyncore__file_ends(struct asyncore_dispatcher *self);

/* ---- accept.c ---- */

bool asyncore__cannot_accept_now(int error);
void asyncore__accept_pause(struct asyncore_dispatcher *listener, int error);
void asyncore__accept_resume(struct asyncore_map *map);

/* ---- dispatcher_with_send.c ---- */

bool asyncore__dispatcher_with_send_writable(struct asyncore_dispatcher *self);

/* ---- asynchat.c ---- */

bool asynchat__readable(struct asyncore_dispatcher *self);
bool asynchat__writable(struct asyncore_dispatcher *self);

/* ---- the map ---- */

/* A dispatcher's place in a map.  Places are used again but never freed before the map, and each
 * use has a generation of its own: (channel, generation) names one stay of one dispatcher, which a
 * descriptor's number or an object's address cannot do. */
struct asyncore_channel {
    struct asyncore_dispatcher *dispatcher; /* NULL when the place is unused */
    struct asyncore_timeouts *timeouts;     /* its limits, should somebody write over it */
    uint64_t generation;                    /* also the order of insertion */
    int fd;
    unsigned interest; /* what the poller watches it for */
    uint32_t place;    /* the poller's own; 0 when it is not watched */
    bool asks;         /* a predicate is a function of the class's own: ask it each pass */
    bool listed;       /* is in map->asked or map->changed */
    bool accepted;     /* see lint.c, as for the next four */
    bool sent;         /* since its handler was called */
    unsigned said, hot;
    int64_t deaf_since;
    int64_t watched_at; /* since when; 0: it was not, yet */
    struct asyncore_channel *prev, *next;
    UT_hash_handle hh;
};

struct asyncore__ready {
    struct asyncore_channel *channel;
    uint64_t generation;
    unsigned events;
    int error; /* with ASYNCORE__FAILED: a negative errno */
};

/* In the heap, so that to compare two timers neither is looked at. */
struct asyncore__due {
    int64_t when; /* nanoseconds, monotonic */
    struct asyncore_timer *timer;
};

struct asyncore__poller;

struct asyncore_map {
    struct asyncore_channel *channels; /* the uthash: fd -> channel, in order of insertion */
    struct asyncore_channel *asked;    /* those who are asked each pass, in order of insertion */
    struct asyncore_channel *asking;   /* the next of them, while they are being asked */
    struct asyncore_channel *changed;  /* others, whose answer may be another since the last pass */
    struct asyncore_channel *unused;
    uint64_t generation;

    const struct asyncore__poller *poller; /* NULL: none was needed yet */
    void *poller_state;
    bool inherited; /* it is the parent's, and this is its child: it must not be touched */
    struct asyncore_map *prev, *next;       /* of those with a poller */
    const struct asyncore__poller *instead; /* the next pass opens this one */
    bool stale; /* it may watch what is no channel any more: another one must be opened */
    struct asyncore_channel **always_ready; /* those who are ready without being watched */
    size_t always_ready_count, always_ready_size;
    struct asyncore__ready *ready; /* what the pass found; has room for all channels, twice */
    size_t ready_count, ready_size;
    unsigned found;  /* all their events */
    uint64_t newest; /* the generation of the last one */
    bool unsorted;
    int64_t dead_sought_at;
    bool alarm_set;   /* to look for them */
    bool dead_sought; /* and nobody has been called since */

    int raised;                         /* see asyncore__raise() */
    unsigned frames;                    /* asyncore__enter()s not left */
    struct asyncore_dispatcher *doomed; /* closed, to be destroyed */

    int64_t accept_resume_at; /* when the listeners, paused for want of resources, go on; 0: not
                                 paused */
    int64_t accept_logged_at;

    struct asyncore__due *timers; /* a heap, see timer.c */
    size_t timer_count, timer_size;
    uint64_t timer_serial;

    _Atomic(struct asyncore_call *) calls;           /* the last one first */
    struct asyncore_signal_handler *signal_handlers; /* in the order in which they were added */
    struct asyncore_signal_handler *signal_handling; /* the next, while they are called */
    atomic_bool signalled;                           /* some of them are pending */

    struct asyncore__frame *frame; /* the innermost call, if it is traced */
    unsigned traced;               /* what was, in the last pass */
    bool said_nofile, said_setsize;

    atomic_bool stop;
    atomic_bool woken;
    atomic_int wakeup_fd; /* the writing end; -1: none yet */
    struct asyncore_dispatcher wakeup;
    struct asyncore_channel wakeup_channel;
};

/* ---- dispatcher.c ---- */

void asyncore__destroy_doomed(struct asyncore_map *map);

/* Whoever calls a handler and uses the object afterwards does so between these two: what is closed
 * in between is destroyed when the outermost leaves. */
static inline void asyncore__enter(struct asyncore_map *map)
{
    map->frames++;
}

static inline void asyncore__leave(struct asyncore_map *map)
{
    if (map->frames == 1 && map->doomed != NULL)
        asyncore__destroy_doomed(map);
    map->frames--;
}

/* ---- map.c ---- */

struct asyncore_map *asyncore__map(const struct asyncore_map *map); /* NULL: the default one */
struct asyncore_channel *asyncore__find(struct asyncore_map *map, int fd);
size_t asyncore__channel_limit(const struct asyncore_map *map); /* with one more added */
int asyncore__reserve(struct asyncore_map *map, int fd);
/* Whoever is in the map with this number, but for self, has lost it: handle_close is called, which
 * may do anything.  Returns 0 or asyncore_ExitNow. */
int asyncore__make_way(struct asyncore_map *map, int fd, const struct asyncore_dispatcher *self);
int asyncore__channel_add(struct asyncore_map *map, struct asyncore_dispatcher *dispatcher);
void asyncore__channel_remove(struct asyncore_map *map, struct asyncore_channel *channel);
void asyncore__changed(struct asyncore_dispatcher *dispatcher);
void asyncore__unlist(struct asyncore_map *map, struct asyncore_channel *channel);

bool asyncore__asks(const struct asyncore_dispatcher *dispatcher);
/* Its dispatcher was written over, or freed, without having been closed: says so, and takes the place
 * away from it.  Returns -EINVAL. */
int asyncore__lost(struct asyncore_map *map, struct asyncore_channel *channel);

/* ---- loop.c ---- */

/* What is to be watched for, if these are the answers of its predicates. */
unsigned asyncore__interest(const struct asyncore_dispatcher *dispatcher, bool is_r, bool is_w);

/* ---- poller.c ---- */

int asyncore__poller_open(struct asyncore_map *map);
/* Opens one if there is none, or the one there is cannot go on; at the beginning of a pass. */
int asyncore__poller_renew(struct asyncore_map *map);
void asyncore__poller_close(struct asyncore_map *map);
/* Tells the poller, if that is new to it.  Returns what watch returns. */
int asyncore__watch(struct asyncore_map *map, struct asyncore_channel *channel, unsigned interest);

/* ---- ready.c ---- */

int asyncore__ready_reserve(struct asyncore_map *map);
void asyncore__ready_sort(struct asyncore_map *map);
/* What this pass has found of it says nothing any more: it connects now. */
void asyncore__ready_forget(const struct asyncore_dispatcher *self);

/* ---- dead.c ---- */

/* Reports those whose descriptors are not open; returns how many. */
size_t asyncore__find_dead(struct asyncore_map *map);
/* A descriptor that was opened for the map itself may have got the number of a dead dispatcher's,
 * which would never be found then: gives it another.  Returns it, or -1. */
int asyncore__avoid_dead(struct asyncore_map *map, int fd);
/* The poller's wait, and a look for the dead if the poller does not find them. */
int asyncore__wait(struct asyncore_map *map, int64_t timeout);

/* ---- timer.c: times in nanoseconds on a clock that never jumps ---- */

#define ASYNCORE__SECOND INT64_C(1000000000)

int64_t asyncore__now(void);
/* The system's, where asyncore__now() may be that of a stable trace. */
int64_t asyncore__monotonic(void);
/* What is left until then; or timeout, if that is less, and not below 0, which is for ever. */
int64_t asyncore__until(int64_t when, int64_t timeout);
int64_t asyncore__nanoseconds(double seconds);
/* asyncore_call_later(), in nanoseconds. */
int asyncore__timer_set(struct asyncore_timer *self, int64_t nanoseconds,
                        void (*target)(struct asyncore_timer *self), struct asyncore_map *map);
int64_t asyncore__next_timer(const struct asyncore_map *map); /* there must be one */
/* Fires those that are due, and were set no later than the one with this serial.  Returns 0, or what
 * asyncore__raise() was given. */
int asyncore__timers_run(struct asyncore_map *map, uint64_t last);
void asyncore__timers_free(struct asyncore_map *map);
bool asyncore__timer_is_set(const struct asyncore_timer *timer);
int asyncore__timers_check(const struct asyncore_map *map);

/* ---- call.c ---- */

static inline bool asyncore__calls_wait(const struct asyncore_map *map)
{
    return atomic_load_explicit(&map->calls, memory_order_relaxed) != NULL;
}

/* Those that are queued now; what they queue in turn is for the next pass. */
void asyncore__calls_run(struct asyncore_map *map);
void asyncore__calls_drop(struct asyncore_map *map);
int asyncore__calls_check(const struct asyncore_map *map);

/* ---- signal.c ---- */

static inline bool asyncore__signals_wait(const struct asyncore_map *map)
{
    return atomic_load_explicit(&map->signalled, memory_order_relaxed);
}

void asyncore__signals_run(struct asyncore_map *map);
void asyncore__signals_free(struct asyncore_map *map);
int asyncore__signals_check(const struct asyncore_map *map);
void asyncore__signals_lock(void);
void asyncore__signals_unlock(void);
void asyncore__signals_inherit(void);

/* ---- fork.c ---- */

enum { ASYNCORE__PROCESSES = UCHAR_MAX - 1 };

/* Which process this is among its ancestors: 1 to ASYNCORE__PROCESSES, and 1 again. */
unsigned char asyncore__process(void);
/* Returns 0 or -ENOMEM. */
int asyncore__fork_add(struct asyncore_map *map);
void asyncore__fork_remove(struct asyncore_map *map);

/* ---- timeout.c: all called where there may be none, and do nothing then ---- */

int asyncore__connect_begins(struct asyncore_dispatcher *self);
int asyncore__idling_begins(struct asyncore_dispatcher *self);
int asyncore__timeouts_begin(struct asyncore_dispatcher *self);
void asyncore__timeouts_end(struct asyncore_timeouts *timeouts);
void asyncore__timeouts_free(struct asyncore_timeouts *timeouts);
/* Is the timer one of these, and its dispatcher no more? */
bool asyncore__timeout_is_lost(const struct asyncore_timer *timer);
/* ", idle for at most 30 s" */
void asyncore__timeouts_dump(const struct asyncore_dispatcher *self, FILE *file);
/* What is wrong with those of a dispatcher that is in a map, or NULL. */
const char *asyncore__timeouts_check(const struct asyncore_dispatcher *self);

/* ---- check.c, for asyncore_check() ---- */

/* Logs what does not agree with what.  Returns what asyncore_check() returns then. */
int asyncore__disagree(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Does a list come back into itself?  The pointer to the next member lies so far within each. */
bool asyncore__is_circular(const void *first, size_t offset);

/* ---- wakeup.c ---- */

int asyncore__wakeup_open(struct asyncore_map *map);
void asyncore__wakeup_close(struct asyncore_map *map);
/* Its descriptor was closed behind the library's back; the next wait opens another. */
void asyncore__wakeup_forget(struct asyncore_map *map);

#endif
