/* check_timeout.c - a limit for connecting, and one for being idle. */
#include "support.h"

#include <math.h>
#include <string.h>
#include <time.h>

static int trace_timeout(struct asyncore_dispatcher *self)
{
    add_to_trace("%s.handle_timeout ", ((struct probe *)self)->name);
    return asyncore_dispatcher_class.handle_timeout(self);
}

/* A probe that traces handle_timeout too. */
static const struct asyncore_class guarded_class = {
    .super = &probe_class,
    .handle_timeout = trace_timeout,
};

static int guarded_channel(struct probe *self, const char *name)
{
    const int peer = probe_channel(self, name, NULL);

    self->base.cls = &guarded_class;
    return peer;
}

/* ---- idle ---- */

START_TEST(test_idle)
{
    static struct probe a;
    const int peer = guarded_channel(&a, "A");

    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 0.01), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* and nothing is left to wait for */
    assert_trace("A.handle_timeout A.handle_close ");
    ck_assert_int_eq(a.destroyed, 1);
    close(peer);
}
END_TEST

static struct named {
    struct asyncore_timer timer;
    struct probe *probe;
    int peer, times;
    bool sends;
} talker;

static void talk(struct asyncore_timer *timer)
{
    (void)timer;
    send_all(talker.peer, "x");
    if (--talker.times == 0)
        asyncore_cancel(timer);
}

static void reply(struct asyncore_timer *timer)
{
    ck_assert_int_eq(asyncore_send(&talker.probe->base, "x", 1), 1);
    if (--talker.times == 0)
        asyncore_cancel(timer);
}

static void stay_active(struct probe *a, int peer, void (*how)(struct asyncore_timer *))
{
    skip_under_valgrind("is too slow for 0.2 s");
    talker.probe = a;
    talker.peer = peer;
    talker.times = 8;
    a->on_read = recv_some;
    ck_assert_int_eq(asyncore_set_idle_timeout(&a->base, 0.2), 0);
    ck_assert_int_eq(asyncore_call_every(&talker.timer, 0.05, how, NULL), 0);
    while (talker.times > 0)
        ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    ck_assert_int_ge(asyncore_fileno(&a->base), 0); /* 0.4 s, and it lives */
    ck_assert_ptr_null(strstr(trace, "timeout"));
    trace[0] = '\0';
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_ptr_nonnull(strstr(trace, "A.handle_timeout A.handle_close "));
    close(talker.peer);
}

START_TEST(test_who_receives_is_not_idle)
{
    static struct probe a;

    stay_active(&a, guarded_channel(&a, "A"), talk);
}
END_TEST

START_TEST(test_who_sends_is_not_idle)
{
    static struct probe a;

    stay_active(&a, guarded_channel(&a, "A"), reply);
}
END_TEST

static int live_twice(struct asyncore_dispatcher *self)
{
    struct probe *probe = (struct probe *)self;

    add_to_trace("%s.handle_timeout ", probe->name);
    return ++probe->fd < 3 ? 0 : asyncore_close(self);
}

START_TEST(test_handle_timeout_may_let_it_live)
{
    static const struct asyncore_class cls = {.super = &probe_class, .handle_timeout = live_twice};
    static struct probe a;
    const int peer = guarded_channel(&a, "A");

    a.base.cls = &cls;
    a.fd = 0;
    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 0.005), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("A.handle_timeout A.handle_timeout A.handle_timeout ");
    close(peer);
}
END_TEST

static int break_down(struct asyncore_dispatcher *self)
{
    (void)self;
    return -EIO;
}

static int leave(struct asyncore_dispatcher *self)
{
    asyncore_close(self);
    return asyncore_ExitNow;
}

static void trace_timer(struct asyncore_timer *timer)
{
    (void)timer;
    add_to_trace("timer ");
}

START_TEST(test_what_handle_timeout_raises)
{
    const struct timespec until_all_are_due = {.tv_nsec = 3000000};
    static const struct asyncore_class failing = {.super = &probe_class,
                                                  .handle_timeout = break_down};
    static const struct asyncore_class leaving = {.super = &probe_class, .handle_timeout = leave};
    static struct probe a, b;
    struct asyncore_timer timer = {0};
    const int peer = guarded_channel(&a, "A"), other = guarded_channel(&b, "B");

    a.base.cls = &failing;
    b.base.cls = &leaving;
    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 0.001), 0);
    ck_assert_int_eq(asyncore_set_idle_timeout(&b.base, 0.002), 0);
    ck_assert_int_eq(asyncore_call_later(&timer, 0.002, trace_timer, NULL), 0);
    nanosleep(&until_all_are_due, NULL);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), asyncore_ExitNow);
    assert_trace("A.handle_error(EIO) A.handle_close ");
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* what was due too is not lost */
    assert_trace("timer ");
    close(peer);
    close(other);
}
END_TEST

START_TEST(test_no_limit_any_more)
{
    static struct probe a;
    const int peer = guarded_channel(&a, "A");

    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 0.001), 0);
    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 0), 0);
    ck_assert_int_eq(asyncore_set_connect_timeout(&a.base, 0), 0);
    ck_assert_int_eq(asyncore_poll(0.02, NULL), 0);
    assert_trace("");
    close(peer);
}
END_TEST

START_TEST(test_not_while_in_no_map)
{
    static struct probe a;
    const int peer = guarded_channel(&a, "A");

    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 0.001), 0);
    ck_assert_int_eq(asyncore_del_channel(&a.base), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* no timer keeps it */
    assert_trace("");
    ck_assert_int_eq(asyncore_add_channel(&a.base, NULL), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("A.handle_timeout A.handle_close ");
    close(peer);
}
END_TEST

START_TEST(test_in_another_map)
{
    static struct probe a;
    struct asyncore_map *map = asyncore_map_new();
    const int peer = guarded_channel(&a, "A");

    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 0.001), 0);
    ck_assert_int_eq(asyncore_del_channel(&a.base), 0);
    ck_assert_int_eq(asyncore_add_channel(&a.base, map), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("");
    ck_assert_int_eq(asyncore_loop(-1, map, -1), 0);
    assert_trace("A.handle_timeout A.handle_close ");
    ck_assert_int_eq(asyncore_map_free(map), 0);
    close(peer);
}
END_TEST

/* Set before there is a socket, it begins with the next one. */
START_TEST(test_before_there_is_a_socket)
{
    static struct probe a;
    int ends[2];

    tcp_pair(ends);
    probe_init(&a, "A", NULL);
    a.base.cls = &guarded_class;
    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 0.001), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* there is no timer yet */
    assert_trace("");
    ck_assert_int_eq(asyncore_set_socket(&a.base, ends[0], NULL), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("A.handle_timeout A.handle_close ");
    close(ends[1]);
}
END_TEST

static void exchange_datagrams(struct asyncore_timer *timer)
{
    struct sockaddr_storage addr;
    socklen_t addrlen;
    char byte;

    ck_assert_int_eq(asyncore_getsockname(&talker.probe->base, &addr, &addrlen), 0);
    if (talker.sends) {
        ck_assert_int_eq(
            asyncore_sendto(&talker.probe->base, "x", 1, (struct sockaddr *)&addr, addrlen), 1);
    } else {
        ck_assert_int_eq(sendto(talker.peer, "x", 1, 0, (struct sockaddr *)&addr, addrlen), 1);
        ck_assert_int_eq(asyncore_recvfrom(&talker.probe->base, &byte, 1, NULL, NULL), 1);
    }
    if (--talker.times == 0)
        asyncore_cancel(timer);
}

START_TEST(test_who_exchanges_datagrams_is_not_idle)
{
    static struct probe a;
    const struct sockaddr_in in = loopback(0);

    probe_init(&a, "A", NULL);
    a.base.cls = &guarded_class;
    a.wants_read = false;
    ck_assert_int_eq(asyncore_create_socket(&a.base, AF_INET, SOCK_DGRAM), 0);
    ck_assert_int_eq(asyncore_bind(&a.base, (const struct sockaddr *)&in, sizeof in), 0);
    talker.sends = _i == 0;
    stay_active(&a, socket(AF_INET, SOCK_DGRAM, 0), exchange_datagrams);
}
END_TEST

START_TEST(test_reset_idle_timeout)
{
    static struct probe a;
    const int peer = guarded_channel(&a, "A");

    ck_assert_int_eq(asyncore_reset_idle_timeout(&a.base), 0); /* there is none */
    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 1000), 0);
    ck_assert_int_eq(asyncore_reset_idle_timeout(&a.base), 0);
    asyncore_close(&a.base);
    ck_assert_int_eq(asyncore_reset_idle_timeout(&a.base), -EBADF);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* the timer went with it */
    trace[0] = '\0';
    close(peer);
}
END_TEST

START_TEST(test_bad_arguments)
{
    static struct probe a;
    struct asyncore_dispatcher unborn = {.fd = -1};
    const int peer = guarded_channel(&a, "A");

    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, -1), -EINVAL);
    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, NAN), -EINVAL);
    ck_assert_int_eq(asyncore_set_connect_timeout(&a.base, -1), -EINVAL);
    ck_assert_int_eq(asyncore_set_connect_timeout(&unborn, 1), -EINVAL);
    ck_assert_int_eq(asyncore_set_idle_timeout(NULL, 1), -EINVAL);
    asyncore_close(&a.base);
    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 1), -EBADF);
    trace[0] = '\0';
    close(peer);
}
END_TEST

/* ---- connecting ---- */

/* A listener whose backlog is full, so that who connects hears nothing.  It keeps as many
 * descriptors as it takes in fillers. */
static int full_listener(struct sockaddr_in *addr, int fillers[], size_t count)
{
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t addrlen = sizeof *addr;

    *addr = loopback(0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)addr, sizeof *addr), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)addr, &addrlen), 0);
    for (size_t i = 0; i < count; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)!connect(fillers[i], (struct sockaddr *)addr, sizeof *addr);
    }
    return listener;
}

static void check_late_connect(bool limit_first)
{
    static struct probe a;
    struct sockaddr_in addr;
    int fillers[4];
    const int listener = full_listener(&addr, fillers, 4);

    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_create_socket(&a.base, AF_INET, SOCK_STREAM), 0);
    if (limit_first)
        ck_assert_int_eq(asyncore_set_connect_timeout(&a.base, 0.01), 0);
    ck_assert_int_eq(asyncore_connect(&a.base, (struct sockaddr *)&addr, sizeof addr), 0);
    if (!limit_first)
        ck_assert_int_eq(asyncore_set_connect_timeout(&a.base, 0.01), 0);
    ck_assert(asyncore_connecting(&a.base));
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert(!asyncore_connecting(&a.base));
    assert_trace("A.handle_error(ETIMEDOUT) A.handle_close ");
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}

START_TEST(test_late_connect)
{
    check_late_connect(_i == 0);
}
END_TEST

/* Out of the map nobody waits for the outcome; back there it has as long again. */
START_TEST(test_late_connect_out_of_the_map)
{
    static struct probe a;
    struct sockaddr_in addr;
    int fillers[4];
    const int listener = full_listener(&addr, fillers, 4);

    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_create_socket(&a.base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_connect(&a.base, (struct sockaddr *)&addr, sizeof addr), 0);
    ck_assert_int_eq(asyncore_del_channel(&a.base), 0);
    ck_assert_int_eq(asyncore_set_connect_timeout(&a.base, 0.01), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("");
    ck_assert_int_eq(asyncore_add_channel(&a.base, NULL), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    assert_trace("A.handle_error(ETIMEDOUT) A.handle_close ");
    for (int i = 0; i < 4; i++)
        close(fillers[i]);
    close(listener);
}
END_TEST

START_TEST(test_connect_in_time)
{
    static struct probe a;
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);

    probe_init(&a, "A", NULL);
    a.wants_write = true;
    ck_assert_int_eq(asyncore_set_connect_timeout(&a.base, 0.01), 0); /* before there is a socket */
    ck_assert_int_eq(asyncore_create_socket(&a.base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_connect(&a.base, (struct sockaddr *)&addr, sizeof addr), 0);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    ck_assert(asyncore_connected(&a.base));
    trace[0] = '\0';
    a.wants_write = false;
    ck_assert_int_eq(asyncore_poll(0.03, NULL), 0); /* its time passes, and nothing happens */
    assert_trace("");
    asyncore_close(&a.base);
    close(listener);
}
END_TEST

/* Who is only readable hears of it with the first data; or when the limit is reached, if those come
 * later, and is not told that it has failed. */
START_TEST(test_connect_in_time_and_nothing_comes)
{
    static struct probe a;
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);

    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_create_socket(&a.base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_set_connect_timeout(&a.base, 0.01), 0);
    ck_assert_int_eq(asyncore_connect(&a.base, (struct sockaddr *)&addr, sizeof addr), 0);
    while (asyncore_connecting(&a.base))
        ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    assert_trace("A.handle_connect ");
    ck_assert(asyncore_connected(&a.base));
    asyncore_close(&a.base);
    close(listener);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timeout");
    TCase *idle = add_case(suite, "idle"), *connecting = add_case(suite, "connecting");

    tcase_add_test(idle, test_idle);
    tcase_add_test(idle, test_who_receives_is_not_idle);
    tcase_add_test(idle, test_who_sends_is_not_idle);
    tcase_add_test(idle, test_handle_timeout_may_let_it_live);
    tcase_add_test(idle, test_what_handle_timeout_raises);
    tcase_add_test(idle, test_no_limit_any_more);
    tcase_add_test(idle, test_not_while_in_no_map);
    tcase_add_test(idle, test_in_another_map);
    tcase_add_test(idle, test_before_there_is_a_socket);
    tcase_add_loop_test(idle, test_who_exchanges_datagrams_is_not_idle, 0, 2);
    tcase_add_test(idle, test_reset_idle_timeout);
    tcase_add_test(idle, test_bad_arguments);
    tcase_add_loop_test(connecting, test_late_connect, 0, 2);
    tcase_add_test(connecting, test_late_connect_out_of_the_map);
    tcase_add_test(connecting, test_connect_in_time);
    tcase_add_test(connecting, test_connect_in_time_and_nothing_comes);
    return run_suite(suite);
}
