/*
 * 9.2 Fix: the producer that leaves its file open.
 *
 * Whoever comes is sent a file of eight megabytes, by a producer of the program's own, which opens it anew.  Those who
 * take all of it leave memory behind, and those who go in the middle a descriptor, too.  Repair the producer.
 */
#include "exercise.h"
#include <fcntl.h>

#define SIZE 8000000

static char path[64]; /* of the file */

struct file_producer {
    struct asynchat_producer base;
    int fd;
    char piece[65536];
};

static ssize_t file_producer_more(struct asynchat_producer *base, const void **data)
{
    struct file_producer *self = (struct file_producer *)base;
    const ssize_t n = read(self->fd, self->piece, sizeof self->piece);

    *data = self->piece;
    return n < 0 ? -errno : n;
}

/* Called once, at the end of the file or of the connection. */
static void file_producer_destroy(struct asynchat_producer *base)
{
    struct file_producer *self = (struct file_producer *)base;

    close(self->fd);
    free(self);
}

static const struct asynchat_producer_class file_producer_class = {
    .name = "file_producer",
    .more = file_producer_more,
    .destroy = file_producer_destroy,
};

/* NULL if there is no memory, or no descriptor. */
static struct asynchat_producer *file_producer_new(void)
{
    struct file_producer *self = malloc(sizeof *self);

    if (self == NULL)
        return NULL;
    self->base.cls = &file_producer_class;
    self->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (self->fd >= 0)
        return &self->base;
    free(self);
    return NULL;
}

/* What a client says is of no interest. */
static int session_collect_incoming_data(struct asyncore_dispatcher *self, const void *data,
                                         size_t size)
{
    (void)self;
    (void)data;
    (void)size;
    return 0;
}

static void session_destroy(struct asyncore_dispatcher *self)
{
    asynchat_async_chat_class.destroy(self);
    free(self);
}

static const struct asyncore_class session_class = {
    .name = "session",
    .super = &asynchat_async_chat_class,
    .collect_incoming_data = session_collect_incoming_data,
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
    if ((rc = asynchat_push_with_producer(self, file_producer_new())) < 0 ||
        (rc = asynchat_close_when_done(self)) < 0)
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
    FILE *file = tmpfile();

    if (file == NULL || ftruncate(fileno(file), SIZE) < 0)
        return 1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fileno(file));
    return serve(&server, &server_class, SOCK_STREAM);
}
