/*
 * trace_stable.c - what differs from run to run, made the same: numbers of descriptors, and the clock.
 */
#include "trace.h"

#include <stdlib.h>

bool asyncore__stable;

static _Atomic(int64_t) now;
static int *numbers; /* by descriptor; 0: it has none */
static int numbers_size;

void asyncore_set_trace_stable(bool stable)
{
    free(numbers);
    numbers = NULL;
    numbers_size = 0;
    atomic_store(&now, ASYNCORE__SECOND);
    asyncore__stable = stable;
}

/* ==================================================
 * the clock
 */

int64_t asyncore__stable_now(void)
{
    return atomic_load(&now);
}

/* A pass that finds something takes a millisecond, so that who waits for a time in a loop that spins
 * does not wait for ever. */
void asyncore__stable_waited(int64_t timeout, bool found)
{
    if (asyncore__stable)
        atomic_fetch_add(&now, found || timeout < 0 ? ASYNCORE__SECOND / 1000 : timeout);
}

/* ==================================================
 * descriptors
 */

static bool has_room_for(int fd)
{
    const int size = 2 * fd + 64;
    int *larger;

    if (fd < numbers_size)
        return true;
    larger = realloc(numbers, (size_t)size * sizeof *numbers);
    if (larger == NULL)
        return false;
    memset(larger + numbers_size, 0, (size_t)(size - numbers_size) * sizeof *numbers);
    numbers = larger;
    numbers_size = size;
    return true;
}

static bool is_taken(int number)
{
    for (int fd = 0; fd < numbers_size; fd++)
        if (numbers[fd] == number)
            return true;
    return false;
}

int asyncore__stable_fd(int fd)
{
    enum { HIGHEST = 1 << 24 }; /* beyond is no descriptor */
    int number = 1;

    if (fd < 0 || fd > HIGHEST || !has_room_for(fd))
        return fd;
    if (numbers[fd] != 0)
        return numbers[fd];
    while (is_taken(number))
        number++;
    numbers[fd] = number;
    return number;
}

void asyncore__stable_forget(int fd)
{
    if (fd < numbers_size)
        numbers[fd] = 0;
}
