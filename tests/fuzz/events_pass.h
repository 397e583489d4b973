/* events_pass.h - a pass of the library, and what it must do: what the files of the model share. */
#ifndef EVENTS_PASS_H
#define EVENTS_PASS_H

#include "events.h"

enum what { READ, WRITE, EXPT, OUTCOME };

struct event {
    struct character *c;
    uint64_t stay, found; /* when */
    enum what what;
};

/* What must be the next call. */
struct follow {
    struct character *c; /* NULL: nothing in particular */
    enum method method;
    int error;
};

struct pass {
    int map;
    unsigned depth;         /* calls at this depth are the loop's */
    uint64_t last;          /* the serial with which it began */
    uint64_t asked;         /* the stay of the last that was asked */
    int64_t timeout, until; /* so long it may wait at most */
    bool waited;
    bool may_wake; /* something that is no event, nor a timer of ours */
    struct event events[3 * CHARACTERS], *current;
    size_t next, count;
    struct follow follow;
    int ended; /* by this, before its end */
    bool timing, calling;
    int64_t time;        /* at which timers began to fire */
    uint64_t last_call;  /* the serial with which calls began to be made, */
    uint64_t over;       /* and with which destroy() began to be called; 0: it has not */
    struct pass *before; /* in a handler of which it runs */
};

extern struct pass *pass; /* that runs; NULL: none */

static inline int number_of(const struct character *c)
{
    return (int)(c - world.characters);
}

/* Is it asked and served in this pass, if it lives? */
bool takes_part(const struct character *c);
/* The next of those, in the order in which they came into the map; NULL: there is none. */
struct character *next_by_stay(uint64_t stay);
/* What comes first in the map, set no later than last; NULL: nothing. */
const struct clock *next_clock(int map, uint64_t last);
const struct queued *next_call(int map);

/* Somebody else may have its number now. */
void look_at_wild(struct character *c);

/* Finds out what must be called in this pass. */
void before_wait(int64_t timeout);
/* The next of it; NULL: everything has been. */
struct event *next_event(void);
/* A wait that nothing ends is as long as it may be. */
void check_wait_was_long(void);

#endif
