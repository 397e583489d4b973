/*
 * upgrade.h - another program comes to serve in the place of this one, and no client notices.
 *
 * A process that is shut in can start no program, and what it started would be shut in as it is.  So
 * before it is, it splits off another that stands by: it holds the sockets, waits, and does nothing
 * but to run, when it is asked to, the program that there is by then (workers.h).  The one that
 * serves goes on until the new one does; if the new one does not, for good.
 *
 * The process that was started first keeps its number: from then on it serves nobody, and hands
 * signals and messages on, so that whoever started it notices nothing either.
 */
#ifndef TIMED_UPGRADE_H
#define TIMED_UPGRADE_H

#include "sockets.h"

/* Splits it off, with the sockets of sockets that are no dispatcher's yet.  To be called while the
 * process may still do what the other needs, and before the default map has any dispatchers.
 *   argv  the program and its arguments
 *   stop  called when another program serves: from then on this process must not
 * Returns 0, or a negative errno: then there can be no upgrade. */
int timed_upgrade_prepare(char *const *argv, struct timed_sockets *sockets, void (*stop)(void));

/* SIGUSR2.  Says what becomes of it. */
void timed_upgrade(void);

/* Another program serves: hands the signal on to it, and returns true.  Otherwise false. */
bool timed_upgrade_hand_on(int signum);

/* Another program serves: has it end, after which the loop of the default map ends, and returns true.
 * Otherwise false. */
bool timed_upgrade_end(void);

/* This process ends: the loop of the default map does not go on for the other's sake. */
void timed_upgrade_leave(void);

/* Waits until the other process is gone, and the sockets with it. */
void timed_upgrade_close(void);

#endif
