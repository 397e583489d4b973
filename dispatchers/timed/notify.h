/* notify.h - tells whoever started timed how it is: systemd, by the protocol of sd_notify(3), or a
 * timed that is its parent, by the same words. */
#ifndef TIMED_NOTIFY_H
#define TIMED_NOTIFY_H

#include <asyncore.h>

enum { TIMED_NOTIFY_SIZE = 1024 }; /* no message is longer */

/* Connects to the socket that NOTIFY_SOCKET names, which is to be done before the process is shut in;
 * without one the functions below do nothing.  Returns 0; or the exit status, with message, of size
 * bytes, saying what was refused. */
int timed_notify_open(char *message, size_t size);

/* Uses this connected socket from here on, which stays the caller's, and closes its own. */
void timed_notify_use(int fd);

/* Says no more, and closes its own. */
void timed_notify_close(void);

/* Does anybody want to hear? */
bool timed_notify_is_open(void);

/* Says what state says, lines of VARIABLE=VALUE.  It does not wait: what the other side has no room
 * for is lost. */
void timed_notify(const char *state);

/* "READY=1", which the other side would wait for if it were lost, and end us in the end: if there is no
 * room for it now, the loop of map says it when there is. */
void timed_notify_ready(struct asyncore_map *map);

/* "STOPPING=1", and no "READY=1" after that. */
void timed_notify_stopping(void);

/* "RELOADING=1", and since when; timed_notify_ready() is to follow. */
void timed_notify_reloading(void);

/* "STATUS=" and this text, of one line. */
void timed_notify_status(const char *text);

/* Has the loop of map say "WATCHDOG=1" twice in each WATCHDOG_USEC, if that is set for this process:
 * a loop that hangs is then found out.  Returns 0, or a negative errno. */
int timed_notify_begin_watchdog(struct asyncore_map *map);
void timed_notify_end_watchdog(void);

#endif
