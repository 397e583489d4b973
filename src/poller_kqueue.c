/*
 * poller_kqueue.c - the BSDs' kqueue: the kernel keeps the set, as with epoll, but each event is
 * watched for on its own, and what is closed leaves by its number, whoever else has it open.
 */
#include "poller.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/event.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef EV_RECEIPT
#define EV_RECEIPT 0 /* then events may come among the errors, and again when they are waited for */
#endif

/* filters[i] watches for events[i]; for the last not everywhere. */
static const unsigned events[] = {ASYNCORE__READ, ASYNCORE__WRITE, ASYNCORE__EXPT};
static const struct kevent filters[] = {
    {.filter = EVFILT_READ},
    {.filter = EVFILT_WRITE},
#if defined(EVFILT_EXCEPT) && defined(NOTE_OOB)
    {.filter = EVFILT_EXCEPT, .fflags = NOTE_OOB},
#endif
};

enum { FILTERS = sizeof filters / sizeof filters[0] };
/* channel->place: the events watched for, or ALWAYS_READY; in a wait, << FOUND, those found too. */
enum { ALWAYS_READY = 1 << 7, FOUND = 8 };

struct kqueue_state {
    int fd;
    struct kevent *events;
    size_t size;
};

static int kqueue_reserve(struct asyncore_map *map, int fd)
{
    struct kqueue_state *state = map->poller_state;
    const size_t need = FILTERS * asyncore__channel_limit(map);
    struct kevent *larger;

    (void)fd;
    if (need <= state->size)
        return 0;
    larger = malloc(2 * need * sizeof *larger);
    if (larger == NULL)
        return -ENOMEM;
    free(state->events); /* nothing in there is used after a wait */
    state->events = larger;
    state->size = 2 * need;
    return 0;
}

static void kqueue_close(struct asyncore_map *map)
{
    struct kqueue_state *state = map->poller_state;

    if (!map->inherited) /* a child does not inherit it: the number is another's there */
        close(state->fd);
    free(state->events);
    free(state);
}

static int kqueue_open(struct asyncore_map *map)
{
    struct kqueue_state *state = calloc(1, sizeof *state);
    const int fd = state != NULL ? asyncore__avoid_dead(map, kqueue()) : -1, error = errno;

    if (fd < 0) {
        free(state);
        return -error;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    state->fd = fd;
    map->poller_state = state;
    return 0;
}

static unsigned event_of(const struct kevent *kevent)
{
    if (kevent->filter == EVFILT_READ)
        return ASYNCORE__READ;
    return kevent->filter == EVFILT_WRITE ? ASYNCORE__WRITE : ASYNCORE__EXPT;
}

/* select() knows urgent data of sockets alone, and of the reading end of a pipe no writing. */
static bool is_idle(int fd, unsigned event)
{
    return event == ASYNCORE__EXPT ||
           (event == ASYNCORE__WRITE && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
}

/* Has the kqueue watch the channel for these events and no others. */
static int change(struct asyncore_map *map, struct asyncore_channel *channel, unsigned wanted)
{
    const struct kqueue_state *state = map->poller_state;
    struct kevent changes[FILTERS], receipts[FILTERS];
    int count = 0, rc = 0;

    for (unsigned i = 0; i < FILTERS; i++) {
        if (((channel->place ^ wanted) & events[i]) == 0)
            continue;
        changes[count] = filters[i];
        changes[count].ident = (uintptr_t)channel->fd;
        changes[count].flags = EV_RECEIPT | ((wanted & events[i]) != 0 ? EV_ADD : EV_DELETE);
        changes[count++].udata = (__typeof__(changes->udata))channel; /* NetBSD 9: a number */
    }
    channel->place = wanted;
    count = kevent(state->fd, changes, count, receipts, count, &(struct timespec){0});
    if (count < 0)
        return wanted != 0 ? -errno : 0;
    for (int i = 0; i < count; i++) {
        const unsigned event = event_of(&receipts[i]);

        /* What cannot be taken out was not in: it left when it was closed. */
        if ((receipts[i].flags & EV_ERROR) == 0 || receipts[i].data == 0 || (wanted & event) == 0)
            continue;
        channel->place &= ~event;
        if (!is_idle(channel->fd, event))
            rc = -(int)receipts[i].data;
    }
    return rc;
}

/* By a device without kqueue; or a pipe that nobody reads any more, to NetBSD a bad descriptor. */
static bool is_refused(int fd, int error)
{
    return error == EINVAL || error == ENODEV || error == EOPNOTSUPP || error == EPERM ||
           error == EPIPE || (error == EBADF && fcntl(fd, F_GETFD) >= 0);
}

static int kqueue_watch(struct asyncore_map *map, struct asyncore_channel *channel,
                        unsigned interest)
{
    const unsigned before = channel->place;
    struct stat status;
    int rc;

    if (before == ALWAYS_READY && interest != 0)
        return 0;
    if (before == ALWAYS_READY)
        asyncore__always_ready_remove(map, channel);
    if (interest != 0 && before == 0 && fstat(channel->fd, &status) == 0 && S_ISREG(status.st_mode))
        rc = -EPERM; /* kqueue would find it ready up to its end, select() finds it so always */
    else
        rc = change(map, channel, asyncore__poll_events(interest));
    if (rc < 0 && is_refused(channel->fd, -rc)) {
        change(map, channel, 0);
        rc = asyncore__always_ready_add(map, channel);
        channel->place = rc == 0 ? ALWAYS_READY : 0;
    } else if (rc < 0) {
        change(map, channel, before);
    }
    return rc;
}

static void collect(struct asyncore_map *map, const struct kevent *kevent)
{
    struct asyncore_channel *channel = (struct asyncore_channel *)kevent->udata;
    const unsigned event = event_of(kevent);
    const bool dead = (kevent->flags & EV_ERROR) != 0 && kevent->data == EBADF;

    if (kevent->ident != (uintptr_t)channel->fd || (channel->place & event) == 0)
        return;
    if ((kevent->flags & EV_EOF) != 0 && is_idle(channel->fd, event))
        change(map, channel, channel->place & ~event); /* it would be said again and again */
    else
        channel->place |= (dead ? ASYNCORE__DEAD : event) << FOUND;
}

static int kqueue_wait(struct asyncore_map *map, int64_t timeout)
{
    const struct kqueue_state *state = map->poller_state;
    const int64_t longest = 100000000 * ASYNCORE__SECOND; /* three years; some refuse more */
    const int64_t ns = map->always_ready_count > 0 ? 0 : timeout < longest ? timeout : longest;
    const struct timespec ts = {(time_t)(ns / ASYNCORE__SECOND), (long)(ns % ASYNCORE__SECOND)};
    const int n = kevent(state->fd, NULL, 0, state->events, (int)state->size, ns < 0 ? NULL : &ts);

    if (n < 0)
        return -errno;
    for (int i = 0; i < n; i++)
        collect(map, &state->events[i]);
    for (int i = 0; i < n; i++) { /* each channel once, whatever it was found to have */
        struct asyncore_channel *channel = (struct asyncore_channel *)state->events[i].udata;

        if (channel->place >> FOUND != 0)
            asyncore__found(map, channel, channel->place >> FOUND);
        channel->place &= (1U << FOUND) - 1;
    }
    asyncore__always_ready_find(map);
    return 0;
}

/* Its set is in the kernel, and what is in there is known by the place alone; what is idle is not. */
static int kqueue_check(const struct asyncore_map *map, const struct asyncore_channel *channel)
{
    const bool is_ready = channel->place == ALWAYS_READY;
    const unsigned wanted = is_ready ? ALWAYS_READY : asyncore__poll_events(channel->interest);

    if ((channel->place & ~wanted) != 0 || (is_ready && channel->interest == 0))
        return -1;
    if (is_ready != asyncore__always_ready_has(map, channel))
        return -1;
    return is_ready ? 1 : 0;
}

static size_t kqueue_entries(const struct asyncore_map *map)
{
    return map->always_ready_count;
}

const struct asyncore__poller asyncore__kqueue_poller = {
    .name = "kqueue",
    .forgets_closed = true,
    .open = kqueue_open,
    .close = kqueue_close,
    .reserve = kqueue_reserve,
    .watch = kqueue_watch,
    .wait = kqueue_wait,
    .check = kqueue_check,
    .entries = kqueue_entries,
};
