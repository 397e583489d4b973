/*
 * sweep.h - a scenario is run again and again: its first call of each kind fails, its second, and so
 * on, until it comes to its end without having failed.
 */
#ifndef SWEEP_H
#define SWEEP_H

#include "fault.h"

#include <stdbool.h>

struct scenario {
    const char *name;
    /* Does everything that it is about.  What fails it does again, for only one call fails: so it
     * always comes to its end, and what does not happen then is not for want of anything. */
    void (*run)(void);
    /* Kinds of calls after whose failure something is lost and nobody is told, as it says in some
     * header that it must be; ends with FAULT_CALLS.  NULL: none. */
    const enum fault_call *silent;
    const char *poller; /* with this one alone; NULL: with each */
};

/* A result of the library, as it comes back to the scenario: a negative one is an error told. Returns
 * whether it is none. */
bool told(int rc);
/* Told in another way: to handle_error, handle_close, or the log. */
void told_otherwise(void);
/* Something that was asked for did not come to be, and is asked for again. */
void again(void);
/* Does it, and if it says that it failed, does it again. */
void must(int (*step)(void));

/* Takes a list that ends in one without a name.  Prints TAP; main() returns the result.  Arguments:
 * the pollers, and then, after "--only", names of scenarios. */
int sweep_main(int argc, char **argv, const struct scenario *scenarios);

#endif
