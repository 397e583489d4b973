/*
 * asyncore_trace.h - what the loop asks, finds and calls, event by event; and what looks like a
 * mistake.
 *
 * The environment switches it on, in any program, unless it is set-uid:
 *
 *     ASYNCORE_TRACE=1 ./program                          all, as text, on standard error
 *     ASYNCORE_TRACE=ask,ready,call ./program             these types of events
 *     ASYNCORE_TRACE=all:trace.jsonl ./program            into a file: a line of JSON for each
 *                                                         event if its name ends so, text otherwise;
 *                                                         written when the loop waits, and at exit
 *     ASYNCORE_TRACE=all,stable ./program                 so that two runs can be compared:
 *                                                         asyncore_set_trace_stable()
 *
 * A name that is none is an error in the log, which lists the names, and nothing is traced.  This
 * header is for programs that take the events themselves: asyncore_set_trace().  While nothing is
 * traced a pass pays for it with a few tests, and a message with at most one.  Python has no such
 * thing; Medusa's author printed the sets.
 */
#ifndef ASYNCORE_TRACE_H
#define ASYNCORE_TRACE_H

#include <asyncore.h>

#ifdef __cplusplus
extern "C" {
#endif

enum asyncore_trace_type {
    /* A dispatcher came into the map.  text: the peer's address, or the own one of a listener. */
    ASYNCORE_TRACE_OPEN,
    /* The loop is about to wait.  The sets (asyncore_trace_next()): what it waits for, by what the
     * predicates of all the dispatchers answered; seconds: how long at most, below 0 for ever.
     * Costs as much as there are dispatchers. */
    ASYNCORE_TRACE_ASK,
    /* It has waited.  The sets: what was found; seconds: how long it slept. */
    ASYNCORE_TRACE_READY,
    /* A method is called.  name: which; for a target of a timer, a signal or a queued call
     * "target", the class being "timer", "signal", "call", and number the timer's, the signal's, or
     * 0. */
    ASYNCORE_TRACE_CALL,
    /* It has returned.  result: what; seconds: how long it took, with all that it called. */
    ASYNCORE_TRACE_RET,
    /* The system was asked.  name: the call, "accept", "recv", "send"...; size: the bytes wanted;
     * result: a count, a descriptor, 0, or a negative errno. */
    ASYNCORE_TRACE_IO,
    /* A timer.  name: "set", or "cancel"; number: its own, anew each time that it is set; seconds:
     * until it is due.  When it fires its target is called. */
    ASYNCORE_TRACE_TIMER,
    /* A dispatcher left the map, or lost its descriptor.  name: "close", "detach", "del_channel",
     * "another socket", "closed behind its back", "written over". */
    ASYNCORE_TRACE_CLOSE,
    /* A mistake, most likely.  name and text say which, and the text whose: class, fd and created;
     * or, like a call, of which target.  See asyncore_set_trace(). */
    ASYNCORE_TRACE_LINT
};

/* One event; valid, with all that it points to, during the call of the sink.  What its type says
 * nothing of is 0, NULL, or for fd -1. */
struct asyncore_trace_event {
    enum asyncore_trace_type type;
    unsigned depth;                               /* how many calls it is inside of */
    double time;                                  /* seconds since the trace began */
    const struct asyncore_map *map;               /* NULL: of one that was closed, "stale" */
    const struct asyncore_dispatcher *dispatcher; /* to compare with; it may be closed already */
    const char *class_name;                       /* its class's */
    int fd;                                       /* its descriptor, or the one that it had */
    const char *name;
    const char *text;
    const char
        *created; /* "file.c:12", where asyncore_init() or the like was called; NULL: unknown */
    unsigned long number;
    double seconds;
    size_t size;
    ssize_t result;
};

/* One of a set. */
struct asyncore_trace_entry {
    int fd;
    const char *class_name;
    bool r, w, e;         /* is in the set of readers, writers, exceptional conditions */
    bool connecting;      /* asks for nothing, and is told when its connect has an outcome */
    const void *place[2]; /* private */
};

/* The sets of an event of type ASYNCORE_TRACE_ASK or ASYNCORE_TRACE_READY, one after the other in
 * the order in which the dispatchers were added.  entry is zeroed for the first.  Those who ask for
 * nothing are in the set, with all false.  Returns false when there are no more. */
ASYNCORE_API bool asyncore_trace_next(const struct asyncore_trace_event *event,
                                      struct asyncore_trace_entry *entry);

/* Has sink(event, argument) called for each event of these types, a sum of 1 << ASYNCORE_TRACE_ASK
 * and so on, of all maps, from now on; 0 or NULL: for none.  In place of what ASYNCORE_TRACE said.
 * Call it before other threads run loops; the sink is called by whichever thread has the event, and
 * must not call functions of this library, but those of this section, asyncore_dump_map(), and
 * those that tell an attribute.
 *
 * With 1 << ASYNCORE_TRACE_LINT alone it is a hook for what looks like a mistake:
 *   hot              writable() answered true and handle_write() sent nothing, 100 times in a row:
 *                    the loop spins
 *   deaf             asks for nothing, and no timer or signal is set that could change that: it is
 *                    not called, and keeps asyncore_loop() from returning; where others ask, who
 *                    may change it too, after ten seconds of that
 *   slow             a method, or a target, took more than 0.1 s, in which nobody else was served;
 *                    of those that call each other the innermost is named; not in a stable trace
 *   unbounded        more than 1 MiB waits to be sent, and still it reads what makes it more
 *   no deadline      an accepted connection without asyncore_set_idle_timeout(): a peer that is
 *                    silent keeps it for ever; once for each class
 *   near the limit   a descriptor is within a tenth of RLIMIT_NOFILE; or, with select, of
 *                    FD_SETSIZE, where other programs' select() ends
 *   stale            used after asyncore_close() */
ASYNCORE_API void asyncore_set_trace(unsigned types,
                                     void (*sink)(const struct asyncore_trace_event *event,
                                                  void *argument),
                                     void *argument);

/* Two sinks, which write what ASYNCORE_TRACE has written; argument is a FILE *.  Each line is one
 * fwrite(). */
ASYNCORE_API void asyncore_trace_text(const struct asyncore_trace_event *event, void *argument);
ASYNCORE_API void asyncore_trace_json(const struct asyncore_trace_event *event, void *argument);

/* Makes the traces of two runs the same, if the program does the same, as far as it can:
 * descriptors are numbered from 1, in the order in which they are seen, the lowest free number
 * first; ports that the system chose are left out; and the clock, that of timers included, is one
 * that stands still while things happen: a wait that finds nothing moves it by its whole time, one
 * that finds something by a millisecond.  For one thread.  Call it before the first
 * asyncore_init(). */
ASYNCORE_API void asyncore_set_trace_stable(bool stable);

#ifdef __cplusplus
}
#endif

#endif
