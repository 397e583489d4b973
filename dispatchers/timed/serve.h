/* serve.h - the dispatchers of timed's sockets. */
#ifndef TIMED_SERVE_H
#define TIMED_SERVE_H

#include "counts.h"
#include "sockets.h"

/* Makes a dispatcher of each socket, in the default map; the sockets are theirs from here on, also
 * when this fails.  given must stay.  Returns 0 or a negative errno. */
int timed_serve(const struct timed_sockets *sockets, const struct timed_options *given);

/* Answers those who have connected and wait, whom timed_serve_end() would reset. */
void timed_serve_waiting(void);

/* Takes no more requests. */
void timed_serve_end(void);

/* What has become of all requests until now. */
struct timed_counts timed_serve_counts(void);

#endif
