/*
 * select_example_1.c - a time server (RFC 868) on bare select(); select_example_1.py is its twin.
 *
 *     cc -o select_example_1 select_example_1.c
 *     ./select_example_1 [PORT]
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PORT 8037            /* the protocol's own is 37, which only root may take */
#define TIME1970 2208988800U /* seconds from 1900, where the protocol begins to count, to 1970 */

static int start_service(int port)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    const int service = socket(AF_INET, SOCK_STREAM, 0), on = 1;

    /* Non-blocking: if the client is gone again, accept() must not wait for the next one. */
    if (service < 0 || setsockopt(service, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0 ||
        fcntl(service, F_SETFL, O_NONBLOCK) < 0 ||
        bind(service, (const struct sockaddr *)&addr, sizeof addr) < 0 ||
        listen(service, SOMAXCONN) < 0) {
        fprintf(stderr, "bind 0.0.0.0:%d: %s (give another port as argument)\n", port,
                strerror(errno));
        exit(1);
    }
    /* FD_SET() of a descriptor for which an fd_set has no bit would write into other memory. */
    if (service >= FD_SETSIZE) {
        fprintf(stderr, "select: descriptor %d is not below %d\n", service, FD_SETSIZE);
        exit(1);
    }
    return service;
}

static void serve(int service)
{
    struct sockaddr_in info;
    socklen_t size = sizeof info;
    const int channel = accept(service, (struct sockaddr *)&info, &size);
    uint32_t t;

    if (channel < 0 && (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR))
        return; /* the client is gone */
    if (channel < 0) {
        /* Too many open files, say.  The client still waits: to go on at once would be to spin. */
        fprintf(stderr, "accept: %s\n", strerror(errno));
        sleep(1);
        return;
    }
    printf("connection from ('%s', %d)\n", inet_ntoa(info.sin_addr), ntohs(info.sin_port));
    t = htonl((uint32_t)(time(NULL) + TIME1970));
    /* A new connection always has room for four bytes.  If the client is gone, no SIGPIPE. */
    send(channel, &t, sizeof t, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(channel);
}

static int parse_port(const char *text)
{
    const size_t digits = strspn(text, "0123456789");

    if (digits < 1 || digits > 5 || text[digits] != '\0' || atoi(text) > 65535)
        return -1;
    return atoi(text);
}

int main(int argc, char **argv)
{
    const int port = argc > 1 ? parse_port(argv[1]) : PORT;
    struct sockaddr_in addr;
    socklen_t size = sizeof addr;
    int service;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 2 || port < 0) {
        fprintf(stderr, "usage: select_example_1 [PORT], a number from 0 to 65535\n");
        return 2;
    }
    service = start_service(port);
    getsockname(service, (struct sockaddr *)&addr, &size);
    printf("listening on port %d\n", ntohs(addr.sin_port));

    for (;;) {
        struct timeval timeout = {.tv_sec = 1};
        fd_set is_readable;
        int r;

        FD_ZERO(&is_readable);
        FD_SET(service, &is_readable);
        r = select(service + 1, &is_readable, NULL, NULL, &timeout);
        if (r < 0 && errno != EINTR) {
            fprintf(stderr, "select: %s\n", strerror(errno));
            return 1;
        }
        if (r > 0)
            serve(service);
        else if (r == 0)
            printf("still waiting\n");
    }
}
