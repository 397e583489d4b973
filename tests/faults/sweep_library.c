/* sweep_library.c - every system call and every allocation of the library and of the dispatchers
 * fails, in every scenario, with every poller. */
#include "scenarios.h"
#include "sweep.h"

/* "the client's connection is then closed without an answer, as the RFC asks" (time_server.h) */
static const enum fault_call time_unknown[] = {FAULT_CLOCK_REALTIME, FAULT_CALLS};

static const struct scenario scenarios[] = {
    {"echo_server", scenario_echo_server, NULL},
    {"starved_server", scenario_starved_server, NULL},
    {"time_server", scenario_time_server, time_unknown},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return sweep_main(argc, argv, scenarios);
}
