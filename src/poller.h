/* poller.h - what waits for descriptors.  One of these stands behind each map. */
#ifndef ASYNCORE_POLLER_H
#define ASYNCORE_POLLER_H

#include "internal.h"

struct asyncore__poller {
    const char *name;

    /* A descriptor that is closed leaves the poller without a word, so that the dead must be looked
     * for; see dead.c. */
    bool forgets_closed;

    /* open fills map->poller_state.  Return 0 or a negative errno. */
    int (*open)(struct asyncore_map *map);
    /* map->inherited: this is a child's copy, and what the kernel holds is its parent's. */
    void (*close)(struct asyncore_map *map);

    /* Makes room for a descriptor that is about to be added.  Returns 0, -ENOMEM, or -EMFILE if
     * this poller cannot watch so high a number. */
    int (*reserve)(struct asyncore_map *map, int fd);

    /* The channel's interest changes to this, 0 being none; channel->interest is still the old one.
     * Returns 0, -EBADF if the descriptor is not open, or what else the system says.  To 0 it
     * always succeeds. */
    int (*watch)(struct asyncore_map *map, struct asyncore_channel *channel, unsigned interest);

    /* Waits for timeout nanoseconds (below 0: for ever; rounded up) and reports with
     * asyncore__found(), each channel once.  A signal ends the wait with -EINTR.  A descriptor
     * that is not open is found ASYNCORE__DEAD, and does not keep the others from being served. */
    int (*wait)(struct asyncore_map *map, int64_t timeout);

    /* Has a wait end after so many nanoseconds, once; map->alarm_set is false from then on.  Where
     * waits are many that costs less than a time-out for each.  False: this time it cannot.  NULL:
     * it never can. */
    bool (*set_alarm)(struct asyncore_map *map, int64_t after);

    /* For asyncore_check().  How many entries of its tables are this channel's; -1 if they are not
     * as channel->interest says. */
    int (*check)(const struct asyncore_map *map, const struct asyncore_channel *channel);
    /* How many entries there are in all. */
    size_t (*entries)(const struct asyncore_map *map);
};

extern const struct asyncore__poller asyncore__select_poller;
extern const struct asyncore__poller asyncore__poll_poller;
#ifdef ASYNCORE__HAVE_EPOLL
extern const struct asyncore__poller asyncore__epoll_poller;
#endif
#ifdef ASYNCORE__HAVE_KQUEUE
extern const struct asyncore__poller asyncore__kqueue_poller;
#endif

/* The poller's report: this channel has these events. */
static inline void asyncore__found(struct asyncore_map *map, struct asyncore_channel *channel,
                                   unsigned events)
{
    struct asyncore__ready *ready = &map->ready[map->ready_count];

    ready->channel = channel;
    ready->generation = channel->generation;
    ready->events = events;
    if (ready->generation < map->newest)
        map->unsorted = true;
    map->newest = ready->generation;
    map->found |= events;
    map->ready_count++;
}

/* ==================================================
 * in terms of poll()
 */

static inline unsigned asyncore__poll_events(unsigned interest)
{
    return interest == ASYNCORE__CONNECT ? POLLOUT : interest;
}

/* What select() would say: a hang-up or an error is something to be read, or written.  0 is a
 * hang-up to which it says nothing; told again and again, it would keep the loop from sleeping. */
static inline unsigned asyncore__poll_found(unsigned revents, unsigned interest)
{
    if ((revents & (POLLHUP | POLLERR)) != 0)
        revents |= (revents & POLLERR) != 0 ? POLLIN | POLLOUT : POLLIN;
    if (interest == ASYNCORE__CONNECT)
        return ASYNCORE__WRITE;
    return revents & interest;
}

/* Rounded up, lest a pass be made before its time; -1: for ever. */
static inline int asyncore__milliseconds(int64_t nanoseconds)
{
    const int64_t millisecond = 1000000;
    const int64_t longest = 1000000 * ASYNCORE__SECOND; /* what is longer takes several passes */

    if (nanoseconds < 0)
        return -1;
    return (int)(((nanoseconds < longest ? nanoseconds : longest) + millisecond - 1) / millisecond);
}

/* ==================================================
 * channels that the kernel's set does not take, as regular files: always ready, as select() says
 */

int asyncore__always_ready_add(struct asyncore_map *map, struct asyncore_channel *channel);
void asyncore__always_ready_remove(struct asyncore_map *map, struct asyncore_channel *channel);
void asyncore__always_ready_find(struct asyncore_map *map);
bool asyncore__always_ready_has(const struct asyncore_map *map,
                                const struct asyncore_channel *channel);

#endif
