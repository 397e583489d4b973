/* stop.c - the end, see stop.h.  What keeps the loop running is ended here. */
#include "stop.h"

#include "metrics.h"
#include "serve.h"

static bool stopped;

void timed_stop(void)
{
    stopped = true;
    timed_serve_end();
    timed_metrics_end();
}

bool timed_stopped(void)
{
    return stopped;
}
