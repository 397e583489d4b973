/* outcome.c - see outcome.h. */
#include "outcome.h"

#include <check.h>

struct time_client client;
int calls;
uint32_t seconds_seen;
static int error_seen;

void done(struct time_client *self, int error, uint32_t seconds)
{
    ck_assert_ptr_eq(self, &client);
    ck_assert_int_eq(asyncore_fileno(&self->base), -1);
    calls++;
    error_seen = error;
    seconds_seen = seconds;
}

void assert_done(int error)
{
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* no timer is left to wait for */
    ck_assert_int_eq(calls, 1);
    ck_assert_int_eq(error_seen, error);
}
