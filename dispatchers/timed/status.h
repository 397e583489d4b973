/* status.h - says what timed has done until now, to whoever wants to know. */
#ifndef TIMED_STATUS_H
#define TIMED_STATUS_H

/* Every 15 seconds: to the one that started this process, for whom systemctl status shows it, who hears
 * it also now, and into the file of metrics.h.  If neither is there nothing is done.  Returns 0 or a
 * negative errno. */
int timed_status_begin(void);

/* Once more; or to the one that started this process alone. */
void timed_status_say(void);
void timed_status_tell(void);

/* No more, after a last time into the file. */
void timed_status_end(void);

/* To the log: all in one line, one line for each dispatcher of a socket, and one for the sandbox. */
void timed_status_log(void);

#endif
