/* check_signal_threads.c - signals and threads: whichever of them a signal comes to. */
#include "support.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

enum { THREADS = 4, SIGNALS_SENT = 10000 };

struct counter {
    struct asyncore_signal_handler handler;
    atomic_int calls;
};

static void count(struct asyncore_signal_handler *handler)
{
    atomic_fetch_add(&((struct counter *)handler)->calls, 1);
}

/* ==================================================
 * threads, each with a map and a loop
 */

static struct looper {
    pthread_t thread;
    struct asyncore_map *map;
    struct counter counters[2];
    struct probe keeper;
    int peer;
    atomic_bool ready;
} loopers[THREADS];

static void *run_loop(void *arg)
{
    struct looper *self = arg;

    for (int i = 0; i < 2; i++)
        if (asyncore_add_signal_handler(&self->counters[i].handler, SIGUSR1, count, self->map) < 0)
            abort();
    atomic_store(&self->ready, true);
    if (asyncore_loop(-1, self->map, -1) != 0)
        abort();
    asyncore_remove_signal_handler(&self->counters[0].handler);
    return NULL;
}

static void wait_for(atomic_int *value, int least)
{
    for (int i = 0; atomic_load(value) < least; i++) {
        ck_assert_msg(i < 15000, "%d, not %d", atomic_load(value), least);
        usleep(1000);
    }
}

static void start_loopers(void)
{
    for (int i = 0; i < THREADS; i++) {
        struct looper *looper = &loopers[i];

        memset(looper, 0, sizeof *looper);
        looper->map = asyncore_map_new();
        looper->peer = probe_channel(&looper->keeper, "A", looper->map);
        ck_assert_int_eq(pthread_create(&looper->thread, NULL, run_loop, looper), 0);
    }
    for (int i = 0; i < THREADS; i++)
        while (!atomic_load(&loopers[i].ready))
            usleep(100);
}

static void stop_loopers(void)
{
    struct sigaction now;

    for (int i = 0; i < THREADS; i++)
        asyncore_stop(loopers[i].map);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(loopers[i].thread, NULL);
        ck_assert_int_eq(asyncore_map_free(loopers[i].map), 0);
        close(loopers[i].peer);
    }
    sigaction(SIGUSR1, NULL, &now);
    ck_assert(now.sa_handler == SIG_DFL);
}

static int calls_of(int i)
{
    return atomic_load(&loopers[i].counters[0].calls);
}

/* The process gets it, or any one of the threads: all maps that handle it hear of it. */
START_TEST(test_each_map_hears_of_each_signal)
{
    start_loopers();
    for (int round = 1; round <= 50; round++) {
        const int target = round % (THREADS + 2);

        if (target < THREADS)
            pthread_kill(loopers[target].thread, SIGUSR1);
        else if (target == THREADS)
            kill(getpid(), SIGUSR1);
        else
            raise(SIGUSR1);
        for (int i = 0; i < THREADS; i++) { /* one at a time: so each is counted */
            wait_for(&loopers[i].counters[0].calls, round);
            wait_for(&loopers[i].counters[1].calls, round);
        }
    }
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(calls_of(i), 50);
    stop_loopers();
}
END_TEST

static void *send_many(void *arg)
{
    (void)arg;
    for (int i = 0; i < SIGNALS_SENT; i++)
        kill(getpid(), SIGUSR1);
    return NULL;
}

/* However many come, there is at least one call, the last is not lost, and there are no more calls
 * than signals. */
START_TEST(test_many_signals)
{
    pthread_t senders[2];
    int before[THREADS];

    start_loopers();
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&senders[i], NULL, send_many, NULL), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(senders[i], NULL);
    for (int i = 0; i < THREADS; i++) {
        wait_for(&loopers[i].counters[0].calls, 1);
        ck_assert_int_le(calls_of(i), 2 * SIGNALS_SENT);
    }
    do { /* until all that came has been heard of */
        for (int i = 0; i < THREADS; i++)
            before[i] = calls_of(i);
        usleep(50000);
        for (int i = 0; i < THREADS; i++)
            if (calls_of(i) != before[i])
                before[0] = -1;
    } while (before[0] < 0);
    pthread_kill(loopers[0].thread, SIGUSR1);
    for (int i = 0; i < THREADS; i++)
        wait_for(&loopers[i].counters[0].calls, before[i] + 1);
    stop_loopers();
}
END_TEST

/* ==================================================
 * handlers come and go while signals do
 */

static atomic_bool enough;

static void *come_and_go(void *arg)
{
    struct asyncore_map *map = asyncore_map_new();
    struct counter counters[3];

    (void)arg;
    memset(counters, 0, sizeof counters);
    while (!atomic_load(&enough)) {
        for (int i = 0; i < 3; i++)
            if (asyncore_add_signal_handler(&counters[i].handler, SIGUSR1, count, map) < 0)
                abort();
        if (asyncore_poll(0, map) != 0)
            abort();
        for (int i = 0; i < 3; i++)
            asyncore_remove_signal_handler(&counters[(i + 1) % 3].handler);
        memset(counters, 0, sizeof counters); /* nobody looks at them any more */
    }
    asyncore_map_free(map);
    return NULL;
}

START_TEST(test_handlers_come_and_go)
{
    pthread_t threads[2], sender;
    struct counter keeper;

    memset(&keeper, 0, sizeof keeper);
    /* Without one that stays, SIGUSR1 would end the process. */
    ck_assert_int_eq(asyncore_add_signal_handler(&keeper.handler, SIGUSR1, count, NULL), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
    ck_assert_int_eq(pthread_create(&sender, NULL, send_many, NULL), 0);
    pthread_join(sender, NULL);
    atomic_store(&enough, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    asyncore_remove_signal_handler(&keeper.handler);
}
END_TEST

/* The last of them goes, and the old disposition is back, while signals come: whoever had the
 * signal before gets those. */
static void ignore(int signum)
{
    (void)signum;
}

START_TEST(test_dispositions_come_and_go)
{
    struct sigaction now;
    pthread_t threads[2], sender;

    signal(SIGUSR1, ignore);
    atomic_store(&enough, false);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, come_and_go, NULL), 0);
    ck_assert_int_eq(pthread_create(&sender, NULL, send_many, NULL), 0);
    pthread_join(sender, NULL);
    atomic_store(&enough, true);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    sigaction(SIGUSR1, NULL, &now);
    ck_assert(now.sa_handler == ignore);
}
END_TEST

/* ==================================================
 * the rest of the program
 */

static int pipe_of_reader[2];
static atomic_bool reading;
static ssize_t was_read;
static int read_error;

static void *read_blocking(void *arg)
{
    char byte;

    (void)arg;
    atomic_store(&reading, true);
    was_read = read(pipe_of_reader[0], &byte, 1);
    read_error = errno;
    return NULL;
}

/* Somebody's blocking read() is not interrupted. */
START_TEST(test_other_code_is_not_interrupted)
{
    struct counter counter;
    pthread_t reader;

    memset(&counter, 0, sizeof counter);
    ck_assert_int_eq(pipe(pipe_of_reader), 0);
    ck_assert_int_eq(asyncore_add_signal_handler(&counter.handler, SIGUSR1, count, NULL), 0);
    ck_assert_int_eq(pthread_create(&reader, NULL, read_blocking, NULL), 0);
    while (!atomic_load(&reading))
        usleep(100);
    for (int i = 0; i < 20; i++) {
        usleep(1000);
        pthread_kill(reader, SIGUSR1);
    }
    ck_assert_int_eq(write(pipe_of_reader[1], "x", 1), 1);
    pthread_join(reader, NULL);
    ck_assert_msg(was_read == 1, "read: %s", strerror(read_error));
    asyncore_remove_signal_handler(&counter.handler);
    close(pipe_of_reader[0]);
    close(pipe_of_reader[1]);
}
END_TEST

/* An interval timer, far quicker than the loop's time-outs, neither shortens nor lengthens them. */
START_TEST(test_storm_and_timers)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    const struct itimerval often = {.it_value = {.tv_usec = 500}, .it_interval = {.tv_usec = 500}};
    struct counter counter;

    memset(&counter, 0, sizeof counter);
    ck_assert_int_eq(asyncore_add_signal_handler(&counter.handler, SIGALRM, count, NULL), 0);
    setitimer(ITIMER_REAL, &often, NULL);
    while (atomic_load(&counter.calls) < 200)
        ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
    setitimer(ITIMER_REAL, &(struct itimerval){.it_value = {0}}, NULL);
    assert_trace("");
    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("signal_threads");
    TCase *tcase = add_case(suite, "signal_threads");

    tcase_add_test(tcase, test_each_map_hears_of_each_signal);
    tcase_add_test(tcase, test_many_signals);
    tcase_add_test(tcase, test_handlers_come_and_go);
    tcase_add_test(tcase, test_dispositions_come_and_go);
    tcase_add_test(tcase, test_other_code_is_not_interrupted);
    tcase_add_test(tcase, test_storm_and_timers);
    return run_suite(suite);
}
