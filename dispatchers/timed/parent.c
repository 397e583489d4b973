/* parent.c - see parent.h. */
#include "parent.h"

#include "command.h"
#include "notify.h"

#include <asyncore.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct asyncore_dispatcher parent;

static int parent_handle_close(struct asyncore_dispatcher *self)
{
    timed_notify_close();
    asyncore_stop(NULL);
    return asyncore_close(self);
}

/* A parent says nothing; what it would say is read and forgotten. */
static int parent_handle_read(struct asyncore_dispatcher *self)
{
    char text[TIMED_NOTIFY_SIZE];
    const ssize_t n = asyncore_recv(self, text, sizeof text);

    return n < 0 ? (int)n : 0;
}

static const struct asyncore_class parent_class = {
    .name = "parent",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_read = parent_handle_read,
    .handle_close = parent_handle_close,
};

static int adopt(int fd)
{
    struct sockaddr_storage addr;
    socklen_t length = sizeof addr;

    if (getpeername(fd, (struct sockaddr *)&addr, &length) < 0)
        return -errno;
    if (addr.ss_family != AF_UNIX)
        return -EPROTOTYPE;
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    return asyncore_init(&parent, &parent_class, fd, NULL);
}

int timed_parent_open(char *message, size_t size)
{
    const char *number = getenv("TIMED_PARENT");
    int rc;

    if (number == NULL)
        return 0;
    rc = adopt((int)strtol(number, NULL, 10));
    if (rc < 0) {
        snprintf(message, size, "TIMED_PARENT=%s: %s; it is not for users to set", number,
                 strerror(-rc));
        return EXIT_FAILURE;
    }
    unsetenv("TIMED_PARENT");
    timed_notify_use(asyncore_fileno(&parent));
    return 0;
}

bool timed_has_parent(void)
{
    return asyncore_fileno(&parent) > 0;
}

void timed_parent_leave(void)
{
    asyncore_del_channel(&parent);
}
