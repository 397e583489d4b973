/*
 * check_self_check.c - asyncore_check(): whatever is written over by hand is seen, and named; and what
 * programs do wrong is an error with a name.
 */
#include "../src/internal.h"
#include "../src/poller.h"
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <utlist.h>

static char logged[512]; /* the last message */

static void keep_message(enum asyncore_log_type type, const char *message)
{
    ck_assert_int_eq(type, ASYNCORE_ERROR);
    snprintf(logged, sizeof logged, "%s", message);
}

/* ==================================================
 * a map with something of everything in it
 */

static void never(struct asyncore_timer *timer)
{
    ck_abort_msg("the timer fires");
    (void)timer;
}

static void ignore_signal(struct asyncore_signal_handler *handler)
{
    (void)handler;
}

static void ignore_call(struct asyncore_call *call)
{
    (void)call;
}

static struct {
    struct probe a, b, closed[2];    /* asked each pass */
    struct asyncore_dispatcher q, r; /* known, and r has changed since the last pass */
    struct asyncore_timer timers[3]; /* beside a's of being idle */
    struct asyncore_signal_handler handlers[2];
    struct asyncore_call calls[2]; /* the second was queued first */
    int peers[6];
} world;

/* A pass is made, in which a is ready. */
static void make_world(void)
{
    world.peers[0] = probe_channel(&world.a, "A", NULL);
    world.peers[1] = probe_channel(&world.b, "B", NULL);
    world.peers[2] = quiet_channel(&world.q, &quiet_class);
    for (size_t i = 0; i < 2; i++)
        world.peers[3 + i] = probe_channel(&world.closed[i], "closed", NULL);
    asyncore_wakeup(NULL);
    poll_once(NULL);
    ck_assert_int_eq(asyncore_set_idle_timeout(&world.a.base, 1000), 0);
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(asyncore_call_later(&world.timers[i], 100, never, NULL), 0);
    for (size_t i = 0; i < 2; i++)
        ck_assert_int_eq(
            asyncore_add_signal_handler(&world.handlers[i], SIGUSR1, ignore_signal, NULL), 0);
    send_all(world.peers[0], "x");
    wait_readable(asyncore_fileno(&world.a.base));
    poll_once(NULL);
    for (size_t i = 0; i < 2; i++)
        asyncore_close(&world.closed[i].base);
    world.peers[5] = quiet_channel(&world.r, &quiet_class);
    for (size_t i = 2; i-- > 0;)
        ck_assert_int_eq(asyncore_call_soon_threadsafe(&world.calls[i], ignore_call, NULL), 0);
    asyncore_set_log(keep_message);
    ck_assert_int_eq(asyncore_check(NULL), 0);
    ck_assert_str_eq(logged, "");
}

static void unmake_world(void)
{
    ck_assert_int_eq(asyncore_check(NULL), 0);
    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    for (size_t i = 0; i < 6; i++)
        close(world.peers[i]);
}

/* ==================================================
 * written over
 */

struct damage {
    void *at;
    const void *value;
    size_t size;
    int fd;              /* which the message names; -1: none */
    const char *message; /* or some of it */
};

#define DAMAGE(what, as, fd, message)                                                              \
    {                                                                                              \
        &(what), &(__typeof__(what)){as}, sizeof(what), fd, message                                \
    }

static void assert_named(int fd, const char *message)
{
    char expected[64] = "asyncore_check: ";

    if (fd >= 0)
        snprintf(expected, sizeof expected, "asyncore_check: descriptor %d: ", fd);
    ck_assert_msg(strncmp(logged, expected, strlen(expected)) == 0, "'%s' begins not with '%s'",
                  logged, expected);
    ck_assert_msg(strstr(logged, message) != NULL, "'%s' is not about '%s'", logged, message);
}

static void assert_seen(const struct damage *damage)
{
    char before[sizeof(void *)];

    memcpy(before, damage->at, damage->size);
    ck_assert_msg(memcmp(before, damage->value, damage->size) != 0, "no damage for '%s'",
                  damage->message);
    memcpy(damage->at, damage->value, damage->size);
    logged[0] = '\0';
    ck_assert_msg(asyncore_check(NULL) == -ENOTRECOVERABLE, "not seen: '%s'", damage->message);
    assert_named(damage->fd, damage->message);
    memcpy(damage->at, before, damage->size);
    ck_assert_int_eq(asyncore_check(NULL), 0);
}

static void assert_all_seen(const struct damage *damages, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_seen(&damages[i]);
}

#define ASSERT_ALL_SEEN(damages) assert_all_seen(damages, sizeof(damages) / sizeof(damages)[0])

static struct asyncore_map *map; /* the default one */
static struct asyncore_channel *a, *b, *q, *r;
static int fd_a, fd_b, fd_q, fd_r;

static void begin(void)
{
    make_world();
    map = asyncore__map(NULL);
    a = world.a.base.channel;
    b = world.b.base.channel;
    q = world.q.channel;
    r = world.r.channel;
    fd_a = a->fd;
    fd_b = b->fd;
    fd_q = q->fd;
    fd_r = r->fd;
}

START_TEST(test_dispatchers)
{
    begin();
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(world.a.base.state, 0, fd_a, "written over, or freed"),
        DAMAGE(world.a.base.state, ASYNCORE__CLOSED, fd_a, "closed, and in the map"),
        DAMAGE(world.a.base.fd, fd_b, fd_a, "another descriptor"),
        DAMAGE(world.a.base.channel, b, fd_a, "another place"),
        DAMAGE(world.a.base.channel, NULL, fd_a, "another place"),
        DAMAGE(world.a.base.map, NULL, fd_a, "another map"),
        DAMAGE(world.q.cls, &probe_class, fd_q, "other predicates"),
        DAMAGE(world.q.cls, &asyncore_dispatcher_class, fd_q, "than its predicates say"),
    }));
    unmake_world();
}
END_TEST

START_TEST(test_places)
{
    begin();
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(a->dispatcher, NULL, fd_a, "nobody's"),
        DAMAGE(a->dispatcher, &world.b.base, fd_a, "another descriptor"),
        DAMAGE(a->generation, 0, fd_a, "never added"),
        DAMAGE(r->generation, map->generation + 1, fd_r, "never added"),
        DAMAGE(b->generation, a->generation, fd_b, "the map is in disorder"),
        DAMAGE(a->fd, 9999, 9999, "not found there"),
        DAMAGE(b->hh.prev, NULL, fd_b, "the map is in disorder"),
        DAMAGE(r->hh.prev, a, fd_r, "the map is in disorder"),
        DAMAGE(b->hh.next, NULL, -1, "counts 4 dispatchers and has 2"),
        DAMAGE(r->hh.next, a, fd_a, "the map is in disorder"),
        DAMAGE(map->channels->hh.tbl->num_items, 5, -1, "counts 5 dispatchers and has 4"),
    }));
    unmake_world();
}
END_TEST

START_TEST(test_lists)
{
    begin();
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(a->listed, false, fd_a, "nobody asks"),
        DAMAGE(a->asks, false, fd_a, "other predicates"),
        DAMAGE(q->listed, true, -1, "the list changed has less than the 2"),
        DAMAGE(q->interest, ASYNCORE__WRITE, fd_q, "than its predicates say"),
        DAMAGE(map->asked, NULL, -1, "the list asked has less than the 2"),
        DAMAGE(map->asked, b, fd_b, "the list asked breaks off"),
        DAMAGE(map->changed, a, fd_a, "does not belong in the list changed"),
        DAMAGE(map->changed, NULL, -1, "the list changed has less than the 1"),
        DAMAGE(map->changed, map->unused, -1, "does not belong in the list changed"),
        DAMAGE(a->next, NULL, fd_a, "the list asked breaks off"),
        DAMAGE(b->next, r, fd_b, "the list asked breaks off"),
        DAMAGE(b->prev, NULL, fd_a, "the list asked breaks off"),
        DAMAGE(a->prev, a, fd_b, "the list asked breaks off"),
        DAMAGE(r->next, r, -1, "the list changed has more than the 1"),
    }));
    unmake_world();
}
END_TEST

/* The place of one that was closed. */
/* Both of those who are asked, the wrong way round. */
START_TEST(test_order_of_a_list)
{
    begin();
    DL_DELETE(map->asked, a);
    DL_APPEND(map->asked, a);
    ck_assert_int_eq(asyncore_check(NULL), -ENOTRECOVERABLE);
    assert_named(fd_b, "the list asked is in disorder behind it");
    DL_DELETE(map->asked, a);
    DL_PREPEND(map->asked, a);
    unmake_world();
}
END_TEST

START_TEST(test_unused)
{
    struct asyncore_channel *unused;

    begin();
    unused = map->unused;
    ck_assert_ptr_nonnull(unused);
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(unused->dispatcher, &world.closed[0].base, unused->fd, "unused, and in use"),
        DAMAGE(unused->generation, 1, unused->fd, "unused, and in use"),
        DAMAGE(unused->interest, ASYNCORE__READ, unused->fd, "unused, and in use"),
        DAMAGE(unused->listed, true, unused->fd, "unused, and in use"),
        DAMAGE(unused->next, unused, -1, "unused twice"),
        DAMAGE(map->unused, q, fd_q, "unused, and in use"),
    }));
    unmake_world();
}
END_TEST

/* Those who wait for their destroy(). */
START_TEST(test_doomed)
{
    struct asyncore_dispatcher *closed = &world.closed[0].base;

    begin();
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(map->doomed, closed, -1, "nobody calls it"),
    }));
    map->frames = 1; /* as in a handler */
    map->doomed = closed;
    closed->doomed = true;
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(map->frames, 0, -1, "nobody calls it"),
        DAMAGE(closed->doomed, false, -1, "before its destroy()"),
        DAMAGE(closed->state, 0, -1, "before its destroy()"),
        DAMAGE(closed->map, NULL, -1, "before its destroy()"),
        DAMAGE(closed->fd, fd_a, fd_a, "still there, and"),
        DAMAGE(closed->channel, a, -1, "still there, and"),
        DAMAGE(closed->timeouts, world.a.base.timeouts, -1, "still there, and"),
        DAMAGE(closed->next, closed, -1, "due twice"),
    }));
    map->frames = 0;
    map->doomed = NULL;
    unmake_world();
}
END_TEST

START_TEST(test_ready)
{
    begin();
    ck_assert_uint_ge(map->ready_count, 1);
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(map->ready_count, map->ready_size + 1, -1, "there is room for"),
        DAMAGE(map->ready[0].generation, 0, fd_a, "ready, and nobody's"),
        DAMAGE(map->ready[0].generation, map->generation + 1, fd_a, "ready, and nobody's"),
    }));
    ck_assert(!map->unsorted);
    map->ready[1] = map->ready[0];
    map->ready_count = 2;
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(map->ready[0].generation, map->ready[0].generation + 1, fd_a, "served in disorder"),
    }));
    unmake_world();
}
END_TEST

START_TEST(test_wakeup)
{
    struct asyncore_channel *wakeup;

    begin();
    wakeup = &map->wakeup_channel;
    ck_assert_ptr_nonnull(wakeup->dispatcher);
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(wakeup->dispatcher, NULL, wakeup->fd, "closed, and watched"),
        DAMAGE(wakeup->dispatcher, &world.a.base, wakeup->fd, "not the wake-up's any more"),
        DAMAGE(wakeup->fd, fd_a, fd_a, "the wake-up's, and a dispatcher's"),
        DAMAGE(wakeup->fd, 9999, 9999, "not the wake-up's any more"),
        DAMAGE(wakeup->generation, 0, wakeup->fd, "not the wake-up's any more"),
        DAMAGE(map->wakeup.state, 0, wakeup->fd, "not the wake-up's any more"),
        {&map->wakeup_fd, &(int){-1}, sizeof(int), wakeup->fd, "not the wake-up's any more"},
    }));
    unmake_world();
}
END_TEST

START_TEST(test_timers)
{
    struct asyncore_timer *timers = world.timers;

    begin();
    ck_assert_uint_eq(map->timer_count, 4);
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(timers[0].place, 0, -1, "written over, or freed"),
        DAMAGE(timers[0].place, timers[1].place, -1, "written over, or freed"),
        DAMAGE(timers[0].map, NULL, -1, "written over, or freed"),
        DAMAGE(timers[0].target, NULL, -1, "written over, or freed"),
        DAMAGE(timers[2].serial, map->timer_serial + 1, -1, "in disorder"),
        DAMAGE(map->timers[timers[0].place].when, INT64_MAX, -1, "in disorder"),
        DAMAGE(map->timer_count, 1, fd_a, "its time of being idle"),
        DAMAGE(map->timer_size, 4, -1, "no room"),
    }));
    unmake_world();
}
END_TEST

START_TEST(test_timeouts)
{
    struct asyncore_timeouts *own;

    begin();
    ck_assert_int_eq(asyncore_set_connect_timeout(&world.b.base, 1000), 0);
    own = world.b.base.timeouts;
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(world.a.base.timeouts, NULL, -1, "with a limit was written over, or freed"),
        DAMAGE(world.a.base.timeouts, own, fd_a, "another dispatcher's"),
    }));
    asyncore_cancel((struct asyncore_timer *)own); /* its first member is the one for connecting */
    own = world.a.base.timeouts;
    ck_assert_int_eq(asyncore_call_later((struct asyncore_timer *)own, 1000, never, NULL), 0);
    ck_assert_int_eq(asyncore_check(NULL), -ENOTRECOVERABLE);
    assert_named(fd_a, "its time of connecting");
    asyncore_cancel((struct asyncore_timer *)own);
    unmake_world();
}
END_TEST

START_TEST(test_signals)
{
    struct asyncore_signal_handler *first = &world.handlers[0], *second = &world.handlers[1];
    const char *message = "written over, or freed, without asyncore_remove_signal_handler()";

    begin();
    ck_assert_ptr_eq(map->signal_handlers, first);
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(first->map, NULL, -1, message), DAMAGE(second->prev, NULL, -1, message),
        DAMAGE(second->next, first, -1, message), DAMAGE(first->prev, first, -1, message),
        DAMAGE(first->signum, SIGUSR2, -1, message), DAMAGE(first->signum, 0, -1, message),
        DAMAGE(first->signum, 100000, -1, message),
        DAMAGE(second->chain, NULL, -1, message), /* which leads to the first */
    }));
    unmake_world();
}
END_TEST

START_TEST(test_calls)
{
    struct asyncore_call *first = &world.calls[0], *second = &world.calls[1];

    begin();
    ASSERT_ALL_SEEN(((struct damage[]){
        DAMAGE(first->queued, 0, -1, "while it was queued"),
        DAMAGE(second->target, NULL, -1, "while it was queued"),
        DAMAGE(second->next, first, -1, "queued twice"),
        DAMAGE(second->next, second, -1, "queued twice"),
    }));
    unmake_world();
}
END_TEST

/* ==================================================
 * the poller's tables
 */

/* Watches somebody who is in no map. */
START_TEST(test_stranger_in_the_tables)
{
    const int fd = open("/dev/null", O_RDWR); /* always ready, to epoll and kqueue */
    struct asyncore_channel stranger = {.fd = fd};

    begin();
    ck_assert_int_eq(map->poller->watch(map, &stranger, ASYNCORE__READ), 0);
    ck_assert_int_eq(asyncore_check(NULL), -ENOTRECOVERABLE);
    assert_named(-1, "of those in the map there are");
    ck_assert_int_eq(map->poller->watch(map, &stranger, 0), 0);
    unmake_world();
    close(fd);
}
END_TEST

/* The poller is told what the map does not know, and the other way round. */
START_TEST(test_other_interest)
{
    const unsigned known = ASYNCORE__READ | ASYNCORE__EXPT;

    begin();
    ck_assert_uint_eq(a->interest, known);
    ck_assert_int_eq(map->poller->watch(map, a, 0), 0);
    ck_assert_int_eq(asyncore_check(NULL), -ENOTRECOVERABLE);
    assert_named(fd_a, "to be watched for");
    a->interest = 0;
    ck_assert_int_eq(asyncore_check(NULL), 0); /* it is listed: asked in the next pass */
    ck_assert_int_eq(map->poller->watch(map, a, known), 0);
    ck_assert_int_eq(asyncore_check(NULL), -ENOTRECOVERABLE);
    if (strcmp(map->poller->name, "select") == 0) /* its tables are bits, without any names */
        assert_named(-1, "of those in the map there are");
    else
        assert_named(fd_a, "to be watched for 0x0");
    a->interest = known;
    unmake_world();
}
END_TEST

/* It has somebody with another number.  epoll's tables are the system's, and show nobody. */
START_TEST(test_other_number)
{
    bool is_known;

    begin();
    is_known = strcmp(map->poller->name, "select") == 0 || strcmp(map->poller->name, "poll") == 0;
    a->fd = 9999;
    ck_assert_int_eq(map->poller->check(map, a), is_known ? -1 : 0);
    a->fd = fd_a;
    unmake_world();
}
END_TEST

/* Who is always ready is in a list of those. */
START_TEST(test_always_ready)
{
    const int fd = open("/dev/null", O_RDWR);
    struct asyncore_channel stranger = {.fd = fd};
    size_t count;

    begin();
    stranger.interest = ASYNCORE__READ;
    ck_assert_int_eq(map->poller->watch(map, &stranger, ASYNCORE__READ), 0);
    count = map->always_ready_count;
    ck_assert_int_eq(map->poller->check(map, &stranger), 1);
    map->always_ready_count = 0;
    ck_assert_int_eq(map->poller->check(map, &stranger), count > 0 ? -1 : 1);
    map->always_ready_count = count;
    ck_assert_int_eq(map->poller->watch(map, &stranger, 0), 0);
    unmake_world();
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("self_check");
    TCase *tcase = add_case(suite, "written over");

    tcase_add_test(tcase, test_dispatchers);
    tcase_add_test(tcase, test_places);
    tcase_add_test(tcase, test_lists);
    tcase_add_test(tcase, test_order_of_a_list);
    tcase_add_test(tcase, test_unused);
    tcase_add_test(tcase, test_doomed);
    tcase_add_test(tcase, test_ready);
    tcase_add_test(tcase, test_wakeup);
    tcase_add_test(tcase, test_timers);
    tcase_add_test(tcase, test_timeouts);
    tcase_add_test(tcase, test_signals);
    tcase_add_test(tcase, test_calls);
    tcase = add_case(suite, "poller");
    tcase_add_test(tcase, test_stranger_in_the_tables);
    tcase_add_test(tcase, test_other_interest);
    tcase_add_test(tcase, test_other_number);
    tcase_add_test(tcase, test_always_ready);
    return run_suite(suite);
}
