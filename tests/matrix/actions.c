/* actions.c - what may be done in a callback, and what follows from it: see matrix.h. */
#include "matrix.h"

#include <fcntl.h>
#include <signal.h>

enum { THOUSAND = 1000 };

/* ==================================================
 * closing
 */

static void close_itself(void)
{
    ASSERT_EQ(asyncore_close(member(ACTOR)), 0, "asyncore_close()");
    asyncore_cancel(&world.timer);
    asyncore_remove_signal_handler(&world.handler);
}

static void close_ready(void)
{
    ASSERT_EQ(asyncore_close(member(READY)), 0, "asyncore_close()");
    ASSERT_EQ(asyncore_close(member(KNOWN)), 0, "asyncore_close()");
}

static void close_idle(void)
{
    ASSERT_EQ(asyncore_close(member(IDLE)), 0, "asyncore_close()");
}

static void close_all(void)
{
    ASSERT_EQ(asyncore_close_all(world.map, false), 0, "asyncore_close_all()");
    ASSERT_EQ(asyncore_map_count(world.map), 0, "asyncore_map_count()");
}

static void detach(void)
{
    const int number = asyncore_fileno(member(READY));

    ASSERT_EQ(asyncore_detach(member(READY)), number, "asyncore_detach()");
    ASSERT_EQ(close(number), 0, "close()");
}

/* ==================================================
 * adding
 */

static void add_on(int fd)
{
    ASSERT_EQ(asyncore_init(&new_member(NEW)->chat.base, &member_class, fd, world.map), 0,
              "asyncore_init()");
}

/* A new dispatcher, ready from the beginning, gets the number of one that is closed. */
static void take_over(enum role role)
{
    const int number = asyncore_fileno(member(role));
    int fd;

    ASSERT_EQ(asyncore_close(member(role)), 0, "asyncore_close()");
    fd = fcntl(world.spare[0], F_DUPFD_CLOEXEC, number < 0 ? 0 : number);
    if (number >= 0) /* or it was closed before */
        ASSERT_EQ(fd, number, "the freed number");
    add_on(fd);
}

static void take_over_self(void)
{
    take_over(ACTOR);
}

static void take_over_ready(void)
{
    take_over(READY);
}

static void add_a_thousand(void)
{
    for (int i = 0; i < THOUSAND; i++)
        add_on(fcntl(world.spare[0], F_DUPFD_CLOEXEC, 0));
}

/* ==================================================
 * the loop
 */

static void stop(void)
{
    asyncore_stop(world.map);
}

static void nothing(void)
{
}

static void poll_again(void)
{
    ASSERT_EQ(asyncore_poll(0, world.map), -EBUSY, "asyncore_poll()");
    ASSERT_EQ(asyncore_loop(0, world.map, 1), -EBUSY, "asyncore_loop()");
}

static void free_map(void)
{
    ASSERT_EQ(asyncore_map_free(world.map), -EBUSY, "asyncore_map_free()");
}

static void change_poller(void)
{
    for (size_t i = 0; asyncore_poller_name(i) != NULL; i++)
        ASSERT_EQ(asyncore_map_set_poller(world.map, asyncore_poller_name(i)), -EBUSY,
                  "asyncore_map_set_poller()");
    ASSERT_EQ(asyncore_map_set_poller(world.map, NULL), -EBUSY, "asyncore_map_set_poller()");
}

static void poll_another_map(void)
{
    struct asyncore_map *map = asyncore_map_new();
    struct member *other = new_member(OTHER);

    ck_assert_ptr_nonnull(map);
    ASSERT_EQ(asyncore_init(&other->chat.base, &member_class, dup(world.spare[0]), map), 0,
              "asyncore_init()");
    ASSERT_EQ(asyncore_poll(20, map), 0, "asyncore_poll() of another map");
    ASSERT_EQ(world.called[OTHER][READ].after, 1, "handle_read() in another map");
    ASSERT_EQ(asyncore_check(map), 0, "asyncore_check() of another map");
    ASSERT_EQ(asyncore_map_free(map), 0, "asyncore_map_free() of another map");
    ASSERT_EQ(world.destroyed[OTHER], 1, "destroy() in another map");
}

/* ==================================================
 * out of the map, and in again
 */

static void move(void)
{
    struct asyncore_map *map = asyncore_map_new();
    struct asyncore_dispatcher *self = member(IDLE);

    ck_assert_ptr_nonnull(map);
    ASSERT_EQ(asyncore_add_channel(self, map), -EBUSY, "asyncore_add_channel()");
    ASSERT_EQ(asyncore_del_channel(self), 0, "asyncore_del_channel()");
    ASSERT_EQ(asyncore_add_channel(self, map), -EBUSY, "asyncore_add_channel()");
    ASSERT_EQ(asyncore_set_socket(self, dup(world.spare[0]), map), -EBUSY, "asyncore_set_socket()");
    ASSERT_EQ(asyncore_add_channel(self, NULL), 0, "asyncore_add_channel()");
    ASSERT_EQ(asyncore_map_free(map), 0, "asyncore_map_free() of another map");
}

static void pause_and_resume(void)
{
    for (enum role role = READY; role <= KNOWN; role++) {
        ASSERT_EQ(asyncore_del_channel(member(role)), 0, "asyncore_del_channel()");
        ASSERT_EQ(asyncore_add_channel(member(role), NULL), 0, "asyncore_add_channel()");
    }
}

/* The same dispatcher, and another socket, ready as the old one. */
static void change_socket(void)
{
    ASSERT_EQ(asyncore_set_socket(member(KNOWN), dup(world.spare[0]), NULL), 0,
              "asyncore_set_socket()");
}

/* Closed and opened again, and one of them closed once more: destroy() is called for that one. */
static void open_again(void)
{
    for (enum role role = READY; role <= KNOWN; role++) {
        ASSERT_EQ(asyncore_close(member(role)), 0, "asyncore_close()");
        ASSERT_EQ(asyncore_set_socket(member(role), dup(world.spare[0]), NULL), 0,
                  "asyncore_set_socket()");
    }
    ASSERT_EQ(asyncore_close(member(READY)), 0, "asyncore_close() again");
}

/* ==================================================
 * timers, signals, calls
 */

static void cancel(void)
{
    asyncore_cancel(&world.second_timer);
    asyncore_remove_signal_handler(&world.second_handler);
}

static void reset_timer(void)
{
    ASSERT_EQ(asyncore_reset(&world.second_timer), 0, "asyncore_reset()");
}

static void set_timer(void)
{
    ASSERT_EQ(asyncore_call_later(&world.new_timer, 0, timer_fires, world.map), 0,
              "asyncore_call_later()");
}

const struct action actions[] = {
    {.name = "close itself", .act = close_itself, .closes = BIT(ACTOR), .cancels = true},
    {.name = "close two that are ready", .act = close_ready, .closes = BIT(READY) | BIT(KNOWN)},
    {.name = "detach one that is ready", .act = detach, .closes = BIT(READY)},
    {.name = "close one that is idle", .act = close_idle, .closes = BIT(IDLE)},
    {.name = "close_all",
     .act = close_all,
     .closes = BIT(ACTOR) | BIT(READY) | BIT(KNOWN) | BIT(IDLE)},
    {.name = "take over its number", .act = take_over_self, .closes = BIT(ACTOR), .adds = 1},
    {.name = "take over the number of one that is ready",
     .act = take_over_ready,
     .closes = BIT(READY),
     .adds = 1},
    {.name = "add a thousand", .act = add_a_thousand, .adds = THOUSAND},
    {.name = "stop", .act = stop, .stops = true},
    {.name = "ExitNow", .act = nothing, .stops = true, .result = asyncore_ExitNow},
    {.name = "poll again", .act = poll_again},
    {.name = "poll another map", .act = poll_another_map},
    {.name = "free the map", .act = free_map},
    {.name = "change the poller", .act = change_poller},
    {.name = "move one that is idle", .act = move, .postpones = BIT(IDLE)},
    {.name = "pause and resume", .act = pause_and_resume, .postpones = BIT(READY) | BIT(KNOWN)},
    {.name = "change a socket", .act = change_socket, .postpones = BIT(KNOWN)},
    {.name = "open again", .act = open_again, .closes = BIT(READY), .postpones = BIT(KNOWN)},
    {.name = "cancel", .act = cancel, .closes = BIT(SECOND_TIMER) | BIT(SECOND_SIGNAL)},
    {.name = "reset a timer", .act = reset_timer, .postpones = BIT(SECOND_TIMER)},
    {.name = "set a timer", .act = set_timer},
};
const size_t action_count = sizeof actions / sizeof actions[0];
