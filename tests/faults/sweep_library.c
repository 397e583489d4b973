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
    {"time_unknown", scenario_time_unknown, time_unknown},
    {"time_server_later", scenario_time_server_later, time_unknown},
    {"time_server_starved", scenario_time_server_starved, time_unknown},
    {"time_server_limited", scenario_time_server_limited, time_unknown},
    {"time_server_6", scenario_time_server_6, NULL},
    {"time_datagram", scenario_time_datagram, NULL},
    {"time_datagram_everywhere", scenario_time_datagram_everywhere, NULL},
    {"time_datagram_one_by_one", scenario_time_datagram_one_by_one, NULL},
    {"time_datagram_6", scenario_time_datagram_6, NULL},
    {"time_client", scenario_time_client, NULL},
    {"time_client_refused", scenario_time_client_refused, NULL},
    {"time_client_timeout", scenario_time_client_timeout, NULL},
    {"time_client_udp", scenario_time_client_udp, NULL},
    {"time_client_udp_refused", scenario_time_client_udp_refused, NULL},
    {"chat", scenario_chat, NULL},
    {"refused_descriptors", scenario_refused_descriptors, NULL},
    {"unhandled_accept", scenario_unhandled_accept, NULL},
    {"listener_from_elsewhere", scenario_listener_from_elsewhere, NULL},
    {"unhandled_rest", scenario_unhandled_rest, NULL},
    {"wakeup_unwatched", scenario_wakeup_unwatched, NULL},
    {"connect", scenario_connect, NULL},
    {"refused", scenario_refused, NULL},
    {"connect_timeout", scenario_connect_timeout, NULL},
    {"connect_timeout_out_of_the_map", scenario_connect_timeout_out_of_the_map, NULL},
    {"connect_local", scenario_connect_local, NULL},
    {"pipe", scenario_pipe, NULL},
    {"broken_pipe", scenario_broken_pipe, NULL},
    {"regular_file", scenario_regular_file, NULL},
    {"own_map", scenario_own_map, NULL},
    {"crowd", scenario_crowd, NULL},
    {"switch", scenario_switch, NULL},
    {"dead", scenario_dead, NULL},
    {"dead_before_the_wakeup", scenario_dead_before_the_wakeup, NULL},
    {"big_output", scenario_big_output, NULL},
    {"send_last", scenario_send_last, NULL},
    {"idle_timeout", scenario_idle_timeout, NULL},
    {"datagrams", scenario_datagrams, NULL},
    {"timers", scenario_timers, NULL},
    {"wakeup", scenario_wakeup, NULL},
    {"signals", scenario_signals, NULL},
    {"fork", scenario_fork, NULL},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return sweep_main(argc, argv, scenarios);
}
