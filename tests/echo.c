/* echo.c - see echo.h. */
#include "echo.h"

#include <fcntl.h>

static int echo_handle_read(struct asyncore_dispatcher *self)
{
    char buffer[100];
    const ssize_t n = asyncore_recv(self, buffer, sizeof buffer);

    return n > 0 ? (int)asyncore_send(self, buffer, (size_t)n) : (int)n;
}

const struct asyncore_class echo_class = {
    .name = "echo",
    .writable = asyncore_never,
    .handle_read = echo_handle_read,
};

struct asyncore_dispatcher echo;
int echo_peer;

void open_echo(void)
{
    int ends[2];
    struct sockaddr_in addr = loopback(0);

    tcp_pair(ends);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    echo_peer = ends[1];
    asyncore_here("echo.c:1000");
    ck_assert_int_eq((asyncore_init_accepted)(&echo, &echo_class, ends[0], (struct sockaddr *)&addr,
                                              sizeof addr, NULL),
                     0);
}
