/*
 * time_server.h - the Time protocol (RFC 868) over TCP, in two dispatchers: a listener that answers
 * with four bytes and closes, and a channel for clients that do not take them at once.  A time server
 * in three lines:
 *
 *     struct time_server server;
 *     time_server_init(&server, &time_server_class, (struct sockaddr *)&addr, sizeof addr, NULL);
 *     asyncore_loop(30, NULL, -1);
 */
#ifndef TIME_SERVER_H
#define TIME_SERVER_H

#include "time_service.h"

#include <asyncore.h>

/* The listener.  It answers in its handle_accepted, so that a client never waits for a pass, nor the
 * poller hears of it.  A client that has asked too often is reset; one that the time cannot be told is
 * closed without an answer.
 * When the process has no descriptor left it closes one that it has kept for this, and goes on one
 * client at a time.  Subclasses that override destroy end in time_server_class.destroy(self). */
struct time_server {
    struct asyncore_dispatcher base;
    struct time_service service;
    int spare;        /* a descriptor for when there is no other; -1: none */
    uint64_t starved; /* how often there was none */
};

/* The channel of one client that has not taken its answer at once.  It waits for handle_write, two
 * seconds at most. */
struct time_channel {
    struct asyncore_dispatcher base;
    struct asyncore_timer deadline;
    unsigned char answer[4];
    size_t sent; /* bytes of answer */
};

extern const struct asyncore_class time_server_class;
extern const struct asyncore_class time_channel_class;

/* Listens on addr (IPv4 or IPv6; IPv6 sockets take IPv6 alone) in map, NULL being the default one.
 *   cls  time_server_class or a class whose super it is.
 * The memory of *self is the caller's and must stay until destroy() has been called.  Returns 0, or
 * what socket, bind or listen failed with; self is then closed, and destroy() follows. */
int time_server_init(struct time_server *self, const struct asyncore_class *cls,
                     const struct sockaddr *addr, socklen_t addrlen, struct asyncore_map *map);

/* The same with a TCP socket that is bound, and may listen already.  It is the server's from here on,
 * also when this call fails.  Returns 0, or what asyncore_init() or asyncore_listen() failed with. */
int time_server_init_socket(struct time_server *self, const struct asyncore_class *cls, int fd,
                            struct asyncore_map *map);

/* Answers the client on the connected, non-blocking descriptor fd, which is the channel's from here
 * on, once it can be written to, and frees itself when done.
 *   cls   time_channel_class or a class whose super it is.
 *   sent  bytes of the answer that it has already, below 4
 * Returns 0, -ENOMEM, or what asyncore_init_accepted() failed with. */
int time_channel_new(const struct asyncore_class *cls, int fd, const struct sockaddr *addr,
                     socklen_t addrlen, const unsigned char answer[4], size_t sent,
                     struct asyncore_map *map);

#endif
