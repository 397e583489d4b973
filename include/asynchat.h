/*
 * asynchat.h - Python's asynchat for C programmers: a dispatcher for protocols of lines and of
 * counted bytes.
 *
 * An async_chat collects what comes until it meets the terminator, which is a string, a number of
 * bytes, or none: the pieces go to collect_incoming_data, and found_terminator says that the
 * terminator was met.  What goes out is pushed, as data or as a producer of data, and is sent in
 * order, as fast as the peer takes it.
 *
 *     struct session {
 *         struct asynchat_async_chat chat;        // first member: a session is an async_chat
 *         ...
 *     };
 *
 *     static const struct asyncore_class session_class = {
 *         .name = "session",
 *         .super = &asynchat_async_chat_class,
 *         .collect_incoming_data = asynchat_collect_incoming_data,
 *         .found_terminator = session_found_terminator,
 *         .destroy = session_destroy, // ends in asynchat_async_chat_class.destroy(self)
 *     };
 *
 * Names, errors, threads and lifetime are those of asyncore.h.  Every function here that returns
 * int answers -EINVAL for an async_chat that was never initialised, and -EBADF for one that is
 * closed.
 */
#ifndef ASYNCHAT_H
#define ASYNCHAT_H

#include <asyncore.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---------------------------------------------------------------------------------------------
 * Producers
 */

struct asynchat_producer;

/* A class of producers. */
struct asynchat_producer_class {
    const char *name;

    /* The next piece: *data is set to it, and it must stay until the next call.  Returns its size
     * in bytes, 0 at the end, or a negative errno, which goes the way of a handler's. */
    ssize_t (*more)(struct asynchat_producer *self, const void **data);

    /* Called once, when the async_chat needs the producer no more; frees it.  NULL: nothing to
     * do. */
    void (*destroy)(struct asynchat_producer *self);

    void (*reserved[4])(void); /* NULL */
};

/* Embed this as the first member of a producer of your own. */
struct asynchat_producer {
    const struct asynchat_producer_class *cls;
};

/* asynchat.simple_producer(data, buffer_size): a copy of size bytes, in pieces of buffer_size bytes
 * (Python's default is 512).  NULL if memory ran out or buffer_size is 0. */
ASYNCORE_API struct asynchat_producer *asynchat_simple_producer(const void *data, size_t size,
                                                                size_t buffer_size);

/* What is left to read of the file fd, in pieces of at most 64 KiB, and size bytes at most; fd is
 * the producer's from here on, also when NULL is returned because memory ran out. */
ASYNCORE_API struct asynchat_producer *asynchat_file_producer(int fd, size_t size);

/* Pieces that a function makes, as the slot more does.  NULL if memory ran out. */
ASYNCORE_API struct asynchat_producer *
asynchat_callback_producer(ssize_t (*more)(void *argument, const void **data), void *argument);

/* ---------------------------------------------------------------------------------------------
 * async_chat
 */

struct asynchat_item;

/* Embed this as the first member of a struct of your own.  All fields are private. */
struct asynchat_async_chat {
    struct asyncore_dispatcher base;

    size_t *failure;        /* of the terminator, if it is a string: see asynchat_input.c */
    char *terminator;       /* NULL: a number, or none */
    size_t terminator_size; /* of the string; or the number, 0 being none */
    char *in_buffer;        /* in_length bytes from in_start on, not collected yet */
    size_t in_start, in_length, in_size;
    size_t scanned, matched; /* of those in in_buffer; of the terminator */
    size_t unterminated;     /* bytes since the last terminator */
    char *incoming;          /* what asynchat_collect_incoming_data() has kept */
    size_t incoming_length, incoming_size;
    struct asyncore_timer resume;

    struct asynchat_item *fifo, *fifo_last, *asking;
    size_t queued; /* bytes in the fifo */

    size_t ac_in_buffer_size, ac_out_buffer_size, max_incoming, high_water;
    void *reserved[2];
    bool handling, discarded, close_when_done;
    bool counting; /* what is collected is taken off the number, unless that is set anew */
};

/* asynchat.async_chat.  Begin with asynchat_init().  Beside dispatcher's slots a subclass fills
 *   collect_incoming_data  data, of size bytes, has come; it is valid during the call
 *   found_terminator       the terminator was met; it is not part of the data
 * which return 0 or a negative errno as every handler does; not filled, they return -ENOSYS.  If
 * one fails and the channel is not closed for it, the input behind it is seen to in the next pass.
 * Its readable is true, but see asynchat_set_high_water(); its writable is true while it is not
 * connected or has something to send; the library knows when they change.  Its handle_close closes
 * without a word.  A class that overrides destroy ends its own in
 * asynchat_async_chat_class.destroy(self). */
ASYNCORE_API extern const struct asyncore_class asynchat_async_chat_class;

/* async_chat.__init__(sock, map): asyncore_init(), or, if addr is not NULL,
 * asyncore_init_accepted(); the terminator is none.  cls is asynchat_async_chat_class or has it
 * among its supers.  Returns as they do. */
ASYNCORE_API int asynchat_init(struct asynchat_async_chat *self, const struct asyncore_class *cls,
                               int fd, const struct sockaddr *addr, socklen_t addrlen,
                               struct asyncore_map *map);
#ifndef ASYNCORE_NO_HERE
#define asynchat_init(...) (asyncore_here(ASYNCORE_HERE), asynchat_init(__VA_ARGS__))
#endif

/* ---- input ---- */

/* async_chat.set_terminator(term), for a string: a copy of size bytes, which may be any, of any
 * length; size 0 is none, and all that comes is collected.  May be called from the handlers: it
 * holds for what comes behind.  Returns 0 or -ENOMEM; the old one is then kept. */
ASYNCORE_API int asynchat_set_terminator(struct asynchat_async_chat *self, const void *terminator,
                                         size_t size);

/* async_chat.set_terminator(term), for a number: found_terminator is called after so many bytes.
 * The terminator is none from then on, until it is set anew.  Returns 0, or -EINVAL for one below
 * 0. */
ASYNCORE_API int asynchat_set_terminator_number(struct asynchat_async_chat *self, ssize_t number);

/* async_chat.get_terminator().  Of a string its size, *terminator being set to it, valid until it
 * is set anew; of a number what is left of it, and 0 if there is none: *terminator is then NULL. */
ASYNCORE_API size_t asynchat_get_terminator(const struct asynchat_async_chat *self,
                                            const void **terminator);

/* async_chat._collect_incoming_data(data), ready for the slot: keeps the data for
 * asynchat_get_data().
 * Returns 0, -ENOMEM. */
ASYNCORE_API int asynchat_collect_incoming_data(struct asyncore_dispatcher *self, const void *data,
                                                size_t size);

/* async_chat._get_data().  All that was kept since the last call, with a NUL behind it, which *size
 * (may be NULL) does not count.  It is the caller's, to free().  NULL if memory ran out. */
ASYNCORE_API char *asynchat_get_data(struct asynchat_async_chat *self, size_t *size);

/* How many bytes may come before the terminator, if it is not none; more is an error of
 * handle_read, -EMSGSIZE, and what is too much is not collected.  0, as it is at first and always
 * in Python, is no limit. */
ASYNCORE_API int asynchat_set_max_incoming(struct asynchat_async_chat *self, size_t bytes);

/* The attributes ac_in_buffer_size and ac_out_buffer_size: bytes for one recv() and one send(),
 * 65536 each at first.  Return 0, -EINVAL for 0 bytes. */
ASYNCORE_API int asynchat_set_ac_in_buffer_size(struct asynchat_async_chat *self, size_t bytes);
ASYNCORE_API int asynchat_set_ac_out_buffer_size(struct asynchat_async_chat *self, size_t bytes);

/* ---- output ---- */

/* async_chat.push(data).  Sends what can be sent now and copies the rest.  Returns 0; -EPIPE if the
 * connection is gone; -ESHUTDOWN after asynchat_close_when_done(); -ENOMEM: data is then cut, and
 * the channel should be closed; or what a handler returned that it called. */
ASYNCORE_API int asynchat_push(struct asynchat_async_chat *self, const void *data, size_t size);

/* async_chat.push_with_producer(producer).  The producer is the async_chat's from here on, also
 * when this fails.  Returns as asynchat_push(), -ENOMEM also for NULL, or what more returned. */
ASYNCORE_API int asynchat_push_with_producer(struct asynchat_async_chat *self,
                                             struct asynchat_producer *producer);

/* async_chat.close_when_done().  Once all that was pushed is sent, handle_close is called: from
 * handle_write, or from the next push, which is refused.  Returns 0. */
ASYNCORE_API int asynchat_close_when_done(struct asynchat_async_chat *self);

/* async_chat.discard_buffers().  Forgets all input and output, asynchat_close_when_done()
 * included. */
ASYNCORE_API int asynchat_discard_buffers(struct asynchat_async_chat *self);

/* async_chat.initiate_send(): one send() of what comes first.  Returns 0, or as asynchat_push(). */
ASYNCORE_API int asynchat_initiate_send(struct asynchat_async_chat *self);

/* How many bytes wait to be sent; of a producer, those of its current piece. */
ASYNCORE_API size_t asynchat_queued(const struct asynchat_async_chat *self);

/* Back-pressure: while more than so many bytes wait to be sent, readable is false, so that a peer
 * that asks and does not read stops being heard.  0, as it is at first and always in Python:
 * never. */
ASYNCORE_API int asynchat_set_high_water(struct asynchat_async_chat *self, size_t bytes);

/* asynchat.find_prefix_at_end(haystack, needle): the length of the longest beginning of needle,
 * short of the whole, that haystack ends in. */
ASYNCORE_API size_t asynchat_find_prefix_at_end(const void *haystack, size_t haystack_size,
                                                const void *needle, size_t needle_size);

#ifdef __cplusplus
}
#endif

#endif
