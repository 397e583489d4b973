/*
 * events_expected.c - what a pass must call.  Before its wait the system is asked what it will say of every
 * descriptor, one by one; from that and from what the dispatchers want it follows who must be called, in
 * which order, and how long the wait may be.
 */
#include "events_pass.h"
#include "virtual_time.h"

#include <poll.h>

/* ==================================================
 * who wants what
 */

static bool is_asked(const struct character *c)
{
    return c->kind == ASKED || c->kind == FILE_ASKED;
}

bool takes_part(const struct character *c)
{
    return c->open && c->in_map == pass->map && c->stay <= pass->last;
}

static bool wants_to_read(const struct character *c)
{
    return is_asked(c) ? c->answers[READABLE] : c->kind != SILENT;
}

static bool wants_to_write(const struct character *c)
{
    if (c->kind == WITH_SEND)
        return !c->connected || asyncore_out_buffer(&c->actor->is) > 0;
    return is_asked(c) ? c->answers[WRITABLE] : c->kind == BOTH;
}

/* ==================================================
 * what there is to be heard
 */

static short ask_system(int fd)
{
    struct pollfd found = {.fd = fd, .events = POLLIN | POLLOUT | POLLPRI};

    real_poll(&found, 1, 0);
    if ((found.revents & (POLLHUP | POLLERR)) != 0) { /* of which one hears unasked */
        pass->may_wake = true;
        found.revents |= POLLIN;
    }
    if ((found.revents & POLLERR) != 0)
        found.revents |= POLLOUT;
    return found.revents;
}

struct character *next_by_stay(uint64_t stay)
{
    struct character *next = NULL;

    for (int i = 0; i < CHARACTERS; i++) {
        struct character *c = &world.characters[i];

        if (takes_part(c) && c->stay > stay && (next == NULL || c->stay < next->stay))
            next = c;
    }
    return next;
}

static void must_hear(struct character *c, enum what what)
{
    trace("%*s(%d must hear %d)\n", (int)world.depth * 2 + 2, "", number_of(c), (int)what);
    pass->events[pass->count++] =
        (struct event){.c = c, .stay = c->stay, .found = world.serial, .what = what};
}

static void find_events(enum what what, short bit)
{
    for (struct character *c = next_by_stay(0); c != NULL; c = next_by_stay(c->stay)) {
        const bool reads = wants_to_read(c), writes = wants_to_write(c);

        if (!reads && !writes && c->connecting && what == WRITE && c->found != 0)
            must_hear(c, OUTCOME);
        if ((c->found & bit) == 0)
            continue;
        if ((what == READ && reads) || (what == WRITE && writes && !c->accepting) ||
            (what == EXPT && (reads || writes)))
            must_hear(c, what);
    }
}

/* ==================================================
 * the wait
 */

const struct clock *next_clock(int map, uint64_t last)
{
    const struct clock *next = NULL;

    for (int i = 0; i < TIMERS; i++) {
        const struct clock *clock = &world.clocks[i];

        if (clock->set && clock->map == map &&
            (next == NULL || clock->due < next->due ||
             (clock->due == next->due && clock->serial < next->serial)))
            next = clock;
    }
    return next != NULL && next->serial <= last ? next : NULL;
}

const struct queued *next_call(int map)
{
    const struct queued *next = NULL;

    for (int i = 0; i < CALLS; i++) {
        const struct queued *call = &world.calls[i];

        if (call->serial != 0 && call->map == map && (next == NULL || call->serial < next->serial))
            next = call;
    }
    return next;
}

void look_at_wild(struct character *c)
{
    if (!c->open || !c->wild || asyncore_fileno(&c->actor->is.base) >= 0)
        return;
    c->in_map = c->fd = -1;
    c->connected = c->accepting = c->connecting = false;
}

/* The longest that it may wait; rounding is to a millisecond at most. */
static void check_wait(int64_t timeout)
{
    const struct clock *clock = next_clock(pass->map, UINT64_MAX);

    if (clock != NULL && clock->due < pass->until)
        pass->until = clock->due;
    if (pass->timeout >= 0)
        expect(timeout >= 0 && timeout < pass->timeout + SECOND / 1000);
    if (clock != NULL)
        expect(timeout >= 0 &&
               (clock->due <= virtual_now ? timeout == 0
                                          : timeout < clock->due - virtual_now + SECOND / 1000));
    if (next_call(pass->map) != NULL)
        expect(timeout == 0);
}

void before_wait(int64_t timeout)
{
    if (pass == NULL || (pass->waited && timeout == 0)) /* the latter is not the pass's wait */
        return;
    check_wait(timeout);
    for (int i = 0; i < CHARACTERS; i++)
        look_at_wild(&world.characters[i]);
    for (struct character *c = next_by_stay(0); c != NULL; c = next_by_stay(c->stay)) {
        expect(!is_asked(c) || c->asked_in == pass->last);
        c->found = c->wild ? 0 : ask_system(c->fd);
        pass->may_wake = pass->may_wake || c->idle_limit > 0 || c->connect_limit > 0;
    }
    pass->waited = true;
    pass->may_wake = pass->may_wake || world.woken[pass->map];
    if (timeout > 0) /* else what has woken it is still there */
        world.woken[pass->map] = false;
    pass->next = pass->count = 0;
    find_events(READ, POLLIN);
    find_events(WRITE, POLLOUT);
    find_events(EXPT, POLLPRI);
}

void check_wait_was_long(void)
{
    if (pass->count == 0 && !pass->may_wake && !world.is_wild)
        expect(virtual_now >= pass->until);
}

/* ==================================================
 * what is left of it
 */

/* Those who have been closed since, or have left the map, hear nothing; nor who has begun to connect
 * since, for it was not the outcome that was found; and who listens since is not writable. */
static bool hears(const struct event *event)
{
    const struct character *c = event->c;

    return c->open && c->in_map == pass->map && c->stay == event->stay && !c->wild &&
           c->tried <= event->found && (event->what != OUTCOME || c->connecting) &&
           (event->what != WRITE || !c->accepting);
}

struct event *next_event(void)
{
    while (pass->next < pass->count) {
        struct event *event = &pass->events[pass->next];

        if (hears(event))
            return event;
        pass->next++;
    }
    return NULL;
}
