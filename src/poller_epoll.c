/*
 * poller_epoll.c - Linux' epoll: the kernel keeps the set, so that a wait costs what is ready, and
 * who is only waited for costs nothing.
 */
#include "poller.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLPRI == POLLPRI &&
                   EPOLLERR == POLLERR && EPOLLHUP == POLLHUP,
               "epoll speaks as poll() does");

struct epoll_state {
    int fd;
    struct epoll_event *events;
    size_t size;
    struct asyncore_channel alarm; /* a timer's, and of no dispatcher */
};

/* state->alarm.fd */
enum { NOT_OPEN = -1, NOT_TO_BE_HAD = -2 };

/* channel->place */
enum {
    OUTSIDE,
    IN_SET,
    ALWAYS_READY,
    HUNG_UP /* which is nothing to it; outside until it asks for something else */
};

static int epoll_open(struct asyncore_map *map)
{
    struct epoll_state *state = calloc(1, sizeof *state);

    if (state == NULL)
        return -ENOMEM;
    state->fd = asyncore__avoid_dead(map, epoll_create1(EPOLL_CLOEXEC));
    if (state->fd < 0) {
        const int error = errno;

        free(state);
        return -error;
    }
    state->alarm.fd = NOT_OPEN;
    map->poller_state = state;
    return 0;
}

static void epoll_close(struct asyncore_map *map)
{
    struct epoll_state *state = map->poller_state;

    close(state->fd); /* in a child too: the set lives on as its parent's, and so does its timer */
    if (state->alarm.fd >= 0)
        close(state->alarm.fd);
    free(state->events);
    free(state);
}

static int epoll_reserve(struct asyncore_map *map, int fd)
{
    struct epoll_state *state = map->poller_state;
    const size_t need = asyncore__channel_limit(map);
    struct epoll_event *events;

    if (fd == state->alarm.fd) { /* which was closed behind the library's back, too */
        state->alarm.fd = NOT_OPEN;
        map->alarm_set = false;
    }
    if (need <= state->size)
        return 0;
    events = malloc(2 * need * sizeof *events);
    if (events == NULL)
        return -ENOMEM;
    free(state->events); /* nothing in there is used after a wait */
    state->events = events;
    state->size = 2 * need;
    return 0;
}

static void leave(struct asyncore_map *map, struct asyncore_channel *channel)
{
    const struct epoll_state *state = map->poller_state;

    if (channel->place == ALWAYS_READY)
        asyncore__always_ready_remove(map, channel);
    /* The set holds open files, not numbers: one that was closed behind the library's back, but is
     * still open under another number, or in another process, cannot be taken out any more. */
    else if (channel->place == IN_SET && epoll_ctl(state->fd, EPOLL_CTL_DEL, channel->fd, NULL) < 0)
        map->stale = true;
    channel->place = OUTSIDE;
}

/* It calls itself once at most: outside it does not modify.  NOLINTNEXTLINE(misc-no-recursion) */
static int enter(struct asyncore_map *map, struct asyncore_channel *channel, unsigned interest)
{
    const struct epoll_state *state = map->poller_state;
    struct epoll_event event = {
        .events = asyncore__poll_events(interest),
        .data.ptr = channel,
    };
    const int op = channel->place == IN_SET ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    int rc;

    if (epoll_ctl(state->fd, op, channel->fd, &event) == 0) {
        channel->place = IN_SET;
        return 0;
    }
    if (op == EPOLL_CTL_MOD && errno == ENOENT) { /* the number is another file's now */
        map->stale = true;
        channel->place = OUTSIDE;
        return enter(map, channel, interest);
    }
    if (errno != EPERM)
        return -errno;
    rc = asyncore__always_ready_add(map, channel);
    if (rc == 0)
        channel->place = ALWAYS_READY;
    return rc;
}

static int epoll_watch(struct asyncore_map *map, struct asyncore_channel *channel,
                       unsigned interest)
{
    if (interest == 0)
        leave(map, channel);
    else if (channel->place != ALWAYS_READY)
        return enter(map, channel, interest);
    return 0;
}

/* More than what was asked for: a hang-up or an error; or the outcome of a connect. */
static void find_more(struct asyncore_map *map, struct asyncore_channel *channel, unsigned revents)
{
    const struct epoll_state *state = map->poller_state;
    const unsigned events = asyncore__poll_found(revents, channel->interest);

    if (events != 0) {
        asyncore__found(map, channel, events);
    } else if (channel == &state->alarm) {
        map->alarm_set = false;
    } else if (channel->interest != 0) { /* or it is a stale set that says so */
        leave(map, channel);
        channel->place = HUNG_UP;
    }
}

static void find(struct asyncore_map *map, const struct epoll_event *events, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct asyncore_channel *channel = events[i].data.ptr;

        if ((events[i].events & ~channel->interest) == 0)
            asyncore__found(map, channel, events[i].events);
        else
            find_more(map, channel, events[i].events);
    }
}

static int epoll_wait_for(struct asyncore_map *map, int64_t timeout)
{
    struct epoll_state *state = map->poller_state;
    int n;

    if (map->always_ready_count > 0)
        timeout = 0;
    n = epoll_wait(state->fd, state->events, (int)state->size, asyncore__milliseconds(timeout));
    if (n < 0)
        return -errno;
    find(map, state->events, (size_t)n);
    if (map->always_ready_count > 0)
        asyncore__always_ready_find(map);
    return 0;
}

/* ==================================================
 * the alarm
 */

static int open_alarm(struct asyncore_map *map, struct epoll_state *state)
{
    struct epoll_event event = {
        .events = EPOLLIN | EPOLLET, /* so that it need not be read */
        .data.ptr = &state->alarm,
    };
    const int fd =
        asyncore__avoid_dead(map, timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC));

    if (fd >= 0 && epoll_ctl(state->fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return NOT_TO_BE_HAD;
}

static bool epoll_set_alarm(struct asyncore_map *map, int64_t after)
{
    struct epoll_state *state = map->poller_state;
    const struct itimerspec when = {
        .it_value.tv_sec = (time_t)(after / ASYNCORE__SECOND),
        .it_value.tv_nsec = (long)(after % ASYNCORE__SECOND),
    };

    if (state->alarm.fd == NOT_OPEN)
        state->alarm.fd = open_alarm(map, state);
    if (state->alarm.fd == NOT_TO_BE_HAD)
        return false;
    if (timerfd_settime(state->alarm.fd, 0, &when, NULL) == 0)
        return true;
    if (errno == EBADF || errno == EINVAL) /* somebody has closed it, and the number may be his */
        state->alarm.fd = NOT_OPEN;
    return false;
}

/* Its set is in the kernel, and who is in there is known by the place alone. */
static int epoll_check(const struct asyncore_map *map, const struct asyncore_channel *channel)
{
    const bool is_ready = channel->place == ALWAYS_READY;

    if ((channel->interest != 0) != (channel->place != OUTSIDE))
        return -1;
    if (is_ready != asyncore__always_ready_has(map, channel))
        return -1;
    return is_ready ? 1 : 0;
}

static size_t epoll_entries(const struct asyncore_map *map)
{
    return map->always_ready_count;
}

const struct asyncore__poller asyncore__epoll_poller = {
    .name = "epoll",
    .forgets_closed = true,
    .open = epoll_open,
    .close = epoll_close,
    .reserve = epoll_reserve,
    .watch = epoll_watch,
    .wait = epoll_wait_for,
    .set_alarm = epoll_set_alarm,
    .check = epoll_check,
    .entries = epoll_entries,
};
