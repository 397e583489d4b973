/* peer.c - see peer.h. */
#include "peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PASSES = 400 };

void pass(void)
{
    told(asyncore_poll(1, NULL));
}

void pass_until(bool (*done)(void))
{
    for (int i = 0; i < PASSES && !done(); i++)
        pass();
    expect(done());
}

/* ==================================================
 * addresses
 */

struct sockaddr_in loopback(void)
{
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

struct sockaddr_in address_of(struct asyncore_dispatcher *listener)
{
    struct sockaddr_in addr;
    socklen_t length = sizeof addr;

    expect(asyncore_fileno(listener) >= 0 && asyncore_accepting(listener));
    expect(asyncore_map_get(asyncore_get_map(listener), asyncore_fileno(listener)) == listener);
    expect(getsockname(asyncore_fileno(listener), (struct sockaddr *)&addr, &length) == 0);
    return addr;
}

int listen_with(struct asyncore_dispatcher *self, const struct asyncore_class *cls)
{
    const struct sockaddr_in addr = loopback();
    int rc = asyncore_init(self, cls, -1, NULL);

    if (rc == 0)
        rc = asyncore_create_socket(self, AF_INET, SOCK_STREAM);
    if (rc == 0)
        rc = asyncore_set_reuse_addr(self);
    if (rc == 0)
        rc = asyncore_bind(self, (const struct sockaddr *)&addr, sizeof addr);
    if (rc == 0)
        rc = asyncore_listen(self, 16);
    if (rc < 0)
        asyncore_close(self);
    return rc;
}

static int bound(int type, struct sockaddr_in *addr)
{
    const int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof *addr;

    *addr = loopback();
    expect(fd >= 0 && bind(fd, (struct sockaddr *)addr, length) == 0);
    expect(getsockname(fd, (struct sockaddr *)addr, &length) == 0);
    return fd;
}

int nowhere(struct sockaddr_in *addr)
{
    return bound(SOCK_STREAM, addr);
}

int peer_bind(struct sockaddr_in *addr)
{
    return bound(SOCK_DGRAM, addr);
}

int peer_listen(struct sockaddr_in *addr)
{
    const int fd = nowhere(addr);

    expect(listen(fd, 16) == 0);
    return fd;
}

int peer_connect(const struct sockaddr_in *addr)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    expect(fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof *addr) == 0);
    expect(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

/* ==================================================
 * asking
 */

/* Returns how much came before the end, or before nothing more was to be expected. */
static size_t receive(int fd, char *buffer, size_t size)
{
    size_t received = 0;

    for (int i = 0; i < PASSES && received < size; i++) {
        const ssize_t n = recv(fd, buffer + received, size - received, 0);

        if (n > 0)
            received += (size_t)n;
        else if (n == 0 || errno != EAGAIN)
            break;
        else
            pass();
    }
    return received;
}

static bool ask_once(const struct sockaddr_in *addr, const char *question, const void *answer,
                     size_t size)
{
    char *buffer = malloc(size);
    const int fd = peer_connect(addr);
    bool ok;

    expect(buffer != NULL);
    send(fd, question, strlen(question), MSG_NOSIGNAL);
    ok = receive(fd, buffer, size) == size;
    expect(!ok || answer == NULL || memcmp(buffer, answer, size) == 0);
    close(fd);
    free(buffer);
    pass(); /* in which the server hears of the end */
    return ok;
}

void ask(struct asyncore_dispatcher *listener, const char *question, const void *answer,
         size_t size)
{
    struct sockaddr_in addr = address_of(listener);

    while (!ask_once(&addr, question, answer, size)) {
        again();
        addr = address_of(listener);
    }
    address_of(listener);
}

void ask_size(struct asyncore_dispatcher *listener, const char *question, size_t size)
{
    ask(listener, question, NULL, size);
}

/* ==================================================
 * handlers
 */

int note_handle_error(struct asyncore_dispatcher *self, int error)
{
    told(error);
    asyncore_close(self);
    return 0;
}

int note_handle_close(struct asyncore_dispatcher *self)
{
    told_otherwise();
    told(asyncore_close(self));
    return 0;
}
