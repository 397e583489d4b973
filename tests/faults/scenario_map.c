/* scenario_map.c - maps: of one's own, with many, with another poller; and dead descriptors. */
#define _GNU_SOURCE /* pipe2 */
#include "peer.h"
#include "scenarios.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* ==================================================
 * a map of one's own
 */

static struct asyncore_map *map;
static struct asyncore_timer timer;
static int fired;

static void fire(struct asyncore_timer *self)
{
    (void)self;
    fired++;
}

static int make_map(void)
{
    map = asyncore_map_new();
    return map != NULL ? 0 : -ENOMEM;
}

static int set_timer(void)
{
    return asyncore_call_later(&timer, 1, fire, map);
}

static int run_map(void)
{
    return asyncore_loop(-1, map, -1);
}

void scenario_own_map(void)
{
    must(make_map);
    must(set_timer);
    must(run_map);
    expect(fired == 1);
    must(set_timer);
    expect(asyncore_map_free(map) == 0);
    expect(timer.place == 0);
}

/* ==================================================
 * many
 */

enum { CROWD = 120 }; /* so that every table grows */

static struct asyncore_dispatcher crowd[CROWD];
static int ends[2], newcomer, heard;

static int crowd_handle_read(struct asyncore_dispatcher *self)
{
    char byte;
    const ssize_t n = asyncore_recv(self, &byte, 1);

    heard += n == 1;
    return n < 0 ? (int)n : 0;
}

static const struct asyncore_class crowd_class = {
    .name = "crowd",
    .super = &asyncore_file_dispatcher_class,
    .writable = asyncore_never,
    .handle_read = crowd_handle_read,
    .handle_close = note_handle_close,
    .handle_error = note_handle_error,
};

static int add_to_crowd(void)
{
    return asyncore_file_dispatcher_init(&crowd[newcomer], &crowd_class, ends[0], NULL);
}

/* They all wait for the same byte, and one gets it. */
static bool somebody_hears(void)
{
    const int before = heard;

    expect(write(ends[1], "x", 1) == 1);
    for (int i = 0; i < 4 && heard == before; i++)
        pass();
    return heard > before;
}

static void fill(void)
{
    expect(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    for (newcomer = 0; newcomer < CROWD; newcomer++)
        must(add_to_crowd);
    expect(asyncore_map_count(NULL) == CROWD);
}

static void empty(void)
{
    told(asyncore_close_all(NULL, false));
    expect(asyncore_map_count(NULL) == 0);
    for (int i = 0; i < CROWD; i++)
        expect(asyncore_fileno(&crowd[i]) < 0);
    close(ends[0]);
    close(ends[1]);
}

void scenario_crowd(void)
{
    fill();
    while (!somebody_hears())
        again();
    empty();
}

/* ==================================================
 * a wait without an end, which has an alarm instead of a time-out
 */

static int wait_for_ever(void)
{
    return asyncore_poll(-1, NULL);
}

void scenario_for_ever(void)
{
    expect(pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0);
    must(add_to_crowd);
    expect(write(ends[1], "x", 1) == 1);
    for (int i = 0; i < 4 && heard == 0; i++)
        must(wait_for_ever);
    expect(heard == 1 || fault_fired(FAULT_FIRST) > 0);
    told(asyncore_close_all(NULL, false));
    close(ends[0]);
    close(ends[1]);
}

/* After the pipe's end and what wakes the loop, the set does not take it. */
void scenario_for_ever_unwatched(void)
{
    fault_arm(FAULT_SECOND, FAULT_EPOLL_CTL_ADD, 3, ENOSPC);
    scenario_for_ever();
}

/* ==================================================
 * another poller, and another
 */

static const char *wanted;

static int set_poller(void)
{
    const char *before = asyncore_map_get_poller(NULL);
    const int rc = asyncore_map_set_poller(NULL, wanted);

    expect(rc == 0 ? strcmp(asyncore_map_get_poller(NULL), wanted) == 0
                   : asyncore_map_get_poller(NULL) == before);
    return rc;
}

void scenario_switch(void)
{
    must(begin_echo_server);
    for (size_t i = 0; asyncore_poller_name(i) != NULL; i++) {
        wanted = asyncore_poller_name(i);
        must(set_poller);
        ask(&echo_server, "hello", "hello", 5);
    }
    told(asyncore_close_all(NULL, false));
}

/* ==================================================
 * descriptors that are closed behind the library's back: the next that it opens for itself gets
 * their number
 */

static struct asyncore_dispatcher dead[3];
static int deaths;

static int dead_handle_close(struct asyncore_dispatcher *self)
{
    deaths++;
    told(asyncore_close(self));
    return 0;
}

static const struct asyncore_class dead_class = {
    .name = "dead",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_close = dead_handle_close,
    .handle_error = note_handle_error,
};

static int add_dead(void)
{
    return asyncore_init(&dead[newcomer], &dead_class, socket(AF_INET, SOCK_DGRAM, 0), NULL);
}

static int look(void)
{
    return asyncore_poll(0, NULL);
}

static bool are_buried(void)
{
    return asyncore_map_count(NULL) == 0;
}

/* What wakes the loop is opened while there are some. */
void scenario_dead_before_the_wakeup(void)
{
    for (newcomer = 0; newcomer < 3; newcomer++)
        must(add_dead);
    fault_closed_behind = true;
    for (int i = 0; i < 3; i++)
        close(asyncore_fileno(&dead[i]));
    pass_until(are_buried);
    expect(deaths == 3 || fault_fired(FAULT_FIRST) > 0);
}

void scenario_dead(void)
{
    wanted = asyncore_map_get_poller(NULL);
    for (newcomer = 0; newcomer < 3; newcomer++)
        must(add_dead);
    fault_closed_behind = true;
    close(asyncore_fileno(&dead[0]));
    close(asyncore_fileno(&dead[1]));
    wanted = "epoll";
    must(set_poller);
    must(look);
    fault_sleep(2);
    close(asyncore_fileno(&dead[2]));
    pass_until(are_buried);
    expect(deaths == 3 || fault_fired(FAULT_FIRST) > 0);
}
