/* log.h - what timed says: to standard error or the system's log, as text or JSON. */
#ifndef TIMED_LOG_H
#define TIMED_LOG_H

#include "options.h"

#include <syslog.h> /* LOG_ERR and its like */

/* From here on, also for the library's messages. */
void timed_log_begin(const struct timed_options *options);

/* One message, without a newline.  It is dropped if nobody reads standard error, rather than wait. */
void timed_log(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Closes what timed_log_begin() has opened; nothing is said any more. */
void timed_log_end(void);

/* Says why, and exits. */
_Noreturn void timed_fail(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
