/*
 * events_model.c - what the library calls must be what events_expected.c has found; what a handler returns has
 * its consequences, and nothing else is called, ever.
 */
#include "checked.h"
#include "events_pass.h"
#include "virtual_time.h"

#include <errno.h>

struct pass *pass;

static const char *const method_names[] = {
    "readable",        "writable",     "handle_connect", "handle_accept",
    "handle_accepted", "handle_read",  "handle_write",   "handle_expt",
    "handle_close",    "handle_error", "handle_timeout",
};

/* ==================================================
 * what the loop calls
 */

static enum method first_method(const struct event *event)
{
    const struct character *c = event->c;

    if (event->what == EXPT)
        return HANDLE_EXPT;
    if (c->accepting)
        return HANDLE_ACCEPT;
    if (c->connecting)
        return c->outcome == REFUSED || c->broken ? HANDLE_ERROR : HANDLE_CONNECT;
    return event->what == READ ? HANDLE_READ : HANDLE_WRITE;
}

/* Everything in this pass that is not a timer's has been called. */
static void check_served(void)
{
    expect(pass->ended == 0 && pass->follow.c == NULL && next_event() == NULL && !pass->calling);
}

static void begin_timing(void)
{
    if (!pass->timing)
        pass->time = virtual_now;
    pass->timing = true;
}

static void timed_out(struct character *c, enum method method, int error)
{
    check_served();
    begin_timing();
    if (method == HANDLE_TIMEOUT) {
        expect(c->idle_limit > 0 && virtual_now - c->active_at >= c->idle_limit);
        c->active_at = virtual_now;
        return;
    }
    expect(c->connecting && c->connect_limit > 0);
    expect(virtual_now - c->connect_at >= c->connect_limit);
    if (method == HANDLE_ERROR) {
        expect(error == (c->outcome == REFUSED ? -ECONNREFUSED : -ETIMEDOUT) || c->broken);
        c->connecting = false;
    } else {
        expect(method == HANDLE_CONNECT && c->outcome == STANDS);
    }
    pass->current = NULL;
}

static void loop_calls(struct character *c, enum method method, int error)
{
    struct follow *follow = &pass->follow;
    struct event *event;

    expect(pass->ended == 0);
    if (follow->c != NULL) {
        expect(follow->c == c && follow->method == method);
        expect(method != HANDLE_ERROR || follow->error == error);
        follow->c = NULL;
        return;
    }
    event = next_event();
    if (c->wild && method != HANDLE_TIMEOUT)
        return;
    if (method == HANDLE_TIMEOUT || (event == NULL && c->connecting)) {
        timed_out(c, method, error);
        return;
    }
    expect(event != NULL && event->c == c);
    expect(method == first_method(event) ||
           (event->what == EXPT && method == HANDLE_CLOSE && c->broken));
    if (method == HANDLE_ERROR) {
        expect(error == -ECONNREFUSED || c->broken);
        c->connecting = false;
    }
    pass->current = event;
    pass->next++;
}

/* What a handler returned leads to. */
static void loop_hears(struct character *c, enum method method, int rc)
{
    const struct event *event = pass->current;

    if (rc == asyncore_ExitNow || (method == HANDLE_ERROR && rc < 0))
        pass->ended = rc;
    else if (rc < 0 && rc != -EAGAIN && c->open && c->fd >= 0)
        pass->follow = (struct follow){c, HANDLE_ERROR, rc};
    else if (method == HANDLE_CONNECT && event != NULL && event->what != OUTCOME && c->open &&
             c->stay == event->stay)
        pass->follow = (struct follow){c, event->what == READ ? HANDLE_READ : HANDLE_WRITE, 0};
}

uint64_t model_begins(struct character *c, enum method method, int error)
{
    trace("%*s%d.%s(%d)\n", (int)world.depth * 2 + 2, "", number_of(c), method_names[method],
          error);
    expect(c->open);
    look_at_wild(c);
    if (method == HANDLE_CLOSE && c->broken) /* recv() or send() may have been told the outcome */
        c->connecting = asyncore_connecting(&c->actor->is.base);
    if (pass != NULL && world.depth == pass->depth)
        loop_calls(c, method, error);
    world.depth++;
    world.frames[c->belongs]++;
    return c->generation;
}

int model_ends(struct character *c, enum method method, uint64_t generation, int rc)
{
    const bool failed = rc < 0 && rc != -EAGAIN;

    trace("%*s%d.%s -> %d\n", (int)world.depth * 2, "", number_of(c), method_names[method], rc);
    world.depth--;
    world.frames[c->belongs]--;
    if (method == HANDLE_CONNECT && !failed && c->generation == generation) {
        c->connected = true;
        c->connecting = false;
    }
    if (pass != NULL && world.depth == pass->depth)
        loop_hears(c, method, rc);
    return rc;
}

void model_asked(struct character *c, enum method method, bool answer)
{
    expect(pass != NULL && world.depth == pass->depth);
    expect(takes_part(c) && !pass->waited);
    expect(method == READABLE ? c->stay > pass->asked : c->stay == pass->asked);
    pass->asked = c->stay;
    c->answers[method] = answer;
    if (method == WRITABLE)
        c->asked_in = pass->last;
}

/* ==================================================
 * timers and calls
 */

void model_sets(struct clock *clock, int map, int64_t interval, bool every)
{
    clock->set = true;
    clock->every = every;
    clock->map = map;
    clock->interval = interval;
    clock->due = virtual_now + interval;
    clock->serial = ++world.serial;
}

void model_fires(struct clock *clock)
{
    expect(pass != NULL && world.depth == pass->depth);
    check_served();
    begin_timing();
    expect(clock == next_clock(pass->map, pass->last) && clock->due <= pass->time);
    clock->set = clock->every;
    clock->serial = ++world.serial;
    if (clock->interval == 0)
        clock->due = pass->time;
    else
        clock->due += ((pass->time - clock->due) / clock->interval + 1) * clock->interval;
}

void model_calls(struct queued *call)
{
    expect(pass != NULL && world.depth == pass->depth && pass->ended == 0);
    begin_timing();
    if (!pass->calling)
        pass->last_call = world.serial;
    pass->calling = true;
    expect(call == next_call(pass->map) && call->serial <= pass->last_call);
    call->serial = 0;
}

/* A timer that was set in this pass, and is due before others, keeps them from firing in it. */
static bool is_blocked(void)
{
    const struct clock *clock = next_clock(pass->map, UINT64_MAX);

    return world.limited > pass->last ||
           (clock != NULL && clock->serial > pass->last && clock->due <= pass->time);
}

static void check_limits(const struct character *c)
{
    expect(c->idle_limit == 0 || pass->time - c->active_at < c->idle_limit);
    if (c->connecting && c->outcome == NEVER && c->connect_limit > 0)
        expect(pass->time - c->connect_at < c->connect_limit);
}

static void check_timers_and_calls(void)
{
    const struct clock *clock = next_clock(pass->map, pass->last);
    const struct queued *call = next_call(pass->map);

    begin_timing();
    if (!is_blocked()) {
        expect(clock == NULL || clock->due > pass->time);
        for (struct character *c = next_by_stay(0); c != NULL; c = next_by_stay(c->stay))
            check_limits(c);
    }
    expect(call == NULL || (pass->calling && call->serial > pass->last_call) ||
           (pass->over != 0 && call->serial > pass->over));
}

/* ==================================================
 * passes
 */

/* Is there nothing that a pass could wait for, and so no pass? */
static bool is_empty(int map)
{
    for (int i = 0; i < CHARACTERS; i++) {
        const struct character *c = &world.characters[i];

        if (c->open && c->in_map == map && (c->idle_limit > 0 || c->connect_limit > 0))
            return false;
    }
    return asyncore_map_count(world.maps[map]) == 0 && next_clock(map, UINT64_MAX) == NULL &&
           next_call(map) == NULL;
}

static void begin_pass(struct pass *this)
{
    this->depth = world.depth;
    this->last = ++world.serial;
    this->until = virtual_now + this->timeout;
    this->before = pass;
    world.frames[this->map]++;
    virtual_wait = before_wait;
    pass = this;
}

static void end_pass(struct pass *this, int rc)
{
    expect(rc == this->ended);
    if (rc < 0) /* before it heard that it was woken */
        world.woken[this->map] = true;
    if (rc == 0 && this->waited) {
        expect(this->follow.c == NULL && next_event() == NULL);
        check_wait_was_long();
        check_timers_and_calls();
    }
    world.frames[this->map]--;
    pass = this->before;
}

void model_pass(int map, int64_t timeout, bool loop)
{
    struct pass this = {.map = map, .timeout = timeout};
    const double seconds = (double)timeout / (double)SECOND;
    const bool busy = world.frames[map] > 0, stopped = loop && world.stopped[map];
    int rc;

    trace("%*spass of map %d, %g s\n", (int)world.depth * 2, "", map, seconds);
    if (!busy)
        begin_pass(&this);
    rc =
        loop ? asyncore_loop(seconds, world.maps[map], 1) : asyncore_poll(seconds, world.maps[map]);
    if (busy) {
        expect(rc == -EBUSY);
        return;
    }
    expect(this.waited ? !stopped : stopped || is_empty(map) || this.over != 0);
    end_pass(&this, rc);
    if (loop)
        world.stopped[map] = false;
}

/* ==================================================
 * the map
 */

void model_enters_map(struct character *c, int map)
{
    c->belongs = c->in_map = map;
    c->stay = ++world.serial;
    c->active_at = c->connect_at = virtual_now;
    if (c->idle_limit > 0 || c->connect_limit > 0)
        world.limited = ++world.serial;
}

void model_leaves_map(struct character *c)
{
    c->in_map = -1;
}

void model_closed(struct character *c)
{
    c->open = c->connected = c->connecting = c->accepting = false;
    c->generation = ++world.serial;
    c->in_map = c->fd = -1;
    c->idle_limit = c->connect_limit = 0;
}

void model_destroyed(const struct character *c)
{
    if (pass == NULL || world.depth > pass->depth || c->belongs != pass->map || pass->over != 0)
        return;
    begin_timing();
    pass->over = ++world.serial;
}

static void check_character(const struct character *c, size_t counts[MAPS])
{
    const struct asyncore_dispatcher *self = &c->actor->is.base;

    if (c->in_map >= 0)
        counts[c->in_map]++;
    if (c->wild)
        return;
    expect(asyncore_fileno(self) == c->fd);
    expect(asyncore_get_map(self) == world.maps[c->belongs]);
    for (int map = 0; map < MAPS; map++)
        expect((asyncore_map_get(world.maps[map], c->fd) == self) == (c->in_map == map));
    expect(asyncore_connected(self) == c->connected);
    expect(asyncore_connecting(self) == c->connecting);
    expect(asyncore_accepting(self) == c->accepting);
}

void model_check(void)
{
    size_t counts[MAPS] = {0};

    for (int i = 0; i < CHARACTERS; i++) {
        struct character *c = &world.characters[i];

        look_at_wild(c);
        if (c->open)
            check_character(c, counts);
        else if (world.frames[c->belongs] == 0)
            expect(c->actor == NULL); /* it has been destroyed */
    }
    for (int map = 0; map < MAPS; map++) {
        expect(asyncore_map_count(world.maps[map]) == counts[map] || world.is_wild);
        check_map(world.maps[map]);
    }
}
