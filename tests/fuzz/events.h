/*
 * events.h - the world of the event fuzzer: dispatchers, what is on the other side of them, and what
 * the model knows of both.
 */
#ifndef EVENTS_H
#define EVENTS_H

#include "fuzz.h"

#include <asyncore.h>

enum {
    MAPS = 2,
    CHARACTERS = 10,
    TIMERS = 5,
    CALLS = 3,
    RAW = 200 /* the lowest raw descriptor */
};

/* What the dispatcher is. */
enum kind {
    ASKED,      /* its predicates are functions of the class's own */
    READER,     /* always readable, never writable */
    BOTH,       /* always */
    SILENT,     /* never */
    WITH_SEND,  /* dispatcher_with_send */
    FILE_ASKED, /* file_dispatcher */
    FILE_READER,
    KINDS
};

enum method {
    READABLE,
    WRITABLE,
    HANDLE_CONNECT,
    HANDLE_ACCEPT,
    HANDLE_ACCEPTED,
    HANDLE_READ,
    HANDLE_WRITE,
    HANDLE_EXPT,
    HANDLE_CLOSE,
    HANDLE_ERROR,
    HANDLE_TIMEOUT
};

/* It comes from malloc() and frees itself in destroy(), so that the sanitizer finds out who uses it
 * later. */
struct actor {
    struct asyncore_dispatcher_with_send is; /* or a plain dispatcher */
    struct character *character;
};

/* Bytes in one direction: so many were written, so many have been read. */
struct stream {
    size_t written, read;
};

enum outcome { STANDS, REFUSED, NEVER };

/* What the model knows of a dispatcher. */
struct character {
    struct actor *actor; /* NULL: there is none, or it has been destroyed */
    enum kind kind;
    bool open; /* not closed; when it is: destroy() is awaited */
    bool wild; /* its descriptor was taken away: nobody knows what the system says of it */
    int belongs, in_map; /* the numbers of maps; -1: in none */
    uint64_t stay;       /* in this map, counted through; gives the order */
    uint64_t generation; /* of its socket */
    uint64_t asked_in;   /* the pass in which both predicates were called */
    bool wants[2], answers[2];
    bool ambush; /* the next predicate acts */
    bool connected, connecting, accepting;
    uint64_t tried; /* to connect: the serial; 0: not yet */
    enum outcome outcome;
    int64_t idle_limit, active_at, connect_limit, connect_at;

    int fd;
    bool is_pipe, is_tcp;
    int peer; /* a raw descriptor, -1: it is gone */
    bool ended, broken, urgent;
    short found; /* what the system said of it before the wait, as poll() says it */
    struct stream in, out;
    int voice;        /* which bytes they are */
    unsigned backlog; /* of a listener: raw descriptors that wait to be accepted */
    in_port_t port;
};

struct clock {
    struct asyncore_timer timer;
    bool set, every;
    int map;
    int64_t due, interval;
    uint64_t serial;
};

struct queued {
    struct asyncore_call call;
    int map;
    uint64_t serial; /* 0: it is not queued */
};

extern struct world {
    struct bytes bytes;
    struct asyncore_map *maps[MAPS];
    unsigned frames[MAPS]; /* how many functions of the library are at work on it */
    unsigned depth;        /* of handlers within handlers */
    struct character characters[CHARACTERS];
    struct clock clocks[TIMERS];
    struct queued calls[CALLS];
    uint64_t serial;    /* of whatever must be told apart or put in order */
    bool woken[MAPS];   /* something may cut its next wait short */
    bool stopped[MAPS]; /* asyncore_stop() was called, and no asyncore_loop() since */
    uint64_t limited;   /* when the library may have set a timer of its own */
    bool is_wild;       /* somebody is: then there is but one map */
    bool quiet;         /* nobody acts */
} world;

static inline int some_map(void)
{
    return world.is_wild ? 0 : (int)choose(&world.bytes, MAPS);
}

/* ---- events_class.c ---- */

const struct asyncore_class *class_of(enum kind kind);
void clock_fires(struct asyncore_timer *timer);
void call_is_made(struct asyncore_call *call);

/* ---- events_open.c: how a dispatcher comes into the world ---- */

void open_connected(void);
void open_listener(void);
void open_client(void);
void connects(struct character *c);
void listens(struct character *c);
/* The connection that a listener has accepted; fd is its from here on. */
int adopt(struct asyncore_dispatcher *listener, int fd, const struct sockaddr *addr,
          socklen_t addrlen);
/* Another socket in the place of the one there is, or was. */
void reopen(struct character *c);
/* The connection becomes another dispatcher's, if there is one to be had. */
void hands_on(struct character *c);

/* ---- events_act.c: what a program may do, anywhere ---- */

void act(void);
void close_character(struct character *c);
void receive(struct character *c, size_t size);
void free_map(int map); /* and makes another, unless a handler runs */

/* ---- events_peer.c: the other sides ---- */

void peers_open(void);
void peers_close(void);
/* One end, and a raw one in c->peer. */
int open_pair(struct character *c, unsigned which);
void peer_acts(struct character *c);
void peer_reads(struct character *c);
void dial(struct character *listener);
int find_dialler(in_port_t port); /* a raw descriptor, the caller's from here on; -1: none */
/* On this machine, but no address of other programs, some of which try any port of 127.0.0.1. */
struct sockaddr_in loopback(in_port_t port);
struct sockaddr_in where(enum outcome outcome);
void without_delay(int fd); /* what this socket sends goes out at once, however little */
void settle_sent(struct character *c);
void settle_connect(struct character *c); /* its outcome is known; the raw end becomes its peer */

void replace_fd(int fd); /* the number is a strange socket's from here on */
void keep_fd(int fd);    /* until the end of the run */

uint8_t byte_at(const struct character *c, size_t place);

/* ---- events_model.c ---- */

void model_enters_map(struct character *c, int map);
void model_leaves_map(struct character *c);
void model_closed(struct character *c);
void model_destroyed(const struct character *c);
/* Around each call of a handler: the generation in which it began, and what it returned. */
uint64_t model_begins(struct character *c, enum method method, int error);
int model_ends(struct character *c, enum method method, uint64_t generation, int rc);
void model_asked(struct character *c, enum method method, bool answer);
void model_sets(struct clock *clock, int map, int64_t interval, bool every);
void model_fires(struct clock *clock);
void model_calls(struct queued *call);
/* One pass of the library, by asyncore_poll() or asyncore_loop(). */
void model_pass(int map, int64_t timeout, bool loop);
/* Map and flags are as they must be. */
void model_check(void);

#endif
