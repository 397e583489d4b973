/*
 * wakeup.c - how a thread or a signal handler gets at a loop that waits: medusa's trigger, a
 * dispatcher on the reading end of a pipe.  It is watched beside the map and not in it, so that a
 * loop ends when its own dispatchers have.
 */
#ifdef __linux__
#define _GNU_SOURCE /* pipe2 */
#endif
#include "internal.h"
#include "poller.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#ifdef __APPLE__
static int open_pipe(int ends[2])
{
    if (pipe(ends) < 0)
        return -errno;
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
    }
    return 0;
}
#else
static int open_pipe(int ends[2])
{
    return pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0 ? -errno : 0;
}
#endif

static int wakeup_handle_read(struct asyncore_dispatcher *self)
{
    char bytes[16];

    /* First read, then let others write again: the other way round a byte written in between
     * would be read, and none be written any more. */
    while (read(self->fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes)
        ;
    atomic_exchange(&self->map->woken, false);
    return 0;
}

static const struct asyncore_class wakeup_class = {
    .name = "wakeup",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_read = wakeup_handle_read,
};

int asyncore__wakeup_open(struct asyncore_map *map)
{
    struct asyncore_channel *channel = &map->wakeup_channel;
    int ends[2], rc;

    if (channel->dispatcher != NULL)
        return 0;
    rc = open_pipe(ends);
    if (rc < 0)
        return rc;
    rc = asyncore__reserve(map, ends[0]);
    if (rc == 0) {
        channel->fd = ends[0];
        rc = asyncore__watch(map, channel, ASYNCORE__READ);
    }
    if (rc < 0) {
        close(ends[0]);
        close(ends[1]);
        return rc;
    }
    asyncore_init(&map->wakeup, &wakeup_class, -1, map);
    map->wakeup.fd = ends[0];
    map->wakeup.connected = true;
    channel->dispatcher = &map->wakeup;
    channel->generation = ++map->generation;
    atomic_store(&map->woken, false);
    atomic_store(&map->wakeup_fd, ends[1]);
    return 0;
}

void asyncore__wakeup_close(struct asyncore_map *map)
{
    if (map->wakeup_channel.dispatcher == NULL)
        return;
    close(map->wakeup.fd);
    close(atomic_load(&map->wakeup_fd));
    asyncore__wakeup_forget(map);
}

void asyncore__wakeup_forget(struct asyncore_map *map)
{
    asyncore__watch(map, &map->wakeup_channel, 0);
    map->wakeup_channel.dispatcher = NULL;
    map->wakeup_channel.generation = 0;
    atomic_store(&map->wakeup_fd, -1);
}

void asyncore_wakeup(struct asyncore_map *map)
{
    const int saved_errno = errno; /* of whatever a signal handler interrupts */
    int fd;

    map = asyncore__map(map);
    fd = atomic_load(&map->wakeup_fd);
    /* One byte wakes; if the pipe should be full, it has those it needs. */
    if (fd >= 0 && !atomic_exchange(&map->woken, true) && write(fd, "", 1) < 0)
        atomic_store(&map->woken, false);
    errno = saved_errno;
}

void asyncore_stop(struct asyncore_map *map)
{
    map = asyncore__map(map);
    atomic_store(&map->stop, true);
    asyncore_wakeup(map);
}
