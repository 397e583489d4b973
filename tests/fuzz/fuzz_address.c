/* fuzz_address.c - any bytes as a socket's address, as text, into room of any size. */
#include "fuzz.h"

#include <arpa/inet.h>
#include <asyncore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

/* What must be written, where that is plain; "" where it is not. */
static void write_expected(const struct sockaddr *addr, socklen_t addrlen, char *text, size_t size)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)addr;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)addr;
    char host[INET6_ADDRSTRLEN];

    text[0] = '\0';
    if (addrlen < sizeof addr->sa_family)
        snprintf(text, size, "(none)");
    else if (addr->sa_family == AF_INET && addrlen >= sizeof *in)
        snprintf(text, size, "%s:%u", inet_ntop(AF_INET, &in->sin_addr, host, sizeof host),
                 ntohs(in->sin_port));
    else if (addr->sa_family == AF_INET6 && addrlen >= sizeof *in6 && in6->sin6_scope_id == 0)
        snprintf(text, size, "[%s]:%u", inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof host),
                 ntohs(in6->sin6_port));
}

/* In memory that is just as long, so that the sanitizer sees who goes beyond it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes bytes = {data, size};
    const size_t room = take(&bytes), most = sizeof(struct sockaddr_un);
    const socklen_t addrlen = (socklen_t)(bytes.left < most ? bytes.left : most);
    char *buffer = malloc(room > 0 ? room : 1), expected[ASYNCORE_ADDRSTRLEN];
    struct sockaddr *addr = malloc(addrlen > 0 ? addrlen : 1);

    expect(buffer != NULL && addr != NULL);
    if (addrlen > 0)
        memcpy(addr, bytes.at, addrlen);
    write_expected(addr, addrlen, expected, sizeof expected);
    expect(asyncore_ntop(addr, addrlen, buffer, room) == buffer);
    if (room > 0) {
        expect(memchr(buffer, '\0', room) != NULL);
        expect(strlen(buffer) < ASYNCORE_ADDRSTRLEN);
        expect(expected[0] == '\0' || strncmp(buffer, expected, room - 1) == 0);
    }
    free(addr);
    free(buffer);
    return 0;
}
