/*
 * contender.c - the program around a contender: its options, its listener, and what it needs.
 */
#define _GNU_SOURCE /* accept4 */
#include "contender.h"
#include "serve.h"

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

static const char usage[] =
    "usage: bench_NAME [--poller POLLER] WORK\n"
    "\n"
    "One contender of the benchmark.  WORK is\n"
    "\n"
    "  echo            serves echo; the port of 127.0.0.1 is printed, SIGTERM ends it\n"
    "  echo-buffered   the same, by the library's own buffered output\n"
    "  time            serves the time by RFC 868 in the same way\n"
    "  time-more       the same, four bytes and the end in one segment\n"
    "  time-more-read  and what the client had sent read before the close\n"
    "  time-more-shut  and all that shut in as timed is\n"
    "  time-udp        the same of datagrams, by nothing but recvfrom and sendto\n"
    "  time-udp-epoll  the same, in a loop\n"
    "  chain N M K     K writes travel M at once through N pipes; prints CPU ns per write\n"
    "  timers N        adds, cancels and fires N timers; prints CPU ns per timer of each\n"
    "  about           prints its version, and the sizes of what its users keep, in bytes\n"
    "\n"
    "Exit status: 0 done, 1 failed, 2 wrong options, 77 this contender does not have that.\n";

int must(int result, const char *call)
{
    if (result < 0) {
        perror(call);
        exit(EXIT_FAILURE);
    }
    return result;
}

void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL)
        must(-1, "calloc");
    return memory;
}

/* ==================================================
 * what servers need
 */

int accept_one(int listener)
{
    for (;;) {
        const int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0)
            return fd;
        if (errno == EAGAIN)
            return -1;
        if (errno != ECONNABORTED && errno != EINTR)
            must(fd, "accept4");
    }
}

void rest_keep(struct rest *rest, const char *data, size_t size)
{
    rest->data = allocate(size, 1);
    rest->start = 0;
    rest->size = size;
    memcpy(rest->data, data, size);
}

void rest_drop(struct rest *rest)
{
    free(rest->data);
    rest->data = NULL;
}

enum echoed rest_send(int fd, struct rest *rest)
{
    const ssize_t sent = send(fd, rest->data + rest->start, rest->size - rest->start, MSG_NOSIGNAL);

    if (sent < 0)
        return errno == EAGAIN || errno == EINTR ? SOME_LEFT : ENDED;
    rest->start += (size_t)sent;
    if (rest->start < rest->size)
        return SOME_LEFT;
    rest_drop(rest);
    return ALL_SENT;
}

static int open_on_loopback(int type, int flags)
{
    struct sockaddr_in addr = {
        .sin_family = AF_INET,
        .sin_addr = {htonl(INADDR_LOOPBACK)},
    };
    socklen_t addrlen = sizeof addr;
    const int fd = must(socket(AF_INET, type | flags | SOCK_CLOEXEC, 0), "socket");

    must(bind(fd, (struct sockaddr *)&addr, addrlen), "bind");
    if (type == SOCK_STREAM)
        must(listen(fd, SOMAXCONN), "listen");
    must(getsockname(fd, (struct sockaddr *)&addr, &addrlen), "getsockname");
    printf("%d\n", ntohs(addr.sin_port));
    fflush(stdout);
    return fd;
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

/* ==================================================
 * the choice
 */

static int serve(void (*server)(int socket), int type, int flags)
{
    if (server == NULL)
        return NOT_HERE;
    server(open_on_loopback(type, flags));
    return EXIT_FAILURE; /* it does not come back */
}

static int bad_usage(void)
{
    fputs(usage, stderr);
    return 2;
}

/* The numbers behind the work's name; false if they are not count numbers from 1 to 10,000,000. */
static bool parse_numbers(char **words, int count, size_t *numbers)
{
    for (int i = 0; i < count; i++) {
        char *end;

        if (words[i] == NULL || words[i][strspn(words[i], "0123456789")] != '\0')
            return false;
        errno = 0;
        numbers[i] = strtoul(words[i], &end, 10);
        if (errno != 0 || numbers[i] < 1 || numbers[i] > 10000000)
            return false;
    }
    return words[count] == NULL;
}

static int work(char **words)
{
    const struct {
        const char *work;
        void (*serve)(int socket);
        int type, flags;
    } servers[] = {
        {"echo", contender.echo, SOCK_STREAM, SOCK_NONBLOCK},
        {"echo-buffered", contender.echo_buffered, SOCK_STREAM, SOCK_NONBLOCK},
        {"time", contender.time, SOCK_STREAM, SOCK_NONBLOCK},
        {"time-more", contender.time_more, SOCK_STREAM, SOCK_NONBLOCK},
        {"time-more-read", contender.time_more_read, SOCK_STREAM, SOCK_NONBLOCK},
        {"time-more-shut", contender.time_more_shut, SOCK_STREAM, SOCK_NONBLOCK},
        {"time-udp", contender.time_udp, SOCK_DGRAM, 0},
        {"time-udp-epoll", contender.time_udp_epoll, SOCK_DGRAM, SOCK_NONBLOCK},
    };
    size_t numbers[3];

    if (words[0] == NULL)
        return bad_usage();
    if (strcmp(words[0], "chain") == 0)
        return parse_numbers(words + 1, 3, numbers) && numbers[1] <= numbers[0]
                   ? chain_measure(numbers[0], numbers[1], numbers[2])
                   : bad_usage();
    if (strcmp(words[0], "timers") == 0)
        return parse_numbers(words + 1, 1, numbers) ? timers_measure(numbers[0]) : bad_usage();
    if (words[1] != NULL)
        return bad_usage();
    if (strcmp(words[0], "about") == 0) {
        contender.about();
        return EXIT_SUCCESS;
    }
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++)
        if (strcmp(words[0], servers[i].work) == 0)
            return serve(servers[i].serve, servers[i].type, servers[i].flags);
    return bad_usage();
}

int main(int argc, char **argv)
{
    static const struct option names[] = {
        {"poller", required_argument, NULL, 'p'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *poller = NULL;
    int option, status;

    while ((option = getopt_long(argc, argv, "+p:h", names, NULL)) != -1) {
        if (option == 'h')
            return fputs(usage, stdout) < 0;
        if (option != 'p')
            return bad_usage();
        poller = optarg;
    }
    raise_descriptor_limit();
    if (!contender.open(poller)) {
        fprintf(stderr, "%s: no poller %s\n", argv[0], poller);
        return NOT_HERE;
    }
    status = work(argv + optind);
    if (status == NOT_HERE)
        fprintf(stderr, "%s: does not do this work\n", argv[0]);
    return status;
}
