/*
 * asyncore.h - Python's asyncore for C programmers.
 *
 * Dispatcher objects wrap sockets.  They sit in a map from file descriptor to object; one loop
 * waits with select() for all of them and calls their handle_read(), handle_write(),
 * handle_accept()...  A "class" is a const table of function pointers, and a subclass is a table
 * that names another as its super:
 *
 *     struct echo {
 *         struct asyncore_dispatcher base;      // first member: an echo is a dispatcher
 *     };
 *
 *     static const struct asyncore_class echo_class = {
 *         .name = "echo",
 *         .super = &asyncore_dispatcher_class,
 *         .writable = asyncore_never,
 *         .handle_read = echo_handle_read,
 *     };
 *
 * Names.  A C name is its Python name with the dot turned into an underscore: asyncore.loop is
 * asyncore_loop(), and a method takes its object first: self.send(data) is
 * asyncore_send(self, data, size).  As in Python such a call runs the method of the object's own
 * class; the base class's method is called through its table, so that
 * asyncore.dispatcher.send(self, data) is asyncore_dispatcher_class.send(self, data, size).
 *
 * Errors.  A call returns 0 or a count, or a negative errno (-EAGAIN, -ECONNREFUSED...).  A handler
 * returns 0, or a negative errno, which is this library's "raise": see asyncore_read().  What
 * cannot be done from inside a handler answers -EBUSY: that is any function of a class, readable
 * and writable included, and what timers, signals and queued calls call, also where no loop runs.
 *
 * Threads.  A map belongs to one thread at a time, with all that is in it: dispatchers, timers,
 * signal handlers.  Any number of threads may each run a map of its own.  Into the map of another
 * reach asyncore_stop(), asyncore_wakeup() and asyncore_call_soon_threadsafe() alone, which may be
 * called from any thread, and from signal handlers, until asyncore_map_free() is called; who wants
 * anything else done there queues a call.
 *
 * Fork.  A child has the dispatchers of its parent, and shares the sockets with it: one of the two
 * should let go of them.  The child may go on with a map, and then has a poller of its own; or drop
 * it, with asyncore_close_all() or asyncore_map_free(), which closes the child's descriptors
 * alone.  Neither touches the poller of the parent, nor what wakes its loop, nor whether its files
 * block.  fork() may be called in a handler, and while other threads run loops; but between
 * vfork() or clone() and exec no function here may be called.
 *
 * Lifetime.  asyncore_close() takes effect at once: the dispatcher is out of its map, its
 * descriptor is closed and none of its handlers is called again.  Its memory must stay until its
 * class's destroy() has been called, which happens exactly once, when no function of the library
 * still uses the object: at the end of the pass, or at once outside one.  A dispatcher from
 * malloc() frees itself there.  So any handler may close its own dispatcher, or any other.  Where
 * no class fills destroy, the memory must stay until the handler of its own that runs, if any, has
 * returned.
 */
#ifndef ASYNCORE_H
#define ASYNCORE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define ASYNCORE_API __attribute__((visibility("default")))
#else
#define ASYNCORE_API
#endif

/* ---------------------------------------------------------------------------------------------
 * Version
 */

#define ASYNCORE_VERSION_MAJOR 0
#define ASYNCORE_VERSION_MINOR 1
#define ASYNCORE_VERSION_PATCH 0
#define ASYNCORE_VERSION "0.1.0"

/* The version of the library that runs, as "major.minor.patch"; ASYNCORE_VERSION is the one that
 * was compiled against.  The string is constant. */
ASYNCORE_API const char *asyncore_version(void);

/* ---------------------------------------------------------------------------------------------
 * Classes
 */

struct asyncore_dispatcher;
struct asyncore_map;
struct asyncore_channel;
struct asyncore_timer;
struct asyncore_timeouts;
struct asyncore_call;
struct asyncore_signal_handler;

/* asyncore.ExitNow: what a handler returns to leave the pass at once; it comes back out of
 * asyncore_poll() and asyncore_loop().  No errno has this value. */
enum { asyncore_ExitNow = -0x45584954 };

/* What a logged message is.  Python's log() writes "log", log_info() one of the other three. */
enum asyncore_log_type {
    ASYNCORE_LOG,     /* a hit: what log() logs */
    ASYNCORE_INFO,    /* what happens in the normal course of things */
    ASYNCORE_WARNING, /* an event that no handler took; ignored by default */
    ASYNCORE_ERROR    /* an error that no handler took */
};

/*
 * A class: one const table.  A slot left NULL is inherited: the lookup walks super to the class
 * that fills it, however far up.  A table without a super inherits from
 * asyncore_dispatcher_class.  Handlers return 0, a negative errno, or asyncore_ExitNow; a result
 * above 0 counts as 0.  What each does in asyncore_dispatcher_class stands beside it.
 */
struct asyncore_class {
    const char *name; /* for messages; NULL: the super's */
    const struct asyncore_class *super;

    /* Asked before each wait: shall handle_read / handle_write be called once the socket is ready?
     * asyncore_always and asyncore_never are known to the library and cost nothing; any other
     * function is called once a pass, in the order in which dispatchers were added.  Beware: a
     * connected socket is nearly always writable, so a writable() that is true with nothing to
     * send makes the loop spin.  Both default to asyncore_always, as in Python. */
    bool (*readable)(struct asyncore_dispatcher *self);
    bool (*writable)(struct asyncore_dispatcher *self);

    /* The connection that asyncore_connect() began stands.  asyncore_connected() becomes true when
     * this has returned 0.  Default: logs a warning. */
    int (*handle_connect)(struct asyncore_dispatcher *self);

    /* A listener has a connection waiting.  Default: one asyncore_accept(), then handle_accepted;
     * when that fails the failure is logged and the listener lives.  A listener that many come to
     * at once names asyncore_accept_many() here. */
    int (*handle_accept)(struct asyncore_dispatcher *self);

    /* A connection was accepted from addr (valid during the call).  fd, non-blocking and
     * close-on-exec, is this function's from here on, also when it fails: it closes it or hands
     * it to asyncore_init_accepted().  Default: closes it and logs a warning. */
    int (*handle_accepted)(struct asyncore_dispatcher *self, int fd, const struct sockaddr *addr,
                           socklen_t addrlen);

    /* asyncore_recv() will not block: data, end of file or an error waits.  It is called again
     * each pass until that is read.  Default: logs a warning. */
    int (*handle_read)(struct asyncore_dispatcher *self);

    /* asyncore_send() will take something.  Default: logs a warning. */
    int (*handle_write)(struct asyncore_dispatcher *self);

    /* Out-of-band data has arrived.  Default: logs a warning and throws the byte away. */
    int (*handle_expt)(struct asyncore_dispatcher *self);

    /* The peer has ended the connection, or it broke.  Default: logs a warning and calls
     * asyncore_close().  Who overrides this calls asyncore_close() himself. */
    int (*handle_close)(struct asyncore_dispatcher *self);

    /* A handler of this dispatcher returned error, a negative errno.  Default: logs it as an error
     * and calls handle_close.  A negative result ends the pass and comes out of asyncore_poll(),
     * but for the -EBADF of a dispatcher that is closed by then. */
    int (*handle_error)(struct asyncore_dispatcher *self, int error);

    /* Messages, without a newline.  Default: the library-wide function of asyncore_set_log(), for
     * log_info only where the type is not ignored (asyncore_set_ignore_log_types). */
    void (*log)(struct asyncore_dispatcher *self, const char *message);
    void (*log_info)(struct asyncore_dispatcher *self, const char *message,
                     enum asyncore_log_type type);

    /* Called exactly once, after asyncore_close(), as the last thing that the library does with
     * this object: free it here.  Default: nothing. */
    void (*destroy)(struct asyncore_dispatcher *self);

    /* The socket's own operations, see asyncore_recv() and asyncore_send(). */
    ssize_t (*recv)(struct asyncore_dispatcher *self, void *buffer, size_t size);
    ssize_t (*send)(struct asyncore_dispatcher *self, const void *data, size_t size);

    /* asyncore_recv() met the end of the stream: the peer sends no more, and may still read.
     * Default: calls handle_close, as Python does.  Who overrides it to go on sending must see to
     * it that readable answers false from then on, for the end stays readable. */
    int (*handle_eof)(struct asyncore_dispatcher *self);

    /* No data came or went for as long as asyncore_set_idle_timeout() said.  Default: logs a
     * warning and calls handle_close.  pyftpdlib's handle_timeout. */
    int (*handle_timeout)(struct asyncore_dispatcher *self);

    /* async_chat's: see asynchat.h.  In other classes they are not called. */
    int (*collect_incoming_data)(struct asyncore_dispatcher *self, const void *data, size_t size);
    int (*found_terminator)(struct asyncore_dispatcher *self);

    void (*reserved[7])(void); /* NULL; for slots to come */
};

/* asyncore.dispatcher. */
ASYNCORE_API extern const struct asyncore_class asyncore_dispatcher_class;

/* Predicates for the slots readable and writable: "return True" and "return False". */
ASYNCORE_API bool asyncore_always(struct asyncore_dispatcher *self);
ASYNCORE_API bool asyncore_never(struct asyncore_dispatcher *self);

/* ---------------------------------------------------------------------------------------------
 * Dispatchers
 *
 * Every function here answers -EINVAL for a dispatcher that asyncore_init() never saw (if its
 * memory is zeroed), and -EBADF for one that is closed or has no socket.
 */

/* Embed this as the first member of a struct of your own.  All fields are private. */
struct asyncore_dispatcher {
    const struct asyncore_class *cls;
    struct asyncore_map *map;
    struct asyncore_channel *channel;   /* its place in the map; NULL when it is in none */
    struct asyncore_dispatcher *next;   /* among those that wait for destroy() */
    struct asyncore_timeouts *timeouts; /* NULL: it has none */
    const struct asyncore_class *recv_of, *send_of; /* known to have none of its own */
    const char *created;                            /* "file.c:12" */
    uint32_t state;
    uint32_t generation; /* counts the sockets it has had */
    int fd;
    bool connected, accepting, connecting, closing, doomed;
    unsigned char blocked_in; /* the process in which its file did; see file_dispatcher.c */
    unsigned char ignore_log_types;
    unsigned char addrlen;
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } addr;
};

/* dispatcher.__init__(sock, map).  Makes self, zeroed or not, a dispatcher of class cls that
 * belongs to map (NULL: the default map), which must outlive it.  self must not be one already, nor
 * be closed and still wait for its destroy(): asyncore_create_socket() opens a dispatcher again.
 *   fd  -1 for none yet (asyncore_create_socket follows).  Any other is made non-blocking and added
 *       to the map; it is the library's from here on, also when this call fails.  A socket that
 *       has a peer is connected from the start (handle_connect is not called); one that listens
 *       is accepting.
 * Returns 0; -EINVAL (self or cls is NULL, fd below -1), -ENOMEM, or what fcntl, getpeername or
 * asyncore_add_channel() failed with: then self is no dispatcher, destroy() is not called, and fd
 * is closed. */
ASYNCORE_API int asyncore_init(struct asyncore_dispatcher *self, const struct asyncore_class *cls,
                               int fd, struct asyncore_map *map);

/* dispatcher.__init__(sock, map) for the connection that handle_accepted got or asyncore_accept()
 * returned: the peer's address is known and the descriptor set up, so this asks the system nothing.
 * It is connected from the start.  Parameters and errors as for asyncore_init(), but that self may
 * be NULL, as malloc() may return it: fd is then closed, and the result -ENOMEM. */
ASYNCORE_API int asyncore_init_accepted(struct asyncore_dispatcher *self,
                                        const struct asyncore_class *cls, int fd,
                                        const struct sockaddr *addr, socklen_t addrlen,
                                        struct asyncore_map *map);

/* dispatcher.create_socket(family, type).  A new socket, non-blocking and close-on-exec, which is
 * added to the dispatcher's map.  An old socket is closed first.  In handle_close, after
 * asyncore_close(), it opens the dispatcher again: destroy() is then not called until the next
 * close.
 * Returns 0, or what socket() or asyncore_add_channel() failed with. */
ASYNCORE_API int asyncore_create_socket(struct asyncore_dispatcher *self, int family, int type);

/* dispatcher.set_socket(sock, map).  As asyncore_create_socket(), with a descriptor that exists: it
 * is made non-blocking and is the library's from here on, also when this call fails.  Flags and
 * address are not looked at (asyncore_init() does).
 *   map  NULL: the dispatcher's own, otherwise its own from here on.
 * Returns 0, -EINVAL (fd below 0), -EBUSY (another map, from inside a handler), or what fcntl or
 * asyncore_add_channel() failed with. */
ASYNCORE_API int asyncore_set_socket(struct asyncore_dispatcher *self, int fd,
                                     struct asyncore_map *map);

/* dispatcher.add_channel(map).  Puts the dispatcher at the end of the map.  It is asked and served
 * from the next pass on.  Another dispatcher in the map whose descriptor was closed behind the
 * library's back, so that its number came to this one, is put out of it, and its handle_close
 * called.
 *   map  NULL: the dispatcher's own, otherwise its own from here on.
 * Returns 0 (also when it is in that map already); -EBADF (no socket), -EBUSY (it is in another
 * map: asyncore_del_channel() first; or a handler of the one that it had is what calls), -ENOMEM,
 * asyncore_ExitNow if the handle_close of such another returned that, or
 * -EMFILE where the poller cannot watch so high a descriptor (select, on systems other than Linux
 * and the BSDs, from FD_SETSIZE on). */
ASYNCORE_API int asyncore_add_channel(struct asyncore_dispatcher *self, struct asyncore_map *map);

/* dispatcher.del_channel().  Takes the dispatcher out of its map, so that none of its handlers is
 * called; socket, flags and memory stay, and asyncore_add_channel() resumes.  Returns 0, -EBADF. */
ASYNCORE_API int asyncore_del_channel(struct asyncore_dispatcher *self);

/* dispatcher.set_reuse_addr().  SO_REUSEADDR: a server may bind its port again at once after a
 * restart.  Returns 0, or what setsockopt() failed with. */
ASYNCORE_API int asyncore_set_reuse_addr(struct asyncore_dispatcher *self);

/* dispatcher.bind(addr).  Any address family; names are the caller's to resolve, before the loop
 * runs. addrlen in bytes.  Returns 0, -EINVAL (addr is NULL), or what bind() failed with;
 * asyncore_addr() is then unchanged. */
ASYNCORE_API int asyncore_bind(struct asyncore_dispatcher *self, const struct sockaddr *addr,
                               socklen_t addrlen);

/* dispatcher.listen(num).  Makes it a listener, asyncore_accepting(): its read events call
 * handle_accept, and it is never watched for writing.
 *   num  connections that may wait to be accepted; the system cuts down what is too much for it.
 *        SOMAXCONN is a good choice, but with musl, where it is 128.
 * Returns 0, or what listen() failed with; the flags are then unchanged. */
ASYNCORE_API int asyncore_listen(struct asyncore_dispatcher *self, int num);

/* dispatcher.connect(addr).  Begins to connect; asyncore_connecting() is true until the outcome is
 * known.  Then handle_connect is called, before the first handle_read or handle_write, or
 * handle_error with -ECONNREFUSED and the like.  As in Python the outcome comes with the first
 * event that readable or writable ask for: a client that is only readable hears that it is
 * connected when the first data arrive, one that must speak first is writable.  Who asks for
 * nothing is told all the same.  Where the system connects at once (AF_UNIX, datagrams)
 * handle_connect is called from inside this call.
 * Returns 0; -EINVAL (addr is NULL), -EISCONN, -EOPNOTSUPP (a listener), what connect() refused at
 * once with (flags and address are then unchanged), what handle_connect returned, or -ENOMEM if it
 * goes on but cannot be limited (asyncore_set_connect_timeout). */
ASYNCORE_API int asyncore_connect(struct asyncore_dispatcher *self, const struct sockaddr *addr,
                                  socklen_t addrlen);

/* dispatcher.accept().  The next waiting connection, non-blocking and close-on-exec.
 *   addr, addrlen  take the peer's address; both may be NULL.
 * Returns its descriptor, which is the caller's; -EAGAIN, Python's None, when there is none or the
 * one that waited is gone; -EMFILE, -ENFILE, -ENOBUFS or -ENOMEM when the system has nothing left
 * for it, -EPERM when a policy forbids it: the listeners of this map then pause, for 0.1 s or until
 * a dispatcher closes or an accept succeeds, the connection stays in the backlog, and a handler may
 * return the error as it is, for it closes nothing; or another error of accept(), which means that
 * the socket is no listener any more. */
ASYNCORE_API int asyncore_accept(struct asyncore_dispatcher *self, struct sockaddr_storage *addr,
                                 socklen_t *addrlen);

/* For the slot handle_accept: what the default does, again and again, until no connection is
 * waiting, this listener has been closed, or 64 have been taken, so that all others have their
 * turn.  A busy listener then costs one pass for many connections.  Where the system tells how many
 * wait, as Linux does of TCP, there is no accept() that finds none, which is a dear way to learn it.
 * Returns 0, -EAGAIN when no more are waiting, another error of asyncore_accept(), or
 * asyncore_ExitNow. */
ASYNCORE_API int asyncore_accept_many(struct asyncore_dispatcher *self);

/* dispatcher.recv(buffer_size).  Up to size bytes into buffer.
 * Returns the count; 0 when the connection has ended, orderly or not: handle_close has then been
 * called (a datagram of no bytes is 0 too, and is no end); -EAGAIN when nothing has arrived,
 * which a handler may return as it is; -EINVAL for a size of 0; what handle_close returned, if
 * negative; or another error of recv(). */
ASYNCORE_API ssize_t asyncore_recv(struct asyncore_dispatcher *self, void *buffer, size_t size);

/* dispatcher.send(data).  Never raises SIGPIPE.
 * Returns the count taken, which may be less than size; 0 when the system takes nothing now (wait
 * for handle_write) or when the connection is gone: handle_close has then been called; what
 * handle_close returned, if negative; or another error of send(). */
ASYNCORE_API ssize_t asyncore_send(struct asyncore_dispatcher *self, const void *data, size_t size);

/* The last asyncore_send() of a stream: once all of data is taken, the writing side is shut down,
 * and where the system can (Linux) data and end travel in one segment.  Returns as asyncore_send();
 * for less than size call it again with the rest from handle_write; -EOPNOTSUPP for a
 * dispatcher_with_send or an async_chat, which have asyncore_close_when_done() and
 * asynchat_close_when_done().  Python has no such method; it stands for send() and
 * socket.shutdown(SHUT_WR). */
ASYNCORE_API ssize_t asyncore_send_last(struct asyncore_dispatcher *self, const void *data,
                                        size_t size);

/* The same on a connection that needs no dispatcher, for handle_accepted: most are answered at once
 * or not at all.
 *   self  the listener, of which the trace tells
 *   fd    what it has accepted; it stays the caller's, to close or, if less than size was taken, to
 *         make a dispatcher of, which sends the rest with asyncore_send_last()
 * No handler is called.  Returns the count taken; 0 when the system takes nothing now; -EBADF,
 * -EINVAL (of self); or what send() failed with: -EPIPE or -ECONNRESET when the peer is gone.  A
 * close() while something is unread resets the connection, and a reset may overtake the data: who
 * minds receives until there is nothing more.  In Python it is sock.send() and
 * sock.shutdown(SHUT_WR). */
ASYNCORE_API ssize_t asyncore_accepted_send_last(struct asyncore_dispatcher *self, int fd,
                                                 const void *data, size_t size);

/* socket.recvfrom(buffer_size).  One datagram, or what of it fits into size bytes.
 *   addr, addrlen  take the sender's address; both may be NULL.
 * Returns the count, which may be 0 for an empty datagram; -EAGAIN when nothing has arrived; or
 * another error of recvfrom().  handle_close is not called. */
ASYNCORE_API ssize_t asyncore_recvfrom(struct asyncore_dispatcher *self, void *buffer, size_t size,
                                       struct sockaddr_storage *addr, socklen_t *addrlen);

/* socket.sendto(data, addr).  One datagram.  Returns the count; -EAGAIN when the system takes
 * nothing now, and the datagram is not sent; or another error of sendto().  handle_close is not
 * called. */
ASYNCORE_API ssize_t asyncore_sendto(struct asyncore_dispatcher *self, const void *data,
                                     size_t size, const struct sockaddr *addr, socklen_t addrlen);

/* socket.recvmsg(), socket.sendmsg().  One datagram with what the system says beside it, or is
 * told: which local address it came to (IP_PKTINFO, IPV6_RECVPKTINFO), a descriptor (SCM_RIGHTS).
 * message is filled in, and afterwards read, as for recvmsg() and sendmsg().  Return as
 * asyncore_recvfrom() and asyncore_sendto(), or -EINVAL (message is NULL). */
ASYNCORE_API ssize_t asyncore_recvmsg(struct asyncore_dispatcher *self, struct msghdr *message);
ASYNCORE_API ssize_t asyncore_sendmsg(struct asyncore_dispatcher *self,
                                      const struct msghdr *message);

/* socket.detach().  As asyncore_close(), but that the descriptor stays open: to hand the connection
 * to another dispatcher, or out of the library.  What a dispatcher_with_send or an async_chat has
 * still to send (asyncore_out_buffer(), asynchat_queued()), or has received and not collected, is
 * thrown away as there.
 * Returns the descriptor, which is the caller's and does not block, but that a file_dispatcher's
 * does if it did before; or -EINVAL, or -EBADF (no socket, or it is out of its map and another in
 * there has its number): then nothing has changed. */
ASYNCORE_API int asyncore_detach(struct asyncore_dispatcher *self);

/* dispatcher.close().  At once: out of the map, descriptor closed, flags false, no handler ever
 * called again; destroy() follows as said at the top.  Closing a closed dispatcher does nothing.
 * handle_close is not called.  A dispatcher that is out of its map while another in there has its
 * number leaves the descriptor to that.  Returns 0, -EINVAL, or what close() failed with (the
 * dispatcher is closed all the same). */
ASYNCORE_API int asyncore_close(struct asyncore_dispatcher *self);

/* The attributes _fileno (-1: none), _map, connected, accepting, connecting. */
ASYNCORE_API int asyncore_fileno(const struct asyncore_dispatcher *self);
ASYNCORE_API struct asyncore_map *asyncore_get_map(const struct asyncore_dispatcher *self);
ASYNCORE_API bool asyncore_connected(const struct asyncore_dispatcher *self);
ASYNCORE_API bool asyncore_accepting(const struct asyncore_dispatcher *self);
ASYNCORE_API bool asyncore_connecting(const struct asyncore_dispatcher *self);

/* The attribute addr: the peer's address of a connection; of a listener the one that
 * asyncore_bind() was given, with port 0 if that was asked for (asyncore_getsockname() has the real
 * one).  It outlives the close, except for AF_UNIX paths.  Returns 0 and sets *addr and *addrlen,
 * or -ENOTCONN if there is none. */
ASYNCORE_API int asyncore_addr(const struct asyncore_dispatcher *self,
                               struct sockaddr_storage *addr, socklen_t *addrlen);

/* socket.getsockname(): the local address; after a bind() to port 0, the port that was chosen.
 * Returns 0, or what getsockname() failed with. */
ASYNCORE_API int asyncore_getsockname(const struct asyncore_dispatcher *self,
                                      struct sockaddr_storage *addr, socklen_t *addrlen);

/* An address as text, without asking any name server: "127.0.0.1:37", "[::1]:37", a path, with '?'
 * for the control characters that a peer may have put there.  Writes at most size bytes, the NUL
 * included (ASYNCORE_ADDRSTRLEN is always enough), and returns buffer. */
#define ASYNCORE_ADDRSTRLEN 128
ASYNCORE_API const char *asyncore_ntop(const struct sockaddr *addr, socklen_t addrlen, char *buffer,
                                       size_t size);

/* dispatcher.__repr__(): "<time_channel connected 127.0.0.1:4711 fd 5>".  Returns the length that
 * the whole has, as snprintf() does. */
ASYNCORE_API int asyncore_repr(const struct asyncore_dispatcher *self, char *buffer, size_t size);

/* ---------------------------------------------------------------------------------------------
 * The handlers, called as Python calls self.handle_read(): the one of the object's own class runs.
 * They return what it returns, or -EINVAL, -EBADF.
 */

ASYNCORE_API bool asyncore_readable(struct asyncore_dispatcher *self);
ASYNCORE_API bool asyncore_writable(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_handle_connect(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_handle_accept(struct asyncore_dispatcher *self);
/* A dispatcher that cannot take fd closes it. */
ASYNCORE_API int asyncore_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                          const struct sockaddr *addr, socklen_t addrlen);
ASYNCORE_API int asyncore_handle_read(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_handle_write(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_handle_expt(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_handle_close(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_handle_eof(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_handle_timeout(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_handle_error(struct asyncore_dispatcher *self, int error);
/* These two also after asyncore_close(), for a last word. */
ASYNCORE_API void asyncore_log(struct asyncore_dispatcher *self, const char *message);
ASYNCORE_API void asyncore_log_info(struct asyncore_dispatcher *self, const char *message,
                                    enum asyncore_log_type type);

/* What the loop makes of a read, write or exceptional event, under Python's names: a listener's
 * read event is handle_accept; the first event of a connecting dispatcher is the outcome of the
 * connect, and then what it says; an exceptional event is handle_close if the socket has an error
 * and handle_expt if not.  No handler is called once one before it has closed the dispatcher.
 * They return what the handler returned; handle_connect_event the error of the connect, if any. */
ASYNCORE_API int asyncore_handle_read_event(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_handle_write_event(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_handle_expt_event(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_handle_connect_event(struct asyncore_dispatcher *self);

/* asyncore.read(obj), write(obj), _exception(obj): the event above, and what a handler "raised":
 * asyncore_ExitNow is returned; -EAGAIN is no error; -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM and -EPERM
 * of a listener are none either (see asyncore_accept()); the error of a dispatcher that has been
 * closed meanwhile is dropped; any other goes to handle_error.
 * Return 0, asyncore_ExitNow, or what handle_error returned. */
ASYNCORE_API int asyncore_read(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_write(struct asyncore_dispatcher *self);
ASYNCORE_API int asyncore_exception(struct asyncore_dispatcher *self);

/* asyncore.readwrite(obj, flags), for loops of one's own.  flags as poll() reports them: POLLIN is
 * a read event, POLLOUT a write event, POLLPRI an exceptional one; POLLNVAL calls handle_close, and
 * so do POLLHUP and POLLERR unless POLLIN says that something is left to read.  Returns as
 * asyncore_read(); an error that says that the connection is gone (ECONNRESET, ENOTCONN, ESHUTDOWN,
 * ECONNABORTED, EPIPE, EBADF, ETIMEDOUT, EHOSTUNREACH, EHOSTDOWN, ENETUNREACH, ENETDOWN, ENETRESET)
 * goes to handle_close. */
ASYNCORE_API int asyncore_readwrite(struct asyncore_dispatcher *self, int flags);

/* ---------------------------------------------------------------------------------------------
 * dispatcher_with_send: buffered output, for simple clients
 */

/* Embed this as the first member.  All fields are private. */
struct asyncore_dispatcher_with_send {
    struct asyncore_dispatcher base;
    char *out_buffer;
    size_t out_start, out_length, out_size;
    uint32_t last; /* the generation that asyncore_close_when_done() was called for; 0: none */
    void *reserved[2];
};

/* asyncore.dispatcher_with_send.  Begin with asyncore_dispatcher_with_send_init().  Its send()
 * takes everything into the buffer, sends what can be sent now, and returns size; or -EPIPE when
 * the connection is gone, -ESHUTDOWN after asyncore_close_when_done(), -ENOMEM with nothing taken,
 * or what handle_close returned.  Its writable is true while it is not connected or has something
 * in the buffer, and the library knows when that changes.  Its handle_write sends from the buffer.
 * Its destroy frees the buffer: a class that overrides it ends its own in
 * asyncore_dispatcher_with_send_class.destroy(self). */
ASYNCORE_API extern const struct asyncore_class asyncore_dispatcher_with_send_class;

/* dispatcher_with_send.__init__(sock, map): asyncore_init() and an empty buffer; or, if addr is not
 * NULL, asyncore_init_accepted().  cls is asyncore_dispatcher_with_send_class or has it among its
 * supers.  Returns as they do. */
ASYNCORE_API int asyncore_dispatcher_with_send_init(struct asyncore_dispatcher_with_send *self,
                                                    const struct asyncore_class *cls, int fd,
                                                    const struct sockaddr *addr, socklen_t addrlen,
                                                    struct asyncore_map *map);

/* dispatcher_with_send.initiate_send(): one dispatcher.send() of up to 64 KiB from the buffer.
 * Returns 0, or the error of that. */
ASYNCORE_API int asyncore_initiate_send(struct asyncore_dispatcher_with_send *self);

/* Calls handle_close once the buffer has been sent, from handle_write; asyncore_close() would throw
 * away what is in it.  Python's has it in async_chat alone.  Returns 0, -EINVAL, -EBADF. */
ASYNCORE_API int asyncore_close_when_done(struct asyncore_dispatcher_with_send *self);

/* len(out_buffer), in bytes. */
ASYNCORE_API size_t asyncore_out_buffer(const struct asyncore_dispatcher_with_send *self);

/* ---------------------------------------------------------------------------------------------
 * file_dispatcher: pipes, terminals, fifos, and files, which are always ready
 */

/* asyncore.file_dispatcher.  A plain struct asyncore_dispatcher whose recv() and send() are read()
 * and write(); a write to a pipe that nobody reads is the end of the connection, and never a
 * SIGPIPE. Begin with asyncore_file_dispatcher_init(). */
ASYNCORE_API extern const struct asyncore_class asyncore_file_dispatcher_class;

/* file_dispatcher.__init__(fd, map).  Works on a dup() of fd, which stays the caller's; it is made
 * non-blocking, which as in Python holds for fd too, for they share one description, until the last
 * dispatcher of the map that shares it closes.  It is connected from the start.  cls is
 * asyncore_file_dispatcher_class or has it among its supers.
 * Returns 0, -EINVAL, or what dup, fcntl or asyncore_add_channel() failed with. */
ASYNCORE_API int asyncore_file_dispatcher_init(struct asyncore_dispatcher *self,
                                               const struct asyncore_class *cls, int fd,
                                               struct asyncore_map *map);

/* file_dispatcher.set_file(fd): the same for one that has been initialised.  Returns as above. */
ASYNCORE_API int asyncore_set_file(struct asyncore_dispatcher *self, int fd);

/* ---------------------------------------------------------------------------------------------
 * The socket map.  Wherever a map is asked for, NULL is the default one, asyncore.socket_map.
 */

/* A map of one's own, "{}".  NULL if memory ran out. */
ASYNCORE_API struct asyncore_map *asyncore_map_new(void);

/* Closes all that is in the map, cancels its timers, and frees it; the default map is emptied, its
 * memory given back, and it can be used again.  Returns 0, or -EBUSY from inside a handler. */
ASYNCORE_API int asyncore_map_free(struct asyncore_map *map);

/* Which poller waits for the dispatchers of map: "select", "poll", "epoll", "kqueue", one of those
 * that asyncore_poller_name() lists.  What is called, and in which order, is the same with all of
 * them; what differs is the cost.  A pass costs select and poll something for everyone who is
 * watched, epoll and kqueue for those that are ready.  They also do not say when a
 * descriptor is closed behind the library's back: it is found when a pass finds nothing else, or
 * within ten seconds.  Waits are rounded up to microseconds with select, to milliseconds with poll
 * and epoll.  Without this call a map's first dispatcher opens what the environment variable
 * ASYNCORE_POLLER names, or select.
 *   name  NULL: the environment's, or select.
 * May be called at any time, but not from a handler.  Returns 0; -EINVAL, after a message to the
 * log that lists the pollers there are (so does every function that would open the one that
 * ASYNCORE_POLLER misnames); -EBUSY (from inside a handler); -EMFILE, -ENFILE, -ENOMEM; or -EMFILE
 * where select cannot watch a descriptor of the map.  After an error the old one stays. */
ASYNCORE_API int asyncore_map_set_poller(struct asyncore_map *map, const char *name);

/* The name of the poller of map; NULL if none was needed yet. */
ASYNCORE_API const char *asyncore_map_get_poller(const struct asyncore_map *map);

/* The name of the n-th poller that this library has, from 0, which is the default; NULL if there
 * are no more. */
ASYNCORE_API const char *asyncore_poller_name(size_t n);

/* len(map). */
ASYNCORE_API size_t asyncore_map_count(const struct asyncore_map *map);

/* map.get(fd): the dispatcher with this descriptor, NULL if there is none. */
ASYNCORE_API struct asyncore_dispatcher *asyncore_map_get(const struct asyncore_map *map, int fd);

/* asyncore.close_all(map, ignore_all).  Closes every dispatcher in the map, in its order, until the
 * map is empty; handle_close is not called.  Returns 0, or the first error of a close if not
 * ignore_all; the others are closed all the same. */
ASYNCORE_API int asyncore_close_all(struct asyncore_map *map, bool ignore_all);

/* ---------------------------------------------------------------------------------------------
 * The loop
 */

/* asyncore.poll(timeout, map).  One pass: asks every dispatcher readable() and writable() in the
 * order in which they were added; waits; then serves every read event, every write event and every
 * exceptional one, each in that order; then the timers that are due, the signals that have come and
 * the calls that are queued.  A dispatcher added in a pass is first asked in the next.
 *   timeout  seconds to wait if nothing happens, below 0 for ever.  Rounded up, never down; but a
 *            signal, a wake-up or a hang-up that nobody asked for may end the wait early.
 * Returns 0, also at once when the map is empty, no timer set and no call queued; asyncore_ExitNow;
 * what a handle_error returned, if negative; -EINVAL (timeout is no number, ASYNCORE_POLLER names
 * no poller, or a dispatcher was zeroed without asyncore_close(): it is out of the map then, its
 * descriptor is left open, and a message to the log names that), -EBUSY (from inside a handler of
 * the same map), or an error of the poller. */
ASYNCORE_API int asyncore_poll(double timeout, struct asyncore_map *map);

/* asyncore.loop(timeout, map=map, count=count).  Passes until the map is empty, no timer is set and
 * no call queued.
 *   timeout  seconds that one pass waits at most, below 0 for ever; Python's default is 30.
 *   count    passes to make at most; below 0 is Python's None, no limit.
 * Returns 0, asyncore_ExitNow, or a negative errno as asyncore_poll() does. */
ASYNCORE_API int asyncore_loop(double timeout, struct asyncore_map *map, int count);

/* Makes the asyncore_loop() that runs on this map return 0 after its current pass, and cuts that
 * short; if none runs, the next one returns at once.  May be called from any thread and from a
 * signal handler.  Python's loop can only be left by ExitNow. */
ASYNCORE_API void asyncore_stop(struct asyncore_map *map);

/* Makes an asyncore_loop() or asyncore_poll() that waits on this map go on, to the end of its pass;
 * if none waits, the next one does not.  Calls are not counted: many may wake once.  May be called
 * from any thread and from a signal handler.  Medusa's trigger: trigger.pull_trigger(). */
ASYNCORE_API void asyncore_wakeup(struct asyncore_map *map);

/* A call that waits to be made.  Embed this where you like, zeroed; it must stay until target is
 * called.  All fields are private. */
struct asyncore_call {
    void (*target)(struct asyncore_call *self);
    struct asyncore_call *next;
    int queued;
    void *reserved[1];
};

/* Medusa's trigger.pull_trigger(thunk), asyncio's loop.call_soon_threadsafe(): has target(self)
 * called by the thread that runs the loop of map, once, at the end of its current pass, and wakes
 * it.  Calls are made in the order in which they were queued.  A call that is queued already stays
 * so, with the target that it has: what was written before this function is called is seen by the
 * target that comes after it.  From there on, target included, it may be queued again.
 * asyncore_loop() does not wait for calls to come, but makes those that are queued;
 * asyncore_map_free() drops them, and they may be freed then.  May be called from any thread and
 * from a signal handler.
 * Returns 0, or -EINVAL (NULL). */
ASYNCORE_API int asyncore_call_soon_threadsafe(struct asyncore_call *self,
                                               void (*target)(struct asyncore_call *self),
                                               struct asyncore_map *map);

/* ---------------------------------------------------------------------------------------------
 * Signals: asyncio's loop.add_signal_handler() and remove_signal_handler()
 */

/* Embed this where you like, zeroed; it must stay until it is removed.  All fields are private. */
struct asyncore_signal_handler {
    void (*target)(struct asyncore_signal_handler *self);
    struct asyncore_map *map;
    struct asyncore_signal_handler *prev, *next; /* of the same map */
    struct asyncore_signal_handler *chain;       /* of the same signal */
    int signum;
    int pending;
    void *reserved[2];
};

/* When the signal signum has come, has target(self) called by the loop of map: not from the signal
 * handler, so that it may do anything.  Like signals, calls are not counted: several that come
 * before the loop gets to it are one.  The same signal may be handled any number of times, for
 * one map or for many, whose loops may run in different threads; it does not matter which thread
 * it comes to.  Signal handlers keep no loop running.  What the process did with the signal before
 * is restored when the last of its handlers is removed.  Not to be called from a signal handler.
 * Returns 0, -EBUSY (self is added already), or -EINVAL (NULL, or no signal that can be
 * handled). */
ASYNCORE_API int asyncore_add_signal_handler(struct asyncore_signal_handler *self, int signum,
                                             void (*target)(struct asyncore_signal_handler *self),
                                             struct asyncore_map *map);

/* target is called no more, also for a signal that has come.  asyncore_map_free() removes all of
 * its map.  Removing one that is not added does nothing. */
ASYNCORE_API void asyncore_remove_signal_handler(struct asyncore_signal_handler *self);

/* ---------------------------------------------------------------------------------------------
 * Timers.  pyftpdlib's ioloop.call_later() and call_every(), and what they return: reset(),
 * cancel().
 *
 * The clock is monotonic: setting the date moves nothing.  Setting and cancelling cost O(log n).
 * Each timer fires once it is due, never before, those due at the same time in the order of the
 * calls that set them.  From target, as from any handler, any timer may be set or cancelled, itself
 * included; one that is set there fires in a later pass, whatever its time.  asyncore_loop() goes
 * on while a timer is set.
 */

/* Embed this where you like, zeroed; it must stay until it has fired or is cancelled.  All fields
 * are private. */
struct asyncore_timer {
    void (*target)(struct asyncore_timer *self);
    struct asyncore_map *map;
    uint64_t serial;  /* in the order of calls */
    int64_t interval; /* nanoseconds */
    size_t place;     /* in the map's heap; 0 when it is not set */
    bool every;
    void *reserved[2];
};

/* ioloop.call_later(seconds, target): calls target(self) from the loop of map, once, when so many
 * seconds have passed; a timer that is set already is set anew.  Returns 0, -EINVAL (NULL, seconds
 * negative or no number), -ENOMEM: then it is not set. */
ASYNCORE_API int asyncore_call_later(struct asyncore_timer *self, double seconds,
                                     void (*target)(struct asyncore_timer *self),
                                     struct asyncore_map *map);

/* ioloop.call_every(seconds, target): the same, again and again until it is cancelled.  It does not
 * drift: the n-th call is due n times so many seconds after this one.  Calls that were missed
 * because the loop was held up are not made up for: there is one, and the next in its time.  Every
 * 0 seconds is once a pass.  Returns as asyncore_call_later(). */
ASYNCORE_API int asyncore_call_every(struct asyncore_timer *self, double seconds,
                                     void (*target)(struct asyncore_timer *self),
                                     struct asyncore_map *map);

/* call.reset(): the seconds of the last asyncore_call_later() or asyncore_call_every() are counted
 * from now on; also after it has fired or was cancelled, as long as its map is there.  Returns 0,
 * -EINVAL (it was never set), -ENOMEM. */
ASYNCORE_API int asyncore_reset(struct asyncore_timer *self);

/* call.cancel(): the timer does not fire.  Cancelling one that is not set does nothing. */
ASYNCORE_API void asyncore_cancel(struct asyncore_timer *self);

/* What timers are mostly for.  From now on, and until asyncore_close(), this dispatcher may
 *   connect  so many seconds from asyncore_connect() on, or from this call if that came before;
 *            then the connect fails as if the system had given up: handle_error is called with
 *            -ETIMEDOUT.
 *   idle     be so many seconds in the map without a byte received or sent (accepted connections
 *            are none); then handle_timeout is called, and if the dispatcher lives, the seconds
 *            begin anew.
 * They do not run while the dispatcher is in no map, and begin anew when it comes back.  Each costs
 * a timer, and data that come or go the look at a clock.
 *   seconds  0: no limit, as at first.
 * Return 0, -EINVAL (negative or no number), -EBADF, -ENOMEM: then there is no limit. */
ASYNCORE_API int asyncore_set_connect_timeout(struct asyncore_dispatcher *self, double seconds);
ASYNCORE_API int asyncore_set_idle_timeout(struct asyncore_dispatcher *self, double seconds);

/* Counts the idle seconds from now on.  asyncore_recv(), asyncore_send(), asyncore_recvfrom() and
 * asyncore_sendto() do so by themselves, but not recv and send of a class of one's own that do not
 * end in the base class's.  Returns 0, -EINVAL, -EBADF. */
ASYNCORE_API int asyncore_reset_idle_timeout(struct asyncore_dispatcher *self);

/* ---------------------------------------------------------------------------------------------
 * Self-check
 */

/* For tests: does all that the library knows of map agree, its dispatchers, what its poller watches
 * for them, timers, signal handlers and queued calls?  It finds what was zeroed or written over
 * while the library still had it, as a dispatcher that was not closed or a timer that was not
 * cancelled; and, under AddressSanitizer or valgrind, what was freed.  It changes nothing,
 * allocates nothing, and costs as much as there are dispatchers and timers, so that a test can
 * afford it after each asyncore_poll().  May be called at any time, also in handlers.  Not
 * Python's; libev has ev_verify().
 * Returns 0; or -ENOTRECOVERABLE, after a message to the log that says what does not agree, the
 * first thing that was found: an error, "asyncore_check: ...". */
ASYNCORE_API int asyncore_check(const struct asyncore_map *map);

/* ---------------------------------------------------------------------------------------------
 * What a map has, and what its loop does
 */

/* Writes what map has, a line for the map and one for each dispatcher, in its order: class,
 * descriptor, local and peer address, flags, what it waits for, bytes that wait to be sent, how
 * long it has been in the map, and its limits.  It answers "why does my loop not end?", and may be
 * called at any time by the thread that has the map, also in handlers.  medusa's monitor;
 * "print(asyncore.socket_map)". */
ASYNCORE_API void asyncore_dump_map(const struct asyncore_map *map, FILE *file);

/* The environment's ASYNCORE_TRACE=1 has any program tell what its loop asks, finds and calls, event
 * by event, and what looks like a mistake: asyncore_trace.h.  It tells where a dispatcher was
 * created, too: the macros below call this, and then the function of their name.  where is
 * "file.c:12", and must stay. */
ASYNCORE_API void asyncore_here(const char *where);

#ifndef ASYNCORE_NO_HERE
#define ASYNCORE__TEXT(line) #line
#define ASYNCORE__LINE(line) ASYNCORE__TEXT(line)
#define ASYNCORE_HERE __FILE__ ":" ASYNCORE__LINE(__LINE__)
#define asyncore_init(...) (asyncore_here(ASYNCORE_HERE), asyncore_init(__VA_ARGS__))
#define asyncore_init_accepted(...)                                                                \
    (asyncore_here(ASYNCORE_HERE), asyncore_init_accepted(__VA_ARGS__))
#define asyncore_dispatcher_with_send_init(...)                                                    \
    (asyncore_here(ASYNCORE_HERE), asyncore_dispatcher_with_send_init(__VA_ARGS__))
#define asyncore_file_dispatcher_init(...)                                                         \
    (asyncore_here(ASYNCORE_HERE), asyncore_file_dispatcher_init(__VA_ARGS__))
#endif

/* ---------------------------------------------------------------------------------------------
 * Log
 */

/* The function that the default log and log_info slots write with, for all maps; NULL for the one
 * that the library starts with, which writes "error: message\n" to standard error.  Set it before
 * other threads run loops. */
ASYNCORE_API void asyncore_set_log(void (*write)(enum asyncore_log_type type, const char *message));

/* The attribute ignore_log_types: what the default log_info leaves out, as a sum of
 * 1 << ASYNCORE_WARNING and so on.  Warnings alone, until it is set. */
ASYNCORE_API void asyncore_set_ignore_log_types(struct asyncore_dispatcher *self, unsigned types);

#ifdef __cplusplus
}
#endif

#endif
