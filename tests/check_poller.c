/* check_poller.c - the choice of the poller, and that none of them loses anything. */
#include "support.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* ==================================================
 * by name
 */

static char last_message[512];
static enum asyncore_log_type last_type;
static int messages;

static void keep_message(enum asyncore_log_type type, const char *message)
{
    snprintf(last_message, sizeof last_message, "%s", message);
    last_type = type;
    messages++;
}

static void assert_names_listed(const char *beginning)
{
    char expected[512];

    snprintf(expected, sizeof expected, "%s: no such poller; there are:", beginning);
    for (size_t i = 0; asyncore_poller_name(i) != NULL; i++) {
        strcat(expected, " ");
        strcat(expected, asyncore_poller_name(i));
    }
    ck_assert_str_eq(last_message, expected);
    ck_assert_int_eq(last_type, ASYNCORE_ERROR);
    ck_assert_int_eq(messages, 1);
    messages = 0;
}

START_TEST(test_names)
{
    size_t count = 0;

    ck_assert_str_eq(asyncore_poller_name(0), "select");
    ck_assert_str_eq(asyncore_poller_name(1), "poll");
    while (asyncore_poller_name(count) != NULL)
        count++;
    ck_assert_ptr_null(asyncore_poller_name(count + 1));
    ck_assert_ptr_null(asyncore_poller_name(SIZE_MAX));
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_str_ne(asyncore_poller_name(i), asyncore_poller_name(j));
}
END_TEST

START_TEST(test_choose)
{
    struct asyncore_map *map = asyncore_map_new();

    ck_assert_ptr_null(asyncore_map_get_poller(map));
    for (size_t i = 0; asyncore_poller_name(i) != NULL; i++) {
        ck_assert_int_eq(asyncore_map_set_poller(map, asyncore_poller_name(i)), 0);
        ck_assert_str_eq(asyncore_map_get_poller(map), asyncore_poller_name(i));
        ck_assert_int_eq(asyncore_map_set_poller(map, asyncore_poller_name(i)), 0);
    }
    ck_assert_ptr_null(asyncore_map_get_poller(NULL)); /* each map has its own */
    ck_assert_int_eq(asyncore_map_free(map), 0);
}
END_TEST

START_TEST(test_unknown_name)
{
    static const char *const names[] = {"nonsense", "",           "Select",
                                        "select ",  "selectpoll", "kernel"};
    char longest[4096];

    asyncore_set_log(keep_message);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_int_eq(asyncore_map_set_poller(NULL, names[i]), -EINVAL);
        assert_names_listed(names[i]);
        ck_assert_ptr_null(asyncore_map_get_poller(NULL));
    }
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    ck_assert_int_eq(asyncore_map_set_poller(NULL, longest), -EINVAL);
    ck_assert_ptr_nonnull(strstr(last_message, asyncore_poller_name(1)));
    ck_assert_int_eq(asyncore_map_set_poller(NULL, "poll"), 0);
    ck_assert_int_eq(asyncore_map_set_poller(NULL, "nonsense"), -EINVAL);
    ck_assert_str_eq(asyncore_map_get_poller(NULL), "poll"); /* the old one stays */
}
END_TEST

START_TEST(test_environment)
{
    static struct probe a;
    const char *chosen = getenv("ASYNCORE_POLLER");
    int peer = probe_channel(&a, "A", NULL);

    ck_assert_str_eq(asyncore_map_get_poller(NULL), chosen != NULL ? chosen : "select");
    asyncore_map_set_poller(NULL, "poll");
    ck_assert_int_eq(asyncore_map_set_poller(NULL, NULL), 0); /* back to it */
    ck_assert_str_eq(asyncore_map_get_poller(NULL), chosen != NULL ? chosen : "select");
    close(peer);
    asyncore_map_free(NULL);

    setenv("ASYNCORE_POLLER", "poll", 1);
    peer = probe_channel(&a, "A", NULL);
    ck_assert_str_eq(asyncore_map_get_poller(NULL), "poll");
    setenv("ASYNCORE_POLLER", "select", 1); /* too late for this map */
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_str_eq(asyncore_map_get_poller(NULL), "poll");
    close(peer);
    asyncore_map_free(NULL);

    setenv("ASYNCORE_POLLER", "", 1); /* as good as unset */
    ck_assert_int_eq(asyncore_map_set_poller(NULL, NULL), 0);
    ck_assert_str_eq(asyncore_map_get_poller(NULL), "select");
    asyncore_map_free(NULL);

    unsetenv("ASYNCORE_POLLER");
    ck_assert_int_eq(asyncore_map_set_poller(NULL, NULL), 0);
    ck_assert_str_eq(asyncore_map_get_poller(NULL), "select");
}
END_TEST

static void nothing(struct asyncore_timer *timer)
{
    (void)timer;
}

static void call_nothing(struct asyncore_call *call)
{
    (void)call;
}

START_TEST(test_misnamed_environment)
{
    static struct probe a;
    struct asyncore_timer timer = {0};
    struct asyncore_call call = {0};
    int ends[2];

    asyncore_set_log(keep_message);
    setenv("ASYNCORE_POLLER", "eopll", 1);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0); /* nothing needs one yet */
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_int_eq(messages, 0);

    ck_assert_int_eq(asyncore_map_set_poller(NULL, NULL), -EINVAL);
    assert_names_listed("ASYNCORE_POLLER=eopll");

    tcp_pair(ends);
    ck_assert_int_eq(asyncore_init(&a.base, &probe_class, ends[0], NULL), -EINVAL);
    assert_names_listed("ASYNCORE_POLLER=eopll");
    ck_assert_int_eq(fcntl(ends[0], F_GETFD), -1); /* it is closed */
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);

    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_create_socket(&a.base, AF_INET, SOCK_STREAM), -EINVAL);
    assert_names_listed("ASYNCORE_POLLER=eopll");
    ck_assert_int_eq(asyncore_fileno(&a.base), -1);

    ck_assert_int_eq(asyncore_call_later(&timer, 0, nothing, NULL), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), -EINVAL);
    assert_names_listed("ASYNCORE_POLLER=eopll");
    asyncore_cancel(&timer);
    ck_assert_int_eq(asyncore_call_soon_threadsafe(&call, call_nothing, NULL), 0);
    ck_assert_int_eq(asyncore_poll(-1, NULL), -EINVAL);
    assert_names_listed("ASYNCORE_POLLER=eopll");

    ck_assert_int_eq(asyncore_map_set_poller(NULL, "select"), 0); /* who chooses need not care */
    ck_assert_int_eq(asyncore_set_socket(&a.base, ends[1], NULL), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, 1), 0);
    ck_assert_int_eq(messages, 0);
}
END_TEST

/* ==================================================
 * not from a handler
 */

static void assert_busy(void)
{
    const char *before = asyncore_map_get_poller(NULL);

    for (size_t i = 0; asyncore_poller_name(i) != NULL; i++)
        ck_assert_int_eq(asyncore_map_set_poller(NULL, asyncore_poller_name(i)), -EBUSY);
    ck_assert_int_eq(asyncore_map_set_poller(NULL, NULL), -EBUSY);
    ck_assert_int_eq(asyncore_map_set_poller(NULL, "nonsense"), -EBUSY);
    ck_assert_ptr_eq(asyncore_map_get_poller(NULL), before);
    add_to_trace("busy ");
}

static int busy_handler(struct probe *self)
{
    assert_busy();
    return recv_some(self);
}

static bool busy_predicate(struct probe *self)
{
    (void)self;
    assert_busy();
    return true;
}

static void busy_timer(struct asyncore_timer *timer)
{
    (void)timer;
    assert_busy();
}

static void busy_call(struct asyncore_call *call)
{
    (void)call;
    assert_busy();
}

START_TEST(test_not_in_a_handler)
{
    static struct probe a;
    struct asyncore_timer timer = {0};
    struct asyncore_call call = {0};
    const int peer = probe_channel(&a, "A", NULL);

    a.on_readable = busy_predicate;
    a.on_read = busy_handler;
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    asyncore_call_later(&timer, 0, busy_timer, NULL);
    asyncore_call_soon_threadsafe(&call, busy_call, NULL);
    poll_once(NULL);
    assert_trace("busy A.handle_read busy A.recv=1 busy busy ");
    ck_assert_int_eq(asyncore_map_set_poller(NULL, "poll"), 0);
    close(peer);
}
END_TEST

/* Another map is another matter. */
static struct asyncore_map *other_map;

static int switch_other(struct probe *self)
{
    ck_assert_int_eq(asyncore_map_set_poller(other_map, "poll"), 0);
    return recv_some(self);
}

START_TEST(test_of_another_map_in_a_handler)
{
    static struct probe a, b;
    int peers[2];

    other_map = asyncore_map_new();
    peers[0] = probe_channel(&a, "A", NULL);
    peers[1] = probe_channel(&b, "B", other_map);
    a.on_read = switch_other;
    b.on_read = recv_some;
    send_all(peers[0], "x");
    send_all(peers[1], "x");
    poll_once(NULL);
    poll_once(other_map);
    assert_trace("A.handle_read A.recv=1 B.handle_read B.recv=1 ");
    close(peers[0]);
    close(peers[1]);
    asyncore_map_free(other_map);
}
END_TEST

START_TEST(test_no_descriptor_for_it)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    struct rlimit limit;
    int rc;

    ck_assert_int_eq(asyncore_map_set_poller(NULL, "poll"), 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 3;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    rc = asyncore_map_set_poller(NULL, "epoll");
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_lt(rc, 0); /* -EINVAL where there is no epoll */
    ck_assert_str_eq(asyncore_map_get_poller(NULL), "poll");
    a.on_read = recv_some;
    send_all(peer, "x");
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=1 ");
    close(peer);
}
END_TEST

/* ==================================================
 * no data lost behind a hang-up
 */

enum { PIECE = 8192 };

struct sink {
    struct asyncore_dispatcher base;
    size_t got, reads;
    bool ordered, wants_write;
};

static bool sink_writable(struct asyncore_dispatcher *self)
{
    return ((struct sink *)self)->wants_write;
}

static unsigned char pattern(size_t offset)
{
    return (unsigned char)(offset * 7 + offset / 251);
}

static int sink_handle_read(struct asyncore_dispatcher *self)
{
    struct sink *sink = (struct sink *)self;
    unsigned char buffer[PIECE];
    const ssize_t n = asyncore_recv(self, buffer, sizeof buffer);

    sink->reads++;
    for (ssize_t i = 0; i < n; i++)
        sink->ordered = sink->ordered && buffer[i] == pattern(sink->got++);
    return n < 0 ? (int)n : 0;
}

static int sink_handle_write(struct asyncore_dispatcher *self)
{
    (void)self;
    return 0;
}

/* file_dispatcher reads sockets as well. */
static const struct asyncore_class sink_class = {
    .name = "sink",
    .super = &asyncore_file_dispatcher_class,
    .writable = sink_writable,
    .handle_read = sink_handle_read,
    .handle_write = sink_handle_write,
};

struct source {
    int fd;
    size_t size;
};

static void *pour(void *arg)
{
    const struct source *source = arg;
    unsigned char *data = malloc(source->size + 1); /* there may be none */

    ck_assert_ptr_nonnull(data);
    for (size_t i = 0; i < source->size; i++)
        data[i] = pattern(i);
    for (size_t sent = 0; sent < source->size;) {
        const ssize_t n = write(source->fd, data + sent, source->size - sent);

        ck_assert_int_gt(n, 0);
        sent += (size_t)n;
    }
    close(source->fd);
    free(data);
    return NULL;
}

static void open_kind(int kind, int ends[2])
{
    if (kind == 0)
        tcp_pair(ends);
    else if (kind == 1)
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    else
        ck_assert_int_eq(pipe(ends), 0);
}

static void receive_all(int kind, size_t size, bool at_once, bool wants_write)
{
    static struct sink sink;
    struct source source = {.size = size};
    pthread_t thread;
    int ends[2];

    open_kind(kind, ends);
    source.fd = ends[1];
    ck_assert_int_eq(asyncore_init(&sink.base, &sink_class, -1, NULL), 0);
    ck_assert_int_eq(asyncore_set_socket(&sink.base, ends[0], NULL), 0);
    sink.got = sink.reads = 0;
    sink.ordered = true;
    sink.wants_write = wants_write;
    if (at_once)
        pour(&source); /* it fits, and the end is there with the data */
    else
        ck_assert_int_eq(pthread_create(&thread, NULL, pour, &source), 0);
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    if (!at_once)
        pthread_join(thread, NULL);
    ck_assert_uint_eq(sink.got, size);
    ck_assert(sink.ordered);
    ck_assert_uint_le(sink.reads, size + 1);
}

/* As a sandbox does that wants no more files to be opened. */
START_TEST(test_limit_lowered)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    struct rlimit limit;

    a.on_read = recv_some;
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, limit.rlim_max}), 0);
    send_all(peer, "x");
    for (int i = 0; i < 3 && trace[0] == '\0'; i++)
        ck_assert_int_eq(asyncore_poll(0.1, NULL), 0);
    assert_trace("A.handle_read A.recv=1 ");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    close(peer);
}
END_TEST

START_TEST(test_no_data_lost)
{
    for (int wants_write = 0; wants_write < 2; wants_write++) {
        receive_all(_i, 0, true, wants_write != 0);
        receive_all(_i, 1, true, wants_write != 0);
        receive_all(_i, 6 * PIECE - 1, true, wants_write != 0);
        receive_all(_i, 200 * 1024, false, wants_write != 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("poller");
    TCase *tcase = add_case(suite, "poller");

    tcase_add_test(tcase, test_names);
    tcase_add_test(tcase, test_choose);
    tcase_add_test(tcase, test_unknown_name);
    tcase_add_test(tcase, test_environment);
    tcase_add_test(tcase, test_misnamed_environment);
    tcase_add_test(tcase, test_not_in_a_handler);
    tcase_add_test(tcase, test_of_another_map_in_a_handler);
    tcase_add_test(tcase, test_no_descriptor_for_it);
    tcase_add_test(tcase, test_limit_lowered);
    tcase_add_loop_test(tcase, test_no_data_lost, 0, 3);
    return run_suite(suite);
}
