/* command.h - what the command lines of this project have in common. */
#ifndef COMMAND_H
#define COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/* The exit status for a command line that makes no sense; EXIT_FAILURE is for the system's
 * refusals. */
enum { COMMAND_USAGE = 2 };

/* The command's name, for messages. */
extern const char *const command_name;

/* Control characters become question marks: what somebody else has written stays on its line. */
void command_make_printable(char *text);

/* Writes "name: message\n" to standard error, all of it printable, and exits. */
_Noreturn void command_fail(int status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes text to standard output and exits with 0. */
_Noreturn void command_print(const char *text);

/* What getopt_long() did not like, its answer being option and its short options letters: into
 * message, of size bytes. */
void command_describe_bad_option(int option, const char *letters, char **argv, char *message,
                                 size_t size);

/* Says so, and exits. */
_Noreturn void command_bad_option(int option, const char *letters, char **argv);

/* The TCP port that text says, 0 to 65535 in decimal digits and nothing else; -1 if it is none. */
int command_port(const char *text);

/* Takes HOST, HOST:PORT, ADDRESS6, [ADDRESS6] or [ADDRESS6]:PORT apart: writes the first, without
 * brackets, to host, of size bytes, and has *port point to the second, or to NULL.  Returns false if
 * it is none of these, or the host has other characters than ASCII's printable ones. */
bool command_split_address(const char *text, char *host, size_t size, const char **port);

#endif
