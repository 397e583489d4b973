/* poller.h - what waits for descriptors.  One of these stands behind each map. */
#ifndef ASYNCORE_POLLER_H
#define ASYNCORE_POLLER_H

#include "internal.h"

#include <poll.h>

struct asyncore__poller {
    const char *name;

    /* A descriptor that is closed leaves the poller without a word, so that the dead must be looked
     * for; see dead.c. */
    bool forgets_closed;

    /* open fills map->poller_state.  Return 0 or a negative errno. */
    int (*open)(struct asyncore_map *map);
    /* map->forked: this is a child's copy, and what the kernel holds is its parent's. */
    void (*close)(struct asyncore_map *map);

    /* Makes room for a descriptor that is about to be added.  Returns 0, -ENOMEM, or -EMFILE if
     * this poller cannot watch so high a number. */
    int (*reserve)(struct asyncore_map *map, int fd);

    /* The channel's interest changes to this, 0 being none; channel->interest is still the old one.
     * Returns 0, -EBADF if the descriptor is not open, or what else the system says.  To 0 it
     * always succeeds. */
    int (*watch)(struct asyncore_map *map, struct asyncore_channel *channel, unsigned interest);

    /* Waits for timeout seconds (below 0: for ever; rounded up) and reports with
     * asyncore__found(), each channel once.  A signal ends the wait with -EINTR.  A descriptor
     * that is not open is found ASYNCORE__DEAD, and does not keep the others from being served. */
    int (*wait)(struct asyncore_map *map, double timeout);
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
    struct asyncore__ready *ready;

    if (map->ready_count == map->ready_size) /* some were found twice; the next pass finds them */
        return;
    ready = &map->ready[map->ready_count++];
    ready->channel = channel;
    ready->generation = channel->generation;
    ready->events = events;
    map->found |= events;
}

/* ==================================================
 * in terms of poll()
 */

static inline unsigned asyncore__poll_events(unsigned interest)
{
    return ((interest & ASYNCORE__READ) != 0 ? POLLIN : 0U) |
           ((interest & (ASYNCORE__WRITE | ASYNCORE__CONNECT)) != 0 ? POLLOUT : 0U) |
           ((interest & ASYNCORE__EXPT) != 0 ? POLLPRI : 0U);
}

/* What select() would say: a hang-up or an error is something to be read, or written.  0 is a
 * hang-up to which it says nothing; told again and again, it would keep the loop from sleeping. */
static inline unsigned asyncore__poll_found(unsigned revents, unsigned interest)
{
    const unsigned ends = POLLHUP | POLLERR;

    if (interest == ASYNCORE__CONNECT)
        return (revents & (POLLOUT | ends)) != 0 ? ASYNCORE__WRITE : 0;
    return interest & (((revents & (POLLIN | ends)) != 0 ? ASYNCORE__READ : 0U) |
                       ((revents & (POLLOUT | POLLERR)) != 0 ? ASYNCORE__WRITE : 0U) |
                       ((revents & POLLPRI) != 0 ? ASYNCORE__EXPT : 0U));
}

/* Rounded up, lest a pass be made before its time; -1: for ever. */
static inline int asyncore__milliseconds(double timeout)
{
    const double longest = 1e9; /* eleven days; what is longer is waited for in several passes */
    double milliseconds = timeout * 1e3;
    int rounded;

    if (timeout < 0)
        return -1;
    if (milliseconds > longest)
        milliseconds = longest;
    rounded = (int)milliseconds;
    return rounded < milliseconds ? rounded + 1 : rounded;
}

/* ==================================================
 * channels that the kernel's set does not take, as regular files: always ready, as select() says
 */

int asyncore__always_ready_add(struct asyncore_map *map, struct asyncore_channel *channel);
void asyncore__always_ready_remove(struct asyncore_map *map, struct asyncore_channel *channel);
void asyncore__always_ready_find(struct asyncore_map *map);

#endif
