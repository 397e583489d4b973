/*
 * timer.c - calls in the future, in a heap: the next one is at its top.
 */
#include "trace.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

int64_t asyncore__monotonic(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * ASYNCORE__SECOND + now.tv_nsec;
}

int64_t asyncore__now(void)
{
    if (asyncore__stable)
        return asyncore__stable_now();
    return asyncore__monotonic();
}

int64_t asyncore__until(int64_t when, int64_t timeout)
{
    int64_t left = when - asyncore__now();

    if (left < 0)
        left = 0;
    return timeout < 0 || left < timeout ? left : timeout;
}

/* Rounded up; below 0 stays so. */
int64_t asyncore__nanoseconds(double seconds)
{
    const double longest = 8e9;  /* two and a half centuries: 2^63 ns are 292 years */
    volatile double nanoseconds; /* a double: an x87 has more digits, which clang would keep */
    int64_t rounded;

    if (!(seconds >= 0))
        return -1;
    nanoseconds = (seconds < longest ? seconds : longest) * (double)ASYNCORE__SECOND;
    rounded = (int64_t)nanoseconds;
    return (double)rounded < nanoseconds ? rounded + 1 : rounded;
}

/* ==================================================
 * The heap: whoever stands below another is due no earlier.  Each has four below it, which
 * lie in one cache line: half as many steps as with two, and no more lines to fetch.
 */

enum { TOP = 3, CHILDREN = 4, LINE = 64 }; /* so that children begin at multiples of four */

static size_t parent_of(size_t place)
{
    return place / CHILDREN + 2;
}

static size_t children_of(size_t place)
{
    return CHILDREN * (place - 2);
}

static size_t end_of(const struct asyncore_map *map)
{
    return TOP + map->timer_count;
}

static bool before(const struct asyncore__due *a, const struct asyncore__due *b)
{
    return a->when != b->when ? a->when < b->when : a->timer->serial < b->timer->serial;
}

static void put(struct asyncore_map *map, struct asyncore__due due, size_t place)
{
    map->timers[place] = due;
    due.timer->place = place;
}

static void rise(struct asyncore_map *map, struct asyncore__due due, size_t place)
{
    for (; place > TOP && before(&due, &map->timers[parent_of(place)]); place = parent_of(place))
        put(map, map->timers[parent_of(place)], place);
    put(map, due, place);
}

static size_t first_child(const struct asyncore_map *map, size_t place)
{
    size_t first = children_of(place);
    size_t end = first + CHILDREN;

    if (end > end_of(map))
        end = end_of(map);
    for (size_t child = first + 1; child < end; child++)
        if (before(&map->timers[child], &map->timers[first]))
            first = child;
    return first;
}

static void sink(struct asyncore_map *map, struct asyncore__due due, size_t place)
{
    while (children_of(place) < end_of(map)) {
        const size_t child = first_child(map, place);

        if (!before(&map->timers[child], &due))
            break;
        put(map, map->timers[child], place);
        place = child;
    }
    put(map, due, place);
}

static void move(struct asyncore_map *map, struct asyncore__due due, size_t place)
{
    if (place > TOP && before(&due, &map->timers[parent_of(place)]))
        rise(map, due, place);
    else
        sink(map, due, place);
}

static void take_out(struct asyncore_map *map, size_t place)
{
    const struct asyncore__due last = map->timers[end_of(map) - 1];

    map->timers[place].timer->place = 0;
    map->timer_count--;
    if (place < end_of(map))
        move(map, last, place);
}

static int grow(struct asyncore_map *map)
{
    const size_t size = map->timer_size != 0 ? 2 * map->timer_size : LINE;
    struct asyncore__due *timers;

    if (end_of(map) < map->timer_size)
        return 0;
    timers = aligned_alloc(LINE, size * sizeof *timers);
    if (timers == NULL)
        return -ENOMEM;
    if (map->timer_count > 0)
        memcpy(timers, map->timers, end_of(map) * sizeof *timers);
    free(map->timers);
    map->timers = timers;
    map->timer_size = size;
    return 0;
}

/* ==================================================
 * what users see
 */

bool asyncore__timer_is_set(const struct asyncore_timer *timer)
{
    const struct asyncore_map *map = timer->map;

    return map != NULL && timer->place >= TOP && timer->place < end_of(map) &&
           map->timers[timer->place].timer == timer;
}

/* From now on it is due in interval, whether it was set or not. */
static int count_down(struct asyncore_timer *self)
{
    struct asyncore_map *map = self->map;
    const struct asyncore__due due = {asyncore__now() + self->interval, self};

    if (!asyncore__timer_is_set(self)) {
        const int rc = grow(map);

        if (rc < 0)
            return rc;
        self->serial = ++map->timer_serial;
        rise(map, due, TOP + map->timer_count++);
    } else {
        self->serial = ++map->timer_serial;
        move(map, due, self->place);
    }
    if (asyncore__tracing())
        asyncore__trace_timer(self, "set", self->interval);
    return 0;
}

static int set(struct asyncore_timer *self, int64_t interval, bool every,
               void (*target)(struct asyncore_timer *self), struct asyncore_map *map)
{
    map = asyncore__map(map);
    if (self->map != map)
        asyncore_cancel(self);
    self->target = target;
    self->map = map;
    self->interval = interval;
    self->every = every;
    return count_down(self);
}

int asyncore__timer_set(struct asyncore_timer *self, int64_t nanoseconds,
                        void (*target)(struct asyncore_timer *self), struct asyncore_map *map)
{
    return set(self, nanoseconds, false, target, map);
}

int asyncore_call_later(struct asyncore_timer *self, double seconds,
                        void (*target)(struct asyncore_timer *self), struct asyncore_map *map)
{
    if (self == NULL || target == NULL || !(seconds >= 0))
        return -EINVAL;
    return set(self, asyncore__nanoseconds(seconds), false, target, map);
}

int asyncore_call_every(struct asyncore_timer *self, double seconds,
                        void (*target)(struct asyncore_timer *self), struct asyncore_map *map)
{
    if (self == NULL || target == NULL || !(seconds >= 0))
        return -EINVAL;
    return set(self, asyncore__nanoseconds(seconds), true, target, map);
}

int asyncore_reset(struct asyncore_timer *self)
{
    return self == NULL || self->map == NULL ? -EINVAL : count_down(self);
}

void asyncore_cancel(struct asyncore_timer *self)
{
    if (self == NULL || !asyncore__timer_is_set(self))
        return;
    if (asyncore__tracing())
        asyncore__trace_timer(self, "cancel",
                              asyncore__until(self->map->timers[self->place].when, -1));
    take_out(self->map, self->place);
}

/* ==================================================
 * what the loop sees
 */

int64_t asyncore__next_timer(const struct asyncore_map *map)
{
    return map->timers[TOP].when;
}

/* Due again an interval after it was, so that it does not drift; but if that is past too, what was
 * missed is missed. */
static void repeat(struct asyncore_map *map, struct asyncore__due due, int64_t now)
{
    const int64_t interval = due.timer->interval;

    if (interval == 0)
        due.when = now;
    else
        due.when += ((now - due.when) / interval + 1) * interval;
    due.timer->serial = ++map->timer_serial;
    sink(map, due, TOP);
}

int asyncore__timers_run(struct asyncore_map *map, uint64_t last)
{
    const int64_t now = asyncore__now();

    map->raised = 0;
    while (map->timer_count > 0 && map->raised == 0) {
        const struct asyncore__due due = map->timers[TOP];
        struct asyncore__frame frame;

        if (due.when > now || due.timer->serial > last)
            break;
        asyncore__calls_target(&frame, map, "timer", (unsigned long)due.timer->serial);
        if (due.timer->every)
            repeat(map, due, now);
        else
            take_out(map, TOP);
        map->dead_sought = false;
        due.timer->target(due.timer);
        asyncore__returned(&frame, 0);
    }
    return map->raised;
}

void asyncore__timers_free(struct asyncore_map *map)
{
    for (; map->timer_count > 0; map->timer_count--)
        map->timers[end_of(map) - 1].timer->place = 0;
    free(map->timers);
    map->timers = NULL;
    map->timer_size = 0;
}

/* ==================================================
 * what asyncore_check() sees
 */

int asyncore__timers_check(const struct asyncore_map *map)
{
    if (map->timer_count > 0 && end_of(map) > map->timer_size)
        return asyncore__disagree("%zu timers are set, and there is no room for so many",
                                  map->timer_count);
    for (size_t place = TOP; place < end_of(map); place++) {
        const struct asyncore__due *due = &map->timers[place];

        if (due->timer->place != place || due->timer->map != map || due->timer->target == NULL)
            return asyncore__disagree("timer %p was written over, or freed, without "
                                      "asyncore_cancel()",
                                      (const void *)due->timer);
        if (asyncore__timeout_is_lost(due->timer))
            return asyncore__disagree("a dispatcher with a limit was written over, or freed, "
                                      "without asyncore_close()");
        if (due->timer->serial > map->timer_serial ||
            (place > TOP && before(due, &map->timers[parent_of(place)])))
            return asyncore__disagree("timer %p is in disorder", (const void *)due->timer);
    }
    return 0;
}
