/* metrics.h - what timed has done until now, for Prometheus: a file that is written anew every 15
 * seconds, as node_exporter's textfile collector reads it. */
#ifndef TIMED_METRICS_H
#define TIMED_METRICS_H

/* Writes path, and every 15 seconds again.  The directory is opened here, and stays open.  Returns 0
 * or a negative errno. */
int timed_metrics_begin(const char *path);

/* Now; does nothing if there was no beginning.  Returns 0 or a negative errno. */
int timed_metrics_write(void);

/* Writes it for the last time, if there was a beginning. */
void timed_metrics_end(void);

/* The same, but that it writes nothing. */
void timed_metrics_close(void);

/* The descriptor of its directory; -1 if there is none. */
int timed_metrics_directory(void);

#endif
