/* events_act.c - what a program may do, in a handler or outside, and what must come of it. */
#include "events.h"
#include "virtual_time.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct bytes *const bytes = &world.bytes;

/* ==================================================
 * who
 */

/* One of those that are open; NULL if nobody is. */
static struct character *somebody(void)
{
    unsigned open = 0, which;

    for (int i = 0; i < CHARACTERS; i++)
        open += world.characters[i].open;
    which = open > 0 ? choose(bytes, open) : 0;
    for (int i = 0; i < CHARACTERS && open > 0; i++)
        if (world.characters[i].open && which-- == 0)
            return &world.characters[i];
    return NULL;
}

/* ==================================================
 * data
 */

static void hears_outcome(struct character *c, ssize_t n)
{
    if (n != -ECONNREFUSED || c->wild)
        return;
    expect(c->connecting && c->outcome == REFUSED);
    c->connecting = false;
}

/* What may be said is what was written, and the end comes behind all of it. */
void receive(struct character *c, size_t size)
{
    const bool connected = c->connected, ended = c->ended && !c->broken, wild = c->wild;
    const struct stream before = c->in;
    uint8_t data[4096];
    ssize_t n;

    if (size > sizeof data)
        size = sizeof data;
    n = asyncore_recv(&c->actor->is.base, data, size);
    trace("%*srecv -> %zd\n", (int)world.depth * 2 + 2, "", n);
    hears_outcome(c, n);
    if (n > 0 && !wild) {
        for (ssize_t i = 0; i < n; i++)
            expect(data[i] == byte_at(c, c->in.read + (size_t)i));
        c->in.read += (size_t)n;
        c->active_at = virtual_now;
        expect(c->in.read <= c->in.written);
    }
    if (!connected || wild || c->urgent)
        return;
    if (n == 0 && ended)
        expect(before.read == before.written);
    if (n == -EAGAIN && !c->broken && c->open)
        expect(before.read == before.written); /* or handle_close has said so */
}

static size_t buffered(const struct character *c)
{
    return c->kind == WITH_SEND ? asyncore_out_buffer(&c->actor->is) : 0;
}

static void sends(struct character *c)
{
    const size_t size = 1 + choose(bytes, 255) * 16, before = buffered(c);
    uint8_t data[4096];
    ssize_t n;

    if (c->out.written - c->out.read > 2 * sizeof data)
        return;
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(c, c->out.written + i);
    n = asyncore_send(&c->actor->is.base, data, size);
    trace("%*ssend -> %zd\n", (int)world.depth * 2 + 2, "", n);
    hears_outcome(c, n);
    if (n <= 0 || !c->open)
        return;
    if (!c->wild)
        expect((size_t)n <= size && (c->kind != WITH_SEND || (size_t)n == size));
    c->out.written += (size_t)n;
    c->active_at = virtual_now;
    if (buffered(c) < before + (size_t)n)
        settle_sent(c);
}

/* ==================================================
 * its place, and its end
 */

void close_character(struct character *c)
{
    struct asyncore_dispatcher *self = &c->actor->is.base;

    model_closed(c);
    expect(asyncore_close(self) == 0);
}

static void leaves(struct character *c)
{
    if (c->wild) /* out of the map it would not be told that its number is another's */
        return;
    expect(asyncore_del_channel(&c->actor->is.base) == (c->fd >= 0 ? 0 : -EBADF));
    model_leaves_map(c);
}

static void enters(struct character *c)
{
    const int map = some_map();
    const bool moves = map != c->belongs;
    int expected = 0;

    if (c->wild || c->fd < 0)
        return;
    if (c->in_map != map && (c->in_map >= 0 || (moves && world.frames[c->belongs] > 0)))
        expected = -EBUSY;
    expect(asyncore_add_channel(&c->actor->is.base, world.maps[map]) == expected);
    if (expected == 0 && c->in_map != map)
        model_enters_map(c, map);
}

static void close_all(void)
{
    const int map = some_map();

    for (int i = 0; i < CHARACTERS; i++)
        if (world.characters[i].open && world.characters[i].in_map == map)
            model_closed(&world.characters[i]);
    world.quiet = true; /* who is added by a destroy() is closed too */
    expect(asyncore_close_all(world.maps[map], false) == 0);
    world.quiet = false;
}

void free_map(int map)
{
    if (world.frames[map] > 0) {
        expect(asyncore_map_free(world.maps[map]) == -EBUSY);
        return;
    }
    world.quiet = true;
    for (int i = 0; i < CHARACTERS; i++)
        if (world.characters[i].open && world.characters[i].belongs == map)
            close_character(&world.characters[i]);
    world.quiet = false;
    for (int i = 0; i < TIMERS; i++)
        if (world.clocks[i].map == map)
            memset(&world.clocks[i], 0, sizeof world.clocks[i]);
    for (int i = 0; i < CALLS; i++)
        if (world.calls[i].map == map)
            world.calls[i].serial = 0;
    world.stopped[map] = false;
    expect(asyncore_map_free(world.maps[map]) == 0);
    world.maps[map] = asyncore_map_new();
    expect(world.maps[map] != NULL);
}

/* ==================================================
 * its descriptor, behind its back
 */

/* Closed; or another file's; and the old file may be open elsewhere. */
static void steal(struct character *c)
{
    const unsigned which = choose(bytes, 4);

    if (c->in_map < 0 || c->wild)
        return;
    for (int map = 1; map < MAPS; map++)
        if (world.frames[map] > 0 || c->belongs == map)
            return;
    if (!world.is_wild)
        for (int map = 1; map < MAPS; map++)
            free_map(map);
    if (!c->open)
        return;
    world.is_wild = c->wild = true;
    if (which % 2 == 1)
        keep_fd(fcntl(c->fd, F_DUPFD_CLOEXEC, RAW));
    if (which < 2)
        close(c->fd);
    else
        replace_fd(c->fd);
}

/* ==================================================
 * timers and calls
 */

static int64_t some_time(void)
{
    static const int64_t times[] = {0,           SECOND / 2000, SECOND / 1000, 3 * SECOND / 1000,
                                    SECOND / 10, SECOND,        7 * SECOND,    100 * SECOND};

    return times[choose(bytes, sizeof times / sizeof times[0])];
}

static struct clock *some_clock(void)
{
    return &world.clocks[choose(bytes, TIMERS)];
}

static void sets_timer(void)
{
    struct clock *clock = some_clock();
    const bool every = choose(bytes, 2) == 1;
    const int map = some_map();
    const int64_t interval = some_time();
    const double seconds = (double)interval / (double)SECOND;

    expect((every ? asyncore_call_every : asyncore_call_later)(&clock->timer, seconds, clock_fires,
                                                               world.maps[map]) == 0);
    model_sets(clock, map, interval, every);
}

static void resets_timer(void)
{
    struct clock *clock = some_clock();
    const bool was_set = clock->timer.map != NULL;

    expect(asyncore_reset(&clock->timer) == (was_set ? 0 : -EINVAL));
    if (was_set)
        model_sets(clock, clock->map, clock->interval, clock->every);
}

static void cancels_timer(void)
{
    struct clock *clock = some_clock();

    clock->set = false;
    asyncore_cancel(&clock->timer);
}

static void time_passes(void)
{
    if (world.depth == 0)
        virtual_now += some_time();
}

static void limits(struct character *c)
{
    const bool idle = choose(bytes, 2) == 0;
    const int64_t limit = some_time();
    const double seconds = (double)limit / (double)SECOND;

    if (c->kind == WITH_SEND) /* it is active when nobody sees */
        return;
    world.limited = ++world.serial;
    expect((idle ? asyncore_set_idle_timeout : asyncore_set_connect_timeout)(&c->actor->is.base,
                                                                             seconds) == 0);
    if (idle) {
        c->idle_limit = limit;
        c->active_at = virtual_now;
    } else {
        c->connect_limit = limit;
        c->connect_at = virtual_now;
    }
}

static void queues_call(void)
{
    struct queued *queued = &world.calls[choose(bytes, CALLS)];
    const int map = some_map();

    expect(asyncore_call_soon_threadsafe(&queued->call, call_is_made, world.maps[map]) == 0);
    world.woken[map] = true;
    if (queued->serial != 0)
        return;
    queued->map = map;
    queued->serial = ++world.serial;
}

static void stops(void)
{
    const int map = some_map();

    world.woken[map] = true;
    if (choose(bytes, 2) == 0) {
        asyncore_wakeup(world.maps[map]);
        return;
    }
    asyncore_stop(world.maps[map]);
    world.stopped[map] = true;
}

static void chooses_poller(void)
{
    const int map = some_map();
    size_t count = 0;
    const char *name;

    while (asyncore_poller_name(count) != NULL)
        count++;
    name = asyncore_poller_name(choose(bytes, (unsigned)count));
    expect(asyncore_map_set_poller(world.maps[map], name) == (world.frames[map] > 0 ? -EBUSY : 0));
}

static void passes(void)
{
    const int map = some_map();
    const int64_t timeout = some_time();

    model_pass(map, timeout, choose(bytes, 2) == 1);
}

static void frees_map(void)
{
    free_map(some_map());
}

/* ==================================================
 * one thing
 */

static void does_nothing(void)
{
}

static void wants(struct character *c)
{
    c->wants[READABLE] = choose(bytes, 2) == 1;
    c->wants[WRITABLE] = choose(bytes, 2) == 1;
    c->ambush = choose(bytes, 4) == 3;
}

static void receives(struct character *c)
{
    receive(c, 1 + choose(bytes, 255) * 16);
}

static void is_dialled(struct character *c)
{
    if (c->accepting && !c->wild)
        dial(c);
}

/* Some stand there twice, to be chosen more often. */
static void (*const on_world[])(void) = {
    does_nothing, open_connected, open_connected, open_listener, open_client, sets_timer,
    resets_timer, cancels_timer,  queues_call,    stops,         passes,      passes,
    close_all,    chooses_poller, frees_map,      time_passes,
};
static void (*const on_somebody[])(struct character *c) = {
    peer_acts, peer_acts, peer_acts,  peer_acts, close_character, leaves, enters, wants,    sends,
    sends,     receives,  is_dialled, connects,  listens,         reopen, limits, hands_on, steal,
};

enum {
    ON_WORLD = sizeof on_world / sizeof on_world[0],
    ON_SOMEBODY = sizeof on_somebody / sizeof on_somebody[0],
    MOST_DEPTH = 4
};

static void trace_character(const struct character *c)
{
    trace("%*son %d, kind %d, fd %d%s%s%s%s%s\n", (int)world.depth * 2 + 2, "",
          (int)(c - world.characters), (int)c->kind, c->fd, c->connected ? " connected" : "",
          c->connecting ? " connecting" : "", c->accepting ? " accepting" : "",
          c->broken ? " broken" : "", c->ended ? " ended" : "");
}

void act(void)
{
    const unsigned which = choose(bytes, ON_WORLD + ON_SOMEBODY);
    struct character *c = NULL;

    if (world.depth > MOST_DEPTH)
        return;
    trace("%*sact %u\n", (int)world.depth * 2, "", which);
    if (which < ON_WORLD)
        on_world[which]();
    else
        c = somebody();
    if (c != NULL) {
        trace_character(c);
        on_somebody[which - ON_WORLD](c);
    }
    model_check();
}
