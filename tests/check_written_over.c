/*
 * check_written_over.c - a dispatcher that somebody has zeroed while it is in the map: an error with a
 * name comes out of the loop, and all others are served.
 */
#include "support.h"

#include <string.h>

static int errors;

static void count_errors(enum asyncore_log_type type, const char *message)
{
    if (type == ASYNCORE_ERROR && strstr(message, "written over, or freed") != NULL)
        errors++;
}

static bool always(struct asyncore_dispatcher *self)
{
    (void)self;
    return true;
}

static bool never(struct asyncore_dispatcher *self)
{
    (void)self;
    return false;
}

/* Where both predicates are the library's own, nobody is asked. */
static const struct {
    struct asyncore_class cls;
    const char *sent; /* to it */
    int flags;
    double idle, connect; /* limits in seconds */
} cases[] = {
    {{.writable = asyncore_never}, "x", 0, 0, 0},
    {{.readable = asyncore_never}, "", 0, 0, 0},
    {{.readable = asyncore_always}, "x", 0, 0, 0},
    {{.writable = asyncore_never}, "!", MSG_OOB, 0, 0},
    {{.readable = always, .writable = never}, "x", 0, 0, 0},
    {{.readable = never, .writable = never}, "", 0, 0, 0},
    {{.writable = asyncore_never}, "", 0, 0.001, 0},
    {{.writable = asyncore_never}, "", 0, 0, 0.001},
};

/* Passes, until one ends with an error. */
static int loop_until_error(void)
{
    int rc = 0;

    while (rc == 0 && asyncore_map_count(NULL) > 1)
        rc = asyncore_poll(20, NULL);
    return rc;
}

static void assert_others_are_served(struct probe *other, int peer)
{
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    ck_assert_int_eq(asyncore_check(NULL), 0);
    trace[0] = '\0';
    send_all(peer, "y");
    wait_readable(asyncore_fileno(&other->base));
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=1 ");
}

static void set_limits(struct asyncore_dispatcher *self, double idle, double connect)
{
    if (idle > 0)
        ck_assert_int_eq(asyncore_set_idle_timeout(self, idle), 0);
    if (connect > 0) {
        self->connecting = true; /* so it believes */
        ck_assert_int_eq(asyncore_set_connect_timeout(self, connect), 0);
    }
}

START_TEST(test_zeroed)
{
    static struct asyncore_dispatcher a;
    static struct probe b;
    const int peer = probe_channel(&b, "B", NULL);
    const size_t size = strlen(cases[_i].sent);
    int ends[2];

    asyncore_set_log(count_errors);
    b.on_read = recv_some;
    tcp_pair(ends);
    ck_assert_int_eq(asyncore_init(&a, &cases[_i].cls, ends[0], NULL), 0);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(send(ends[1], cases[_i].sent, size, cases[_i].flags), (ssize_t)size);
    set_limits(&a, cases[_i].idle, cases[_i].connect);
    memset(&a, 0, sizeof a);
    ck_assert_int_eq(asyncore_check(NULL), -ENOTRECOVERABLE);
    errors = 0;
    ck_assert_int_eq(loop_until_error(), -EINVAL);
    ck_assert_int_eq(errors, 1);
    assert_others_are_served(&b, peer);
    close(ends[0]); /* whose it is nobody knows */
    close(ends[1]);
    close(peer);
}
END_TEST

/* ---- and its limits are gone with it, though they are not due for long ---- */

static struct asyncore_dispatcher limited;
static int descriptor; /* that it had: whose it is nobody knows */

/* On one end of a connection; returns the other. */
static int zeroed_with_limits(double idle, double connect)
{
    int ends[2];

    tcp_pair(ends);
    ck_assert_int_eq(asyncore_init(&limited, &cases[0].cls, ends[0], NULL), 0);
    if (idle > 0)
        ck_assert_int_eq(asyncore_set_idle_timeout(&limited, idle), 0);
    if (connect > 0)
        ck_assert_int_eq(asyncore_set_connect_timeout(&limited, connect), 0);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    memset(&limited, 0, sizeof limited);
    descriptor = ends[0];
    return ends[1];
}

static const struct {
    double idle, connect;
} limits[] = {{1000, 0}, {0, 1000}, {1000, 1000}};

START_TEST(test_limits_of_one_that_an_event_finds)
{
    const int peer = zeroed_with_limits(limits[_i].idle, limits[_i].connect);

    send_all(peer, "x");
    ck_assert_int_eq(asyncore_loop(1000, NULL, -1), -EINVAL);
    ck_assert_int_eq(asyncore_loop(1000, NULL, -1), 0); /* no timer is left to wait for */
    close(descriptor);
    close(peer);
}
END_TEST

START_TEST(test_limits_of_one_that_goes_with_its_map)
{
    const int peer = zeroed_with_limits(limits[_i].idle, limits[_i].connect);

    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    close(descriptor);
    close(peer);
}
END_TEST

/* Its descriptor is closed too, and the number comes to another. */
START_TEST(test_limits_of_one_whose_number_is_lost)
{
    static struct probe b;
    const int peer = zeroed_with_limits(limits[_i].idle, limits[_i].connect);
    int ends[2];

    tcp_pair(ends);
    ck_assert_int_eq(dup2(ends[0], descriptor), descriptor);
    close(ends[0]);
    probe_init(&b, "B", NULL);
    b.on_read = recv_some;
    ck_assert_int_eq(asyncore_set_socket(&b.base, descriptor, NULL), 0);
    assert_others_are_served(&b, ends[1]);
    asyncore_close(&b.base);
    ck_assert_int_eq(asyncore_loop(1000, NULL, -1), 0);
    close(ends[1]);
    close(peer);
}
END_TEST

static struct probe begun;

/* Begun again without a close, it is there once, and has two places. */
START_TEST(test_begun_again)
{
    const int peer = probe_channel(&begun, "A", NULL), lost = asyncore_fileno(&begun.base);
    const int other_peer = probe_channel(&begun, "A", NULL);

    asyncore_set_log(count_errors);
    ck_assert_int_eq(asyncore_check(NULL), -ENOTRECOVERABLE);
    errors = 0;
    ck_assert_int_eq(asyncore_close_all(NULL, false), -EINVAL);
    ck_assert_int_eq(errors, 1);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    ck_assert_int_eq(begun.destroyed, 1);
    close(lost);
    close(peer);
    close(other_peer);
}
END_TEST

int main(void)
{
    const int limit_count = (int)(sizeof limits / sizeof limits[0]);
    Suite *suite = suite_create("written_over");
    TCase *tcase = add_case(suite, "written over");

    tcase_add_loop_test(tcase, test_zeroed, 0, (int)(sizeof cases / sizeof cases[0]));
    tcase_add_loop_test(tcase, test_limits_of_one_that_an_event_finds, 0, limit_count);
    tcase_add_loop_test(tcase, test_limits_of_one_that_goes_with_its_map, 0, limit_count);
    tcase_add_loop_test(tcase, test_limits_of_one_whose_number_is_lost, 0, limit_count);
    tcase_add_test(tcase, test_begun_again);
    return run_suite(suite);
}
