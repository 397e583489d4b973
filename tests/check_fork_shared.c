/*
 * check_fork_shared.c - what a child shares with its parent and must not touch: what wakes the
 * loop, signals, and the flags of open files.
 */
#define _GNU_SOURCE /* pipe2 */
#include "support.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
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

#define CHILD_ASSERT(condition)                                                                    \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "child: %s:%d: %s; trace: \"%s\"\n", __FILE__, __LINE__, #condition,   \
                    trace);                                                                        \
            _exit(EXIT_FAILURE);                                                                   \
        }                                                                                          \
    } while (0)

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

static struct asyncore_map *map;
static struct probe a;
static int peer;

static void open_map(void)
{
    map = asyncore_map_new();
    peer = probe_channel(&a, "A", map);
    a.on_read = recv_some;
    asyncore_wakeup(map);
    ck_assert_int_eq(asyncore_poll(-1, map), 0);
}

static void close_map(void)
{
    ck_assert_int_eq(asyncore_map_free(map), 0);
    close(peer);
}

/* A whole pass, as long as it should be, in which nobody is called. */
static bool sleeps(double seconds)
{
    const double start = now();

    return asyncore_poll(seconds, map) == 0 && now() - start >= seconds && trace[0] == '\0';
}

/* ==================================================
 * the child's own wake-ups and signals
 */

static void called(struct asyncore_call *call)
{
    (void)call;
    add_to_trace("call ");
}

static void signalled(struct asyncore_signal_handler *handler)
{
    (void)handler;
    add_to_trace("signal ");
}

static void child_wakes(void)
{
    asyncore_wakeup(map);
    CHILD_ASSERT(asyncore_poll(-1, map) == 0);
}

static void child_stops(void)
{
    asyncore_stop(map);
    CHILD_ASSERT(asyncore_loop(-1, map, -1) == 0);
}

static void child_queues(void)
{
    static struct asyncore_call call;

    CHILD_ASSERT(asyncore_call_soon_threadsafe(&call, called, map) == 0);
    CHILD_ASSERT(asyncore_poll(-1, map) == 0);
    CHILD_ASSERT(strcmp(trace, "call ") == 0);
}

static void child_signals_itself(void)
{
    raise(SIGUSR1);
    CHILD_ASSERT(asyncore_poll(-1, map) == 0);
    CHILD_ASSERT(strcmp(trace, "signal ") == 0);
}

static void (*const deeds[])(void) = {child_wakes, child_stops, child_queues, child_signals_itself};

/* After its first pass the child has all of its own. */
START_TEST(test_child_after_a_pass)
{
    struct asyncore_signal_handler handler = {0};
    pid_t child;

    open_map();
    ck_assert_int_eq(asyncore_add_signal_handler(&handler, SIGUSR1, signalled, map), 0);
    child = begin_child();
    if (child == 0) {
        CHILD_ASSERT(asyncore_poll(0, map) == 0);
        deeds[_i]();
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        _exit(EXIT_SUCCESS);
    }
    assert_child_well(child);
    ck_assert(sleeps(0.1));
    raise(SIGUSR1);
    ck_assert_int_eq(asyncore_poll(-1, map), 0);
    assert_trace("signal ");
    close_map();
}
END_TEST

/* What was rung before the fork wakes both. */
START_TEST(test_rung_before)
{
    struct asyncore_call call = {0};
    struct asyncore_signal_handler handler = {0};
    pid_t child;

    open_map();
    ck_assert_int_eq(asyncore_add_signal_handler(&handler, SIGUSR1, signalled, map), 0);
    ck_assert_int_eq(asyncore_call_soon_threadsafe(&call, called, map), 0);
    raise(SIGUSR1);
    child = begin_child();
    if (child == 0) {
        CHILD_ASSERT(asyncore_poll(-1, map) == 0);
        CHILD_ASSERT(strcmp(trace, "signal call ") == 0);
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        _exit(EXIT_SUCCESS);
    }
    assert_child_well(child);
    ck_assert_int_eq(asyncore_poll(-1, map), 0);
    assert_trace("signal call ");
    ck_assert(sleeps(0.05));
    close_map();
}
END_TEST

/* Dispositions: the child restores its own. */
START_TEST(test_dispositions)
{
    struct asyncore_signal_handler handler = {0};
    struct sigaction before;
    pid_t child;

    open_map();
    ck_assert_int_eq(asyncore_add_signal_handler(&handler, SIGUSR1, signalled, map), 0);
    child = begin_child();
    if (child == 0) {
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        CHILD_ASSERT(sigaction(SIGUSR1, NULL, &before) == 0 && before.sa_handler == SIG_DFL);
        _exit(EXIT_SUCCESS);
    }
    assert_child_well(child);
    raise(SIGUSR1); /* the parent's is as it was */
    ck_assert_int_eq(asyncore_poll(-1, map), 0);
    assert_trace("signal ");
    close_map();
}
END_TEST

/* Before it: the parent, which shares what wakes with the child, sleeps on. */
START_TEST(test_child_before_a_pass)
{
    struct asyncore_signal_handler handler = {0};
    pid_t child;

    open_map();
    ck_assert_int_eq(asyncore_add_signal_handler(&handler, SIGUSR1, signalled, map), 0);
    child = begin_child();
    if (child == 0) {
        deeds[_i]();
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        _exit(EXIT_SUCCESS);
    }
    assert_child_well(child);
    ck_assert(sleeps(0.1));
    close_map();
}
END_TEST

/* The parent is woken, and the child, which has chosen another poller, is not. */
START_TEST(test_child_with_another_poller)
{
    const char *name;
    pid_t child;
    int turn[2];

    open_map();
    ck_assert_int_eq(pipe2(turn, O_CLOEXEC), 0);
    name = asyncore_poller_name(strcmp(asyncore_map_get_poller(map), "select") == 0 ? 1 : 0);
    child = begin_child();
    if (child == 0) {
        char byte;

        CHILD_ASSERT(asyncore_map_set_poller(map, name) == 0);
        CHILD_ASSERT(read(turn[0], &byte, 1) == 1); /* now the parent has been woken */
        CHILD_ASSERT(sleeps(0.1));
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        _exit(EXIT_SUCCESS);
    }
    asyncore_wakeup(map);
    ck_assert_int_eq(write(turn[1], "x", 1), 1);
    assert_child_well(child);
    ck_assert(!sleeps(2)); /* it has not been taken away */
    close(turn[0]);
    close(turn[1]);
    close_map();
}
END_TEST

/* ==================================================
 * fork() in a handler, in a pass in which the loop was woken too
 */

static pid_t forked;
static int turns[2];

static int fork_in_handler(struct probe *self)
{
    char byte;

    recv_some(self);
    forked = begin_child();
    if (forked == 0) /* the child's pass goes on when the parent's next one has been rung for */
        CHILD_ASSERT(read(turns[0], &byte, 1) == 1);
    return 0;
}

START_TEST(test_in_a_handler_of_a_pass_that_was_woken)
{
    open_map();
    ck_assert_int_eq(pipe2(turns, O_CLOEXEC), 0);
    a.on_read = fork_in_handler;
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    asyncore_wakeup(map);
    ck_assert_int_eq(asyncore_poll(-1, map), 0);
    if (forked == 0) {
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        _exit(EXIT_SUCCESS);
    }
    assert_trace("A.handle_read A.recv=1 ");
    asyncore_wakeup(map);
    ck_assert_int_eq(write(turns[1], "x", 1), 1);
    assert_child_well(forked);
    ck_assert(!sleeps(2));
    close(turns[0]);
    close(turns[1]);
    close_map();
}
END_TEST

static struct probe b;

static bool fork_in_predicate(struct probe *self)
{
    self->on_readable = NULL;
    forked = begin_child();
    if (forked == 0) {
        int ends[2];
        const int number = asyncore_fileno(&b.base);

        asyncore_close(&b.base);
        if (self->fd == 1) { /* the number is used again, and ready */
            CHILD_ASSERT(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
            CHILD_ASSERT(write(ends[1], "x", 1) == 1);
            CHILD_ASSERT(ends[0] == number || dup2(ends[0], number) == number);
        }
    }
    return true;
}

/* The child's pass has its wait still before it, with what it closed in the parent's poller. */
START_TEST(test_in_a_predicate)
{
    int other, rc;

    open_map();
    other = probe_channel(&b, "B", map);
    ck_assert_int_eq(asyncore_poll(0, map), 0);
    a.on_readable = fork_in_predicate;
    a.fd = _i;
    send_all(peer, "x");
    wait_readable(asyncore_fileno(&a.base));
    rc = asyncore_poll(0, map);
    if (forked != 0)
        ck_assert_int_eq(rc, 0);
    if (forked == 0) {
        CHILD_ASSERT(rc == 0);
        CHILD_ASSERT(asyncore_poll(0, map) == 0);
        CHILD_ASSERT(strstr(trace, "B") == NULL);
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        _exit(EXIT_SUCCESS);
    }
    assert_child_well(forked);
    trace[0] = '\0';
    send_all(other, "x"); /* the parent has B still */
    wait_readable(asyncore_fileno(&b.base));
    poll_once(map);
    ck_assert_ptr_nonnull(strstr(trace, "B.handle_read "));
    close(other);
    close_map();
}
END_TEST

/* ==================================================
 * O_NONBLOCK of standard input, which the parent's dispatcher relies on
 */

static void drop_at_once(void)
{
}

static void close_one(void)
{
    asyncore_close(&a.base);
}

static void close_one_that_is_in_no_map(void)
{
    asyncore_del_channel(&a.base);
    asyncore_close(&a.base);
}

/* Of a file that it opens itself the child has the word. */
static void open_one(void)
{
    static struct probe own;
    int pipes[2];

    CHILD_ASSERT(pipe2(pipes, O_CLOEXEC) == 0);
    CHILD_ASSERT(asyncore_file_dispatcher_init(&own.base, &asyncore_file_dispatcher_class, pipes[0],
                                               map) == 0);
    CHILD_ASSERT(asyncore_poll(0, map) == 0);
    asyncore_close(&own.base);
    CHILD_ASSERT((fcntl(pipes[0], F_GETFL) & O_NONBLOCK) == 0);
}

static void pass_first(void)
{
    CHILD_ASSERT(asyncore_poll(0, map) == 0);
}

static void change_poller_first(void)
{
    CHILD_ASSERT(asyncore_map_set_poller(map, asyncore_poller_name(0)) == 0);
    CHILD_ASSERT(asyncore_map_set_poller(map, asyncore_poller_name(1)) == 0);
}

static void (*const ends[])(void) = {drop_at_once, close_one,  close_one_that_is_in_no_map,
                                     open_one,     pass_first, change_poller_first};

START_TEST(test_blocking_flag)
{
    pid_t child;
    int pipes[2];

    map = asyncore_map_new();
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    ck_assert_int_eq(
        asyncore_file_dispatcher_init(&a.base, &asyncore_file_dispatcher_class, pipes[0], map), 0);
    ck_assert_int_eq(asyncore_poll(0, map), 0);
    child = begin_child();
    if (child == 0) {
        ends[_i]();
        CHILD_ASSERT(asyncore_map_free(map) == 0);
        _exit(EXIT_SUCCESS);
    }
    assert_child_well(child);
    ck_assert_int_ne(fcntl(pipes[0], F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_eq(asyncore_map_free(map), 0);
    ck_assert_int_eq(fcntl(pipes[0], F_GETFL) & O_NONBLOCK, 0); /* the parent's word */
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

/* ==================================================
 * other threads, which the child does not have, held what it needs
 */

static atomic_bool enough;

static void *add_and_remove(void *arg)
{
    struct asyncore_map *own = asyncore_map_new();
    struct asyncore_signal_handler handler = {0};

    (void)arg;
    while (!enough) {
        if (asyncore_add_signal_handler(&handler, SIGUSR2, signalled, own) < 0)
            abort();
        asyncore_remove_signal_handler(&handler);
    }
    asyncore_map_free(own);
    return NULL;
}

static void *be_signalled(void *arg)
{
    (void)arg;
    while (!enough)
        raise(SIGUSR1);
    return NULL;
}

static void *add_and_remove_channels(void *arg)
{
    struct asyncore_map *own = asyncore_map_new();
    struct asyncore_dispatcher readers[2];
    int pipes[2][2];

    (void)arg;
    for (int i = 0; i < 2; i++)
        if (pipe2(pipes[i], O_CLOEXEC) < 0 ||
            asyncore_file_dispatcher_init(&readers[i], &asyncore_file_dispatcher_class, pipes[i][0],
                                          own) < 0)
            abort();
    while (!enough) {
        for (int i = 0; i < 2; i++)
            if (asyncore_del_channel(&readers[i]) < 0 ||
                asyncore_add_channel(&readers[i], NULL) < 0)
                abort();
    }
    asyncore_map_free(own);
    for (int i = 0; i < 4; i++)
        close(pipes[i / 2][i % 2]);
    return NULL;
}

START_TEST(test_other_threads)
{
    static void *(*const work[])(void *) = {add_and_remove, be_signalled, add_and_remove_channels};
    struct asyncore_signal_handler handler = {0};
    pthread_t thread;
    const int forks = getenv("VALGRIND") != NULL ? 10 : 300; /* there each is slow */
    int status = SIGKILL;

    open_map();
    ck_assert_int_eq(asyncore_add_signal_handler(&handler, SIGUSR1, signalled, map), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, work[_i], NULL), 0);
    for (int i = 0; i < forks && status == SIGKILL; i++) {
        const pid_t child = begin_child();

        if (child == 0) {
            alarm(3);
            CHILD_ASSERT(asyncore_map_free(map) == 0);
            raise(SIGKILL); /* well; an exit would have valgrind miss what the thread held */
        }
        waitpid(child, &status, 0);
    }
    enough = true;
    pthread_join(thread, NULL);
    ck_assert_int_eq(status, SIGKILL);
    close_map();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fork_shared");
    TCase *tcase = add_case(suite, "fork_shared");

    tcase_add_loop_test(tcase, test_child_after_a_pass, 0, 4);
    tcase_add_test(tcase, test_rung_before);
    tcase_add_test(tcase, test_dispositions);
    tcase_add_loop_test(tcase, test_blocking_flag, 0, sizeof ends / sizeof ends[0]);
    tcase_add_loop_test(tcase, test_child_before_a_pass, 0, 4);
    tcase_add_test(tcase, test_child_with_another_poller);
    tcase_add_test(tcase, test_in_a_handler_of_a_pass_that_was_woken);
    tcase_add_loop_test(tcase, test_in_a_predicate, 0, 2);
    tcase_add_loop_test(tcase, test_other_threads, 0, 3);
    return run_suite(suite);
}
