/* sweep_library.c - every system call and every allocation of the library and of the dispatchers
 * fails, in every scenario, with every poller. */
#include "scenarios.h"
#include "sweep.h"

/* "the client's connection is then closed without an answer, as the RFC asks" (time_server.h) */
static const enum fault_call time_unknown[] = {FAULT_CLOCK_REALTIME, FAULT_CALLS};

static const struct scenario scenarios[] = {
    {"echo_server", scenario_echo_server, NULL, NULL},
    {"traced", scenario_traced, NULL, NULL},
    {"starved_server", scenario_starved_server, NULL, NULL},
    {"time_server", scenario_time_server, time_unknown, NULL},
    {"time_unknown", scenario_time_unknown, time_unknown, NULL},
    {"time_server_later", scenario_time_server_later, time_unknown, NULL},
    {"time_server_starved", scenario_time_server_starved, time_unknown, NULL},
    {"time_server_limited", scenario_time_server_limited, time_unknown, NULL},
    {"time_server_6", scenario_time_server_6, NULL, NULL},
    {"time_datagram", scenario_time_datagram, NULL, NULL},
    {"time_datagram_everywhere", scenario_time_datagram_everywhere, NULL, NULL},
    {"time_datagram_one_by_one", scenario_time_datagram_one_by_one, NULL, NULL},
    {"time_datagram_6", scenario_time_datagram_6, NULL, NULL},
    {"time_client", scenario_time_client, NULL, NULL},
    {"time_client_refused", scenario_time_client_refused, NULL, NULL},
    {"time_client_timeout", scenario_time_client_timeout, NULL, NULL},
    {"time_client_udp", scenario_time_client_udp, NULL, NULL},
    {"time_client_udp_refused", scenario_time_client_udp_refused, NULL, NULL},
    {"chat", scenario_chat, NULL, NULL},
    {"refused_descriptors", scenario_refused_descriptors, NULL, NULL},
    {"unhandled_accept", scenario_unhandled_accept, NULL, NULL},
    {"listener_from_elsewhere", scenario_listener_from_elsewhere, NULL, NULL},
    {"unhandled_rest", scenario_unhandled_rest, NULL, NULL},
    {"wakeup_unwatched", scenario_wakeup_unwatched, NULL, NULL},
    {"connect", scenario_connect, NULL, NULL},
    {"refused", scenario_refused, NULL, NULL},
    {"connect_timeout", scenario_connect_timeout, NULL, NULL},
    {"connect_timeout_out_of_the_map", scenario_connect_timeout_out_of_the_map, NULL, NULL},
    {"connect_local", scenario_connect_local, NULL, NULL},
    {"pipe", scenario_pipe, NULL, NULL},
    {"broken_pipe", scenario_broken_pipe, NULL, NULL},
    {"regular_file", scenario_regular_file, NULL, NULL},
    {"own_map", scenario_own_map, NULL, NULL},
    {"crowd", scenario_crowd, NULL, NULL},
    {"for_ever", scenario_for_ever, NULL, NULL},
    {"for_ever_unwatched", scenario_for_ever_unwatched, NULL, NULL},
    {"switch", scenario_switch, NULL, NULL},
    {"dead", scenario_dead, NULL, NULL},
    {"dead_before_the_wakeup", scenario_dead_before_the_wakeup, NULL, NULL},
    {"big_output", scenario_big_output, NULL, NULL},
    {"send_last", scenario_send_last, NULL, NULL},
    {"idle_timeout", scenario_idle_timeout, NULL, NULL},
    {"datagrams", scenario_datagrams, NULL, NULL},
    {"timers", scenario_timers, NULL, NULL},
    {"wakeup", scenario_wakeup, NULL, NULL},
    {"signals", scenario_signals, NULL, NULL},
    {"fork", scenario_fork, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return sweep_main(argc, argv, scenarios);
}
