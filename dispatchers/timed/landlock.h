/* landlock.h - Linux' landlock: what a process can take from itself of the file system and the
 * network. */
#ifndef LANDLOCK_H
#define LANDLOCK_H

#include <stdbool.h>

/* From here on no file can be opened by its name, and, as far as this kernel knows how, no TCP port
 * bound or connected to, no abstract socket reached and no process outside sent a signal.  What is
 * open stays.
 *   directory  open; files may still be written, made and replaced in there.  -1: nowhere.
 * Needs no_new_privs.  Returns 0; -ENOSYS or -EOPNOTSUPP where the system has no landlock; or
 * another negative errno. */
int landlock_enter(int directory);

#endif
