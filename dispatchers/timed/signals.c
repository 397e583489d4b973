/* signals.c - signals, see signals.h. */
#include "signals.h"

#include "counters.h"
#include "log.h"
#include "metrics.h"
#include "stop.h"

#include <asyncore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static void stop(struct asyncore_signal_handler *self)
{
    (void)self;
    timed_stop();
}

static void tell(struct asyncore_signal_handler *self)
{
    (void)self;
    timed_counters_log();
    timed_metrics_write();
}

static struct {
    int signum;
    void (*target)(struct asyncore_signal_handler *self);
    struct asyncore_signal_handler handler;
} signals[] = {
    {SIGINT, stop, {0}},
    {SIGTERM, stop, {0}},
    {SIGUSR1, tell, {0}},
    {SIGHUP, tell, {0}}, /* there is nothing to read anew, and it must not end us */
};

void timed_signals_begin(void)
{
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        const int rc = asyncore_add_signal_handler(&signals[i].handler, signals[i].signum,
                                                   signals[i].target, NULL);

        if (rc < 0)
            timed_fail(EXIT_FAILURE, "signal %d: %s", signals[i].signum, strerror(-rc));
    }
    signal(SIGPIPE, SIG_IGN); /* whoever reads the messages may go away */
}
