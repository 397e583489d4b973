/* signals.h - what timed does when a signal comes. */
#ifndef TIMED_SIGNALS_H
#define TIMED_SIGNALS_H

/* Has the loop of the default map see to them from here on.  Exits if it cannot. */
void timed_signals_begin(void);

#endif
