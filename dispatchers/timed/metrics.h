/* metrics.h - what timed has done until now, for Prometheus: a file, as node_exporter's textfile
 * collector reads it. */
#ifndef TIMED_METRICS_H
#define TIMED_METRICS_H

#include "counts.h"

#include <stdbool.h>

/* Opens the directory of path, which stays open, and writes path: nothing has been done yet.  If another
 * process still writes it, sees whether it could, and leaves that one the last word.  Returns 0 or a
 * negative errno. */
int timed_metrics_begin(const char *path, bool another_writes);

/* Puts another one in its place; what goes wrong is logged.  Does nothing if there was no beginning. */
void timed_metrics_write(const struct timed_counts *counts);

/* Writes it no more. */
void timed_metrics_close(void);

/* The descriptor of its directory; -1 if there is none. */
int timed_metrics_directory(void);

#endif
