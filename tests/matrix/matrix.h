/*
 * matrix.h - a handler may do anything: every callback (an origin), and everything that it may do there
 * (an action).
 *
 * Each cell of the table has a world of its own, a map with the actor, in whose callback it happens,
 * and some who stand by.  All of them are ready in the same pass; whoever comes after the actor must be
 * called as if nothing had happened, unless the action says otherwise.
 */
#ifndef MATRIX_H
#define MATRIX_H

#include "support.h"

#include <asynchat.h>
#include <stdio.h>

/* When in a pass. */
enum phase {
    ASKING,
    FAILING,
    READING,
    WRITING,
    EXCEPTING,
    TIMING,
    SIGNALLING,
    CALLING,
    DESTROYING
};

enum callback {
    READABLE,
    WRITABLE,
    ACCEPT,
    ACCEPTED,
    READ,
    RECV,
    COLLECT,
    FOUND,
    MORE, /* of a producer */
    END,  /* handle_eof */
    CLOSE,
    ERROR,
    LOG,
    CONNECT,
    WRITE,
    SEND,
    EXPT,
    TIMEOUT,
    TIMER,
    SIGNAL,
    CALL,
    DESTROY,
    CALLBACKS
};

/* In the order in which they were added. */
enum role {
    ACTOR,
    READY,        /* whatever can be called is, in each pass */
    KNOWN,        /* the same, but that the library knows its predicates */
    IDLE,         /* is asked, and nothing comes */
    SECOND_TIMER, /* which comes after the actor's */
    SECOND_SIGNAL,
    SECOND_CALL,
    NEW,   /* what the action adds: ready from the beginning */
    OTHER, /* in another map */
    LATE,  /* who is added in the end, to see whether the loop goes on */
    ROLES
};

struct member {
    struct asynchat_async_chat chat; /* of most the base alone */
    enum role role;
    bool wants_read, wants_write;
};

struct origin {
    const char *name;
    enum callback callback;
    enum phase phase;
    void (*prepare)(void); /* adds the actor, so that this is called in the next pass */
    /* What the actor does in handle_accept, handle_read, handle_write or found_terminator to have it
     * called; may be NULL. */
    int (*provoke)(struct asyncore_dispatcher *self);
    bool returns; /* can it raise? */
};

#define BIT(role) (1U << (role))

struct action {
    const char *name;
    void (*act)(void);
    unsigned closes;    /* whose roles are called no more */
    unsigned postpones; /* who are called no more in this pass, and in the next as ever */
    int result;         /* of asyncore_loop(), if it leaves that */
    bool stops;         /* it leaves that after this pass */
    bool cancels;       /* the actor's own timer */
    int adds;           /* so many NEW ones */
};

extern const struct origin origins[];
extern const size_t origin_count;
extern const struct action actions[];
extern const size_t action_count;

extern struct world {
    const struct origin *origin;
    const struct action *action;
    struct asyncore_map *map;
    struct member *members[ROLES]; /* NULL once destroyed; the newest of a role */
    struct asyncore_timer timer, second_timer, new_timer;
    struct asyncore_signal_handler handler, second_handler;
    struct asyncore_call call, second_call;
    int spare[2]; /* what is connected and always readable, to be duplicated, and its other end */
    int peers[ROLES];
    int passes, acted_in; /* 0: not yet */
    int created[ROLES], destroyed[ROLES];
    struct {
        int before, after; /* the action, in its pass */
        int later;         /* in another */
    } called[ROLES][CALLBACKS];
} world;

/* Fails, and says in which cell. */
#define ASSERT_EQ(got, expected, ...)                                                              \
    assert_equal(__FILE__, __LINE__, (long)(got), (long)(expected), __VA_ARGS__)
void assert_equal(const char *file, int line, long got, long expected, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* ---- callbacks.c ---- */

extern const struct asyncore_class member_class, known_class, chat_class;

/* Something was called, which may be where the action happens.  Returns what to return there. */
int note(enum role role, enum callback callback);
void timer_fires(struct asyncore_timer *timer);
void signal_comes(struct asyncore_signal_handler *handler);
void call_is_made(struct asyncore_call *call);
/* A member without a socket; not in any map yet. */
struct member *new_member(enum role role);
/* On one end of a new connection; the other is its peer. */
struct asyncore_dispatcher *new_channel(enum role role, const struct asyncore_class *cls);
/* The dispatcher, also while it is closed and not destroyed; NULL from then on. */
struct asyncore_dispatcher *member(enum role role);

#endif
