/* stop.h - the end of timed, whoever brings it about. */
#ifndef TIMED_STOP_H
#define TIMED_STOP_H

#include <stdbool.h>

/* Takes no more requests: the loop ends when those in hand are answered, or after two seconds. */
void timed_stop(void);

/* Ends what a process does that serves nobody any more, but for those in hand. */
void timed_stop_serving(void);

/* Was timed_stop() called? */
bool timed_stopped(void);

#endif
