/*
 * 10.1 Fix: the guest who is never done.
 *
 * A guest has PATIENCE seconds to say his name.  The author has taken an idle time-out for that; and so a
 * guest who sends a letter now and then stays for ever.  Give him a deadline, which no letter moves.
 */
#include "exercise.h"
#include <stddef.h>

#define PATIENCE 0.5
#define MAX_NAME 100

struct guest {
    struct asynchat_async_chat chat;
};

static int guest_found_terminator(struct asyncore_dispatcher *base)
{
    struct asynchat_async_chat *self = (struct asynchat_async_chat *)base;
    char *name = asynchat_get_data(self, NULL), greeting[MAX_NAME + 10];
    int rc;

    if (name == NULL)
        return -ENOMEM;
    snprintf(greeting, sizeof greeting, "Hello, %s.\n", name);
    free(name);
    rc = asynchat_push(self, greeting, strlen(greeting));
    return rc < 0 ? rc : asynchat_close_when_done(self);
}

static int guest_handle_timeout(struct asyncore_dispatcher *self)
{
    return asyncore_close(self);
}

static void guest_destroy(struct asyncore_dispatcher *self)
{
    asynchat_async_chat_class.destroy(self);
    free(self);
}

static const struct asyncore_class guest_class = {
    .name = "guest",
    .super = &asynchat_async_chat_class,
    .collect_incoming_data = asynchat_collect_incoming_data,
    .found_terminator = guest_found_terminator,
    .handle_timeout = guest_handle_timeout,
    .destroy = guest_destroy,
};

static int greeter_handle_accepted(struct asyncore_dispatcher *base, int sock,
                                   const struct sockaddr *addr, socklen_t addrlen)
{
    struct guest *self = calloc(1, sizeof *self);
    int rc =
        asynchat_init((struct asynchat_async_chat *)self, &guest_class, sock, addr, addrlen, NULL);

    (void)base;
    if (rc < 0) {
        free(self);
        return rc;
    }
    asynchat_set_max_incoming(&self->chat, MAX_NAME);
    if ((rc = asynchat_set_terminator(&self->chat, "\n", 1)) < 0 ||
        (rc = asyncore_set_idle_timeout(&self->chat.base, PATIENCE)) < 0)
        asyncore_close(&self->chat.base);
    return rc;
}

static const struct asyncore_class greeter_class = {
    .name = "greeter",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = greeter_handle_accepted,
};

int main(void)
{
    struct asyncore_dispatcher greeter;

    return serve(&greeter, &greeter_class, SOCK_STREAM);
}
