/*
 * language.h - the language of the scenarios: one line becomes one command.
 */
#ifndef LANGUAGE_H
#define LANGUAGE_H

#include <stdbool.h>
#include <stddef.h>

enum { NAME_SIZE = 64, MOST_NAMES = 2 };

/* A string: bytes from malloc(), which may hold any value. */
struct text {
    unsigned char *bytes;
    size_t length;
};

enum method {
    HANDLE_CONNECT,
    HANDLE_ACCEPT,
    HANDLE_ACCEPTED,
    HANDLE_READ,
    HANDLE_WRITE,
    HANDLE_EXPT,
    HANDLE_ERROR,
    HANDLE_CLOSE,
    COLLECT_INCOMING_DATA,
    FOUND_TERMINATOR,
    METHODS,
    NO_METHOD = METHODS
};

extern const char *const method_names[METHODS];

enum predicate { READABLE, WRITABLE, PREDICATES };
enum answer { ANSWER_SUPER, ANSWER_TRUE, ANSWER_FALSE };
enum { NO_NUMBER = -1 };

/* What may stand behind the first word of a command or action. */
struct arguments {
    char names[MOST_NAMES][NAME_SIZE]; /* in their order; "" when left out */
    int number;                        /* an errno too; NO_NUMBER when left out */
    struct text text;                  /* no bytes when it was none */
    enum predicate predicate;
    enum answer answer;
    bool ignore;
};

enum verb {
    DO_RECV,
    DO_SEND,
    DO_ACCEPT,
    DO_ADOPT,
    DO_CLOSE,
    DO_RAISE,
    DO_EXIT,
    DO_SUPER,
    DO_SET,
    DO_TERMINATOR,
    DO_PUSH,
    DO_PRODUCE,
    DO_CLOSE_WHEN_DONE,
    DO_DISCARD_BUFFERS,
    DO_NOTHING
};

struct action {
    enum verb verb;
    struct arguments given;
    struct action *next;
};

enum order {
    POLLER,
    LISTENER,
    CLIENT,
    CHANNEL,
    SENDER,
    CHAT,
    READER,
    WRITER,
    DIAL,
    ON,
    SET,
    ACT,
    POLL,
    LOOP,
    CLOSE_ALL,
    PEER_SEND,
    PEER_RECV,
    PEER_SHUTDOWN,
    PEER_OOB,
    PEER_CLOSE,
    PEER_RESET
};

struct command {
    enum order order;
    struct arguments given;
    enum method method;     /* ON */
    struct action *actions; /* ON, ACT */
};

/* False if the line is none of the language.  command_free() is due in either case. */
bool parse_command(const char *line, struct command *command);
void command_free(struct command *command);
void actions_free(struct action *list);

/* ---- values.c ---- */

/* "EPIPE"; the number of a name is 0 if there is none. */
const char *errno_name(int error);
int errno_number(const char *name);

/* DATA: to standard output, as the trace shows it. */
void print_data(const unsigned char *bytes, size_t length);

#endif
