/* signals.h - what timed does when a signal comes. */
#ifndef TIMED_SIGNALS_H
#define TIMED_SIGNALS_H

/* Has the loop of the default map see to the signals from here on.  Returns 0 or a negative errno. */
int timed_signals_begin(void);

#endif
