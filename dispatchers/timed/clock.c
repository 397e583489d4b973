/* clock.c - the clock, see clock.h. */
#include "clock.h"

#ifdef HAVE_ADJTIMEX
#include <sys/timex.h>
#endif

static bool require_sync;
static time_t offset;

#ifdef HAVE_ADJTIMEX
static bool is_synchronised(void)
{
    struct timex kernel = {.modes = 0}; /* asks, and sets nothing */

    return adjtimex(&kernel) != TIME_ERROR;
}
#else
static bool is_synchronised(void)
{
    return false;
}
#endif

/* The kernel is asked once in each second in which anybody asks us. */
static bool was_synchronised(time_t now)
{
    static time_t asked_at;
    static bool answer;

    if (now != asked_at) {
        asked_at = now;
        answer = is_synchronised();
    }
    return answer;
}

bool timed_clock_begin(const struct timed_options *options)
{
    require_sync = options->require_sync;
    offset = (time_t)options->epoch_offset;
#ifdef HAVE_ADJTIMEX
    return true;
#else
    return !require_sync;
#endif
}

int timed_clock(struct timespec *now)
{
    /* time() may still give the second that has just ended. */
    if (clock_gettime(CLOCK_REALTIME, now) < 0)
        return -1;
    if (require_sync && !was_synchronised(now->tv_sec))
        return -1;
    now->tv_sec += offset;
    return 0;
}
