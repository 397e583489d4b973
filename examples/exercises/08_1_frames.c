/*
 * 8.1 Fill in: found_terminator of counted messages.
 *
 * A message is a number and a newline, and then so many bytes: "5\nhello".  It is answered in capitals, and with a
 * newline behind it: "HELLO\n".  A number that is none, or too great, is an error, -EINVAL.  The terminators
 * are a chain: the newline, the number, the newline...
 */
#include "exercise.h"
#include <ctype.h>

#define MAX_BODY 1000

struct session {
    struct asynchat_async_chat chat;
    bool in_body;
};

/* What a first line says, or -1. */
static long parse_size(const char *line)
{
    const size_t digits = strspn(line, "0123456789");
    const long size = atol(line);

    return digits < 1 || digits > 4 || line[digits] != '\0' || size < 1 || size > MAX_BODY ? -1
                                                                                           : size;
}

static int session_answer(struct session *self, char *body, size_t size)
{
    int rc;

    for (size_t i = 0; i < size; i++)
        body[i] = (char)toupper((unsigned char)body[i]);
    rc = asynchat_push(&self->chat, body, size);
    return rc < 0 ? rc : asynchat_push(&self->chat, "\n", 1);
}

static int session_found_terminator(struct asyncore_dispatcher *base)
{
    struct session *self = (struct session *)base;
    size_t size;
    char *data = asynchat_get_data(&self->chat, &size);
    int rc = 0;

    if (data == NULL)
        return -ENOMEM;
    (void)parse_size;
    (void)session_answer;
    /* FILL IN */
    free(data);
    return rc;
}

static void session_destroy(struct asyncore_dispatcher *self)
{
    asynchat_async_chat_class.destroy(self);
    free(self);
}

static const struct asyncore_class session_class = {
    .name = "session",
    .super = &asynchat_async_chat_class,
    .collect_incoming_data = asynchat_collect_incoming_data,
    .found_terminator = session_found_terminator,
    .destroy = session_destroy,
};

static int server_handle_accepted(struct asyncore_dispatcher *base, int sock,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    struct session *self = calloc(1, sizeof *self);
    int rc = asynchat_init((struct asynchat_async_chat *)self, &session_class, sock, addr, addrlen,
                           NULL);

    (void)base;
    if (rc < 0) {
        free(self);
        return rc;
    }
    asynchat_set_max_incoming(&self->chat, MAX_BODY);
    asynchat_set_high_water(&self->chat, 65536);
    if ((rc = asynchat_set_terminator(&self->chat, "\n", 1)) < 0)
        asyncore_close(&self->chat.base);
    return rc;
}

static const struct asyncore_class server_class = {
    .name = "server",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = server_handle_accepted,
};

int main(void)
{
    struct asyncore_dispatcher server;

    return serve(&server, &server_class, SOCK_STREAM);
}
