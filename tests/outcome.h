/* outcome.h - what becomes of a time_client, for its suites. */
#ifndef OUTCOME_H
#define OUTCOME_H

#include "time_client.h"

extern struct time_client client;
extern int calls; /* of done() so far */
extern uint32_t seconds_seen;

/* What the client is told to call. */
void done(struct time_client *self, int error, uint32_t seconds);

/* Runs the loop until nothing is left in it; done() must have been called, once, with this error. */
void assert_done(int error);

#endif
