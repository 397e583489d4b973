/* worker.h - a process that serves while this one does not (workers.h): the program, started anew, and
 * what it says. */
#ifndef TIMED_WORKER_H
#define TIMED_WORKER_H

#include "counts.h"
#include "sockets.h"

#include <asyncore.h>
#include <sys/types.h>

struct worker {
    struct asyncore_dispatcher base; /* our end of the socket between us, in the default map */
    pid_t pid;                       /* 0: it has ended */
    void (*hear)(struct worker *self, const char *line); /* called for each line that it says */
    struct place *place;        /* where it serves, or is about to; NULL once it is to end */
    bool serves, lives;         /* it has said so */
    struct timed_counts counts; /* the same */
    bool is_silent;
    struct worker *prev, *next;
};

/* Starts the program argv[0] with these sockets (spawn.h).  Returns 0, or a negative errno: then there is
 * no worker. */
int worker_start(struct worker **started, char *const *argv, const struct timed_sockets *sockets,
                 void (*hear)(struct worker *self, const char *line));

/* Has it end, by this signal. */
void worker_dismiss(struct worker *self, int signum);
void worker_dismiss_all(int signum);

/* It has ended: hears its last words, and forgets it at the end of the pass. */
void worker_bury(struct worker *self);

/* NULL if there is none of this number. */
struct worker *worker_find(pid_t pid);

/* Is there one that is not forgotten yet? */
bool worker_is_left(void);

/* What all have said that they have done, also those that are no more. */
struct timed_counts worker_counts(void);

#endif
