/* states.h - a descriptor of each kind in each state, and what the system says of it. */
#ifndef STATES_H
#define STATES_H

/* The sets of select(). */
enum { R = 1, W = 2, X = 4 };

struct state {
    const char *name;
    void (*make)(int ends[2]); /* a descriptor, and maybe its peer, else -1 */
    int polled;   /* what poll() says, on Linux, and epoll too; elsewhere it may say more */
    int reported; /* select()'s sets */
};

enum { STATES = 31 };
extern const struct state states[STATES];

/* Makes it, and waits until it is so. */
void reach(const struct state *state, int ends[2]);

/* All that poll() can be asked for. */
extern const int poll_all;

#endif
