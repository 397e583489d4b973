/* signals.c - signals, see signals.h. */
#include "signals.h"

#include "notify.h"
#include "serve.h"
#include "status.h"
#include "stop.h"
#include "upgrade.h"

#include <asyncore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void stop(struct asyncore_signal_handler *self)
{
    (void)self;
    if (!timed_stopped())
        timed_serve_waiting();
    timed_stop();
}

static void tell(struct asyncore_signal_handler *self)
{
    (void)self;
    if (timed_upgrade_hand_on(SIGUSR1))
        return;
    timed_status_log();
    timed_status_say();
}

/* There is nothing to read anew, and it must not end us. */
static void reload(struct asyncore_signal_handler *self)
{
    timed_notify_reloading();
    tell(self);
    timed_notify_ready(NULL);
}

static void upgrade(struct asyncore_signal_handler *self)
{
    (void)self;
    timed_upgrade();
}

static struct {
    int signum;
    void (*target)(struct asyncore_signal_handler *self);
    struct asyncore_signal_handler handler;
} signals[] = {
    {SIGINT, stop, {0}},   {SIGTERM, stop, {0}},    {SIGUSR1, tell, {0}},
    {SIGHUP, reload, {0}}, {SIGUSR2, upgrade, {0}},
};

int timed_signals_begin(void)
{
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof signals / sizeof signals[0]; i++)
        rc = asyncore_add_signal_handler(&signals[i].handler, signals[i].signum, signals[i].target,
                                         NULL);
    return rc;
}
