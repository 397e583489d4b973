/* spawn.h - starts timed anew, with sockets that are open. */
#ifndef TIMED_SPAWN_H
#define TIMED_SPAWN_H

#include "sockets.h"

#include <sys/types.h>

/* Runs the program argv[0], looked for as a shell does, in a new process, with these arguments and
 * this process's environment.  It finds the sockets by LISTEN_FDS, and its end of a socket to this
 * process by TIMED_PARENT (parent.h).  It does not outlive this process.
 *   child  gets this process's end of that, which keeps messages apart and ends when either process
 *          does
 * A program that cannot be run is one that ends with the status 127.  Returns its number, or a
 * negative errno. */
pid_t timed_spawn(char *const *argv, const struct timed_sockets *sockets, int *child);

#endif
