/*
 * dead.c - descriptors that were closed behind the library's back.
 *
 * select() says so by itself, and poll() mostly.  From epoll and kqueue they vanish without a word,
 * and their dispatchers would wait for ever.  So the loop looks for them, but never so often that it
 * could be felt: when it has nothing else to do, and once in a while when it has.
 */
#include "internal.h"
#include "poller.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define IDLE_INTERVAL ASYNCORE__SECOND
#define BUSY_INTERVAL (10 * ASYNCORE__SECOND)
enum { FEW = 64 }; /* so many are looked at whenever nothing was found */

static bool is_dead(int fd)
{
    return fcntl(fd, F_GETFD) < 0 && errno == EBADF;
}

static size_t report_dead(struct asyncore_map *map, struct asyncore_channel *channel)
{
    if (channel->interest == 0 || !is_dead(channel->fd))
        return 0;
    asyncore__found(map, channel, ASYNCORE__DEAD);
    asyncore__watch(map, channel, 0);
    return 1;
}

size_t asyncore__find_dead(struct asyncore_map *map)
{
    size_t count = 0;

    count += report_dead(map, &map->wakeup_channel);
    for (struct asyncore_channel *c = map->channels; c != NULL; c = c->hh.next)
        count += report_dead(map, c);
    return count;
}

/* Nobody is called, so nobody closes anything, between one look that found nothing to do and the
 * next: then there is no need for it. */
static inline void look(struct asyncore_map *map)
{
    const bool idle = map->ready_count == 0;
    const int64_t now = asyncore__now(), age = now - map->dead_sought_at;

    if (age < (idle ? IDLE_INTERVAL : BUSY_INTERVAL) && !(idle && HASH_COUNT(map->channels) <= FEW))
        return;
    asyncore__find_dead(map);
    map->dead_sought = true;
    map->dead_sought_at = now;
}

/* A wait may end with nothing, after a hang-up that is nothing to anybody. */
static int wait_for_something(struct asyncore_map *map, int64_t timeout)
{
    int rc;

    do
        rc = map->poller->wait(map, timeout);
    while (timeout < 0 && rc == 0 && map->ready_count == 0);
    return rc;
}

int asyncore__wait(struct asyncore_map *map, int64_t timeout)
{
    int rc;

    if (!map->poller->forgets_closed || map->dead_sought)
        return wait_for_something(map, timeout);
    if (timeout >= 0 && timeout <= IDLE_INTERVAL) {
        rc = map->poller->wait(map, timeout);
        look(map);
        return rc;
    }
    do {
        rc = map->poller->wait(map, IDLE_INTERVAL);
        look(map);
    } while (timeout < 0 && rc == 0 && map->ready_count == 0 && !map->dead_sought);
    if (rc == 0 && map->ready_count == 0 && map->dead_sought)
        rc = wait_for_something(map, timeout < 0 ? timeout : timeout - IDLE_INTERVAL);
    return rc;
}

/* ==================================================
 * descriptors of our own
 */

int asyncore__avoid_dead(struct asyncore_map *map, int fd)
{
    int lowest = fd, moved = fd;

    while (moved >= 0 && asyncore__find(map, moved) != NULL) {
        const int old = moved;
        int error;

        moved = fcntl(old, F_DUPFD_CLOEXEC, ++lowest);
        error = errno;
        close(old);
        errno = error;
    }
    return moved;
}
