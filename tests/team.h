/*
 * team.h - workers that are shell scripts, which say what timed would say, in a directory of their own.
 */
#ifndef TEAM_H
#define TEAM_H

#include "support.h"

#include "timed/workers.h"

#include <sys/resource.h>

extern struct timed_sockets sockets; /* one that listens, and one that does not */
extern char script[4096];            /* what a worker does */
extern char *const team_argv[];
extern int successes, failures; /* what was reported */
extern int manager[2];          /* who is told: our end, and his */

void open_sockets(void);
void close_sockets(void);
void limit_descriptors(rlim_t limit);

/* So many of them are to do this; they have a function "say". */
void begin(size_t count, const char *what);
#define SERVE "say READY=1; while sleep 0.01 && kill -0 $PPID; do :; done"
#define SERVE_UNTIL_DIE "say READY=1; until [ -e die ] || ! kill -0 $PPID; do sleep 0.01; done"

/* A short pass; and as many as it takes. */
void pass(void);
#define wait_until(condition)                                                                      \
    do {                                                                                           \
        for (int tries = 0; !(condition); tries++) {                                               \
            ck_assert_msg(tries < 400, "never: %s", #condition);                                   \
            pass();                                                                                \
        }                                                                                          \
    } while (0)

/* No child lives, and all that have died have been noticed. */
bool are_buried(void);

/* Ends those who still work; returns what the loop did. */
int finish(void);

/* Files in the directory. */
bool exists(const char *name);
long size_of(const char *name);
void make(const char *name);

#endif
