/*
 * poller.c - which poller stands behind a map, and what it is told.
 */
#include "poller.h"
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* The first is the default. */
static const struct asyncore__poller *const pollers[] = {
    &asyncore__select_poller,
    &asyncore__poll_poller,
#ifdef ASYNCORE__HAVE_EPOLL
    &asyncore__epoll_poller,
#endif
#ifdef ASYNCORE__HAVE_KQUEUE
    &asyncore__kqueue_poller,
#endif
};

enum { POLLERS = sizeof pollers / sizeof pollers[0] };

const char *asyncore_poller_name(size_t n)
{
    return n < POLLERS ? pollers[n]->name : NULL;
}

/* ==================================================
 * opening
 */

static int reserve_all(struct asyncore_map *map, const struct asyncore__poller *poller)
{
    int rc = poller->reserve(map, 0); /* the first */

    if (rc == 0 && map->wakeup_channel.dispatcher != NULL)
        rc = poller->reserve(map, map->wakeup_channel.fd);
    for (struct asyncore_channel *c = map->channels; rc == 0 && c != NULL; c = c->hh.next)
        rc = poller->reserve(map, c->fd);
    return rc;
}

static void close_poller(struct asyncore_map *map)
{
    map->poller->close(map);
    map->always_ready_count = 0;
}

static void watch_all_again(struct asyncore_map *map)
{
    map->wakeup_channel.interest = map->wakeup_channel.place = 0;
    for (struct asyncore_channel *c = map->channels; c != NULL; c = c->hh.next) {
        c->interest = c->place = 0;
        asyncore__changed(c->dispatcher);
    }
}

/* Puts poller in the place of the one there is, if any, and tells it of all the channels, from the
 * next pass on. */
static int open_poller(struct asyncore_map *map, const struct asyncore__poller *poller)
{
    void *state, *old = map->poller_state;
    int rc;

    asyncore__trace_begin();
    rc = poller->open(map);
    if (rc == 0) {
        rc = reserve_all(map, poller);
        if (rc == 0 && map->poller == NULL)
            rc = asyncore__fork_add(map);
        if (rc < 0)
            poller->close(map);
    }
    if (rc < 0) {
        map->poller_state = old;
        return rc;
    }
    state = map->poller_state;
    map->poller_state = old;
    if (map->poller != NULL)
        close_poller(map);
    map->poller = poller;
    map->poller_state = state;
    map->instead = NULL;
    map->inherited = map->stale = map->alarm_set = false;
    watch_all_again(map);
    return 0;
}

static const struct asyncore__poller *find_poller(const char *name, const char *who_asks)
{
    char message[256];
    size_t length;

    for (size_t i = 0; i < POLLERS; i++)
        if (strcmp(name, pollers[i]->name) == 0)
            return pollers[i];
    length = (size_t)snprintf(message, sizeof message,
                              "%s%.100s: no such poller; there are:", who_asks, name);
    for (size_t i = 0; i < POLLERS; i++)
        length +=
            (size_t)snprintf(message + length, sizeof message - length, " %s", pollers[i]->name);
    asyncore__write_log(ASYNCORE_ERROR, message);
    return NULL;
}

static const struct asyncore__poller *default_poller(void)
{
    /* Safe as long as no thread changes the environment, which none may that is not alone.
     * NOLINTNEXTLINE(concurrency-mt-unsafe) */
    const char *name = getenv("ASYNCORE_POLLER");

    return name != NULL && name[0] != '\0' ? find_poller(name, "ASYNCORE_POLLER=") : pollers[0];
}

int asyncore__poller_open(struct asyncore_map *map)
{
    const struct asyncore__poller *poller;

    if (map->poller != NULL)
        return 0;
    poller = default_poller();
    return poller != NULL ? open_poller(map, poller) : -EINVAL;
}

int asyncore__poller_renew(struct asyncore_map *map)
{
    if (map->poller == NULL) /* there may be timers alone */
        return asyncore__poller_open(map);
    if (map->instead != NULL)
        return open_poller(map, map->instead);
    return map->inherited || map->stale ? open_poller(map, map->poller) : 0;
}

void asyncore__poller_close(struct asyncore_map *map)
{
    if (map->poller != NULL) {
        asyncore__fork_remove(map);
        close_poller(map);
    }
    map->poller = NULL;
    free(map->always_ready);
    map->always_ready = NULL;
    map->always_ready_size = 0;
}

int asyncore_map_set_poller(struct asyncore_map *map, const char *name)
{
    const struct asyncore__poller *poller;

    map = asyncore__map(map);
    if (map->frames > 0)
        return -EBUSY;
    poller = name != NULL ? find_poller(name, "") : default_poller();
    if (poller == NULL)
        return -EINVAL;
    return poller == map->poller ? 0 : open_poller(map, poller);
}

const char *asyncore_map_get_poller(const struct asyncore_map *map)
{
    map = asyncore__map(map);
    return map->poller != NULL ? map->poller->name : NULL;
}

/* ==================================================
 * telling
 */

int asyncore__watch(struct asyncore_map *map, struct asyncore_channel *channel, unsigned interest)
{
    int rc = 0;

    if (interest == channel->interest)
        return 0;
    if (!map->inherited)
        rc = map->poller->watch(map, channel, interest);
    if (channel->watched_at == 0)
        channel->watched_at = asyncore__now();
    if (rc == 0)
        channel->interest = interest;
    return rc;
}

/* ==================================================
 * channels that are always ready
 */

int asyncore__always_ready_add(struct asyncore_map *map, struct asyncore_channel *channel)
{
    if (map->always_ready_count == map->always_ready_size) {
        const size_t size = 2 * map->always_ready_size + 4;
        struct asyncore_channel **channels = realloc(map->always_ready, size * sizeof *channels);

        if (channels == NULL)
            return -ENOMEM;
        map->always_ready = channels;
        map->always_ready_size = size;
    }
    map->always_ready[map->always_ready_count++] = channel;
    return 0;
}

void asyncore__always_ready_remove(struct asyncore_map *map, struct asyncore_channel *channel)
{
    for (size_t i = 0; i < map->always_ready_count; i++) {
        if (map->always_ready[i] == channel) {
            map->always_ready[i] = map->always_ready[--map->always_ready_count];
            return;
        }
    }
}

bool asyncore__always_ready_has(const struct asyncore_map *map,
                                const struct asyncore_channel *channel)
{
    for (size_t i = 0; i < map->always_ready_count; i++)
        if (map->always_ready[i] == channel)
            return true;
    return false;
}

void asyncore__always_ready_find(struct asyncore_map *map)
{
    for (size_t i = 0; i < map->always_ready_count; i++) {
        struct asyncore_channel *channel = map->always_ready[i];

        asyncore__found(map, channel, asyncore__poll_found(POLLIN | POLLOUT, channel->interest));
    }
}
