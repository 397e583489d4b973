/* seccomp.h - Linux' seccomp: which system calls a process may still make. */
#ifndef SECCOMP_H
#define SECCOMP_H

#include <stdbool.h>

/* From here on this process makes the system calls of a loop that serves, on whatever poller, and no
 * others: not to open files or sockets, not to start or look into processes, not to run what was
 * not there from the beginning.
 *   files  files may also be opened, made and renamed (see landlock.h for where)
 * Needs no_new_privs.  Returns 0; -ENOSYS where the system has no seccomp, or this file does not
 * know the machine; or another negative errno. */
int seccomp_enter(bool files);

#endif
