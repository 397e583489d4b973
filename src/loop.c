/*
 * loop.c - poll and loop: ask everybody, wait, call the handlers.  This is the whole of it.
 */
#include "internal.h"
#include "poller.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

/* ==================================================
 * asking: what does each dispatcher wait for?
 */

static int ask(struct asyncore_map *map, struct asyncore_channel *channel)
{
    struct asyncore_dispatcher *dispatcher = channel->dispatcher;
    const uint64_t generation = channel->generation;
    unsigned interest = 0;
    bool is_r, is_w = false;

    is_r = asyncore_readable(dispatcher);
    if (channel->generation == generation)
        is_w = asyncore_writable(dispatcher);
    if (channel->generation != generation)
        return 0; /* it has closed itself */
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
    if (dispatcher->accepting && map->accept_resume_at != 0)
        interest = 0;
    return asyncore__watch(map, channel, interest);
}

static int ask_all(struct asyncore_map *map)
{
    const uint64_t last = map->generation; /* who is added meanwhile is asked in the next pass */
    struct asyncore_channel *channel, *next;
    int rc = 0;

    if (map->accept_resume_at != 0 && asyncore__now() >= map->accept_resume_at)
        asyncore__accept_resume(map);
    /* A predicate may close anybody: map->asking then moves on by itself. */
    for (channel = map->asked; rc == 0 && channel != NULL && channel->generation <= last;
         channel = map->asking) {
        map->asking = channel->next;
        rc = ask(map, channel);
    }
    map->asking = NULL;
    /* Now those whose answers are known: what the others' predicates did may have changed them. */
    DL_FOREACH_SAFE (map->changed, channel, next) {
        if (rc < 0 || channel->generation > last)
            continue;
        asyncore__unlist(map, channel);
        rc = ask(map, channel);
        if (rc < 0)
            asyncore__changed(channel->dispatcher);
    }
    return rc;
}

/* ==================================================
 * waiting
 */

static int in_order_of_insertion(const void *left, const void *right)
{
    const uint64_t a = ((const struct asyncore__ready *)left)->generation;
    const uint64_t b = ((const struct asyncore__ready *)right)->generation;

    return (a > b) - (a < b);
}

static void sort_ready(struct asyncore_map *map)
{
    for (size_t i = 1; i < map->ready_count; i++) {
        if (map->ready[i - 1].generation > map->ready[i].generation) {
            qsort(map->ready, map->ready_count, sizeof map->ready[0], in_order_of_insertion);
            return;
        }
    }
}

static bool nothing_to_wait_for(const struct asyncore_map *map)
{
    return map->channels == NULL && map->timer_count == 0;
}

static int wait_for_events(struct asyncore_map *map, double timeout)
{
    int rc;

    map->ready_count = 0;
    if (nothing_to_wait_for(map)) /* a predicate closed the last one */
        return 0;
    if (map->timer_count > 0)
        timeout = asyncore__until(asyncore__next_timer(map), timeout);
    if (map->accept_resume_at != 0)
        timeout = asyncore__until(map->accept_resume_at, timeout);
    rc = asyncore__poller_open(map); /* there may be timers alone */
    if (rc == 0)
        rc = map->poller->wait(map, timeout);
    sort_ready(map);
    return rc;
}

/* ==================================================
 * calling
 */

/* The event goes to whom it was found for: not to one that has been closed since, nor to another
 * that has its descriptor or its place now. */
static int dispatch(struct asyncore_map *map, unsigned event,
                    int (*call)(struct asyncore_dispatcher *obj))
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < map->ready_count; i++) {
        const struct asyncore__ready *ready = &map->ready[i];

        if ((ready->events & event) != 0 && ready->channel->generation == ready->generation)
            rc = call(ready->channel->dispatcher);
    }
    return rc;
}

static int write_or_connect(struct asyncore_dispatcher *obj)
{
    if (obj->channel->interest == ASYNCORE__CONNECT)
        return asyncore__serve_connect(obj);
    return asyncore_write(obj);
}

static int pass(struct asyncore_map *map, double timeout)
{
    const uint64_t last_timer = map->timer_serial; /* what is set in a pass fires in a later one */
    int rc = ask_all(map);

    if (rc == 0)
        rc = wait_for_events(map, timeout);
    if (rc == 0)
        rc = dispatch(map, ASYNCORE__DEAD, asyncore__serve_dead);
    if (rc == 0)
        rc = dispatch(map, ASYNCORE__READ, asyncore_read);
    if (rc == 0)
        rc = dispatch(map, ASYNCORE__WRITE, write_or_connect);
    if (rc == 0)
        rc = dispatch(map, ASYNCORE__EXPT, asyncore_exception);
    if (rc == 0)
        asyncore__timers_run(map, last_timer);
    return rc;
}

int asyncore_poll(double timeout, struct asyncore_map *map)
{
    int rc;

    map = asyncore__map(map);
    if (!(timeout >= 0 || timeout < 0)) /* not a number */
        return -EINVAL;
    if (map->polling)
        return -EBUSY;
    if (nothing_to_wait_for(map))
        return 0;
    map->polling = true;
    asyncore__enter(map);
    rc = pass(map, timeout);
    map->polling = false;
    asyncore__leave(map);
    return rc;
}

int asyncore_loop(double timeout, struct asyncore_map *map, int count)
{
    int rc = 0;

    map = asyncore__map(map);
    if (map->polling)
        return -EBUSY;
    while (!nothing_to_wait_for(map) && count != 0) {
        rc = asyncore__wakeup_open(map); /* from here on nobody's stop is missed */
        if (rc < 0 || atomic_load(&map->stop))
            break;
        rc = asyncore_poll(timeout, map);
        if (rc < 0)
            break;
        if (count > 0)
            count--;
    }
    atomic_store(&map->stop, false);
    return rc;
}
