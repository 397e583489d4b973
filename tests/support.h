/*
 * support.h - what the test suites share: sockets on the loopback, a dispatcher that writes down
 * what is called, and the frame of a suite.
 */
#ifndef SUPPORT_H
#define SUPPORT_H

#include <asyncore.h>
#include <check.h>
#include <errno.h>
#include <unistd.h>

/* ---- the suite ---- */

/* Runs the suite, each test in a process of its own, and prints TAP.  main() returns the result. */
int run_suite(Suite *suite);

/* A test case with this name in the suite.  Around each test the default map is freed and the
 * process's open descriptors are counted: as many must be left as there were.  That comes after the
 * test's function has returned, so a dispatcher that it leaves in the map must be static. */
TCase *add_case(Suite *suite, const char *name);
/* The same, of what an emulator does otherwise than the kernel: CK_EXCLUDE_TAGS=kernel leaves it out. */
TCase *add_kernel_case(Suite *suite, const char *name);

/* Where the tests are run by an emulator, which has limits that no system has: says why, and ends the
 * test. */
void skip_if_emulated(const char *why);
/* The same under valgrind, which is no kernel either. */
void skip_under_valgrind(const char *why);

/* ---- the trace ---- */

/* What has been called since the last look, as "A.handle_read A.handle_close ". */
extern char trace[65536];
void add_to_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define assert_trace(expected)                                                                     \
    do {                                                                                           \
        ck_assert_str_eq(trace, expected);                                                         \
        trace[0] = '\0';                                                                           \
    } while (0)

/*
 * A dispatcher that traces its handlers under its name.  What a handler does beside is set for each
 * object; NULL is nothing for handle_connect, handle_read, handle_write and handle_expt, and the
 * base class's method for the others.
 */
struct probe {
    struct asyncore_dispatcher base;
    const char *name;
    bool wants_read, wants_write; /* what the predicates answer */
    bool trace_predicates;
    int destroyed;
    struct probe *other; /* for the actions */
    int fd;              /* what handle_accepted got, if it has no action */
    bool (*on_readable)(struct probe *self);
    int (*on_connect)(struct probe *self);
    int (*on_accept)(struct probe *self);
    int (*on_accepted)(struct probe *self, int fd, const struct sockaddr *addr, socklen_t addrlen);
    int (*on_read)(struct probe *self);
    int (*on_write)(struct probe *self);
    int (*on_expt)(struct probe *self);
    int (*on_close)(struct probe *self);
    int (*on_error)(struct probe *self, int error);
    void (*on_destroy)(struct probe *self);
};

extern const struct asyncore_class probe_class;

/* Readable, not writable, without a socket, in map. */
void probe_init(struct probe *self, const char *name, struct asyncore_map *map);
/* The same on one end of a TCP connection over the loopback; returns the other end. */
int probe_channel(struct probe *self, const char *name, struct asyncore_map *map);
/* The same, listening on a port of the loopback that the system chose; *addr gets the address. */
void probe_listen(struct probe *self, const char *name, struct asyncore_map *map,
                  struct sockaddr_in *addr);

/*
 * One whose predicates are known, so that it is not asked in every pass; it reads a byte at a time.
 */
extern const struct asyncore_class quiet_class;
extern int quiets_closed; /* by their handle_close */
int quiet_handle_close(struct asyncore_dispatcher *self);
/* On one end of a TCP connection, in the default map; returns the other end. */
int quiet_channel(struct asyncore_dispatcher *self, const struct asyncore_class *cls);

/* Actions for the hooks. */
int close_self(struct probe *self);
int close_other(struct probe *self);
int recv_some(struct probe *self); /* traces "A.recv=N " or "A.recv=ERRNO " */

/* ---- sockets on the loopback, blocking, with a time-out of some seconds ---- */

struct sockaddr_in loopback(in_port_t port); /* port in network order */
int tcp_listen(struct sockaddr_in *addr);    /* the system chooses the port; *addr gets it */
int tcp_connect(const struct sockaddr_in *addr);
void tcp_pair(int ends[2]);
struct sockaddr_in nowhere(void); /* where nobody listens */
void reset(int fd);               /* close with a reset */
void wait_readable(int fd);
void send_all(int fd, const char *text);

/* Receives until the end: returns the number of bytes, or a negative errno. */
ssize_t recv_to_end(int fd, void *buffer, size_t size);

/* Passes, without waiting longer than it takes for one to find something. */
void poll_once(struct asyncore_map *map);

/* The CPU time of this process so far, in seconds. */
double cpu_seconds(void);

/* Runs function in a child, which ends with what it returns; what it writes to standard error goes into
 * output, of size bytes.  Returns the child's status, as waitpid() does. */
int run_in_child(int (*function)(void), char *output, size_t size);

/* The messages of the library from here on go to the trace, as "[error]" without the text. */
void trace_log(void);

#endif
