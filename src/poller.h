/* poller.h - what waits for descriptors.  One of these stands behind each map. */
#ifndef ASYNCORE_POLLER_H
#define ASYNCORE_POLLER_H

#include "internal.h"

struct asyncore__poller {
    const char *name;

    /* open fills map->poller_state.  Return 0 or a negative errno. */
    int (*open)(struct asyncore_map *map);
    void (*close)(struct asyncore_map *map);

    /* Makes room for a descriptor that is about to be added, so that watch needs none.  Returns 0,
     * -ENOMEM, or -EMFILE if this poller cannot watch so high a number. */
    int (*reserve)(struct asyncore_map *map, int fd);

    /* The channel's interest changes to this, 0 being none; channel->interest is still the old one.
     */
    int (*watch)(struct asyncore_map *map, struct asyncore_channel *channel, unsigned interest);

    /* Waits for timeout seconds (below 0: for ever; rounded up) and reports with
     * asyncore__found().  A signal ends the wait with 0.  A descriptor that is not open is found
     * ASYNCORE__DEAD, and does not keep the others from being served. */
    int (*wait)(struct asyncore_map *map, double timeout);
};

extern const struct asyncore__poller asyncore__select_poller;

/* The poller's report: this channel has these events. */
static inline void asyncore__found(struct asyncore_map *map, struct asyncore_channel *channel,
                                   unsigned events)
{
    struct asyncore__ready *ready = &map->ready[map->ready_count++];

    ready->channel = channel;
    ready->generation = channel->generation;
    ready->events = events;
}

#endif
