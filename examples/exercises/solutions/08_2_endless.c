/*
 * 8.2 Fix: the line that never ends.
 *
 * Each line is answered with its length.  A client that sends, and never a newline, fills the memory.  A line
 * may have MAX_LINE bytes, and who sends more should be closed.  Repair handle_accepted.
 */
#include "exercise.h"

#define MAX_LINE 1024

static int session_found_terminator(struct asyncore_dispatcher *base)
{
    struct asynchat_async_chat *self = (struct asynchat_async_chat *)base;
    char answer[32];
    size_t size;
    char *data = asynchat_get_data(self, &size);

    if (data == NULL)
        return -ENOMEM;
    free(data);
    snprintf(answer, sizeof answer, "%zu\n", size);
    return asynchat_push(self, answer, strlen(answer));
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
    struct asynchat_async_chat *self = calloc(1, sizeof *self);
    int rc = asynchat_init(self, &session_class, sock, addr, addrlen, NULL);

    (void)base;
    if (rc < 0) {
        free(self);
        return rc;
    }
    asynchat_set_max_incoming(self, MAX_LINE); /* more is an error, and closes */
    asynchat_set_high_water(self, 65536);
    if ((rc = asynchat_set_terminator(self, "\n", 1)) < 0)
        asyncore_close(&self->base);
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
