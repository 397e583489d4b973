/* parent.h - the timed that started this one, with sockets that it holds (workers.h). */
#ifndef TIMED_PARENT_H
#define TIMED_PARENT_H

#include <stdbool.h>
#include <stddef.h>

/* Looks for the socket to it, which TIMED_PARENT names, and has the loop of the default map end when
 * the parent does.  What notify.h says is said to the parent then.  Returns 0, also if there is
 * none; or the exit status, with message, of size bytes, saying why the socket cannot be used. */
int timed_parent_open(char *message, size_t size);

/* Is there one? */
bool timed_has_parent(void);

/* The loop does not go on for its sake. */
void timed_parent_leave(void);

#endif
