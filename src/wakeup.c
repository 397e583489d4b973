/*
 * wakeup.c - how a thread or a signal handler gets at a loop that waits: medusa's trigger, a
 * dispatcher on an eventfd or on the reading end of a pipe.  It is watched beside the map and not in
 * it, so that a loop ends when its own dispatchers have.
 */
#ifdef __linux__
#define _GNU_SOURCE /* pipe2 */
#endif
#include "internal.h"
#include "poller.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#ifdef ASYNCORE__HAVE_EVENTFD
#include <sys/eventfd.h>
#endif

/* ends[0] is to be read, ends[1] to be written; they may be the same. */
static int open_ends(int ends[2])
{
#if defined(ASYNCORE__HAVE_EVENTFD)
    ends[0] = ends[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return ends[0] < 0 ? -errno : 0;
#elif defined(__APPLE__)
    if (pipe(ends) < 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    }
    return 0;
#else
    return pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0 ? -errno : 0;
#endif
}

static void close_ends(const int ends[2])
{
    if (ends[0] >= 0)
        close(ends[0]);
    if (ends[1] >= 0 && ends[1] != ends[0])
        close(ends[1]);
}

static int avoid_dead(struct asyncore_map *map, int ends[2])
{
    const bool same = ends[0] == ends[1];
    int error;

    ends[0] = asyncore__avoid_dead(map, ends[0]);
    ends[1] = same ? ends[0] : asyncore__avoid_dead(map, ends[1]);
    if (ends[0] >= 0 && ends[1] >= 0)
        return 0;
    error = errno;
    close_ends(ends);
    return -error;
}

static bool ring(int fd)
{
    const uint64_t once = 1; /* what an eventfd is written; to a pipe it is eight bytes */
    ssize_t n;

    do
        n = write(fd, &once, sizeof once);
    while (n < 0 && errno == EINTR);
    return n >= 0;
}

static int wakeup_handle_read(struct asyncore_dispatcher *self)
{
    char bytes[16];

    /* First read, then let others write again: the other way round what is written in between
     * would be read, and nothing be written any more. */
    while (read(self->fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        ;
    atomic_exchange(&self->map->woken, false);
    return 0;
}

static int wakeup_handle_close(struct asyncore_dispatcher *self)
{
    asyncore__wakeup_forget(self->map);
    return 0;
}

static const struct asyncore_class wakeup_class = {
    .name = "wakeup",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_read = wakeup_handle_read,
    .handle_close = wakeup_handle_close,
};

/* Watched it may be no longer, if the poller is another. */
static int watch(struct asyncore_map *map, int fd)
{
    int rc = asyncore__reserve(map, fd);

    map->wakeup_channel.fd = fd;
    if (rc == 0)
        rc = asyncore__watch(map, &map->wakeup_channel, ASYNCORE__READ);
    return rc;
}

int asyncore__wakeup_open(struct asyncore_map *map)
{
    struct asyncore_channel *channel = &map->wakeup_channel;
    int ends[2], rc;

    if (channel->dispatcher != NULL) {
        rc = watch(map, channel->fd);
        if (rc != -EBADF)
            return rc;
        asyncore__wakeup_forget(map);
    }
    rc = open_ends(ends);
    if (rc == 0)
        rc = avoid_dead(map, ends);
    if (rc < 0)
        return rc;
    rc = watch(map, ends[0]);
    if (rc < 0) {
        close_ends(ends);
        return rc;
    }
    asyncore_init(&map->wakeup, &wakeup_class, -1, map);
    map->wakeup.fd = ends[0];
    map->wakeup.connected = true;
    channel->dispatcher = &map->wakeup;
    channel->generation = ++map->generation;
    atomic_store(&map->wakeup_fd, ends[1]);
    if (atomic_load(&map->woken)) /* there was nothing to ring yet */
        ring(ends[1]);
    return 0;
}

static void drop(struct asyncore_map *map)
{
    asyncore__watch(map, &map->wakeup_channel, 0);
    map->wakeup_channel.dispatcher = NULL;
    map->wakeup_channel.generation = 0;
    atomic_store(&map->wakeup_fd, -1);
}

void asyncore__wakeup_close(struct asyncore_map *map)
{
    const int ends[2] = {map->wakeup.fd, atomic_load(&map->wakeup_fd)};

    if (map->wakeup_channel.dispatcher == NULL)
        return;
    drop(map);
    close_ends(ends);
}

void asyncore__wakeup_forget(struct asyncore_map *map)
{
    drop(map);
    atomic_store(&map->woken,
                 true); /* what was rung may have been lost: the next pass shall look */
}

void asyncore_wakeup(struct asyncore_map *map)
{
    const int saved_errno = errno; /* of whatever a signal handler interrupts */

    map = asyncore__map(map);
    if (!atomic_exchange(&map->woken, true)) {
        const int fd = atomic_load(&map->wakeup_fd); /* -1: asyncore__wakeup_open() will see it */

        if (fd >= 0 && !ring(fd))
            atomic_store(&map->woken, false);
    }
    errno = saved_errno;
}

void asyncore_stop(struct asyncore_map *map)
{
    map = asyncore__map(map);
    atomic_store(&map->stop, true);
    asyncore_wakeup(map);
}
