/*
 * timeout.c - how long a dispatcher may connect, and how long it may be idle.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

struct asyncore_timeouts {
    struct asyncore_timer connect; /* first member */
    struct asyncore_timer idle;
    struct asyncore_dispatcher *dispatcher;
    int64_t connect_limit, idle_limit; /* nanoseconds; 0: none */
    int64_t active_at;                 /* when data came or went the last time */
};

/* Somebody has written over the dispatcher that had them: its place in the map has them still. */
static void lost(const struct asyncore_timeouts *timeouts, struct asyncore_map *map)
{
    struct asyncore_channel *channel = map->channels;

    while (channel->timeouts != timeouts)
        channel = channel->hh.next;
    asyncore__raise(map, asyncore__lost(map, channel));
}

/* ==================================================
 * connecting
 */

static int connect_timed_out(struct asyncore_dispatcher *self)
{
    struct pollfd outcome = {.fd = self->fd, .events = POLLOUT};

    /* It may be known, and only have been waited for by nobody: who is not writable hears of it with
     * the first data. */
    if (poll(&outcome, 1, 0) == 1)
        return asyncore_handle_connect_event(self);
    self->connecting = false;
    asyncore__changed(self);
    return -ETIMEDOUT;
}

static void connect_is_due(struct asyncore_timer *timer)
{
    struct asyncore_timeouts *timeouts = (struct asyncore_timeouts *)timer;
    struct asyncore_dispatcher *self = timeouts->dispatcher;
    struct asyncore_map *map = timer->map; /* the timer may be gone behind it */

    if (self->timeouts != timeouts)
        lost(timeouts, map);
    else if (self->connecting)
        asyncore__raise(map, asyncore__serve(self, connect_timed_out));
}

int asyncore__connect_begins(struct asyncore_dispatcher *self)
{
    struct asyncore_timeouts *timeouts = self->timeouts;

    if (timeouts == NULL)
        return 0;
    asyncore_cancel(&timeouts->connect);
    if (timeouts->connect_limit == 0 || !self->connecting || self->channel == NULL)
        return 0;
    return asyncore__timer_set(&timeouts->connect, timeouts->connect_limit, connect_is_due,
                               self->map);
}

/* ==================================================
 * idling
 */

static struct asyncore_timeouts *timeouts_of_idle(struct asyncore_timer *timer)
{
    return (void *)((char *)timer - offsetof(struct asyncore_timeouts, idle));
}

static void idle_is_due(struct asyncore_timer *timer);

/* Data that come or go move no timer: when it is due, it is set for what is left. */
static int wait_for_idleness(struct asyncore_timeouts *timeouts)
{
    return asyncore__timer_set(&timeouts->idle,
                               asyncore__until(timeouts->active_at + timeouts->idle_limit, -1),
                               idle_is_due, timeouts->dispatcher->map);
}

static void idle_is_due(struct asyncore_timer *timer)
{
    struct asyncore_timeouts *timeouts = timeouts_of_idle(timer);
    struct asyncore_dispatcher *self = timeouts->dispatcher;
    struct asyncore_map *map = timer->map;
    const int64_t now = asyncore__now();
    const bool idle = now - timeouts->active_at >= timeouts->idle_limit;

    if (self->timeouts != timeouts) {
        lost(timeouts, map);
        return;
    }
    if (idle)
        timeouts->active_at = now; /* should it live, it has as long again */
    wait_for_idleness(timeouts);
    if (idle)
        asyncore__raise(map, asyncore__serve(self, asyncore_handle_timeout));
}

int asyncore__idling_begins(struct asyncore_dispatcher *self)
{
    struct asyncore_timeouts *timeouts = self->timeouts;

    if (timeouts == NULL)
        return 0;
    asyncore_cancel(&timeouts->idle);
    timeouts->active_at = asyncore__now();
    if (timeouts->idle_limit == 0 || self->channel == NULL)
        return 0;
    return wait_for_idleness(timeouts);
}

ssize_t asyncore__active(struct asyncore_dispatcher *self, ssize_t n)
{
    self->timeouts->active_at = asyncore__now();
    return n;
}

/* ==================================================
 * with the dispatcher's place in the map they begin and end
 */

int asyncore__timeouts_begin(struct asyncore_dispatcher *self)
{
    const int rc = asyncore__connect_begins(self);

    return rc == 0 ? asyncore__idling_begins(self) : rc;
}

void asyncore__timeouts_end(struct asyncore_timeouts *timeouts)
{
    if (timeouts == NULL)
        return;
    asyncore_cancel(&timeouts->connect);
    asyncore_cancel(&timeouts->idle);
}

void asyncore__timeouts_free(struct asyncore_timeouts *timeouts)
{
    asyncore__timeouts_end(timeouts);
    free(timeouts);
}

/* ==================================================
 * what others see
 */

static void dump(const char *what, const struct asyncore_timer *timer, int64_t limit, FILE *file)
{
    if (asyncore__timer_is_set(timer))
        fprintf(file, ", may %s for %g s", what, (double)limit / ASYNCORE__SECOND);
}

void asyncore__timeouts_dump(const struct asyncore_dispatcher *self, FILE *file)
{
    if (self->timeouts == NULL)
        return;
    dump("connect", &self->timeouts->connect, self->timeouts->connect_limit, file);
    dump("be idle", &self->timeouts->idle, self->timeouts->idle_limit, file);
}

bool asyncore__timeout_is_lost(const struct asyncore_timer *timer)
{
    const struct asyncore_timeouts *timeouts;

    if (timer->target == connect_is_due)
        timeouts = (const void *)timer;
    else if (timer->target == idle_is_due)
        timeouts = timeouts_of_idle((struct asyncore_timer *)timer);
    else
        return false;
    return timeouts->dispatcher->timeouts != timeouts;
}

/* They are set as long as there is a limit; the one for connecting may have fired. */
const char *asyncore__timeouts_check(const struct asyncore_dispatcher *self)
{
    const struct asyncore_timeouts *timeouts = self->timeouts;

    if (timeouts == NULL)
        return NULL;
    if (timeouts != self->channel->timeouts)
        return "its limits are another dispatcher's";
    if (asyncore__timer_is_set(&timeouts->idle) != (timeouts->idle_limit != 0))
        return "its time of being idle is not as it was limited";
    if (asyncore__timer_is_set(&timeouts->connect) && timeouts->connect_limit == 0)
        return "its time of connecting is not as it was limited";
    return NULL;
}

/* ==================================================
 * what users see
 */

/* There is room for them only where they are used. */
static int want_timeouts(struct asyncore_dispatcher *self, double seconds)
{
    const int rc = asyncore__check(self);

    if (rc < 0)
        return rc;
    if (!(seconds >= 0))
        return -EINVAL;
    if (self->timeouts == NULL)
        self->timeouts = calloc(1, sizeof *self->timeouts);
    if (self->timeouts == NULL)
        return -ENOMEM;
    self->timeouts->dispatcher = self;
    if (self->channel != NULL)
        self->channel->timeouts = self->timeouts;
    return 0;
}

int asyncore_set_connect_timeout(struct asyncore_dispatcher *self, double seconds)
{
    int rc = want_timeouts(self, seconds);

    if (rc < 0)
        return rc;
    self->timeouts->connect_limit = asyncore__nanoseconds(seconds);
    rc = asyncore__connect_begins(self);
    if (rc < 0)
        self->timeouts->connect_limit = 0;
    return rc;
}

int asyncore_set_idle_timeout(struct asyncore_dispatcher *self, double seconds)
{
    int rc = want_timeouts(self, seconds);

    if (rc < 0)
        return rc;
    self->timeouts->idle_limit = asyncore__nanoseconds(seconds);
    rc = asyncore__idling_begins(self);
    if (rc < 0)
        self->timeouts->idle_limit = 0;
    return rc;
}

int asyncore_reset_idle_timeout(struct asyncore_dispatcher *self)
{
    const int rc = asyncore__check(self);

    if (rc == 0 && self->timeouts != NULL)
        self->timeouts->active_at = asyncore__now();
    return rc;
}
