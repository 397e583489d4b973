/*
 * loop.c - poll and loop: ask everybody, wait, call the handlers.  This is the whole of it.
 */
#include "poller.h"
#include "trace.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <utlist.h>

#define UNWAKEABLE (ASYNCORE__SECOND / 10)

/* ==================================================
 * asking: what does each dispatcher wait for?
 */

unsigned asyncore__interest(const struct asyncore_dispatcher *dispatcher, bool is_r, bool is_w)
{
    unsigned interest = 0;

    if (is_r)
        interest |= ASYNCORE__READ;
    /* accepting sockets should not be writable */
    if (is_w && !dispatcher->accepting)
        interest |= ASYNCORE__WRITE;
    if (is_r || is_w)
        interest |= ASYNCORE__EXPT;
    /* Whoever connects wants to know the outcome. */
    if (interest == 0 && dispatcher->connecting)
        interest = ASYNCORE__CONNECT;
    if (dispatcher->accepting && dispatcher->map->accept_resume_at != 0)
        interest = 0;
    return interest;
}

static void ask(struct asyncore_map *map, struct asyncore_channel *channel)
{
    struct asyncore_dispatcher *dispatcher = channel->dispatcher;
    const uint64_t generation = channel->generation;
    bool is_r, is_w = false;
    unsigned interest;
    int rc = 0;

    is_r = asyncore__readable(dispatcher);
    if (channel->generation == generation)
        is_w = asyncore__writable(dispatcher);
    if (channel->generation != generation)
        return; /* it has closed itself */
    interest = asyncore__interest(dispatcher, is_r, is_w);
    if (interest == 0) /* what somebody has written over answers nothing else */
        rc = asyncore__check(dispatcher);
    if (rc == 0)
        rc = asyncore__watch(map, channel, interest);
    if (rc < 0) {
        asyncore__found(map, channel, rc == -EBADF ? ASYNCORE__DEAD : ASYNCORE__FAILED);
        map->ready[map->ready_count - 1].error = rc;
        asyncore__watch(map, channel, 0); /* lest it be found a third time */
    }
}

__attribute__((always_inline)) static inline void ask_all(struct asyncore_map *map)
{
    const uint64_t last = map->generation; /* who is added meanwhile is asked in the next pass */
    struct asyncore_channel *channel, *next;

    if (map->accept_resume_at != 0 && asyncore__now() >= map->accept_resume_at)
        asyncore__accept_resume(map);
    /* A predicate may close anybody: map->asking then moves on by itself. */
    for (channel = map->asked; channel != NULL && channel->generation <= last;
         channel = map->asking) {
        map->asking = channel->next;
        ask(map, channel);
    }
    map->asking = NULL;
    /* Now those whose answers are known: what the others' predicates did may have changed them. */
    DL_FOREACH_SAFE (map->changed, channel, next) {
        if (channel->generation > last)
            continue;
        asyncore__unlist(map, channel);
        ask(map, channel);
    }
}

/* ==================================================
 * waiting
 */

static bool nothing_to_wait_for(const struct asyncore_map *map)
{
    return map->channels == NULL && map->timer_count == 0 && !asyncore__calls_wait(map);
}

static inline int wait_for_events(struct asyncore_map *map, int64_t timeout, bool traced)
{
    int rc;

    if (nothing_to_wait_for(map)) /* a predicate closed the last one */
        return 0;
    if (map->inherited) /* a predicate forked: the next pass has a poller */
        return 0;
    if (map->timer_count > 0)
        timeout = asyncore__until(asyncore__next_timer(map), timeout);
    if (map->accept_resume_at != 0)
        timeout = asyncore__until(map->accept_resume_at, timeout);
    /* What woke a pass that ended early wakes no other. */
    if (map->ready_count > 0 || asyncore__signals_wait(map) || asyncore__calls_wait(map))
        timeout = 0;
    /* Without a descriptor for it nobody can wake the loop, which then looks by itself. */
    if (timeout != 0 && map->wakeup_channel.interest == 0 && asyncore__wakeup_open(map) < 0)
        timeout = timeout < 0 || timeout > UNWAKEABLE ? UNWAKEABLE : timeout;
    if (traced)
        return asyncore__trace_wait(map, timeout);
    rc = asyncore__wait(map, timeout);
    if (map->unsorted)
        asyncore__ready_sort(map);
    return rc == -EINTR ? 0 : rc;
}

/* ==================================================
 * calling
 */

static int read_obj(struct asyncore_dispatcher *obj)
{
    if (obj->accepting || obj->connecting)
        return asyncore_handle_read_event(obj);
    if (obj->cls == NULL) /* somebody has written over it */
        return -EINVAL;
    /* which would do this, but that it tells the trace */
    return ASYNCORE__CLASS_WITH(obj, handle_read)->handle_read(obj);
}

static int write_obj(struct asyncore_dispatcher *obj)
{
    if (obj->channel == NULL) /* somebody has written over it */
        return -EINVAL;
    if (obj->channel->interest != ASYNCORE__CONNECT)
        return asyncore_handle_write_event(obj);
    /* Unless it was told the outcome by its send(). */
    return obj->connecting ? asyncore_handle_connect_event(obj) : 0;
}

/* The event goes to whom it was found for: not to one that has been closed since, nor to another
 * that has its descriptor or its place now. */
static inline bool is_for(const struct asyncore__ready *ready, unsigned events)
{
    return (ready->events & events) != 0 && ready->channel->generation == ready->generation;
}

/* "except: obj.handle_error()" */
static int except(struct asyncore_map *map, const struct asyncore__ready *ready,
                  struct asyncore_dispatcher *obj, int error)
{
    if (error == -EINVAL && ready->generation == ready->channel->generation &&
        asyncore__check(obj) == -EINVAL)
        return asyncore__lost(map, ready->channel);
    return asyncore__except(obj, error);
}

__attribute__((always_inline)) static inline int
dispatch(struct asyncore_map *map, unsigned event, int (*call)(struct asyncore_dispatcher *obj))
{
    if ((map->found & event) == 0)
        return 0;
    for (size_t i = 0; i < map->ready_count; i++) {
        struct asyncore_dispatcher *obj = map->ready[i].channel->dispatcher;
        int rc;

        if (!is_for(&map->ready[i], event))
            continue;
        rc = call(obj);
        if (rc < 0) /* and map->ready may lie elsewhere, if handlers have added many */
            rc = except(map, &map->ready[i], obj, rc);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* Those who cannot be waited for: dead, or refused by the poller.  Should they live, or not be called
 * because the wait failed or one of them ends the pass, they are asked again. */
static int dispatch_failures(struct asyncore_map *map, int rc)
{
    const unsigned failures = ASYNCORE__DEAD | ASYNCORE__FAILED;

    if ((map->found & failures) == 0)
        return rc;
    for (size_t i = 0; i < map->ready_count; i++)
        if (is_for(&map->ready[i], failures))
            asyncore__changed(map->ready[i].channel->dispatcher);
    for (size_t i = 0; rc == 0 && i < map->ready_count; i++) {
        struct asyncore_dispatcher *obj = map->ready[i].channel->dispatcher;

        if (!is_for(&map->ready[i], failures))
            continue;
        if ((map->ready[i].events & ASYNCORE__DEAD) != 0)
            rc = asyncore_handle_close(obj);
        else
            rc = map->ready[i].error;
        rc = except(map, &map->ready[i], obj, rc);
    }
    return rc;
}

/* There are two of it, with traced a constant, so that who is not traced pays one test for a pass. */
__attribute__((always_inline)) static inline int pass(struct asyncore_map *map, int64_t timeout,
                                                      bool traced)
{
    const uint64_t last_timer = map->timer_serial; /* what is set in a pass fires in a later one */
    int rc = asyncore__poller_renew(map);

    map->ready_count = 0;
    map->found = 0;
    map->newest = 0;
    map->unsorted = false;
    if (rc == 0) {
        ask_all(map);
        rc = wait_for_events(map, timeout, traced);
    }
    if (map->ready_count > 0 || map->asked != NULL)
        map->dead_sought = false;
    rc = dispatch_failures(map, rc);
    if (rc == 0)
        rc = traced ? dispatch(map, ASYNCORE__READ, asyncore_handle_read_event)
                    : dispatch(map, ASYNCORE__READ, read_obj);
    if (rc == 0)
        rc = dispatch(map, ASYNCORE__WRITE, write_obj);
    if (rc == 0)
        rc = dispatch(map, ASYNCORE__EXPT, asyncore_handle_expt_event);
    if (rc == 0 && map->timer_count > 0)
        rc = asyncore__timers_run(map, last_timer);
    if (rc == 0 && asyncore__signals_wait(map))
        asyncore__signals_run(map);
    if (rc == 0 && asyncore__calls_wait(map))
        asyncore__calls_run(map);
    return rc;
}

__attribute__((noinline)) static int pass_traced(struct asyncore_map *map, int64_t timeout)
{
    return pass(map, timeout, true);
}

/* What is built for tests stops where something has gone wrong, and says so where it is sure to be
 * read. */
static void check(const struct asyncore_map *map)
{
#ifdef ASYNCORE__CHECKED
    if (asyncore_check(map) == 0)
        return;
    /* GCOVR_EXCL_START: a mistake of the library's own */
    asyncore_set_log(NULL);
    asyncore_check(map);
    abort();
    /* GCOVR_EXCL_STOP */
#else
    (void)map;
#endif
}

static int poll_once(struct asyncore_map *map, int64_t timeout)
{
    int rc;

    if (nothing_to_wait_for(map))
        return 0;
    asyncore__enter(map);
    rc = asyncore__tracing() ? pass_traced(map, timeout) : pass(map, timeout, false);
    asyncore__leave(map);
    check(map);
    return rc;
}

/* Either way in.  What the program did since the last time nobody knows. */
static int begin(struct asyncore_map *map, double timeout)
{
    if (isnan(timeout))
        return -EINVAL;
    if (map->frames > 0) /* a handler calls */
        return -EBUSY;
    map->dead_sought = false;
    return 0;
}

int asyncore_poll(double timeout, struct asyncore_map *map)
{
    int rc;

    map = asyncore__map(map);
    rc = begin(map, timeout);
    return rc == 0 ? poll_once(map, asyncore__nanoseconds(timeout)) : rc;
}

int asyncore_loop(double timeout, struct asyncore_map *map, int count)
{
    const int64_t wait = asyncore__nanoseconds(timeout);
    int rc;

    map = asyncore__map(map);
    rc = begin(map, timeout);
    if (rc < 0)
        return rc;
    while (rc == 0 && !nothing_to_wait_for(map) && count != 0 && !atomic_load(&map->stop)) {
        rc = poll_once(map, wait);
        if (count > 0)
            count--;
    }
    atomic_store(&map->stop, false);
    return rc;
}
