/* scenario_timer.c - timers: none is late, early, lost, or called when it could not be set. */
#include "peer.h"
#include "scenarios.h"

enum { MANY = 150 }; /* more than the heap has room for at first, and again */

static struct asyncore_timer timers[MANY], ticker;
static int fired[MANY], ticks, now_setting;

static void fire(struct asyncore_timer *self)
{
    fired[self - timers]++;
}

static void tick(struct asyncore_timer *self)
{
    if (++ticks == 5)
        asyncore_cancel(self);
}

static int set_one(void)
{
    return asyncore_call_later(&timers[now_setting], now_setting % 7, fire, NULL);
}

static int set_ticker(void)
{
    return asyncore_call_every(&ticker, 2, tick, NULL);
}

static int reset_first(void)
{
    return asyncore_reset(&timers[0]);
}

static bool all_have_fired(void)
{
    for (int i = 0; i < MANY; i++)
        if (fired[i] == 0)
            return false;
    return ticks == 5;
}

void scenario_timers(void)
{
    must(set_ticker);
    for (now_setting = 0; now_setting < MANY; now_setting++)
        must(set_one);
    asyncore_cancel(&timers[MANY - 1]);
    must(reset_first);
    now_setting = MANY - 1;
    must(set_one);
    pass_until(all_have_fired);
    for (int i = 0; i < MANY; i++)
        expect(fired[i] == 1);
    while (!told(asyncore_loop(-1, NULL, -1))) /* nothing is left to wait for */
        again();
}
