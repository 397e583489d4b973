/*
 * 7.2 Fix: the one who was not told.
 *
 * Whoever comes waits for another, and then each hears what the other says.  When one of them goes, the
 * other should get what was still said to him, and be closed.  But he is not told, and so keeps a
 * pointer to memory that is freed.  Repair the ending: one method is missing.
 */
#include "exercise.h"

#define MAX_WAITING 65536

struct party {
    struct asyncore_dispatcher_with_send base;
    struct party *other; /* NULL: nobody yet, or no more */
};

static struct party *waiting;

static bool party_readable(struct asyncore_dispatcher *base)
{
    const struct party *other = ((struct party *)base)->other;

    return other != NULL && asyncore_out_buffer(&other->base) <= MAX_WAITING;
}

static int party_handle_read(struct asyncore_dispatcher *base)
{
    struct party *self = (struct party *)base;
    char data[8192];
    ssize_t n = asyncore_recv(base, data, sizeof data);

    if (n > 0)
        asyncore_send(&self->other->base.base, data, (size_t)n);
    return n < 0 ? (int)n : 0;
}

/* The one place through which every ending goes. */
static int party_handle_close(struct asyncore_dispatcher *base)
{
    struct party *self = (struct party *)base, *other = self->other;

    asyncore_close(base);
    if (waiting == self)
        waiting = NULL;
    self->other = NULL;
    if (other == NULL)
        return 0;
    other->other = NULL;
    return asyncore_close_when_done(&other->base);
}

static void party_destroy(struct asyncore_dispatcher *self)
{
    asyncore_dispatcher_with_send_class.destroy(self);
    free(self);
}

static const struct asyncore_class party_class = {
    .name = "party",
    .super = &asyncore_dispatcher_with_send_class,
    .readable = party_readable,
    .handle_read = party_handle_read,
    .handle_close = party_handle_close,
    .destroy = party_destroy,
};

static int server_handle_accepted(struct asyncore_dispatcher *base, int sock,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    struct party *self = calloc(1, sizeof *self);
    int rc = asyncore_dispatcher_with_send_init((struct asyncore_dispatcher_with_send *)self,
                                                &party_class, sock, addr, addrlen, NULL);

    (void)base;
    if (rc < 0) {
        free(self);
        return rc;
    }
    if (waiting == NULL) {
        waiting = self;
        return 0;
    }
    self->other = waiting;
    waiting->other = self;
    waiting = NULL;
    return 0;
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
