/* chat.h - an async_chat that traces, on one end of a TCP connection over the loopback. */
#ifndef CHAT_H
#define CHAT_H

#include "support.h"

#include <asynchat.h>

/* "<abc> " is collected data, "! " a terminator, "close " and "error-5 " what is called besides. */
struct chat {
    struct asynchat_async_chat chat;
    void (*on_collect)(struct chat *self);
    int (*on_found)(struct chat *self);
    bool quiet;
    size_t collected;
};

extern const struct asyncore_class chat_class;

/* The one that is tested, and the other end of its connection. */
extern struct chat c;
extern int peer;

/* Connects it, in the default map. */
void make(const char *terminator);

/* Sends text from the other end, and has it read in a pass. */
void feed(const char *text);
void assert_fed(const char *text, const char *expected);

/* Receives this at the other end. */
void assert_received(const char *expected);

#endif
