/* program.h - a whole program is the scenario: its main() under another name. */
#ifndef PROGRAM_H
#define PROGRAM_H

#include "peer.h"

/* Runs it with these arguments, NULL behind the last.  Returns its exit status.  If that is not 0 it
 * must have said why, and nothing is told otherwise; if it is 0, its output must contain this. */
int run_program(int (*program)(int argc, char **argv), char **argv, const char *output);

#endif
