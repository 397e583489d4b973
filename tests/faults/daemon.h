/* daemon.h - what the scenarios of timed share. */
#ifndef DAEMON_H
#define DAEMON_H

#include "program.h"

int timed_main(int argc, char **argv);

/* Where this process listens, or, for datagrams, hears. */
bool find_socket(int type, struct sockaddr_in *addr);

/* Descriptors that a service manager gives are those from FIRST on. */
enum { FIRST = 3 };
void put(int fd, int place);
void give_sockets(int count);
/* From a program that has failed: so many from FIRST on, if they are still open. */
void take_back(int count);

/* ---- scenario_workers.c ---- */

void scenario_workers(void);
void scenario_no_workers(void);
void scenario_upgrade(void);
void scenario_standby(void);
void scenario_no_standby(void);
void scenario_worker(void);
void scenario_orphan(void);

#endif
