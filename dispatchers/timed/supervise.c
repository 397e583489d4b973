/* supervise.c - timed --workers, see workers.h. */
#include "metrics.h"
#include "notify.h"
#include "workers.h"

#include <asyncore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t worker_count;

/* Also after an upgrade that failed: then those serve that served before. */
static void report(bool success)
{
    (void)success;
    timed_notify_ready(NULL);
}

static void counted(const struct timed_counts *sum)
{
    char line[TIMED_COUNTS_TEXT], status[TIMED_COUNTS_TEXT + 32];

    snprintf(status, sizeof status, "%zu workers; %s", worker_count,
             timed_counts_line(sum, line, sizeof line));
    timed_notify_status(status);
    timed_metrics_write(sum);
}

static void end(struct asyncore_signal_handler *self)
{
    (void)self;
    timed_notify_stopping();
    timed_workers_end(EXIT_SUCCESS);
}

static void hand_down_hup(struct asyncore_signal_handler *self)
{
    (void)self;
    timed_notify_reloading();
    timed_workers_signal(SIGHUP);
    report(true);
}

static void hand_down_usr1(struct asyncore_signal_handler *self)
{
    (void)self;
    timed_workers_signal(SIGUSR1);
}

static void upgrade(struct asyncore_signal_handler *self)
{
    (void)self;
    timed_notify_reloading();
    timed_workers_upgrade();
}

int timed_supervise_begin(char *const *argv, const struct timed_sockets *sets, size_t set_count,
                          size_t count)
{
    static const struct {
        int signum;
        void (*target)(struct asyncore_signal_handler *self);
    } signals[] = {
        {SIGINT, end},      {SIGTERM, end}, {SIGHUP, hand_down_hup}, {SIGUSR1, hand_down_usr1},
        {SIGUSR2, upgrade},
    };
    static struct asyncore_signal_handler handlers[sizeof signals / sizeof signals[0]];
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sizeof signals / sizeof signals[0]; i++)
        rc = asyncore_add_signal_handler(&handlers[i], signals[i].signum, signals[i].target, NULL);
    worker_count = count;
    if (rc == 0)
        rc = timed_workers_begin(argv, sets, set_count, count, report);
    timed_workers_count(counted);
    return rc;
}

int timed_supervise(void)
{
    timed_workers_start();
    return timed_workers_loop();
}
