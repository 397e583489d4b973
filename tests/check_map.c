/* check_map.c - the socket map: whose, in which order, and how it ends. */
#include "support.h"

#include <string.h>

START_TEST(test_map_of_ones_own)
{
    static struct probe a, b;
    struct asyncore_map *map = asyncore_map_new();
    const int peer = probe_channel(&a, "A", map), other = probe_channel(&b, "B", NULL);

    ck_assert_uint_eq(asyncore_map_count(map), 1);
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    ck_assert_ptr_eq(asyncore_get_map(&a.base), map);
    ck_assert_ptr_eq(asyncore_map_get(map, asyncore_fileno(&a.base)), &a.base);
    ck_assert_ptr_null(asyncore_map_get(NULL, asyncore_fileno(&a.base)));
    a.on_read = b.on_read = recv_some;
    send_all(peer, "x");
    send_all(other, "x");
    poll_once(map);
    assert_trace("A.handle_read A.recv=1 ");
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=1 ");
    ck_assert_int_eq(asyncore_map_free(map), 0);
    ck_assert_int_eq(a.destroyed, 1);
    ck_assert_int_eq(b.destroyed, 0);
    close(peer);
    close(other);
}
END_TEST

START_TEST(test_default_map_can_be_used_again)
{
    static struct probe a;

    for (int i = 0; i < 3; i++) {
        const int peer = probe_channel(&a, "A", NULL);

        a.on_read = recv_some;
        send_all(peer, "x");
        ck_assert_int_eq(asyncore_loop(20, NULL, 1), 0);
        assert_trace("A.handle_read A.recv=1 ");
        ck_assert_int_eq(asyncore_map_free(NULL), 0);
        ck_assert_int_eq(a.destroyed, 1);
        close(peer);
    }
}
END_TEST

START_TEST(test_create_socket_uses_the_dispatchers_map)
{
    static struct probe a;
    struct asyncore_map *map = asyncore_map_new();

    probe_init(&a, "A", map);
    ck_assert_int_eq(asyncore_create_socket(&a.base, AF_INET, SOCK_STREAM), 0);
    ck_assert_uint_eq(asyncore_map_count(map), 1);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    asyncore_map_free(map);
}
END_TEST

/* CPython looks for it in the first map when it is closed, and leaves it in the second. */
START_TEST(test_set_socket_in_another_map)
{
    static struct probe a;
    struct asyncore_map *map = asyncore_map_new();
    int ends[2];

    tcp_pair(ends);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_set_socket(&a.base, ends[0], map), 0);
    ck_assert_ptr_eq(asyncore_get_map(&a.base), map);
    ck_assert_uint_eq(asyncore_map_count(map), 1);
    asyncore_close(&a.base);
    ck_assert_uint_eq(asyncore_map_count(map), 0);
    asyncore_map_free(map);
    close(ends[1]);
}
END_TEST

START_TEST(test_pause_and_resume)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);
    const int fd = asyncore_fileno(&a.base);

    a.on_read = b.on_read = recv_some;
    send_all(peer, "x");
    wait_readable(fd);
    ck_assert_int_eq(asyncore_del_channel(&a.base), 0);
    ck_assert_int_eq(asyncore_del_channel(&a.base), 0);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    ck_assert_int_eq(asyncore_fileno(&a.base), fd); /* CPython forgets it */
    ck_assert(asyncore_connected(&a.base));
    ck_assert_int_eq(asyncore_add_channel(&a.base, NULL), 0);
    ck_assert_int_eq(asyncore_add_channel(&a.base, NULL), 0);
    send_all(other, "x");
    wait_readable(asyncore_fileno(&b.base));
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=1 A.handle_read A.recv=1 "); /* A is last now */
    close(peer);
    close(other);
}
END_TEST

static int pause_other(struct probe *self)
{
    ck_assert_int_eq(asyncore_del_channel(&self->other->base), 0);
    return recv_some(self);
}

static int pause_and_resume_other(struct probe *self)
{
    pause_other(self);
    ck_assert_int_eq(asyncore_add_channel(&self->other->base, NULL), 0);
    return 0;
}

START_TEST(test_pause_of_one_that_is_ready)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    a.other = &b;
    a.on_read = pause_other;
    b.on_read = recv_some;
    send_all(peer, "x");
    send_all(other, "x");
    wait_readable(asyncore_fileno(&a.base));
    wait_readable(asyncore_fileno(&b.base));
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=1 ");
    asyncore_add_channel(&b.base, NULL);
    a.on_read = pause_and_resume_other;
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=1 "); /* it is a newcomer again */
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=1 ");
    close(peer);
    close(other);
}
END_TEST

START_TEST(test_one_dispatcher_two_maps)
{
    static struct probe a;
    struct asyncore_map *map = asyncore_map_new();
    const int peer = probe_channel(&a, "A", NULL);

    ck_assert_int_eq(asyncore_add_channel(&a.base, map), -EBUSY);
    ck_assert_uint_eq(asyncore_map_count(map), 0);
    asyncore_del_channel(&a.base);
    ck_assert_int_eq(asyncore_add_channel(&a.base, map), 0);
    ck_assert_ptr_eq(asyncore_get_map(&a.base), map);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    asyncore_close(&a.base);
    asyncore_map_free(map);
    close(peer);
}
END_TEST

static struct asyncore_map *elsewhere;

static int move(struct probe *self)
{
    recv_some(self);
    ck_assert_int_eq(asyncore_del_channel(&self->base), 0);
    ck_assert_int_eq(asyncore_add_channel(&self->base, elsewhere), -EBUSY);
    ck_assert_int_eq(asyncore_set_socket(&self->base, dup(0), elsewhere), -EBUSY);
    ck_assert_int_eq(asyncore_close(&self->base), 0);
    ck_assert_int_eq(self->destroyed, 0); /* this map's functions still use it */
    return -EIO;
}

START_TEST(test_no_move_from_inside_a_handler)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    elsewhere = asyncore_map_new();
    a.on_read = move;
    send_all(peer, "x");
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=1 ");
    ck_assert_int_eq(a.destroyed, 1);
    asyncore_map_free(elsewhere);
    close(peer);
}
END_TEST

/* ---- close_all ---- */

static void trace_destroy(struct probe *self)
{
    add_to_trace("%s.destroy ", self->name);
}

START_TEST(test_close_all)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    a.on_destroy = b.on_destroy = trace_destroy;
    ck_assert_int_eq(asyncore_close_all(NULL, false), 0);
    assert_trace("A.destroy B.destroy "); /* in order, without handle_close */
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    ck_assert_int_eq(asyncore_close_all(NULL, true), 0);
    close(peer);
    close(other);
}
END_TEST

static int late_peer;

static void add_another(struct probe *self)
{
    static struct probe late;

    trace_destroy(self);
    late_peer = probe_channel(&late, "N", NULL);
    late.on_destroy = trace_destroy;
}

/* CPython drops it from the map and leaves it open. */
START_TEST(test_close_all_closes_latecomers)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_destroy = add_another;
    ck_assert_int_eq(asyncore_close_all(NULL, false), 0);
    assert_trace("A.destroy N.destroy ");
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    close(peer);
    close(late_peer);
}
END_TEST

static void close_another(struct probe *self)
{
    trace_destroy(self);
    asyncore_close(&self->other->base);
}

START_TEST(test_close_all_closes_each_once)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), other = probe_channel(&b, "B", NULL);

    a.other = &b;
    a.on_destroy = close_another;
    b.on_destroy = trace_destroy;
    ck_assert_int_eq(asyncore_close_all(NULL, false), 0);
    assert_trace("A.destroy B.destroy ");
    close(peer);
    close(other);
}
END_TEST

START_TEST(test_close_all_with_a_dispatcher_written_over)
{
    static struct asyncore_dispatcher d;
    const int fd = socket(AF_INET, SOCK_STREAM, 0);

    ck_assert_int_eq(asyncore_init(&d, &asyncore_dispatcher_class, fd, NULL), 0);
    memset(&d, 0, sizeof d);
    ck_assert_int_eq(asyncore_close_all(NULL, false), -EINVAL); /* and not for ever */
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    close(fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("map");
    TCase *tcase = add_case(suite, "map");

    tcase_add_test(tcase, test_map_of_ones_own);
    tcase_add_test(tcase, test_default_map_can_be_used_again);
    tcase_add_test(tcase, test_create_socket_uses_the_dispatchers_map);
    tcase_add_test(tcase, test_set_socket_in_another_map);
    tcase_add_test(tcase, test_pause_and_resume);
    tcase_add_test(tcase, test_pause_of_one_that_is_ready);
    tcase_add_test(tcase, test_one_dispatcher_two_maps);
    tcase_add_test(tcase, test_no_move_from_inside_a_handler);
    tcase_add_test(tcase, test_close_all_with_a_dispatcher_written_over);
    tcase_add_test(tcase, test_close_all);
    tcase_add_test(tcase, test_close_all_closes_latecomers);
    tcase_add_test(tcase, test_close_all_closes_each_once);
    return run_suite(suite);
}
