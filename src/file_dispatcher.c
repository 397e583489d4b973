/*
 * file_dispatcher.c - asynchronous file i/o: select() isn't meant for files, which are always
 * ready; regardless, this is useful for pipes, and stdin/stdout...
 */
#include "internal.h"

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
    return asyncore__received(self, n);
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

    return rc < 0 ? rc : asyncore__sent(self, write_without_sigpipe(self->fd, data, size));
}

int asyncore_set_file(struct asyncore_dispatcher *self, int fd)
{
    bool was_blocking;
    int rc = asyncore__check(self);

    if (rc == -EINVAL || fd < 0)
        return -EINVAL;
    fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1); /* not the number of a closed stream */
    if (fd < 0)
        return -errno;
    was_blocking = (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
    rc = asyncore_set_socket(self, fd, NULL);
    if (rc < 0)
        return rc;
    self->blocked_in = was_blocking ? asyncore__process() : 0;
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
