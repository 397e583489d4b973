/* check_poller_calls.c - what the pollers cost in system calls, and the order of those ready. */
#include "interpose.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#ifdef ASYNCORE__HAVE_EPOLL
#include <sys/epoll.h>
#endif

static bool is_epoll(void)
{
    return strcmp(asyncore_map_get_poller(NULL), "epoll") == 0;
}

/* ==================================================
 * many channels with numbers
 */

struct numbered {
    struct asyncore_dispatcher base;
    int number, peer;
};

enum { MOST = 2000 };
static struct numbered many[MOST];
static int served[2 * MOST], served_count; /* numbers; those who write plus MOST */

static int numbered_handle_read(struct asyncore_dispatcher *self)
{
    char buffer[16];

    served[served_count++] = ((struct numbered *)self)->number;
    return (int)asyncore_recv(self, buffer, sizeof buffer);
}

static int numbered_handle_write(struct asyncore_dispatcher *self)
{
    served[served_count++] = ((struct numbered *)self)->number + MOST;
    return 0;
}

static const struct asyncore_class numbered_class = {
    .super = &quiet_class,
    .handle_read = numbered_handle_read,
};

static const struct asyncore_class busy_class = {
    .super = &numbered_class,
    .writable = asyncore_always,
    .handle_write = numbered_handle_write,
};

static uint32_t seed = 1;

static int below(int limit)
{
    seed = seed * 1664525 + 1013904223;
    return (int)((seed >> 8) % (uint32_t)limit);
}

static void shuffle(int *numbers, int count)
{
    for (int i = 0; i < count; i++)
        numbers[i] = i;
    for (int i = count - 1; i > 0; i--) {
        const int j = below(i + 1), number = numbers[i];

        numbers[i] = numbers[j];
        numbers[j] = number;
    }
}

/* In the map in the order of their numbers, which is not that of their descriptors. */
static void open_many(int count, const struct asyncore_class *cls)
{
    static int ends[MOST][2], places[MOST];
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < 2 * MOST + 100) {
        fprintf(stderr, "skipped: the hard limit of descriptors is too low\n");
        exit(EXIT_SUCCESS);
    }
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    shuffle(places, count);
    for (int i = 0; i < count; i++)
        ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends[i]), 0);
    for (int i = 0; i < count; i++) {
        many[i].number = i;
        many[i].peer = ends[places[i]][1];
        ck_assert_int_eq(asyncore_init(&many[i].base, cls, ends[places[i]][0], NULL), 0);
    }
    if (strcmp(asyncore_map_get_poller(NULL), "select") == 0 && 2 * count > FD_SETSIZE)
        skip_if_emulated("has sets of FD_SETSIZE");
}

static void close_peers(int count)
{
    for (int i = 0; i < count; i++)
        close(many[i].peer);
}

START_TEST(test_quiet_pass_is_one_call)
{
    open_many(MOST, &numbered_class);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0); /* here they are told of */
    for (int i = 0; i < 10; i++) {
        forget_calls();
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
        ck_assert_int_eq(calls.waits, 1);
        ck_assert_int_eq(calls.controls, 0);
        ck_assert_int_eq(calls.fcntls, 0);
    }
    for (int i = 0; i < 10; i++) {
        send_all(many[below(MOST)].peer, "x");
        if (i == 1)
            forget_calls(); /* the first also opened what wakes the loop */
        poll_once(NULL);
    }
    ck_assert_int_eq(served_count, 10);
    ck_assert_int_eq(calls.waits, 9);
    ck_assert_int_eq(calls.controls, 0);
    ck_assert_int_eq(calls.fcntls, 0);
    close_peers(MOST);
}
END_TEST

/* Now all of them are closed: the removals are the only calls, and come before the close(), after
 * which they would be refused. */
START_TEST(test_close_costs_one_call)
{
    open_many(100, &numbered_class);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    forget_calls();
    for (int i = 0; i < 100; i++)
        asyncore_close(&many[i].base);
    ck_assert_int_eq(calls.waits, 0);
    ck_assert_int_eq(calls.controls, is_epoll() ? 100 : 0);
    ck_assert_int_eq(calls.controls_refused, 0);
    close_peers(100);
}
END_TEST

/* ==================================================
 * interest
 */

static int echo(struct probe *self)
{
    char buffer[64];
    const ssize_t n = asyncore_recv(&self->base, buffer, sizeof buffer);

    return n > 0 ? (int)asyncore_send(&self->base, buffer, (size_t)n) : (int)n;
}

START_TEST(test_echoes_change_nothing)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = echo;
    for (int i = 0; i <= 1000; i++) {
        char answer[2];

        if (i == 1)
            forget_calls();
        send_all(peer, "xy");
        poll_once(NULL);
        ck_assert_int_eq(recv_to_end(peer, answer, sizeof answer), 2);
    }
    ck_assert_int_eq(calls.waits, 1000);
    ck_assert_int_eq(calls.controls, 0);
    close(peer);
}
END_TEST

START_TEST(test_changes_cost_one_call_a_pass)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    for (int i = 0; i < 40; i++) {
        const bool before = a.wants_write;

        forget_calls();
        for (int j = 0; j <= i % 4; j++)
            a.wants_write = !a.wants_write;
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
        ck_assert_int_eq(calls.controls, is_epoll() && a.wants_write != before ? 1 : 0);
        ck_assert_int_eq(calls.waits, 1);
    }
    forget_calls();
    asyncore_del_channel(&a.base);
    asyncore_add_channel(&a.base, NULL);
    asyncore_del_channel(&a.base);
    asyncore_add_channel(&a.base, NULL);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(calls.controls, is_epoll() ? 2 : 0); /* once out, once in */
    close(peer);
}
END_TEST

/* dispatcher_with_send: its writable is known, and may change any number of times in a pass. */
static struct asyncore_dispatcher_with_send sender;

START_TEST(test_buffered_output)
{
    static char big[1 << 22];
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    ck_assert_int_eq(asyncore_dispatcher_with_send_init(
                         &sender, &asyncore_dispatcher_with_send_class, ends[0], NULL, 0, NULL),
                     0);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    forget_calls();
    for (int i = 0; i < 100; i++) { /* taken at once each time */
        ck_assert_int_eq(asyncore_send(&sender.base, "x", 1), 1);
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    }
    ck_assert_int_eq(calls.controls, 0);
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(asyncore_send(&sender.base, big, sizeof big / 5), sizeof big / 5);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(calls.controls, is_epoll() ? 1 : 0); /* now it waits to write */
    while (asyncore_out_buffer(&sender) > 0) {
        ck_assert_int_gt(recv(ends[1], big, sizeof big, MSG_DONTWAIT), 0);
        poll_once(NULL);
    }
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_le(calls.controls, is_epoll() ? 3 : 0); /* once to end it; the wake-up */
    close(ends[1]);
}
END_TEST

static struct probe accepted;

static int greet_and_close(struct probe *self, int fd, const struct sockaddr *addr,
                           socklen_t addrlen)
{
    probe_init(&accepted, "B", NULL);
    ck_assert_int_eq(asyncore_init_accepted(&accepted.base, &probe_class, fd, addr, addrlen,
                                            asyncore_get_map(&self->base)),
                     0);
    ck_assert_int_eq(asyncore_send(&accepted.base, "hello", 5), 5);
    return asyncore_close(&accepted.base);
}

START_TEST(test_opened_and_closed_within_a_pass)
{
    static struct probe l;
    struct sockaddr_in addr;
    char answer[8];

    probe_listen(&l, "L", NULL, &addr);
    l.on_accepted = greet_and_close;
    for (int i = 0; i <= 100; i++) {
        const int client = tcp_connect(&addr);

        if (i == 1)
            forget_calls();
        poll_once(NULL);
        ck_assert_int_eq(recv_to_end(client, answer, sizeof answer), 5);
        close(client);
    }
    ck_assert_int_eq(calls.controls, 0);
    ck_assert_int_eq(calls.waits, 100);
    for (int i = 0; i < 10; i++) { /* nor one that is gone before the next pass */
        static struct probe b;

        close(probe_channel(&b, "B", NULL));
        asyncore_close(&b.base);
    }
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(calls.controls, 0);
}
END_TEST

/* ==================================================
 * what the kernel makes of it
 */

#ifdef ASYNCORE__HAVE_EPOLL
/* What epoll sets of this process watch the descriptor for; 0 if none does. */
static unsigned kernel_events(int fd)
{
    unsigned events = 0;
    char line[256];

    for (int set = 0; set < 100; set++) {
        FILE *file;

        snprintf(line, sizeof line, "/proc/self/fdinfo/%d", set);
        file = fopen(line, "r");
        while (file != NULL && fgets(line, sizeof line, file) != NULL) {
            unsigned found;
            int target;

            if (sscanf(line, "tfd: %d events: %x", &target, &found) == 2 && target == fd)
                events = found & (EPOLLIN | EPOLLOUT | EPOLLPRI); /* the rest goes without saying */
        }
        if (file != NULL)
            fclose(file);
    }
    return events;
}

static void assert_kernel_watches(const struct probe *probe)
{
    unsigned expected = 0;

    if (probe->wants_read)
        expected |= EPOLLIN | EPOLLPRI;
    if (probe->wants_write)
        expected |= EPOLLOUT | EPOLLPRI;
    ck_assert_uint_eq(kernel_events(asyncore_fileno(&probe->base)), expected);
}

/* asyncore_check() sees no more than what the library believes to be in there. */
START_TEST(test_the_kernels_set)
{
    enum { COUNT = 4 };
    static struct probe probes[COUNT];
    int peers[COUNT];

    for (int i = 0; i < COUNT; i++)
        peers[i] = probe_channel(&probes[i], "P", NULL);
    for (unsigned change = 0; change < 1 << (2 * COUNT); change += 3) {
        for (unsigned i = 0; i < COUNT; i++) {
            probes[i].wants_read = (change >> (2 * i) & 1) != 0;
            probes[i].wants_write = (change >> (2 * i) & 2) != 0;
        }
        if (change % 8 == 0) { /* it comes back with a number that was closed */
            asyncore_close(&probes[0].base);
            close(peers[0]);
            peers[0] = probe_channel(&probes[0], "P", NULL);
        }
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
        for (int i = 0; i < COUNT && is_epoll(); i++)
            assert_kernel_watches(&probes[i]);
    }
    for (int i = 0; i < COUNT; i++)
        close(peers[i]);
}
END_TEST
#endif

/* ==================================================
 * order
 */

START_TEST(test_order_of_insertion)
{
    enum { COUNT = 300 };
    static int order[COUNT];

    open_many(COUNT, &numbered_class);
    for (int round = 0; round < 30; round++) {
        static bool ready[COUNT];
        const int count = 1 + below(COUNT);
        int last = -1;

        memset(ready, 0, sizeof ready);
        shuffle(order, COUNT);
        for (int i = 0; i < count; i++) {
            ready[order[i]] = true;
            send_all(many[order[i]].peer, "x");
        }
        served_count = 0;
        poll_once(NULL);
        ck_assert_int_eq(served_count, count);
        for (int i = 0; i < count; i++) {
            ck_assert_int_gt(served[i], last);
            ck_assert(ready[served[i]]);
            last = served[i];
        }
    }
    close_peers(COUNT);
}
END_TEST

/* More than any poller reports at a time, if it has a limit; all reads, then all writes. */
START_TEST(test_many_ready)
{
    enum { COUNT = 1500 };
    static int order[COUNT];

    open_many(COUNT, &busy_class);
    shuffle(order, COUNT);
    for (int i = 0; i < COUNT; i++)
        send_all(many[order[i]].peer, "x");
    poll_once(NULL);
    ck_assert_int_eq(served_count, 2 * COUNT);
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(served[i], i);
        ck_assert_int_eq(served[COUNT + i], MOST + i);
    }
    served_count = 0;
    close_peers(COUNT); /* all at once, too */
    poll_once(NULL);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("poller_calls");
    TCase *tcase = add_case(suite, "poller_calls");

    tcase_add_test(tcase, test_quiet_pass_is_one_call);
    tcase_add_test(tcase, test_close_costs_one_call);
    tcase_add_test(tcase, test_echoes_change_nothing);
    tcase_add_test(tcase, test_changes_cost_one_call_a_pass);
    tcase_add_test(tcase, test_buffered_output);
    tcase_add_test(tcase, test_opened_and_closed_within_a_pass);
#ifdef ASYNCORE__HAVE_EPOLL
    tcase_add_test(tcase, test_the_kernels_set);
#endif
    tcase_add_test(tcase, test_order_of_insertion);
    tcase_add_test(tcase, test_many_ready);
    return run_suite(suite);
}
