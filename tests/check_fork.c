/*
 * check_fork.c - a child has the map of its parent: it may drop it or go on with it, and the parent
 * notices nothing.
 */
#define _GNU_SOURCE /* pipe2 */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ==================================================
 * the child: what fails there ends it with another status than 0
 */

#define CHILD_ASSERT(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "child: %s:%d: %s; trace: \"%s\"\n", __FILE__, __LINE__, #condition,   \
                    trace);                                                                        \
            _exit(EXIT_FAILURE);                                                                   \
        }                                                                                          \
    } while (0)

/* Parent and child take turns; each end of the pipes is open in both, but used by one. */
static int to_child[2], to_parent[2];

static void open_turns(void)
{
    ck_assert_int_eq(pipe2(to_child, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(to_parent, O_CLOEXEC), 0);
}

static void close_turns(void)
{
    for (int i = 0; i < 2; i++) {
        close(to_child[i]);
        close(to_parent[i]);
    }
}

static void tell(const int pipe[2])
{
    if (write(pipe[1], "x", 1) != 1)
        abort();
}

static void await(const int pipe[2])
{
    struct pollfd pollfd = {.fd = pipe[0], .events = POLLIN};
    char byte;

    if (poll(&pollfd, 1, 15000) != 1 || read(pipe[0], &byte, 1) != 1)
        abort();
}

static pid_t begin_child(void)
{
    const pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        signal(SIGALRM, SIG_DFL); /* Check's own would kill the parent */
        alarm(15);
    }
    return child;
}

static void assert_child_well(pid_t child)
{
    int status;

    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "the child ended with status %#x", (unsigned)status);
}

static void settle(struct asyncore_map *map)
{
    asyncore_wakeup(map);
    ck_assert_int_eq(asyncore_poll(-1, map), 0);
}

/* ==================================================
 * a map with all sorts of dispatchers, and what it does when nothing is wrong
 */

static struct asyncore_map *map;
static struct probe a, b, l, file;
static int peers[2];
static struct sockaddr_in addr;

static void open_map(void)
{
    map = asyncore_map_new();
    peers[0] = probe_channel(&a, "A", map);
    peers[1] = probe_channel(&b, "B", map);
    a.on_read = b.on_read = recv_some;
    probe_listen(&l, "L", map, &addr);
    probe_init(&file, "F", map);
    ck_assert_int_eq(asyncore_set_socket(&file.base, open("/dev/null", O_RDWR), NULL), 0);
    file.wants_read = false;
    settle(map);
    open_turns();
}

static void close_map(void)
{
    close_turns();
    ck_assert_int_eq(asyncore_map_free(map), 0);
    close(peers[0]);
    close(peers[1]);
}

static bool works(struct asyncore_map *of)
{
    int client;

    trace[0] = '\0';
    if (send(peers[0], "x", 1, MSG_NOSIGNAL) != 1 || send(peers[1], "x", 1, MSG_NOSIGNAL) != 1)
        return false;
    client = tcp_connect(&addr);
    wait_readable(asyncore_fileno(&a.base));
    wait_readable(asyncore_fileno(&b.base));
    wait_readable(asyncore_fileno(&l.base));
    file.wants_read = true;
    if (asyncore_poll(15, of) != 0)
        return false;
    file.wants_read = false;
    close(client);
    close(l.fd);
    if (strcmp(trace, "A.handle_read A.recv=1 B.handle_read B.recv=1 "
                      "L.handle_accept L.handle_accepted F.handle_read ") != 0)
        return false;
    trace[0] = '\0';
    asyncore_wakeup(of);
    return asyncore_poll(-1, of) == 0 && trace[0] == '\0';
}

/* ---- what the child may do with it ---- */

static void do_nothing(void)
{
}

static void close_everything(void)
{
    CHILD_ASSERT(asyncore_close_all(map, false) == 0);
    CHILD_ASSERT(asyncore_map_count(map) == 0);
    CHILD_ASSERT(asyncore_poll(0, map) == 0);
}

static void free_it(void)
{
    CHILD_ASSERT(asyncore_map_free(map) == 0);
}

static void close_one(void)
{
    asyncore_close(&a.base);
    asyncore_del_channel(&b.base);
}

static void go_on_with_it(void)
{
    CHILD_ASSERT(works(map));
    CHILD_ASSERT(works(map));
}

static void go_on_and_free_it(void)
{
    CHILD_ASSERT(works(map));
    CHILD_ASSERT(asyncore_map_free(map) == 0);
}

static void change_interests(void)
{
    a.wants_write = true;
    b.wants_read = false;
    CHILD_ASSERT(asyncore_poll(0, map) == 0);
    CHILD_ASSERT(strcmp(trace, "A.handle_write ") == 0);
}

static void change_poller(void)
{
    for (size_t i = 0; asyncore_poller_name(i) != NULL; i++) {
        CHILD_ASSERT(asyncore_map_set_poller(map, asyncore_poller_name(i)) == 0);
        CHILD_ASSERT(works(map));
    }
}

static void add_others(void)
{
    static struct probe c;
    const int peer = probe_channel(&c, "C", map);

    c.on_read = recv_some;
    send_all(peer, "x");
    CHILD_ASSERT(asyncore_poll(15, map) == 0);
    CHILD_ASSERT(strcmp(trace, "C.handle_read C.recv=1 ") == 0);
}

static void use_numbers_anew(void)
{
    int ends[2];

    close_everything();
    for (int i = 0; i < 20; i++)
        CHILD_ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    CHILD_ASSERT(asyncore_map_free(map) == 0);
    CHILD_ASSERT(fcntl(ends[0], F_GETFD) >= 0);
}

static void (*const deeds[])(void) = {
    do_nothing,        close_everything, free_it,       close_one,  go_on_with_it,
    go_on_and_free_it, change_interests, change_poller, add_others, use_numbers_anew,
};

enum { DEEDS = sizeof deeds / sizeof deeds[0] };

/* The child does it, and lives on; then it ends, and takes its copies with it. */
START_TEST(test_parent_goes_on)
{
    pid_t child;

    open_map();
    ck_assert(works(map));
    child = begin_child();
    if (child == 0) {
        CHILD_ASSERT(asyncore_check(map) == 0);
        deeds[_i]();
        tell(to_parent);
        await(to_child);
        _exit(EXIT_SUCCESS);
    }
    await(to_parent);
    for (int i = 0; i < 3; i++)
        ck_assert(works(map));
    tell(to_child);
    assert_child_well(child);
    for (int i = 0; i < 3; i++)
        ck_assert(works(map));
    close_map();
}
END_TEST

/* The parent closes, while the child holds copies: nothing is left in the parent's poller. */
START_TEST(test_parent_closes)
{
    pid_t child;
    double start;

    open_map();
    child = begin_child();
    if (child == 0) {
        tell(to_parent);
        await(to_child);
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        _exit(EXIT_SUCCESS);
    }
    await(to_parent);
    asyncore_close(&a.base);
    send_all(peers[0], "x"); /* the child's copy is readable */
    start = now();
    while (now() - start < 0.1)
        ck_assert_int_eq(asyncore_poll(0.1, map), 0);
    assert_trace("");
    tell(to_child);
    assert_child_well(child);
    close_map();
}
END_TEST

/* Each goes on with its own; grandchildren, too. */
START_TEST(test_generations)
{
    pid_t child;

    open_map();
    child = begin_child();
    if (child == 0) {
        pid_t grandchild;

        CHILD_ASSERT(works(map));
        grandchild = fork();
        if (grandchild == 0) {
            CHILD_ASSERT(works(map));
            CHILD_ASSERT(asyncore_map_free(map) == 0);
            _exit(EXIT_SUCCESS);
        } else {
            int status;

            CHILD_ASSERT(waitpid(grandchild, &status, 0) == grandchild && status == 0);
        }
        CHILD_ASSERT(works(map));
        CHILD_ASSERT(asyncore_close_all(map, false) == 0);
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        _exit(EXIT_SUCCESS);
    }
    assert_child_well(child);
    ck_assert(works(map));
    close_map();
}
END_TEST

/* Before there is a poller, and before there is anything. */
START_TEST(test_before_the_first_pass)
{
    pid_t child;
    int peer;

    map = asyncore_map_new();
    child = begin_child();
    if (child == 0) {
        peer = probe_channel(&a, "A", map);
        send_all(peer, "x");
        CHILD_ASSERT(asyncore_poll(15, map) == 0);
        CHILD_ASSERT(strcmp(trace, "A.handle_read ") == 0);
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        _exit(EXIT_SUCCESS);
    }
    assert_child_well(child);
    peer = probe_channel(&a, "A", map);
    child = begin_child();
    if (child == 0) {
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        _exit(EXIT_SUCCESS);
    }
    assert_child_well(child);
    send_all(peer, "x");
    poll_once(map);
    assert_trace("A.handle_read ");
    close(peer);
    ck_assert_int_eq(asyncore_map_free(map), 0);
}
END_TEST

/* ==================================================
 * one listener for both
 */

enum { CLIENTS = 50 };

static int answer(struct probe *self, int fd, const struct sockaddr *from, socklen_t size)
{
    (void)self;
    (void)from;
    (void)size;
    send(fd, getpid() == getppid() ? "?" : "!", 1, MSG_NOSIGNAL);
    close(fd);
    return 0;
}

START_TEST(test_one_listener)
{
    pid_t children[2];
    int clients[CLIENTS];

    map = asyncore_map_new();
    probe_listen(&l, "L", map, &addr);
    l.on_accepted = answer;
    settle(map);
    open_turns();
    for (int i = 0; i < 2; i++) {
        children[i] = begin_child();
        if (children[i] == 0) {
            for (;;) { /* until it is told */
                struct pollfd told = {.fd = to_child[0], .events = POLLIN};

                CHILD_ASSERT(asyncore_poll(0.01, map) == 0);
                if (poll(&told, 1, 0) == 1)
                    break;
            }
            CHILD_ASSERT(asyncore_map_free(map) == 0);
            _exit(EXIT_SUCCESS);
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        char byte;

        clients[i] = tcp_connect(&addr);
        ck_assert_int_eq(asyncore_poll(0, map), 0);
        if (i % 10 == 9)
            for (int j = i - 9; j <= i; j++) {
                struct pollfd come = {.fd = clients[j], .events = POLLIN};

                while (poll(&come, 1, 0) == 0) /* nobody else may be there to take it */
                    ck_assert_int_eq(asyncore_poll(0.01, map), 0);
                ck_assert_int_eq(recv_to_end(clients[j], &byte, 1), 1);
                close(clients[j]);
            }
    }
    tell(to_child);
    tell(to_child);
    for (int i = 0; i < 2; i++)
        assert_child_well(children[i]);
    trace[0] = '\0';
    clients[0] = tcp_connect(&addr); /* the parent still listens */
    poll_once(map);
    assert_trace("L.handle_accept L.handle_accepted ");
    close(clients[0]);
    close_turns();
    ck_assert_int_eq(asyncore_map_free(map), 0);
}
END_TEST

/* ==================================================
 * inside a handler
 */

static pid_t forked;
static int (*in_child)(struct probe *self);

static int fork_in_handler(struct probe *self)
{
    recv_some(self);
    forked = begin_child();
    if (forked == 0) {
        return in_child(self);
    }
    return 0;
}

static int leave_now(struct probe *self)
{
    (void)self;
    CHILD_ASSERT(asyncore_map_free(map) == -EBUSY);
    CHILD_ASSERT(asyncore_close_all(map, false) == 0);
    return asyncore_ExitNow;
}

static int close_both(struct probe *self)
{
    (void)self;
    asyncore_close(&a.base);
    asyncore_close(&b.base);
    return 0;
}

static int stay(struct probe *self)
{
    (void)self;
    return 0;
}

static int (*const ways[])(struct probe *) = {leave_now, close_both, stay};

START_TEST(test_in_a_handler)
{
    open_map();
    a.on_read = fork_in_handler;
    in_child = ways[_i];
    forked = -1;
    send_all(peers[0], "x");
    send_all(peers[1], "x");
    wait_readable(asyncore_fileno(&a.base));
    wait_readable(asyncore_fileno(&b.base));
    if (asyncore_poll(15, map) != 0)
        CHILD_ASSERT(forked == 0 && in_child == leave_now);
    if (forked == 0) {
        a.on_read = recv_some;
        await(to_child); /* until the parent's pass, too, is over: it may read what comes to B */
        CHILD_ASSERT(in_child != stay || works(map));
        CHILD_ASSERT(in_child == stay || asyncore_poll(0, map) == 0);
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        _exit(EXIT_SUCCESS);
    }
    tell(to_child);
    assert_child_well(forked);
    a.on_read = recv_some;
    if (_i != 2) { /* else the two shared what came to B */
        ck_assert_ptr_nonnull(strstr(trace, "A.handle_read A.recv=1 B.handle_read B.recv=1 "));
    }
    ck_assert(works(map));
    close_map();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fork");
    TCase *tcase = add_case(suite, "fork");

    tcase_add_loop_test(tcase, test_parent_goes_on, 0, DEEDS);
    tcase_add_test(tcase, test_parent_closes);
    tcase_add_test(tcase, test_generations);
    tcase_add_test(tcase, test_before_the_first_pass);
    tcase_add_test(tcase, test_one_listener);
    tcase_add_loop_test(tcase, test_in_a_handler, 0, 3);
    return run_suite(suite);
}
