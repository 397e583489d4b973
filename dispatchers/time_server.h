/*
 * time_server.h - the Time protocol (RFC 868) over TCP, in two dispatchers: a listener, and a
 * channel that writes four bytes and closes.  A time server in three lines:
 *
 *     struct time_server server;
 *     time_server_init(&server, &time_server_class, (struct sockaddr *)&addr, sizeof addr, NULL);
 *     asyncore_loop(30, NULL, -1);
 */
#ifndef TIME_SERVER_H
#define TIME_SERVER_H

#include <asyncore.h>

#include <time.h>

/* From 1900-01-01, where the protocol's seconds begin, to 1970-01-01. */
#define TIME1970 2208988800U

/* The protocol's 32 bits for a clock's time: seconds since 1900 modulo 2^32, so that
 * 2036-02-07 06:28:16 UTC is 0; big-endian. */
void time_server_bytes(time_t now, unsigned char bytes[4]);

/* The listener.  Subclass it to see the connections: override handle_accepted and call
 * time_server_class.handle_accepted from there. */
struct time_server {
    struct asyncore_dispatcher base;
    /* Where the time comes from; may be set after time_server_init().  Writes *now and returns 0,
     * or returns -1 if the time is not known: the client's connection is then closed without an
     * answer, as the RFC asks.  At first the system's real-time clock. */
    int (*clock)(struct timespec *now);
};

/* The channel of one client.  It answers when it is made, without waiting for a pass; what does not
 * go out at once goes out in handle_write, for two seconds at most. */
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
 * The memory of *self is the caller's and must stay until it is closed.  Returns 0, or what socket,
 * bind or listen failed with; self is then closed, and a destroy() that cls may have follows. */
int time_server_init(struct time_server *self, const struct asyncore_class *cls,
                     const struct sockaddr *addr, socklen_t addrlen, struct asyncore_map *map);

/* The same with a TCP socket that is bound, and may listen already.  It is the server's from here on,
 * also when this call fails.  Returns 0, or what asyncore_init() or asyncore_listen() failed with. */
int time_server_init_socket(struct time_server *self, const struct asyncore_class *cls, int fd,
                            struct asyncore_map *map);

/* Answers the client on the connected, non-blocking descriptor fd, which is the channel's from here
 * on, and frees itself when done: what a time_server does in handle_accepted.
 *   cls  time_channel_class or a class whose super it is.
 * Returns 0, -ENOMEM, what asyncore_init_accepted() failed with, or what asyncore_write()
 * returned. */
int time_channel_new(const struct asyncore_class *cls, int fd, const struct sockaddr *addr,
                     socklen_t addrlen, time_t now, struct asyncore_map *map);

#endif
