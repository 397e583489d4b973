/*
 * fault.h - between the library and the system.  The library that the programs in this directory are
 * linked with calls __wrap_socket() for socket() and so on, the programs themselves do not: what they
 * do on the other side of a connection does not fail, and is not counted.
 *
 * One call in a run can be told to fail.  Beside that the wrappers keep the books of what the library
 * holds, and set its clock forward in place of waiting.
 */
#ifndef FAULT_H
#define FAULT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fault_call {
#define FAULT_CALL(name, ...) FAULT_##name,
#include "calls.h"
#undef FAULT_CALL
    FAULT_CALLS
};

enum { FAULT_SHORT = 10000, FAULT_ERRORS = 24, FAULT_GARBAGE = EDOM };

struct fault_kind {
    const char *name;
    int errors[FAULT_ERRORS]; /* 0 ends them */
};
extern const struct fault_kind fault_kinds[FAULT_CALLS];

const char *fault_error_name(int error);

/* ---- what fails ---- */

enum { FAULT_FIRST, FAULT_SECOND, FAULT_SLOTS };

/* The nth of these calls, from 1 and from now on, fails with error.  The first slot is the sweep's,
 * the second for scenarios that begin with a failure.  nth 0: none. */
void fault_arm(int slot, enum fault_call call, unsigned nth, int error);
/* How often the fault of this slot came true: 0 or 1. */
unsigned fault_fired(int slot);
bool fault_has_failed(enum fault_call call);

/* For the wrappers: the error with which this call must fail, which errno is set to; 0 if it need
 * not. site is where the call comes from. */
int fault_check(enum fault_call call, const void *site);
#define FAULT_CHECK(call) fault_check(FAULT_##call, __builtin_return_address(0))

/* ---- the books ---- */

void *counted(void *memory, size_t size); /* memory that the library got; returns it */
void uncounted(const void *memory);       /* it was given back */
size_t fault_memory_held(void);           /* pieces */
/* Memory of the scenarios' own dispatchers, which does not run out, but counts. */
void *counted_calloc(size_t size);
void counted_free(void *memory);

/* Something that the library must never do, or that a scenario did not see: says so, and ends the
 * process. */
_Noreturn void fault_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define expect(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fault_fail("%s:%d: %s", __FILE__, __LINE__, #condition);                               \
    } while (0)

/* The scenario closes descriptors of the library: then the library may close them again. */
extern bool fault_closed_behind;

/* What exit() does; it does not return. */
extern void (*fault_exit)(int status);

/* ---- other processes ---- */

/* What a child of the library does before it goes on as one; NULL: it says nothing, and ends with
 * the process that has forked it.  That one goes on once its child has run a program, has ended, or
 * waits for something: so there is an order in which calls are made. */
extern void (*fault_child)(void);
/* In a child: it waits. */
void fault_let_parent_go_on(void);

/* ---- time ---- */

/* The library waits for nothing: when nothing is ready its clock is set forward.  Before that the
 * world is asked whether it has something to do; it returns whether it did something. */
extern bool (*fault_world)(void);
void fault_sleep(double seconds); /* sets the clock forward */

/* ---- what all processes of a run see, and the one that started it ---- */

enum { FAULT_SITES = 1024 };

extern struct fault_report {
    unsigned seen[FAULT_SLOTS]; /* calls of that kind, in whichever process */
    unsigned fired[FAULT_SLOTS];
    unsigned told;   /* how often the library told of an error, in whatever way */
    int first_error; /* that a call returned */
    unsigned agains; /* how often something had to be asked for again */
    bool called[FAULT_CALLS];
    char message[512];
    uintptr_t sites[FAULT_SITES]; /* where calls were made to fail; they add up */
} * fault_report;

/* Also writes down where from. */
void fault_init(void);
void fault_print_sites(void);

#endif
