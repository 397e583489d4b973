/*
 * check_poller_switch.c - a map that changes its poller between passes loses nothing, whatever
 * state its dispatchers are in.
 */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One dispatcher in each state that a poller may keep something about. */
static struct world {
    struct probe idle, silent, reader, writer, listener, client, hung, file, dead, late;
    int idle_peer, silent_peer, reader_peer, writer_peer, late_peer, backlog;
    struct sockaddr_in addr;
} world;

static struct asyncore_map *map;

static void probe_on(struct probe *probe, const char *name, int fd)
{
    probe_init(probe, name, map);
    ck_assert_int_eq(asyncore_set_socket(&probe->base, fd, NULL), 0);
}

static void open_world(void)
{
    int ends[2];

    memset(&world, 0, sizeof world);
    world.idle_peer = probe_channel(&world.idle, "idle", map);
    world.silent_peer = probe_channel(&world.silent, "silent", map);
    world.silent.wants_read = false;
    world.reader_peer = probe_channel(&world.reader, "reader", map);
    send_all(world.reader_peer, "x");
    world.writer_peer = probe_channel(&world.writer, "writer", map);
    world.writer.wants_read = false;
    world.writer.wants_write = true;
    probe_listen(&world.listener, "listener", map, &world.addr);
    world.backlog = tcp_connect(&world.addr);

    ck_assert_int_eq(pipe(ends), 0); /* hung up, and asked for nothing that it says */
    close(ends[1]);
    probe_on(&world.hung, "hung", ends[0]);
    world.hung.wants_read = false;
    world.hung.wants_write = true;
    probe_on(&world.file, "file", open("/dev/null", O_RDWR));
    wait_readable(asyncore_fileno(&world.reader.base));
    wait_readable(asyncore_fileno(&world.listener.base));
}

static void close_world(void)
{
    close(world.listener.fd);
    close(world.backlog);
    close(world.idle_peer);
    close(world.silent_peer);
    close(world.reader_peer);
    close(world.writer_peer);
    ck_assert_int_eq(asyncore_close_all(map, false), 0);
}

static void assert_pass(const char *expected)
{
    ck_assert_int_eq(asyncore_poll(0, map), 0);
    assert_trace(expected);
}

static void use(size_t poller)
{
    ck_assert_int_eq(asyncore_map_set_poller(map, asyncore_poller_name(poller)), 0);
}

static size_t pollers(void)
{
    size_t count = 0;

    while (asyncore_poller_name(count) != NULL)
        count++;
    return count;
}

/* Each from and to; before the first pass, between any two, and many at once. */
static void for_each_pair(void (*test)(size_t from, size_t to))
{
    map = asyncore_map_new();
    for (size_t from = 0; from < pollers(); from++)
        for (size_t to = 0; to < pollers(); to++)
            test(from, to);
    ck_assert_int_eq(asyncore_map_free(map), 0);
}

static void every_state(size_t from, size_t to)
{
    static const char all[] = "reader.handle_read file.handle_read writer.handle_write ";

    use(from);
    open_world();
    use(to);
    use(from);
    assert_pass("reader.handle_read listener.handle_accept listener.handle_accepted "
                "file.handle_read writer.handle_write ");
    use(to);
    assert_pass(all);
    assert_pass(all);
    use(from);
    use(to);
    use(from);
    assert_pass(all);
    send_all(world.idle_peer, "x"); /* comes while it is watched by one, and goes to the other */
    send_all(world.silent_peer, "x");
    wait_readable(asyncore_fileno(&world.idle.base));
    wait_readable(asyncore_fileno(&world.silent.base));
    use(to);
    assert_pass("idle.handle_read reader.handle_read file.handle_read writer.handle_write ");
    world.silent.wants_read = true; /* the interest changes with the poller */
    world.writer.wants_write = false;
    world.hung.wants_read = true;
    use(from);
    assert_pass("idle.handle_read silent.handle_read reader.handle_read hung.handle_read "
                "file.handle_read ");
    asyncore_del_channel(&world.idle.base);
    use(to);
    asyncore_close(&world.file.base);
    asyncore_add_channel(&world.idle.base, NULL);
    assert_pass("silent.handle_read reader.handle_read hung.handle_read idle.handle_read ");
    close_world();
}

START_TEST(test_every_state)
{
    for_each_pair(every_state);
}
END_TEST

static void connecting(size_t from, size_t to)
{
    struct sockaddr_in addr = nowhere();

    use(from);
    open_world();
    probe_init(&world.client, "client", map);
    world.client.wants_read = false;
    ck_assert_int_eq(asyncore_create_socket(&world.client.base, AF_INET, SOCK_STREAM), 0);
    asyncore_connect(&world.client.base, (struct sockaddr *)&addr, sizeof addr);
    asyncore_del_channel(&world.file.base); /* always ready: the passes below would not wait */
    world.reader.wants_read = world.writer.wants_write = false;
    asyncore_close(&world.listener.base);
    use(to);
    while (trace[0] == '\0')
        ck_assert_int_eq(asyncore_poll(20, map), 0);
    assert_trace("client.handle_error(ECONNREFUSED) client.handle_close ");
    asyncore_close(&world.file.base);
    world.listener.fd = dup(0);
    close_world();
}

START_TEST(test_connecting)
{
    for_each_pair(connecting);
}
END_TEST

static void made(struct asyncore_call *call)
{
    (void)call;
    add_to_trace("call ");
}

static void fired(struct asyncore_timer *timer)
{
    (void)timer;
    add_to_trace("timer ");
}

static void signalled(struct asyncore_signal_handler *handler)
{
    (void)handler;
    add_to_trace("signal ");
}

/* What wakes the loop goes along, rung or not. */
static void wakeups(size_t from, size_t to)
{
    struct asyncore_call call = {0};
    struct asyncore_timer timer = {0};
    struct asyncore_signal_handler handler = {0};
    struct probe *idle = &world.idle;
    int peer;

    use(from);
    peer = probe_channel(idle, "idle", map);
    asyncore_wakeup(map);
    use(to);
    ck_assert_int_eq(asyncore_poll(-1, map), 0);
    asyncore_wakeup(map); /* now it is open */
    use(from);
    ck_assert_int_eq(asyncore_poll(-1, map), 0);
    asyncore_stop(map);
    use(to);
    ck_assert_int_eq(asyncore_loop(-1, map, -1), 0);
    assert_trace("");

    ck_assert_int_eq(asyncore_call_soon_threadsafe(&call, made, map), 0);
    use(from);
    ck_assert_int_eq(asyncore_poll(-1, map), 0);
    assert_trace("call ");
    ck_assert_int_eq(asyncore_add_signal_handler(&handler, SIGUSR1, signalled, map), 0);
    raise(SIGUSR1);
    use(to);
    ck_assert_int_eq(asyncore_poll(-1, map), 0);
    assert_trace("signal ");
    ck_assert_int_eq(asyncore_call_later(&timer, 0.001, fired, map), 0);
    use(from);
    while (trace[0] == '\0')
        ck_assert_int_eq(asyncore_poll(-1, map), 0);
    assert_trace("timer ");
    asyncore_remove_signal_handler(&handler);
    asyncore_close(&idle->base);
    close(peer);
}

START_TEST(test_wakeups)
{
    for_each_pair(wakeups);
}
END_TEST

/* One that is dead already: the new poller finds it too. */
static void dead(size_t from, size_t to)
{
    int peer;

    use(from);
    open_world();
    peer = probe_channel(&world.dead, "dead", map);
    world.file.wants_read = world.writer.wants_write = world.reader.wants_read = false;
    asyncore_close(&world.listener.base);
    ck_assert_int_eq(asyncore_poll(0, map), 0);
    assert_trace("");
    close(asyncore_fileno(&world.dead.base));
    use(to);
    while (trace[0] == '\0')
        ck_assert_int_eq(asyncore_poll(20, map), 0);
    assert_trace("dead.handle_close ");
    ck_assert_int_eq(world.dead.destroyed, 1);
    close(peer);
    world.listener.fd = dup(0);
    close_world();
}

START_TEST(test_dead)
{
    for_each_pair(dead);
}
END_TEST

/* handle_connect, called from inside asyncore_connect(), is a handler too. */
static int switch_in_handler(struct probe *self)
{
    (void)self;
    add_to_trace("%d ", asyncore_map_set_poller(map, "poll"));
    return 0;
}

START_TEST(test_busy_in_a_handler_outside_a_pass)
{
    static struct probe client;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in addr = loopback(0);
    char expected[64];
    socklen_t size = sizeof addr;

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &size), 0);
    map = asyncore_map_new();
    use(0);
    probe_init(&client, "client", map);
    client.on_connect = switch_in_handler;
    ck_assert_int_eq(asyncore_create_socket(&client.base, AF_INET, SOCK_DGRAM), 0);
    ck_assert_int_eq(asyncore_connect(&client.base, (struct sockaddr *)&addr, size), 0);
    snprintf(expected, sizeof expected, "client.handle_connect %d ", -EBUSY);
    assert_trace(expected);
    close(fd);
    ck_assert_int_eq(asyncore_map_free(map), 0);
}
END_TEST

static int poll_in_handler(struct probe *self)
{
    (void)self;
    add_to_trace("%d %d ", asyncore_poll(0, map), asyncore_map_free(map));
    return 0;
}

START_TEST(test_poll_busy_in_a_handler_outside_a_pass)
{
    static struct probe client;
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in addr = loopback(0);
    char expected[64];
    socklen_t size = sizeof addr;

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&addr, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&addr, &size), 0);
    map = asyncore_map_new();
    probe_init(&client, "client", map);
    client.on_connect = poll_in_handler;
    ck_assert_int_eq(asyncore_create_socket(&client.base, AF_INET, SOCK_DGRAM), 0);
    ck_assert_int_eq(asyncore_connect(&client.base, (struct sockaddr *)&addr, size), 0);
    snprintf(expected, sizeof expected, "client.handle_connect %d %d ", -EBUSY, -EBUSY);
    assert_trace(expected);
    close(fd);
    ck_assert_int_eq(asyncore_map_free(map), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("poller_switch");
    TCase *tcase = add_case(suite, "poller_switch");

    tcase_add_test(tcase, test_every_state);
    tcase_add_test(tcase, test_connecting);
    tcase_add_test(tcase, test_wakeups);
    tcase_add_test(tcase, test_dead);
    tcase_add_test(tcase, test_busy_in_a_handler_outside_a_pass);
    tcase_add_test(tcase, test_poll_busy_in_a_handler_outside_a_pass);
    return run_suite(suite);
}
