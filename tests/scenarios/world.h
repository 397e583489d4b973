/*
 * world.h - what a scenario happens in: dispatchers that write down what is called, and peers.
 */
#ifndef WORLD_H
#define WORLD_H

#include "language.h"

#include <asynchat.h>
#include <asyncore.h>
#include <netinet/in.h>

/* What the scenario has said of a name, which may stand for one dispatcher after another. */
struct character {
    char name[NAME_SIZE];
    struct action *overridden[METHODS]; /* NULL: the base class's method */
    enum answer answers[PREDICATES];
    struct actor *actor;        /* the newest; NULL when it is closed and destroyed */
    struct sockaddr_in address; /* where it listens; its family is 0 if it never did */
    struct character *next;
};

/* A dispatcher.  It comes from malloc() and frees itself in destroy(), so that the sanitizer finds out
 * whoever uses it later. */
struct actor {
    union {
        struct asyncore_dispatcher base;
        struct asyncore_dispatcher_with_send sender;
        struct asynchat_async_chat chat;
    } is;
    const struct asyncore_class *super;
    struct character *character;
    struct world *world;
    struct actor *prev, *next;
};

/* A blocking socket, or the other end of a file_dispatcher's pipe. */
struct peer {
    char name[NAME_SIZE];
    int fd; /* -1 when closed */
    bool is_pipe;
    struct peer *next;
};

struct world {
    struct asyncore_map *map;
    struct character *characters;
    struct actor *actors; /* in the order in which they were added to the map */
    struct peer *peers;
    int nowhere_fd;       /* bound, and nobody listens */
    bool poller_is_given; /* on the command line: the scenario's is not looked at */
    bool stirred;         /* something has happened since the last settle() */
};

/* One call of a method of a dispatcher, with its arguments. */
struct call {
    struct asyncore_dispatcher *self;
    enum method method; /* NO_METHOD: from outside any */
    int error;          /* handle_error's */
    int fd;             /* handle_accepted's; -1 when somebody has taken it */
    const struct sockaddr *addr;
    socklen_t addrlen;
    const void *data; /* collect_incoming_data's */
    size_t size;
};

/* ---- world.c ---- */

bool world_open(struct world *world, const char *poller);
/* Closes everything.  False if some dispatcher's destroy() was never called. */
bool world_close(struct world *world);
struct character *world_character(struct world *world, const char *name);
/* A peer of this name; a former one is closed.  The descriptor is the peer's from here on. */
void world_add_peer(struct world *world, const char *name, int fd, bool is_pipe);
struct peer *world_peer(const struct world *world, const char *name); /* NULL: there is none */
struct sockaddr_in world_nowhere(const struct world *world);
/* What has been sent is there before the next pass looks. */
void world_settle(struct world *world);
/* "= A[c] B[a]": all that is in the map. */
void world_print_state(const struct world *world);

struct sockaddr_in loopback(void); /* with port 0 */
void without_delay(int fd);        /* what this socket sends goes out at once, however little */
/* The runner itself cannot go on. */
_Noreturn void give_up(const char *why);
/* What a call of the system answered, that cannot fail here. */
int must(int result, const char *what);

/* ---- actor.c ---- */

enum kind { DISPATCHER, WITH_SEND, FILE_DISPATCHER, ASYNC_CHAT };

/* A dispatcher, with fd, which is its from here on, or without a socket: -1.  NULL, with *error: it
 * could not be made. */
struct actor *actor_new(struct world *world, enum kind kind, const char *name, int fd, int *error);
/* The base class's method. */
int base_class_method(struct call *call);

/* ---- actions.c ---- */

/* Does what the list says.  Returns 0, a negative errno or asyncore_ExitNow. */
int perform(struct call *call, const struct action *actions);

/* ---- chat.c ---- */

/* terminator, push, produce, close_when_done, discard_buffers. */
int chat_perform(struct actor *actor, const struct action *action);

/* ---- commands.c ---- */

/* Runs it, and prints what is to be said of it.  False if it names what is not there. */
bool run_command(struct world *world, struct command *command);

/* ---- peer.c ---- */

/* 0 or a negative errno. */
int peer_dial(struct world *world, const char *name, const struct sockaddr_in *addr);
int peer_command(struct peer *peer, const struct command *command);
void peer_close(struct peer *peer);

#endif
