/* serve.h - the dispatchers of timed's sockets. */
#ifndef TIMED_SERVE_H
#define TIMED_SERVE_H

#include "sockets.h"

/* Makes a dispatcher of each socket, in the default map; the sockets are theirs from here on, also
 * when this fails.  Returns 0 or a negative errno. */
int timed_serve(struct timed_sockets *sockets, const struct timed_options *options);

#endif
