/* signals.h - what timed does when a signal comes. */
#ifndef TIMED_SIGNALS_H
#define TIMED_SIGNALS_H

#include <stdbool.h>

/* Has the loop of the default map see to the signals from here on.  Exits if it cannot. */
void timed_signals_begin(void);

/* Has a signal ended the loop? */
bool timed_signals_stopped(void);

#endif
