/* stop.c - the end, see stop.h.  What keeps the loop running is ended here. */
#include "stop.h"

#include "metrics.h"
#include "notify.h"
#include "parent.h"
#include "serve.h"
#include "status.h"
#include "upgrade.h"

static bool stopped;

void timed_stop_serving(void)
{
    timed_serve_end();
    timed_status_end();
    timed_metrics_close();
    timed_notify_end_watchdog();
}

void timed_stop(void)
{
    stopped = true;
    timed_notify_stopping();
    if (timed_upgrade_end()) /* and the loop with it */
        return;
    timed_status_tell();
    timed_stop_serving();
    timed_upgrade_leave();
    timed_parent_leave();
}

bool timed_stopped(void)
{
    return stopped;
}
