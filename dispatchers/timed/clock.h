/* clock.h - the clock that timed serves. */
#ifndef TIMED_CLOCK_H
#define TIMED_CLOCK_H

#include "options.h"

#include <time.h>

/* As the options want it from here on.  Returns false if this system cannot say whether its clock is
 * synchronised. */
bool timed_clock_begin(const struct timed_options *options);

/* For struct time_service. */
int timed_clock(struct timespec *now);

#endif
