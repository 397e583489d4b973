/* status.c - see status.h. */
#include "status.h"

#include "counters.h"
#include "notify.h"

#include <asyncore.h>

enum { SECONDS = 15 };

static struct asyncore_timer timer;

static void say(struct asyncore_timer *self)
{
    char line[TIMED_COUNTERS_LINE];

    (void)self;
    timed_notify_status(timed_counters_line(line, sizeof line));
}

int timed_status_begin(void)
{
    if (!timed_notify_is_open())
        return 0;
    say(&timer);
    return asyncore_call_every(&timer, SECONDS, say, NULL);
}

void timed_status_end(void)
{
    asyncore_cancel(&timer);
}
