/* system_log.h - the system's log. */
#ifndef TIMED_SYSTEM_LOG_H
#define TIMED_SYSTEM_LOG_H

#include <syslog.h> /* LOG_ERR and its like */

/* Prepares for messages to whoever listens at path, which is to be done before the process is shut in.
 * It need not be there yet, and may go and come again; but where the root of the file system is
 * changed, only who is there now is found. */
void system_log_open(const char *path);

/* One message, without a newline.  It is dropped if nobody takes it, rather than wait. */
void system_log(int priority, const char *message);

void system_log_close(void);

#endif
