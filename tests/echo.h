/* echo.h - an echo on one end of a connection, for those who look at what is told of a dispatcher. */
#ifndef ECHO_H
#define ECHO_H

#include "support.h"

extern const struct asyncore_class echo_class;

/* The one that is looked at, and the other end of its connection. */
extern struct asyncore_dispatcher echo;
extern int echo_peer;

/* In the default map, accepted from 127.0.0.1, port 0, created at echo.c:1000. */
void open_echo(void);

#endif
