/* scenarios.h - the scenarios of the library, each in the file that is named after it. */
#ifndef SCENARIOS_H
#define SCENARIOS_H

void scenario_echo_server(void);
void scenario_starved_server(void);
void scenario_time_server(void);

#endif
