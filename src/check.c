/*
 * check.c - does all that is written down twice agree?  The map, its lists and its places, from both
 * sides; the poller's tables, the timers, the signals and the calls each look after themselves.
 */
#include "internal.h"
#include "poller.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int asyncore__disagree(const char *format, ...)
{
    char message[256];
    const int length = snprintf(message, sizeof message, "asyncore_check: ");
    va_list args;

    va_start(args, format);
    vsnprintf(message + length, sizeof message - (size_t)length, format, args);
    va_end(args);
    asyncore__write_log(ASYNCORE_ERROR, message);
    return -ENOTRECOVERABLE;
}

static const void *next_of(const void *member, size_t offset)
{
    const void *next;

    memcpy(&next, (const char *)member + offset, sizeof next);
    return next;
}

bool asyncore__is_circular(const void *first, size_t offset)
{
    const void *slow = first, *fast = first;

    while (fast != NULL && (fast = next_of(fast, offset)) != NULL) {
        fast = next_of(fast, offset);
        slow = next_of(slow, offset);
        if (fast == slow)
            return true;
    }
    return false;
}

/* ==================================================
 * those who are in the map: each function returns what is wrong with one of them, or NULL
 */

static const char *wrong_with_place(const struct asyncore_map *map,
                                    const struct asyncore_channel *channel)
{
    const struct asyncore_channel *found;

    HASH_FIND_INT(map->channels, &channel->fd, found);
    if (found == NULL || found != channel)
        return "in the map, and not found there";
    if (channel->generation == 0 || channel->generation > map->generation)
        return "never added";
    return NULL;
}

static const char *wrong_with_dispatcher(const struct asyncore_map *map,
                                         const struct asyncore_channel *channel)
{
    const struct asyncore_dispatcher *dispatcher = channel->dispatcher;

    if (dispatcher == NULL)
        return "nobody's, and in the map";
    if (asyncore__check(dispatcher) == -EINVAL)
        return "its dispatcher was written over, or freed, without asyncore_close()";
    if (asyncore__check(dispatcher) < 0)
        return "its dispatcher is closed, and in the map";
    if (dispatcher->fd != channel->fd)
        return "its dispatcher has another descriptor";
    if (dispatcher->channel != channel)
        return "its dispatcher has another place in the map, or none";
    if (dispatcher->map != map)
        return "its dispatcher is of another map";
    return asyncore__timeouts_check(dispatcher);
}

static const char *wrong_with_interest(const struct asyncore_channel *channel)
{
    struct asyncore_dispatcher *dispatcher = channel->dispatcher;

    if (channel->asks != asyncore__asks(dispatcher))
        return "its class has other predicates than when it was added";
    if (channel->listed)
        return NULL;
    if (channel->asks)
        return "has predicates of its own, and nobody asks";
    if (channel->interest != asyncore__interest(dispatcher, asyncore__readable(dispatcher),
                                                asyncore__writable(dispatcher)))
        return "watched for something else than its predicates say, and nobody asks";
    return NULL;
}

static const char *wrong_with_wakeup(const struct asyncore_map *map)
{
    const struct asyncore_channel *channel = &map->wakeup_channel, *found;

    if (channel->dispatcher == NULL)
        return channel->interest != 0 || channel->generation != 0 || map->wakeup_fd >= 0
                   ? "the wake-up is closed, and watched"
                   : NULL;
    HASH_FIND_INT(map->channels, &channel->fd, found);
    if (found != NULL)
        return "the wake-up's, and a dispatcher's";
    if (channel->dispatcher != &map->wakeup || map->wakeup.fd != channel->fd ||
        map->wakeup.state != ASYNCORE__LIVE || channel->generation == 0 || map->wakeup_fd < 0)
        return "not the wake-up's any more";
    return NULL;
}

/* ==================================================
 * each of these returns 0, or says what does not agree
 */

static int check_channel(const struct asyncore_map *map, const struct asyncore_channel *channel)
{
    const char *wrong = wrong_with_place(map, channel);

    if (wrong == NULL)
        wrong = wrong_with_dispatcher(map, channel);
    if (wrong == NULL)
        wrong = wrong_with_interest(channel);
    return wrong == NULL ? 0 : asyncore__disagree("descriptor %d: %s", channel->fd, wrong);
}

static int check_channels(const struct asyncore_map *map)
{
    const struct asyncore_channel *channel, *before = NULL;
    size_t count = 0;
    int rc = 0;

    for (channel = map->channels; rc == 0 && channel != NULL; channel = channel->hh.next) {
        if (channel->hh.prev != before ||
            (before != NULL && channel->generation <= before->generation))
            return asyncore__disagree("descriptor %d: the map is in disorder", channel->fd);
        rc = check_channel(map, channel);
        before = channel;
        count++;
    }
    if (rc == 0 && count != HASH_COUNT(map->channels))
        rc = asyncore__disagree("the map counts %u dispatchers and has %zu",
                                HASH_COUNT(map->channels), count);
    return rc;
}

static int check_wakeup(const struct asyncore_map *map)
{
    const char *wrong = wrong_with_wakeup(map);

    return wrong == NULL ? 0
                         : asyncore__disagree("descriptor %d: %s", map->wakeup_channel.fd, wrong);
}

/* map->asked or map->changed, in which there should be so many. */
static int check_list(const struct asyncore_map *map, const char *name,
                      const struct asyncore_channel *first, bool asks, size_t count)
{
    const struct asyncore_channel *channel = first, *found;
    size_t n = 0;

    for (; channel != NULL && n < count; channel = channel->next, n++) {
        HASH_FIND_INT(map->channels, &channel->fd, found);
        if (found != channel || !channel->listed || channel->asks != asks)
            return asyncore__disagree("descriptor %d: does not belong in the list %s", channel->fd,
                                      name);
        if (channel->next != NULL ? channel->next->prev != channel : first->prev != channel)
            return asyncore__disagree("descriptor %d: the list %s breaks off behind it",
                                      channel->fd, name);
        if (asks && channel->next != NULL && channel->next->generation <= channel->generation)
            return asyncore__disagree("descriptor %d: the list %s is in disorder behind it",
                                      channel->fd, name);
    }
    if (channel == NULL && n == count)
        return 0;
    return asyncore__disagree("the list %s has %s than the %zu who say that they are in it", name,
                              channel != NULL ? "more" : "less", count);
}

static int check_lists(const struct asyncore_map *map)
{
    size_t asked = 0, changed = 0;
    int rc;

    for (const struct asyncore_channel *c = map->channels; c != NULL; c = c->hh.next) {
        asked += c->listed && c->asks;
        changed += c->listed && !c->asks;
    }
    rc = check_list(map, "asked", map->asked, true, asked);
    return rc == 0 ? check_list(map, "changed", map->changed, false, changed) : rc;
}

static int check_unused(const struct asyncore_map *map)
{
    const struct asyncore_channel *channel, *found;

    if (asyncore__is_circular(map->unused, offsetof(struct asyncore_channel, next)))
        return asyncore__disagree("a place is unused twice");
    for (channel = map->unused; channel != NULL; channel = channel->next) {
        HASH_FIND_INT(map->channels, &channel->fd, found);
        if (channel->dispatcher != NULL || channel->generation != 0 || channel->interest != 0 ||
            channel->listed || found == channel)
            return asyncore__disagree("descriptor %d: the place that it had is unused, and in use",
                                      channel->fd);
    }
    return 0;
}

static int check_doomed(const struct asyncore_map *map)
{
    const struct asyncore_dispatcher *dispatcher;

    if (map->doomed != NULL && map->frames == 0)
        return asyncore__disagree("destroy() is due, and nobody calls it");
    if (asyncore__is_circular(map->doomed, offsetof(struct asyncore_dispatcher, next)))
        return asyncore__disagree("destroy() is due twice for the same dispatcher");
    for (dispatcher = map->doomed; dispatcher != NULL; dispatcher = dispatcher->next) {
        const bool closed = asyncore__check(dispatcher) == -EBADF; /* or opened again */

        if (asyncore__check(dispatcher) == -EINVAL || !dispatcher->doomed || dispatcher->map != map)
            return asyncore__disagree("a dispatcher was written over before its destroy()");
        if (closed &&
            (dispatcher->channel != NULL || dispatcher->fd >= 0 || dispatcher->timeouts != NULL))
            return asyncore__disagree("descriptor %d: still there, and its dispatcher is closed",
                                      dispatcher->fd);
    }
    return 0;
}

/* What the pass found; some may have been closed since. */
static int check_ready(const struct asyncore_map *map)
{
    uint64_t before = 0;

    if (map->ready_count > map->ready_size)
        return asyncore__disagree("%zu are ready, and there is room for %zu", map->ready_count,
                                  map->ready_size);
    for (size_t i = 0; i < map->ready_count; i++) {
        const struct asyncore__ready *ready = &map->ready[i];

        if (ready->generation == 0 || ready->generation > map->generation ||
            (ready->generation == ready->channel->generation && ready->channel->dispatcher == NULL))
            return asyncore__disagree("descriptor %d: ready, and nobody's", ready->channel->fd);
        if (!map->unsorted && ready->generation < before)
            return asyncore__disagree("descriptor %d: served in disorder", ready->channel->fd);
        before = ready->generation;
    }
    return 0;
}

/* From the wake-up on. */
static const struct asyncore_channel *next_watched(const struct asyncore_map *map,
                                                   const struct asyncore_channel *channel)
{
    return channel == &map->wakeup_channel ? map->channels : channel->hh.next;
}

/* All that is watched is in the poller's tables, and they have nothing else. */
static int check_poller(const struct asyncore_map *map)
{
    const struct asyncore_channel *channel;
    size_t entries = 0;

    if (map->poller == NULL)
        return map->channels == NULL ? 0 : asyncore__disagree("there is no poller");
    if (map->inherited) /* it is the parent's */
        return 0;
    for (channel = &map->wakeup_channel; channel != NULL; channel = next_watched(map, channel)) {
        const int own = map->poller->check(map, channel);

        if (own < 0)
            return asyncore__disagree(
                "descriptor %d: to be watched for 0x%x, and %s does not do that", channel->fd,
                channel->interest, map->poller->name);
        entries += (size_t)own;
    }
    if (map->poller->entries(map) == entries)
        return 0;
    return asyncore__disagree("%s watches %zu, and of those in the map there are %zu",
                              map->poller->name, map->poller->entries(map), entries);
}

int asyncore_check(const struct asyncore_map *map)
{
    static int (*const checks[])(const struct asyncore_map *) = {
        check_channels,
        check_lists,
        check_wakeup,
        check_unused,
        check_doomed,
        check_ready,
        check_poller,
        asyncore__timers_check,
        asyncore__signals_check,
        asyncore__calls_check,
    };
    int rc = 0;

    map = asyncore__map(map);
    for (size_t i = 0; rc == 0 && i < sizeof checks / sizeof checks[0]; i++)
        rc = checks[i](map);
    return rc;
}
