/*
 * check_matrix.c - a handler may do anything: each action in each callback, one cell after the other.
 * See matrix.h.
 */
#include "matrix.h"

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

void assert_equal(const char *file, int line, long got, long expected, const char *format, ...)
{
    char what[128];
    va_list args;

    if (got == expected)
        return;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    ck_abort_msg("%s:%d: %s in %s: %s: %ld, not %ld", file, line, world.action->name,
                 world.origin->name, what, got, expected);
}

/* ==================================================
 * who stands by
 */

static void wait_for(int fd, short events)
{
    struct pollfd pollfd = {.fd = fd};

    while ((pollfd.revents & events) != events) { /* the one may come before the other */
        pollfd.events = events & ~pollfd.revents;
        ASSERT_EQ(poll(&pollfd, 1, 20000), 1, "poll()");
    }
}

static void add_ready(void)
{
    struct asyncore_dispatcher *self = new_channel(READY, &member_class);

    world.members[READY]->wants_write = true;
    send_all(world.peers[READY], "x");
    ASSERT_EQ(send(world.peers[READY], "!", 1, MSG_OOB), 1, "send()");
    ASSERT_EQ(asyncore_set_idle_timeout(self, 1e-9), 0, "asyncore_set_idle_timeout()");
    new_channel(KNOWN, &known_class);
    send_all(world.peers[KNOWN], "x");
}

static void add_seconds(void)
{
    ASSERT_EQ(asyncore_call_later(&world.second_timer, 0, timer_fires, world.map), 0,
              "asyncore_call_later()");
    ASSERT_EQ(asyncore_add_signal_handler(&world.second_handler, SIGUSR2, signal_comes, world.map),
              0, "asyncore_add_signal_handler()");
    raise(SIGUSR2);
    ASSERT_EQ(asyncore_call_soon_threadsafe(&world.second_call, call_is_made, world.map), 0,
              "asyncore_call_soon_threadsafe()");
}

static void make_world(const struct origin *origin, const struct action *action)
{
    memset(&world, 0, sizeof world);
    world.origin = origin;
    world.action = action;
    for (enum role role = ACTOR; role < ROLES; role++)
        world.peers[role] = -1;
    world.map = asyncore_map_new();
    ck_assert_ptr_nonnull(world.map);
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, world.spare), 0, "socketpair()");
    send_all(world.spare[1], "x");
    origin->prepare();
    add_ready();
    new_channel(IDLE, &member_class);
    add_seconds();
    wait_for(asyncore_fileno(member(READY)), POLLIN | POLLOUT | POLLPRI);
    wait_for(asyncore_fileno(member(KNOWN)), POLLIN | POLLOUT);
}

static void unmake_world(void)
{
    ASSERT_EQ(asyncore_map_free(world.map), 0, "asyncore_map_free()");
    for (enum role role = ACTOR; role < ROLES; role++) {
        ASSERT_EQ(world.destroyed[role], world.created[role], "destroy() of %d", role);
        if (world.peers[role] >= 0)
            close(world.peers[role]);
    }
    close(world.spare[0]);
    close(world.spare[1]);
}

/* ==================================================
 * what is called
 */

/* Those who can be called, when, and whether they are in each pass, or once. */
static const struct {
    enum role role;
    enum callback callback;
    enum phase phase;
    bool once;
} others[] = {
    {READY, READABLE, ASKING, false},    {READY, WRITABLE, ASKING, false},
    {READY, READ, READING, false},       {READY, WRITE, WRITING, false},
    {READY, EXPT, EXCEPTING, false},     {READY, TIMEOUT, TIMING, false},
    {KNOWN, READ, READING, false},       {KNOWN, WRITE, WRITING, false},
    {IDLE, READABLE, ASKING, false},     {IDLE, WRITABLE, ASKING, false},
    {SECOND_TIMER, TIMER, TIMING, true}, {SECOND_SIGNAL, SIGNAL, SIGNALLING, true},
    {SECOND_CALL, CALL, CALLING, true},
};

static void assert_called(enum role role, enum callback callback, int before, int after, int later)
{
    ASSERT_EQ(world.called[role][callback].before, before, "%d.%d before", role, callback);
    ASSERT_EQ(world.called[role][callback].after, after, "%d.%d after", role, callback);
    ASSERT_EQ(world.called[role][callback].later, later, "%d.%d later", role, callback);
}

/* As if nothing had happened, but for those whom the action is about. */
static void assert_others_called(void)
{
    const struct action *action = world.action;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        const bool before = others[i].phase < world.origin->phase;
        const bool closed = (action->closes & BIT(others[i].role)) != 0;
        const bool postponed = (action->postpones & BIT(others[i].role)) != 0;
        const bool after = !before && !closed && !postponed && action->result == 0;
        const bool later = !closed && (!others[i].once || postponed || (!before && !after));

        assert_called(others[i].role, others[i].callback, before, after, later);
    }
}

/* Whoever is closed, never again. */
static void assert_closed_not_called(void)
{
    for (enum role role = ACTOR; role <= IDLE; role++)
        for (enum callback callback = READABLE; callback < TIMER; callback++)
            if ((world.action->closes & BIT(role)) != 0) {
                ASSERT_EQ(world.called[role][callback].after, 0, "%d.%d", role, callback);
                ASSERT_EQ(world.called[role][callback].later, 0, "%d.%d", role, callback);
            }
}

/* A timer of its own is not the dispatcher's. */
static void assert_own_timer_called(void)
{
    if (world.origin->callback == TIMER)
        assert_called(ACTOR, TIMER, 1, 0, !world.action->cancels);
}

/* Whoever is added, not before the next pass. */
static void assert_new_called(void)
{
    assert_called(NEW, READABLE, 0, 0, world.action->adds);
    assert_called(NEW, READ, 0, 0, world.action->adds);
    assert_called(NEW, TIMER, 0, 0, world.new_timer.target != NULL);
}

/* The loop goes on. */
static void assert_late_called(void)
{
    new_channel(LATE, &member_class);
    send_all(world.peers[LATE], "x");
    wait_readable(asyncore_fileno(member(LATE)));
    ASSERT_EQ(asyncore_loop(20, world.map, 1), 0, "asyncore_loop() in the end");
    ASSERT_EQ(world.called[LATE][READ].later + world.called[LATE][READ].after, 1,
              "handle_read in the end");
}

/* ==================================================
 * the cells
 */

static int lowest_descriptor(void)
{
    const int fd = dup(STDIN_FILENO);

    close(fd);
    return fd;
}

static void run_cell(const struct origin *origin, const struct action *action)
{
    const int lowest = lowest_descriptor();

    make_world(origin, action);
    world.passes = 1;
    ASSERT_EQ(asyncore_loop(0, world.map, action->stops ? 2 : 1), action->result,
              "asyncore_loop()");
    ASSERT_EQ(world.acted_in, 1, "the pass in which it happens");
    world.passes = 2;
    ASSERT_EQ(asyncore_loop(0, world.map, 1), 0, "asyncore_loop() again");
    assert_others_called();
    assert_closed_not_called();
    assert_own_timer_called();
    assert_new_called();
    assert_late_called();
    unmake_world();
    ASSERT_EQ(lowest_descriptor(), lowest, "the lowest free descriptor");
}

/* All that may be done in one callback. */
START_TEST(test_row)
{
    const struct origin *origin = &origins[_i];
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (size_t i = 0; i < action_count; i++)
        if (actions[i].result == 0 || origin->returns)
            run_cell(origin, &actions[i]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("matrix");
    TCase *tcase = add_case(suite, "matrix");

    tcase_add_loop_test(tcase, test_row, 0, (int)origin_count);
    return run_suite(suite);
}
