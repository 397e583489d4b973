/*
 * chat_server.c - what one client says, line by line, all others hear; chat_server.py is its twin.
 *
 *     cc -o chat_server chat_server.c $(pkg-config --cflags --libs asyncore)
 *     ./chat_server [PORT]
 *
 * Come in with "nc 127.0.0.1 8023".
 */
#include <arpa/inet.h>
#include <asynchat.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 8023
#define MAX_LINE 1024     /* bytes of a line, without its end */
#define MAX_QUEUED 262144 /* bytes that wait for a client before it is dropped */

/* class ChatSession(asynchat.async_chat): */
struct chat_session {
    struct asynchat_async_chat chat; /* first member: a chat_session is an async_chat */
    struct chat_server *server;
    struct chat_session *next, *next_gone; /* Python has lists */
    char name[24];
};

struct chat_server {
    struct asyncore_dispatcher base;
    struct chat_session *sessions, *gone;
    bool telling;
    unsigned count;
};

static const struct asyncore_class chat_session_class; /* a table, filled in below */
static void chat_server_broadcast(struct chat_server *self, const struct chat_session *sender,
                                  const char *line, size_t size);
static void chat_server_announce(struct chat_server *self, const struct chat_session *session,
                                 const char *what);
static void chat_server_leave(struct chat_server *self, struct chat_session *session);

/* If it fails, also for want of memory, sock is closed, and self, from malloc(), is freed. */
static int chat_session_init(struct chat_session *self, struct chat_server *server, int sock,
                             const struct sockaddr *addr, socklen_t addrlen)
{
    int rc = asynchat_init((struct asynchat_async_chat *)self, &chat_session_class, sock, addr,
                           addrlen, NULL);

    if (rc < 0) {
        free(self);
        return rc;
    }
    self->server = server;
    snprintf(self->name, sizeof self->name, "guest%u", ++server->count);
    self->next = server->sessions;
    server->sessions = self;
    asynchat_set_max_incoming(&self->chat, MAX_LINE);
    rc = asynchat_set_terminator(&self->chat, "\n", 1);
    if (rc < 0)
        asyncore_close(&self->chat.base);
    return rc;
}

static int chat_session_found_terminator(struct asyncore_dispatcher *base)
{
    struct chat_session *self = (struct chat_session *)base;
    char line[sizeof self->name + MAX_LINE + 3];
    size_t size, length;
    char *data = asynchat_get_data(&self->chat, &size);

    if (data == NULL)
        return -ENOMEM;
    length = (size_t)snprintf(line, sizeof line, "%s: ", self->name);
    memcpy(line + length, data, size); /* no more than asynchat_set_max_incoming() has allowed */
    line[length + size] = '\n';
    free(data);
    chat_server_broadcast(self->server, self, line, length + size + 1);
    return 0;
}

static int chat_session_drop(struct chat_session *self, const char *why)
{
    char message[256];

    snprintf(message, sizeof message, "%s dropped: %s", self->name, why);
    asyncore_log(&self->chat.base, message);
    return asyncore_handle_close(&self->chat.base);
}

static int chat_session_handle_close(struct asyncore_dispatcher *base)
{
    struct chat_session *self = (struct chat_session *)base;

    asyncore_close(base);
    chat_server_leave(self->server, self);
    return 0;
}

static int chat_session_handle_error(struct asyncore_dispatcher *self, int error)
{
    return chat_session_drop((struct chat_session *)self, strerror(-error));
}

static void chat_session_destroy(struct asyncore_dispatcher *base)
{
    struct chat_session *self = (struct chat_session *)base;
    struct chat_session **place = &self->server->sessions;

    /* Not before: until here, somebody may be on his way through the list. */
    while (*place != self)
        place = &(*place)->next;
    *place = self->next;
    asynchat_async_chat_class.destroy(base);
    free(self);
}

static const struct asyncore_class chat_session_class = {
    .name = "chat_session",
    .super = &asynchat_async_chat_class,
    .collect_incoming_data = asynchat_collect_incoming_data,
    .found_terminator = chat_session_found_terminator,
    .handle_close = chat_session_handle_close,
    .handle_error = chat_session_handle_error,
    .destroy = chat_session_destroy,
};

/* class ChatServer(asyncore.dispatcher): */
static const struct asyncore_class chat_server_class;

static void chat_server_init(struct chat_server *self, int port)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int rc;

    asyncore_init(&self->base, &chat_server_class, -1, NULL);
    self->sessions = self->gone = NULL; /* all who are here; those of whose going nobody knows */
    self->telling = false;
    self->count = 0;
    if ((rc = asyncore_create_socket(&self->base, AF_INET, SOCK_STREAM)) < 0 ||
        (rc = asyncore_set_reuse_addr(&self->base)) < 0 ||
        (rc = asyncore_bind(&self->base, (const struct sockaddr *)&addr, sizeof addr)) < 0 ||
        (rc = asyncore_listen(&self->base, SOMAXCONN)) < 0) {
        fprintf(stderr, "bind 0.0.0.0:%d: %s (give another port as argument)\n", port,
                strerror(-rc));
        exit(1);
    }
}

static int chat_server_handle_accepted(struct asyncore_dispatcher *base, int sock,
                                       const struct sockaddr *addr, socklen_t addrlen)
{
    struct chat_server *self = (struct chat_server *)base;
    struct chat_session *session = malloc(sizeof *session);
    int rc = chat_session_init(session, self, sock, addr, addrlen);

    if (rc == 0)
        chat_server_announce(self, session, "has joined");
    return rc;
}

static void chat_server_broadcast(struct chat_server *self, const struct chat_session *sender,
                                  const char *line, size_t size)
{
    for (struct chat_session *session = self->sessions; session != NULL; session = session->next)
        if (session != sender && asynchat_push(&session->chat, line, size) == 0 &&
            asynchat_queued(&session->chat) > MAX_QUEUED)
            chat_session_drop(session, "it does not read");
}

static void chat_server_announce(struct chat_server *self, const struct chat_session *session,
                                 const char *what)
{
    char line[64];

    snprintf(line, sizeof line, "%s %s\n", session->name, what);
    chat_server_broadcast(self, NULL, line, strlen(line));
}

static void chat_server_leave(struct chat_server *self, struct chat_session *session)
{
    /* To tell the others may be to find that more of them have gone: they are told of in turn, and
     * not from inside of one another. */
    session->next_gone = self->gone;
    self->gone = session;
    if (self->telling)
        return;
    self->telling = true;
    while ((session = self->gone) != NULL) {
        self->gone = session->next_gone;
        chat_server_announce(self, session, "has left");
    }
    self->telling = false;
}

static const struct asyncore_class chat_server_class = {
    .name = "chat_server",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = chat_server_handle_accepted,
};

static int parse_port(const char *text)
{
    const size_t digits = strspn(text, "0123456789");

    if (digits < 1 || digits > 5 || text[digits] != '\0' || atoi(text) > 65535)
        return -1;
    return atoi(text);
}

int main(int argc, char **argv)
{
    const int port = argc > 1 ? parse_port(argv[1]) : PORT;
    struct chat_server server;
    struct sockaddr_storage addr;
    socklen_t addrlen;
    int rc;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 2 || port < 0) {
        fprintf(stderr, "usage: chat_server [PORT], a number from 0 to 65535\n");
        return 2;
    }
    chat_server_init(&server, port);
    asyncore_getsockname(&server.base, &addr, &addrlen);
    printf("listening on port %d\n", ntohs(((struct sockaddr_in *)&addr)->sin_port));
    rc = asyncore_loop(30, NULL, -1);
    if (rc < 0)
        fprintf(stderr, "loop: %s\n", strerror(-rc));
    return rc < 0 ? 1 : 0;
}
