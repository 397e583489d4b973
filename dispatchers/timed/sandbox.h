/* sandbox.h - what timed cannot do any more once it serves, whoever may have got hold of it. */
#ifndef TIMED_SANDBOX_H
#define TIMED_SANDBOX_H

#include <stddef.h>

/* Shuts this process in, for good: it keeps what is open, and can open, start and reach nothing else.
 * On Linux by seccomp and landlock, as far as the kernel has them, on OpenBSD by pledge.
 *   directory  open; in there files may be written and replaced.  -1: nowhere.
 * privileges.h comes first.  Returns 0; or EXIT_FAILURE, with message, of size bytes, saying what was
 * refused. */
int timed_enter_sandbox(int directory, char *message, size_t size);

/* What runs inside this process, needs more than it does and cannot be shut in: "valgrind", "a
 * sanitizer", "coverage".  NULL if nothing does. */
const char *timed_sandbox_guest(void);

/* What it is shut in by, for people: "sandbox: seccomp, landlock". */
const char *timed_sandbox_state(void);

#endif
