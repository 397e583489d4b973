/*
 * map.c - the socket map: from file descriptor to dispatcher, in order of insertion.
 */
#include "poller.h"
#include "trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

static struct asyncore_map socket_map = {.wakeup_fd = -1};

struct asyncore_map *asyncore__map(const struct asyncore_map *map)
{
    return map != NULL ? (struct asyncore_map *)map : &socket_map;
}

struct asyncore_channel *asyncore__find(struct asyncore_map *map, int fd)
{
    struct asyncore_channel *channel;

    if (map->wakeup_channel.dispatcher != NULL && map->wakeup_channel.fd == fd)
        return &map->wakeup_channel;
    HASH_FIND_INT(map->channels, &fd, channel);
    return channel;
}

/* ==================================================
 * who is asked what it waits for: dispatchers with predicates of their own in each pass, in their
 * order; those whose answers the library knows, only when the answer may have changed
 */

static bool is_known(bool (*predicate)(struct asyncore_dispatcher *))
{
    return predicate == asyncore_always || predicate == asyncore_never ||
           predicate == asyncore__dispatcher_with_send_writable ||
           predicate == asynchat__readable || predicate == asynchat__writable;
}

bool asyncore__asks(const struct asyncore_dispatcher *dispatcher)
{
    return !is_known(ASYNCORE__CLASS_WITH(dispatcher, readable)->readable) ||
           !is_known(ASYNCORE__CLASS_WITH(dispatcher, writable)->writable);
}

static void list(struct asyncore_map *map, struct asyncore_channel *channel)
{
    if (channel->listed)
        return;
    channel->listed = true;
    if (channel->asks)
        DL_APPEND(map->asked, channel);
    else
        DL_APPEND(map->changed, channel);
}

void asyncore__unlist(struct asyncore_map *map, struct asyncore_channel *channel)
{
    if (!channel->listed)
        return;
    channel->listed = false;
    if (map->asking == channel)
        map->asking = channel->next;
    if (channel->asks)
        DL_DELETE(map->asked, channel);
    else
        DL_DELETE(map->changed, channel);
}

void asyncore__changed(struct asyncore_dispatcher *dispatcher)
{
    if (dispatcher->channel != NULL)
        list(dispatcher->map, dispatcher->channel);
}

/* ==================================================
 * channels
 */

size_t asyncore__channel_limit(const struct asyncore_map *map)
{
    return HASH_COUNT(map->channels) + 2; /* one more, and the wake-up */
}

/* Makes all the room that the channel will ever need, so that nothing fails later. */
int asyncore__reserve(struct asyncore_map *map, int fd)
{
    int rc = asyncore__poller_open(map);

    if (rc == 0)
        rc = map->poller->reserve(map, fd);
    if (rc == 0)
        rc = asyncore__ready_reserve(map);
    return rc;
}

/* Its descriptor was closed behind the library's back, and the number is another's now. */
static int put_out(struct asyncore_map *map, struct asyncore_channel *channel)
{
    struct asyncore_dispatcher *dispatcher = channel->dispatcher;
    int rc;

    if (dispatcher == &map->wakeup) {
        asyncore__wakeup_forget(map);
        return 0;
    }
    if (asyncore__check(dispatcher) == -EINVAL) {
        asyncore__lost(map, channel);
        return 0;
    }
    asyncore__closes(dispatcher, "closed behind its back");
    asyncore__channel_remove(map, channel);
    dispatcher->fd = -1;
    dispatcher->generation++;
    dispatcher->connected = dispatcher->accepting = dispatcher->connecting = false;
    asyncore__enter(map);
    asyncore_log_info(dispatcher,
                      "descriptor closed behind the dispatcher's back: use asyncore_close()",
                      ASYNCORE_ERROR);
    rc = asyncore_handle_close(dispatcher);
    asyncore__leave(map);
    return rc == asyncore_ExitNow ? rc : 0;
}

int asyncore__make_way(struct asyncore_map *map, int fd, const struct asyncore_dispatcher *self)
{
    struct asyncore_channel *channel = asyncore__find(map, fd);
    int rc = 0;

    while (rc == 0 && channel != NULL && channel->dispatcher != self) {
        rc = put_out(map, channel);
        channel = asyncore__find(map, fd);
    }
    return rc;
}

int asyncore__channel_add(struct asyncore_map *map, struct asyncore_dispatcher *dispatcher)
{
    struct asyncore_channel *channel;
    const int rc = asyncore__reserve(map, dispatcher->fd);

    if (rc < 0)
        return rc;
    /* A place that a stale set may still name is not used again. */
    channel = map->stale ? NULL : map->unused;
    if (channel != NULL)
        LL_DELETE(map->unused, channel);
    else if ((channel = calloc(1, sizeof *channel)) == NULL)
        return -ENOMEM;
    channel->fd = dispatcher->fd;
    HASH_ADD_INT(map->channels, fd, channel);
    if (channel->hh.tbl == NULL) {
        LL_PREPEND(map->unused, channel);
        return -ENOMEM;
    }
    channel->dispatcher = dispatcher;
    channel->timeouts = dispatcher->timeouts;
    channel->generation = ++map->generation;
    channel->interest = channel->place = 0;
    channel->asks = asyncore__asks(dispatcher);
    channel->accepted = channel->sent = false;
    channel->said = channel->hot = 0;
    channel->deaf_since = channel->watched_at = 0;
    dispatcher->channel = channel;
    list(map, channel);
    if (asyncore__tracing())
        asyncore__trace_open(map, dispatcher);
    return 0;
}

static void vacate(struct asyncore_map *map, struct asyncore_channel *channel)
{
    asyncore__watch(map, channel, 0);
    asyncore__unlist(map, channel);
    HASH_DEL(map->channels, channel);
    channel->dispatcher = NULL;
    channel->timeouts = NULL;
    channel->generation = 0;
    LL_PREPEND(map->unused, channel);
}

void asyncore__channel_remove(struct asyncore_map *map, struct asyncore_channel *channel)
{
    asyncore__timeouts_end(channel->timeouts);
    channel->dispatcher->channel = NULL;
    vacate(map, channel);
}

int asyncore__lost(struct asyncore_map *map, struct asyncore_channel *channel)
{
    char message[128];

    if (asyncore__tracing())
        asyncore__trace_lost(map, channel);
    asyncore__timeouts_free(channel->timeouts);
    vacate(map, channel);
    snprintf(message, sizeof message,
             "descriptor %d: its dispatcher was written over, or freed, without asyncore_close()",
             channel->fd);
    asyncore__write_log(ASYNCORE_ERROR, message);
    return -EINVAL;
}

/* ==================================================
 * the map itself
 */

size_t asyncore_map_count(const struct asyncore_map *map)
{
    return HASH_COUNT(asyncore__map(map)->channels);
}

struct asyncore_dispatcher *asyncore_map_get(const struct asyncore_map *map, int fd)
{
    struct asyncore_channel *channel;

    HASH_FIND_INT(asyncore__map(map)->channels, &fd, channel);
    return channel != NULL ? channel->dispatcher : NULL;
}

int asyncore_close_all(struct asyncore_map *map, bool ignore_all)
{
    int first_error = 0;

    map = asyncore__map(map);
    while (map->channels != NULL) {
        struct asyncore_channel *channel = map->channels;
        const bool is_there = channel->dispatcher->channel == channel;
        const int rc = is_there ? asyncore_close(channel->dispatcher) : -EINVAL;

        if (rc == -EINVAL)
            asyncore__lost(map, channel);
        if (first_error == 0)
            first_error = rc;
    }
    return ignore_all ? 0 : first_error;
}

struct asyncore_map *asyncore_map_new(void)
{
    struct asyncore_map *map = calloc(1, sizeof *map);

    if (map != NULL)
        atomic_init(&map->wakeup_fd, -1);
    return map;
}

int asyncore_map_free(struct asyncore_map *map)
{
    struct asyncore_channel *channel, *next;

    map = asyncore__map(map);
    if (map->frames > 0)
        return -EBUSY;
    asyncore_close_all(map, true);
    asyncore__timers_free(map);
    asyncore__calls_drop(map);
    asyncore__signals_free(map);
    asyncore__wakeup_close(map);
    LL_FOREACH_SAFE (map->unused, channel, next) {
        free(channel);
    }
    asyncore__poller_close(map);
    free(map->ready);
    if (map != &socket_map) {
        free(map);
    } else {
        const uint64_t generation = map->generation;

        memset(map, 0, sizeof *map);
        map->generation = generation;
        atomic_init(&map->wakeup_fd, -1);
    }
    return 0;
}
