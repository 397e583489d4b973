/*
 * timers.c - what timers cost: all are added, with random times, and cancelled in random order;
 * then added again, and fired when all are due.  The same times and the same order for everybody.
 */
#include "contender.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define SPREAD 1.0 /* seconds */

static size_t fired;

void timer_fired(void)
{
    fired++;
}

/* Marsaglia's xorshift64. */
static uint64_t draw(void)
{
    static uint64_t state = 88172645463325252U;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void shuffle(size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = count; i-- > 1;) {
        const size_t other = draw() % (i + 1), held = order[i];

        order[i] = order[other];
        order[other] = held;
    }
}

static void add_all(const double *times, size_t count)
{
    for (size_t i = 0; i < count; i++)
        contender.timer_add(i, times[i]);
}

static void cancel_all(const size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        contender.timer_cancel(order[i]);
}

static void fire_all(size_t count)
{
    while (fired < count)
        contender.timer_pass();
}

static double cpu_ns(void)
{
    struct timespec time;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void measure(const double *times, const size_t *order, size_t count)
{
    const struct timespec until_due = {(time_t)SPREAD, 100000000};
    double at[5];

    at[0] = cpu_ns();
    add_all(times, count);
    at[1] = cpu_ns();
    cancel_all(order, count);
    at[2] = cpu_ns();

    add_all(times, count);
    nanosleep(&until_due, NULL);
    at[3] = cpu_ns();
    fire_all(count);
    at[4] = cpu_ns();
    printf("%.1f %.1f %.1f\n", (at[1] - at[0]) / (double)count, (at[2] - at[1]) / (double)count,
           (at[4] - at[3]) / (double)count);
}

int timers_measure(size_t count)
{
    double *times;
    size_t *order;

    if (contender.timers_open == NULL)
        return NOT_HERE;
    times = allocate(count, sizeof times[0]);
    order = allocate(count, sizeof order[0]);
    for (size_t i = 0; i < count; i++)
        times[i] = SPREAD * (double)(draw() >> 11) / (double)(UINT64_C(1) << 53);
    shuffle(order, count);
    contender.timers_open(count);
    /* Once for nothing, so that all memory has been touched. */
    add_all(times, count);
    cancel_all(order, count);
    measure(times, order, count);
    free(order);
    free(times);
    return EXIT_SUCCESS;
}
