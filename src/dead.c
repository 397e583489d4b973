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
static inline void look(struct asyncore_map *map, bool alarmed)
{
    const bool idle = map->ready_count == 0;
    const bool at_once = idle && (alarmed || HASH_COUNT(map->channels) <= FEW);
    const int64_t now = asyncore__now(), age = now - map->dead_sought_at;

    if (age < (idle ? IDLE_INTERVAL : BUSY_INTERVAL) && !at_once)
        return;
    asyncore__find_dead(map);
    map->dead_sought = true;
    map->dead_sought_at = now;
}

/* A wait may end with nothing: after a hang-up that is nothing to anybody, or because of the alarm,
 * which is no reason for another wait to be shorter. */
static int wait_for_something(struct asyncore_map *map, int64_t timeout)
{
    const int64_t end = timeout > 0 && map->alarm_set ? asyncore__monotonic() + timeout : 0;
    int rc;

    do {
        rc = map->poller->wait(map, timeout);
        if (end != 0)
            timeout = end - asyncore__monotonic();
    } while (rc == 0 && map->ready_count == 0 && (end != 0 ? timeout > 0 : timeout < 0));
    return rc;
}

/* Who waits for ever could have a time-out instead, to look around.  But each wait would pay for it,
 * and hardly any would come to its end. */
static bool alarm_is_set(struct asyncore_map *map)
{
    if (!map->alarm_set && map->poller->set_alarm != NULL)
        map->alarm_set = map->poller->set_alarm(map, IDLE_INTERVAL);
    return map->alarm_set;
}

static int wait_and_look(struct asyncore_map *map, int64_t at_most, bool for_ever)
{
    const bool alarmed = for_ever && alarm_is_set(map);
    int rc;

    rc = alarmed ? map->poller->wait(map, -1) : wait_for_something(map, at_most);
    if (!alarmed || !map->alarm_set) /* it has rung */
        look(map, alarmed);
    return rc;
}

int asyncore__wait(struct asyncore_map *map, int64_t timeout)
{
    const bool for_ever = timeout < 0, longer = for_ever || timeout > IDLE_INTERVAL;
    int rc;

    if (!map->poller->forgets_closed || map->dead_sought)
        return wait_for_something(map, timeout);
    do
        rc = wait_and_look(map, longer ? IDLE_INTERVAL : timeout, for_ever);
    while (for_ever && rc == 0 && map->ready_count == 0 && !map->dead_sought);
    if (longer && rc == 0 && map->ready_count == 0 && map->dead_sought)
        rc = wait_for_something(map, for_ever ? timeout : timeout - IDLE_INTERVAL);
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
