/*
 * file_dispatcher.c - asynchronous file i/o: select() isn't meant for files, which are always
 * ready; regardless, this is useful for pipes, and stdin/stdout...
 */
#include "trace.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

static ssize_t file_dispatcher_recv(struct asyncore_dispatcher *self, void *buffer, size_t size)
{
    const int rc = asyncore__check_socket(self);
    ssize_t n;

    if (rc < 0)
        return rc;
    if (size == 0) /* 0 could not be told from the end of file */
        return -EINVAL;
    do
        n = read(self->fd, buffer, size);
    while (n < 0 && errno == EINTR);
    return asyncore__received(self, asyncore__io(self, "read", size, n));
}

/* write() has no MSG_NOSIGNAL: the signal is blocked in this thread, and if it has come, taken
 * away; unless one was there before, which is not ours. */
static ssize_t write_without_sigpipe(int fd, const void *data, size_t size)
{
    sigset_t sigpipe, pending, before;
    ssize_t n;
    int error, number;

    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
    sigpending(&pending);
    if (sigismember(&pending, SIGPIPE))
        sigemptyset(&sigpipe);
    do
        n = write(fd, data, size);
    while (n < 0 && errno == EINTR);
    error = errno;
    if (n < 0 && error == EPIPE && sigismember(&sigpipe, SIGPIPE)) {
        sigpending(&pending);
        if (sigismember(&pending, SIGPIPE))
            sigwait(&sigpipe, &number);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return n;
}

static ssize_t file_dispatcher_send(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    const int rc = asyncore__check_socket(self);

    if (rc < 0)
        return rc;
    return asyncore__sent(
        self, asyncore__io(self, "write", size, write_without_sigpipe(self->fd, data, size)));
}

/* ==================================================
 * O_NONBLOCK, which belongs to the open file, and so to all who have it open: a shell, a parent, or
 * another dispatcher, as a terminal's standard input and output are one file.  A file that blocked
 * does so again once the last dispatcher has left it.
 */

enum { DID_NOT_BLOCK = ASYNCORE__PROCESSES + 1 }; /* blocked_in; 0: it has no file */

static bool is_blocking(int fd)
{
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

static void set_blocking(int fd)
{
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
}

/* Those who found it non-blocking may have found it so because of the one that leaves. */
static void hand_over(struct asyncore_map *map, unsigned char blocked_in)
{
    for (struct asyncore_channel *c = map->channels; c != NULL; c = c->hh.next) {
        if (c->dispatcher->blocked_in != DID_NOT_BLOCK || !is_blocking(c->fd))
            continue;
        asyncore__set_nonblocking(c->fd);
        c->dispatcher->blocked_in = blocked_in;
        return;
    }
}

void asyncore__file_ends(struct asyncore_dispatcher *self)
{
    const unsigned char blocked_in = self->blocked_in;

    self->blocked_in = 0;
    if (blocked_in != asyncore__process() || self->fd < 0) /* or it is the parent's affair */
        return;
    set_blocking(self->fd);
    hand_over(self->map, blocked_in);
}

int asyncore_set_file(struct asyncore_dispatcher *self, int fd)
{
    bool blocked;
    int own, rc = asyncore__check(self);

    if (rc == -EINVAL || fd < 0)
        return -EINVAL;
    own = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1); /* not the number of a closed stream */
    if (own < 0)
        return -errno;
    blocked = is_blocking(own);
    rc = asyncore_set_socket(self, own, NULL);
    if (rc < 0) {
        if (blocked)
            set_blocking(fd);
        return rc;
    }
    if (is_blocking(own)) { /* the old one was of the same file */
        blocked = true;
        asyncore__set_nonblocking(own);
    }
    self->blocked_in = blocked ? asyncore__process() : DID_NOT_BLOCK;
    self->connected = true;
    return 0;
}

int asyncore_file_dispatcher_init(struct asyncore_dispatcher *self,
                                  const struct asyncore_class *cls, int fd,
                                  struct asyncore_map *map)
{
    int rc = asyncore_init(self, cls, -1, map);

    if (rc == 0) {
        rc = asyncore_set_file(self, fd);
        if (rc < 0)
            self->state = 0;
    }
    return rc;
}

const struct asyncore_class asyncore_file_dispatcher_class = {
    .name = "file_dispatcher",
    .super = &asyncore_dispatcher_class,
    .recv = file_dispatcher_recv,
    .send = file_dispatcher_send,
};
