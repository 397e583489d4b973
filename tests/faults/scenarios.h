/* scenarios.h - the scenarios of the library, each in the file that is named after it. */
#ifndef SCENARIOS_H
#define SCENARIOS_H

#include <asyncore.h>

/* scenario_accept.c */
extern struct asyncore_dispatcher echo_server;
int begin_echo_server(void);
void scenario_echo_server(void);
void scenario_traced(void);
void scenario_starved_server(void);

/* scenario_chat.c */
void scenario_chat(void);

/* scenario_connect.c */
void scenario_connect(void);
void scenario_refused(void);
void scenario_connect_timeout(void);
void scenario_connect_timeout_out_of_the_map(void);
void scenario_connect_local(void);

/* scenario_file.c */
void scenario_pipe(void);
void scenario_broken_pipe(void);
void scenario_regular_file(void);

/* scenario_map.c */
void scenario_own_map(void);
void scenario_crowd(void);
void scenario_for_ever(void);
void scenario_for_ever_unwatched(void);
void scenario_switch(void);
void scenario_dead(void);
void scenario_dead_before_the_wakeup(void);

/* scenario_refusal.c */
void scenario_refused_descriptors(void);
void scenario_unhandled_accept(void);
void scenario_listener_from_elsewhere(void);
void scenario_unhandled_rest(void);

/* scenario_send.c */
void scenario_big_output(void);
void scenario_send_last(void);
void scenario_idle_timeout(void);
void scenario_datagrams(void);

/* scenario_time.c */
void scenario_time_server(void);
void scenario_time_unknown(void);
void scenario_time_server_later(void);
void scenario_time_server_starved(void);
void scenario_time_server_limited(void);
void scenario_time_server_6(void);
void scenario_time_client(void);
void scenario_time_client_refused(void);
void scenario_time_client_timeout(void);
void scenario_time_client_udp(void);
void scenario_time_client_udp_refused(void);

/* scenario_time_datagram.c */
void scenario_time_datagram(void);
void scenario_time_datagram_everywhere(void);
void scenario_time_datagram_one_by_one(void);
void scenario_time_datagram_6(void);

/* scenario_timer.c */
void scenario_timers(void);

/* scenario_wakeup.c */
void scenario_wakeup(void);
void scenario_wakeup_unwatched(void);
void scenario_signals(void);
void scenario_fork(void);

#endif
