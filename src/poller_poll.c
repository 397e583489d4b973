/*
 * poller_poll.c - poll(): one array of those who are watched, in no order.
 */
#include "poller.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

struct poll_state {
    struct pollfd *fds;                 /* channel->place - 1 is a channel's index here */
    struct asyncore_channel **channels; /* and here */
    size_t count, size;
};

static int poll_open(struct asyncore_map *map)
{
    map->poller_state = calloc(1, sizeof(struct poll_state));
    return map->poller_state != NULL ? 0 : -ENOMEM;
}

static void poll_close(struct asyncore_map *map)
{
    struct poll_state *state = map->poller_state;

    free(state->fds);
    free(state->channels);
    free(state);
}

static int poll_reserve(struct asyncore_map *map, int fd)
{
    struct poll_state *state = map->poller_state;
    const size_t need = asyncore__channel_limit(map);
    struct pollfd *fds;
    struct asyncore_channel **channels;

    (void)fd;
    if (need <= state->size)
        return 0;
    fds = realloc(state->fds, 2 * need * sizeof *fds);
    if (fds == NULL)
        return -ENOMEM;
    state->fds = fds;
    channels = realloc(state->channels, 2 * need * sizeof *channels);
    if (channels == NULL)
        return -ENOMEM;
    state->channels = channels;
    state->size = 2 * need;
    return 0;
}

static void put(struct poll_state *state, size_t index, struct asyncore_channel *channel,
                struct pollfd fd)
{
    state->fds[index] = fd;
    state->channels[index] = channel;
    channel->place = (uint32_t)index + 1;
}

static int poll_watch(struct asyncore_map *map, struct asyncore_channel *channel, unsigned interest)
{
    struct poll_state *state = map->poller_state;
    const struct pollfd fd = {.fd = channel->fd, .events = (short)asyncore__poll_events(interest)};

    if (interest != 0) {
        put(state, channel->place != 0 ? channel->place - 1 : state->count++, channel, fd);
    } else {
        state->count--; /* the last one goes where this one was */
        put(state, channel->place - 1, state->channels[state->count], state->fds[state->count]);
        channel->place = 0;
    }
    return 0;
}

static void find(struct asyncore_map *map, size_t index)
{
    struct poll_state *state = map->poller_state;
    struct asyncore_channel *channel = state->channels[index];
    struct pollfd *fd = &state->fds[index];
    const unsigned events = asyncore__poll_found((unsigned short)fd->revents, channel->interest);

    if (events != 0)
        asyncore__found(map, channel, events);
    else
        fd->fd = -1; /* until it asks for something else */
}

/* poll() refuses more than the limit of descriptors, which may have become less than we watch. */
static bool is_over_limit(const struct poll_state *state)
{
    struct rlimit limit;

    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && state->count > limit.rlim_cur;
}

static int poll_wait(struct asyncore_map *map, int64_t timeout)
{
    struct poll_state *state = map->poller_state;
    int n = poll(state->fds, (nfds_t)state->count, asyncore__milliseconds(timeout));
    bool dead = false;

    if (n < 0 && errno == EINVAL && is_over_limit(state)) {
        map->instead = &asyncore__select_poller; /* which does not look at it */
        return -EINTR;
    }
    if (n < 0)
        return -errno;
    for (size_t i = 0; n > 0 && i < state->count; i++) {
        if (state->fds[i].revents == 0)
            continue;
        if ((state->fds[i].revents & POLLNVAL) != 0)
            dead = true;
        else
            find(map, i);
        n--;
    }
    if (dead)
        asyncore__find_dead(map);
    return 0;
}

static int poll_check(const struct asyncore_map *map, const struct asyncore_channel *channel)
{
    const struct poll_state *state = map->poller_state;
    const size_t index = channel->place - 1;

    if (channel->interest == 0)
        return channel->place == 0 ? 0 : -1;
    if (channel->place == 0 || index >= state->count || state->channels[index] != channel)
        return -1;
    if (state->fds[index].fd != channel->fd && state->fds[index].fd != -1)
        return -1;
    return state->fds[index].events == (short)asyncore__poll_events(channel->interest) ? 1 : -1;
}

static size_t poll_entries(const struct asyncore_map *map)
{
    const struct poll_state *state = map->poller_state;

    return state->count;
}

const struct asyncore__poller asyncore__poll_poller = {
    .name = "poll",
    .forgets_closed = true, /* if it had hung up before */
    .open = poll_open,
    .close = poll_close,
    .reserve = poll_reserve,
    .watch = poll_watch,
    .wait = poll_wait,
    .check = poll_check,
    .entries = poll_entries,
};
