/* counters.h - what timed has done until now, for people. */
#ifndef TIMED_COUNTERS_H
#define TIMED_COUNTERS_H

#include <stddef.h>

enum { TIMED_COUNTERS_LINE = 512 };

/* In one line, as "tcp: 12 answered; udp: 3 answered, 1 limited".  Writes at most size bytes, the NUL
 * included, and returns line. */
const char *timed_counters_line(char *line, size_t size);

/* That line, and one of each dispatcher in the default map, to the log. */
void timed_counters_log(void);

#endif
