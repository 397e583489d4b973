/*
 * timer.c - calls in the future, in a binary heap: the next one is at its top.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

int64_t asyncore__now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * ASYNCORE__SECOND + now.tv_nsec;
}

double asyncore__until(int64_t when, double timeout)
{
    const int64_t left = when - asyncore__now();
    const double seconds = left > 0 ? (double)left / (double)ASYNCORE__SECOND : 0;

    return timeout < 0 || seconds < timeout ? seconds : timeout;
}

/* ==================================================
 * the heap: timers[1] is the top, timers[n] has timers[2n] and timers[2n + 1] below it
 */

static bool before(const struct asyncore_timer *a, const struct asyncore_timer *b)
{
    return a->when != b->when ? a->when < b->when : a->serial < b->serial;
}

static void put(struct asyncore_map *map, struct asyncore_timer *timer, size_t place)
{
    map->timers[place] = timer;
    timer->place = place;
}

static void rise(struct asyncore_map *map, struct asyncore_timer *timer, size_t place)
{
    for (; place > 1 && before(timer, map->timers[place / 2]); place /= 2)
        put(map, map->timers[place / 2], place);
    put(map, timer, place);
}

static void sink(struct asyncore_map *map, struct asyncore_timer *timer, size_t place)
{
    for (size_t child; (child = 2 * place) <= map->timer_count; place = child) {
        if (child < map->timer_count && before(map->timers[child + 1], map->timers[child]))
            child++;
        if (!before(map->timers[child], timer))
            break;
        put(map, map->timers[child], place);
    }
    put(map, timer, place);
}

static int grow(struct asyncore_map *map)
{
    const size_t size = map->timer_size != 0 ? 2 * map->timer_size : 16;
    struct asyncore_timer **timers;

    if (map->timer_count + 1 < map->timer_size)
        return 0;
    timers = realloc(map->timers, size * sizeof(*timers));
    if (timers == NULL)
        return -ENOMEM;
    map->timers = timers;
    map->timer_size = size;
    return 0;
}

static bool is_set(const struct asyncore_map *map, const struct asyncore_timer *timer)
{
    return timer->place != 0 && timer->place <= map->timer_count &&
           map->timers[timer->place] == timer;
}

/* ==================================================
 * what users see
 */

int asyncore_call_later(struct asyncore_timer *self, double seconds,
                        void (*target)(struct asyncore_timer *self), struct asyncore_map *map)
{
    const double longest = 1e9; /* thirty years */
    int rc;

    if (self == NULL || target == NULL || !(seconds >= 0))
        return -EINVAL;
    map = asyncore__map(map);
    if (self->map != NULL)
        asyncore_cancel(self);
    rc = grow(map);
    if (rc < 0)
        return rc;
    self->target = target;
    self->map = map;
    self->serial = ++map->timer_serial;
    self->when = asyncore__now() +
                 (int64_t)((seconds < longest ? seconds : longest) * (double)ASYNCORE__SECOND);
    rise(map, self, ++map->timer_count);
    return 0;
}

void asyncore_cancel(struct asyncore_timer *self)
{
    struct asyncore_map *map = self != NULL ? self->map : NULL;
    struct asyncore_timer *last;
    size_t place;

    if (map == NULL || !is_set(map, self))
        return;
    place = self->place;
    self->place = 0;
    last = map->timers[map->timer_count--];
    if (last == self)
        return;
    if (before(last, self))
        rise(map, last, place);
    else
        sink(map, last, place);
}

/* ==================================================
 * what the loop sees
 */

int64_t asyncore__next_timer(const struct asyncore_map *map)
{
    return map->timer_count > 0 ? map->timers[1]->when : 0;
}

void asyncore__timers_run(struct asyncore_map *map, uint64_t last)
{
    int64_t now;

    if (map->timer_count == 0)
        return;
    now = asyncore__now();
    while (map->timer_count > 0) {
        struct asyncore_timer *timer = map->timers[1];

        if (timer->when > now || timer->serial > last)
            break;
        asyncore_cancel(timer);
        timer->target(timer);
    }
}

void asyncore__timers_free(struct asyncore_map *map)
{
    while (map->timer_count > 0)
        asyncore_cancel(map->timers[map->timer_count]);
    free(map->timers);
    map->timers = NULL;
    map->timer_size = 0;
}
