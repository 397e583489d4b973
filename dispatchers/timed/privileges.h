/* privileges.h - what timed may no longer do once its sockets are bound. */
#ifndef TIMED_PRIVILEGES_H
#define TIMED_PRIVILEGES_H

#include <stddef.h>

/* The process becomes user, for good, and gives up all that it may do beyond what any process of that
 * user may: supplementary groups, capabilities, what set-user-ID programs would give it.  Then it
 * tries to get its privileges back, and is content only if it cannot.
 *   user  a name or a number; NULL: nobody if the process is root's, and otherwise the one it is.
 *         "root" and "0" stay root, without capabilities.
 *   root  an empty directory that becomes the root of the file system, or NULL.  Only a process of
 *         root can have it.
 * Returns 0; or the exit status, with message, of size bytes, saying what was refused. */
int timed_drop_privileges(const char *user, const char *root, char *message, size_t size);

#endif
