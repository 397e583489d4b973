/*
 * 12.2 Fill in: which datagram is answered.
 *
 * A time server over UDP: whatever comes is answered with the time, four bytes.  If somebody sends it a datagram in
 * another time server's name, the two answer each other for ever.  So it must not answer what is itself an
 * answer: four bytes that are a time within a day of now.  Anything else is a question.
 */
#include "exercise.h"
#include <time.h>

#define TIME1970 2208988800
#define DAY 86400

static uint32_t now(void)
{
    return (uint32_t)(time(NULL) + TIME1970);
}

static bool may_answer(const unsigned char *data, size_t size)
{
    (void)data;
    (void)size;
    (void)DAY;
    return true; /* FILL IN: the four bytes are in network order, see ntohl() and memcpy() */
}

static int server_handle_read(struct asyncore_dispatcher *self)
{
    const uint32_t t = htonl(now());
    struct sockaddr_storage addr;
    socklen_t addrlen = sizeof addr;
    unsigned char data[64];
    ssize_t n = asyncore_recvfrom(self, data, sizeof data, &addr, &addrlen);

    if (n >= 0 && may_answer(data, (size_t)n))
        asyncore_sendto(self, &t, sizeof t, (struct sockaddr *)&addr, addrlen);
    return 0; /* an error is of that datagram, and the next one may be better */
}

static const struct asyncore_class server_class = {
    .name = "server",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_read = server_handle_read,
};

int main(void)
{
    struct asyncore_dispatcher server;

    return serve(&server, &server_class, SOCK_DGRAM);
}
