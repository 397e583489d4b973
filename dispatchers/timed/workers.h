/*
 * workers.h - other processes serve: they are started, replaced when they die, and changed for those
 * of a new program without a client noticing.  Who starts them is their parent (parent.h).
 *
 * It holds the sockets and never uses them, so that what comes while nobody serves waits there, and
 * it reads nothing but what its workers say.  So it can do without a sandbox, and must: it starts
 * programs.
 */
#ifndef TIMED_WORKERS_H
#define TIMED_WORKERS_H

#include "counts.h"
#include "sockets.h"

enum { TIMED_WORKERS = 64 };

/* What a worker says beside the words of sd_notify(3): SIGUSR2 has come to it, and not to us. */
#define TIMED_UPGRADE "UPGRADE=1"
/* And what it has done until now: what timed_counts_print() makes of it stands behind this. */
#define TIMED_COUNTS "COUNTS="

/* Prepares for count workers, 1 to TIMED_WORKERS, each in its process.  None is started yet.
 *   argv    the program, which is looked for each time that one is started, and its arguments
 *   sets    the sockets of each, set_count of them: as many as workers, or one for all
 *   report  called when all serve for the first time, and then for each timed_workers_upgrade():
 *           with true if all serve anew, with false if those that served go on
 * Returns 0 or a negative errno. */
int timed_workers_begin(char *const *argv, const struct timed_sockets *sets, size_t set_count,
                        size_t count, void (*report)(bool success));

/* Has counted called each time that a worker says what it has done, with the sum of what all have done
 * until now, also those that are no more. */
void timed_workers_count(void (*counted)(const struct timed_counts *sum));

/* Starts the first ones, which is for those who do not begin with an upgrade. */
void timed_workers_start(void);

/* Puts new processes in the place of those that serve, all of them or, should one not come to serve
 * in 30 seconds, none.  Does nothing while another upgrade is under way. */
void timed_workers_upgrade(void);

/* Sends this signal to all that serve. */
void timed_workers_signal(int signum);

/* Tells all to end, and no other is started; who does not within four seconds is killed. */
void timed_workers_end(int status);

/* Runs the loop of the default map until all have ended.  Returns what was given to
 * timed_workers_end(); or, if one of the first ended before all served, the status of that; or
 * EXIT_FAILURE if timed_workers_upgrade() had others come in their place, and these did not. */
int timed_workers_loop(void);

/* supervise.c, which is timed --workers: from the first on SIGTERM and SIGINT end all, SIGHUP and
 * SIGUSR1 are handed down, SIGUSR2 is an upgrade, and whoever started this process hears of it.  The
 * second is the whole life of it, and returns the exit status; the first 0, or a negative errno. */
int timed_supervise_begin(char *const *argv, const struct timed_sockets *sets, size_t set_count,
                          size_t count);
int timed_supervise(void);

#endif
