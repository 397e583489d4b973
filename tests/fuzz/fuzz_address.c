/* fuzz_address.c - any bytes as a socket's address, as text, into room of any size. */
#include "fuzz.h"

#include <arpa/inet.h>
#include <asyncore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* What must be written, where that is plain; "" where it is not. */
static void write_expected(const struct sockaddr_storage *addr, socklen_t addrlen, char *text,
                           size_t size)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
    char host[INET6_ADDRSTRLEN];

    text[0] = '\0';
    if (addrlen < sizeof addr->ss_family)
        snprintf(text, size, "(none)");
    else if (addr->ss_family == AF_INET && addrlen >= sizeof *in)
        snprintf(text, size, "%s:%u", inet_ntop(AF_INET, &in->sin_addr, host, sizeof host),
                 ntohs(in->sin_port));
    else if (addr->ss_family == AF_INET6 && addrlen >= sizeof *in6 && in6->sin6_scope_id == 0)
        snprintf(text, size, "[%s]:%u", inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host),
                 ntohs(in6->sin6_port));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    const size_t room = take(&bytes);
    char *buffer = malloc(room > 0 ? room : 1), expected[ASYNCORE_ADDRSTRLEN];
    struct sockaddr_storage addr;
    socklen_t addrlen;

    memset(&addr, 0, sizeof addr);
    addrlen = (socklen_t)(bytes.left < sizeof(struct sockaddr_un) ? bytes.left
                                                                  : sizeof(struct sockaddr_un));
    if (addrlen > 0)
        memcpy(&addr, bytes.at, addrlen);
    expect(buffer != NULL);
    write_expected(&addr, addrlen, expected, sizeof expected);
    expect(asyncore_ntop((struct sockaddr *)&addr, addrlen, buffer, room) == buffer);
    if (room > 0) {
        expect(memchr(buffer, '\0', room) != NULL);
        expect(strlen(buffer) < ASYNCORE_ADDRSTRLEN);
        expect(expected[0] == '\0' || strncmp(buffer, expected, room - 1) == 0);
    }
    free(buffer);
    return 0;
}
