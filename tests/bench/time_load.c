/*
 * time_load.c - asks a Time server (RFC 868) many times, over TCP with many connections at once or over
 * UDP from many sockets, checks every answer, and counts what came.  It has nothing of the library in it, so that it can
 * judge the library; and it asks loopback addresses alone, because it is a flood.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)
#define REQUEST_LIMIT (10 * SECOND)
#define TOTAL_LIMIT (120 * SECOND)
#define SKEW 2 /* seconds between the server's clock and ours */

enum { USAGE = 2, MAX_REQUESTS = 10000000, MAX_CONCURRENCY = 10000, PAUSE_MS = 100 };

static const char usage[] =
    "usage: time_load [-u] [-a ADDRESS] [-n REQUESTS] [-c CONCURRENCY] PORT\n"
    "\n"
    "Asks an RFC 868 server for the time, many times, and checks every answer: four bytes,\n"
    "seconds since 1900 within 2 s of the local clock, then, over TCP, the end of file.\n"
    "\n"
    "  -u, --udp                over UDP\n"
    "  -a, --address ADDRESS    an IPv4 or IPv6 loopback address (127.0.0.1)\n"
    "  -n, --requests N         how often (20000)\n"
    "  -c, --concurrency N      how many connections, or sockets, at once (64)\n"
    "  -h, --help               print this and exit\n"
    "\n"
    "One request may take 10 s, all of them 120 s.  Exit status: 0 all answers were right, 1 not\n"
    "all, 2 it could not ask.\n";

enum outcome { OK, WRONG, SHORT, RESET, REFUSED, TIMED_OUT, OUTCOMES };

struct request {
    int fd; /* -1: none */
    bool in_flight;
    int64_t begun_at;
    size_t size;
    unsigned char answer[8]; /* 4 are right; the others are to see what comes after */
};

struct load {
    struct sockaddr_storage addr;
    socklen_t addrlen;
    long requests, concurrency;
    bool udp;

    int epoll;
    struct request *slots;
    int64_t *latencies; /* of those that are ok */
    long begun, done, counts[OUTCOMES];
};

/* ==================================================
 * what all need
 */

__attribute__((format(printf, 1, 2), noreturn)) static void fail(const char *format, ...)
{
    va_list args;

    fputs("time_load: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(USAGE);
}

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

static void *allocate(long count, size_t size)
{
    void *memory = calloc((size_t)count, size);

    if (memory == NULL)
        fail("out of memory");
    return memory;
}

/* ==================================================
 * options
 */

static long parse_number(const char *what, const char *text, long max)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || number < 1 || number > max)
        fail("bad %s '%s': want a number from 1 to %ld", what, text, max);
    return number;
}

static void parse_address(struct load *load, const char *text, long port)
{
    struct sockaddr_in *in = (struct sockaddr_in *)&load->addr;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&load->addr;

    if (inet_pton(AF_INET, text, &in->sin_addr) == 1 &&
        ntohl(in->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET) {
        in->sin_family = AF_INET;
        in->sin_port = htons((in_port_t)port);
        load->addrlen = sizeof *in;
    } else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1 &&
               IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr)) {
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons((in_port_t)port);
        load->addrlen = sizeof *in6;
    } else {
        fail("bad address '%s': want a loopback address, as 127.0.0.1 or ::1", text);
    }
}

static void parse_options(struct load *load, int argc, char **argv)
{
    static const struct option names[] = {
        {"udp", no_argument, NULL, 'u'},
        {"address", required_argument, NULL, 'a'},
        {"requests", required_argument, NULL, 'n'},
        {"concurrency", required_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    const char *address = "127.0.0.1";
    int option;

    while ((option = getopt_long(argc, argv, "ua:n:c:h", names, NULL)) != -1) {
        switch (option) {
        case 'u':
            load->udp = true;
            break;
        case 'a':
            address = optarg;
            break;
        case 'n':
            load->requests = parse_number("number of requests", optarg, MAX_REQUESTS);
            break;
        case 'c':
            load->concurrency = parse_number("concurrency", optarg, MAX_CONCURRENCY);
            break;
        case 'h':
            fputs(usage, stdout);
            exit(EXIT_SUCCESS);
        default:
            exit(USAGE);
        }
    }
    if (argc - optind != 1)
        fail("want one port; try 'time_load --help'");
    parse_address(load, address, parse_number("port", argv[optind], 65535));
}

/* ==================================================
 * one request.  TCP: connect, read to the end, close.  UDP: send nothing, receive; a socket asks again
 * and again, unless an answer to it is missing, which may still come.
 */

static void finish(struct load *load, struct request *request, enum outcome outcome)
{
    if (outcome == OK)
        load->latencies[load->counts[OK]] = now() - request->begun_at;
    load->counts[outcome]++;
    load->done++;
    request->in_flight = false;
    if (load->udp && outcome == OK)
        return;
    close(request->fd);
    request->fd = -1;
}

static enum outcome meaning_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return REFUSED;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
        return RESET;
    case ETIMEDOUT:
        return TIMED_OUT;
    case EADDRNOTAVAIL:
        fail("no local port is free: lower --concurrency, or wait a minute for those of closed "
             "connections (net.ipv4.ip_local_port_range says how many there are)");
    case EMFILE:
        fail("too many open files: raise 'ulimit -n', or lower --concurrency");
    default:
        fail("connection: %s", strerror(error));
    }
}

static enum outcome judge(const struct request *request)
{
    uint32_t seconds;
    struct timespec time;
    int32_t skew;

    if (request->size < sizeof seconds)
        return SHORT;
    clock_gettime(CLOCK_REALTIME, &time);
    memcpy(&seconds, request->answer, sizeof seconds);
    /* All is modulo 2^32, so that the answer is right also when it begins again at 0. */
    skew = (int32_t)(ntohl(seconds) - (uint32_t)((uint64_t)time.tv_sec + 2208988800U));
    if (request->size > sizeof seconds || skew < -SKEW || skew > SKEW)
        return WRONG;
    return OK;
}

/* Returns the errno of what failed, or 0. */
static int open_socket(const struct load *load, struct request *request)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = request};
    const int type = load->udp ? SOCK_DGRAM : SOCK_STREAM;

    request->fd = socket(load->addr.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (request->fd < 0)
        return errno;
    if (connect(request->fd, (struct sockaddr *)&load->addr, load->addrlen) < 0 &&
        errno != EINPROGRESS)
        return errno;
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, request->fd, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
    return 0;
}

static void begin(struct load *load, struct request *request)
{
    int error = 0;

    load->begun++;
    request->begun_at = now();
    request->size = 0;
    request->in_flight = true;
    if (request->fd < 0)
        error = open_socket(load, request);
    if (error == 0 && load->udp && send(request->fd, "", 0, 0) < 0)
        error = errno;
    if (error != 0)
        finish(load, request, meaning_of(error));
}

static void proceed(struct load *load, struct request *request)
{
    ssize_t n;

    if (!request->in_flight) /* a second answer, after the last question */
        fail("an answer that nobody has asked for");
    /* Should the connection have failed, recv() is who says so. */
    do {
        n = recv(request->fd, request->answer + request->size,
                 sizeof request->answer - request->size, 0);
        if (n > 0)
            request->size += (size_t)n;
    } while (n > 0 && !load->udp && request->size < sizeof request->answer);
    if (n >= 0)
        finish(load, request, judge(request));
    else if (errno != EAGAIN && errno != EINTR)
        finish(load, request, meaning_of(errno));
}

/* ==================================================
 * all of them
 */

static void keep_busy(struct load *load, struct request *request)
{
    while (!request->in_flight && load->begun < load->requests)
        begin(load, request);
}

/* Whoever began before then has had its time. */
static void expire(struct load *load, int64_t then)
{
    for (long i = 0; i < load->concurrency; i++) {
        struct request *request = &load->slots[i];

        if (request->in_flight && request->begun_at < then)
            finish(load, request, TIMED_OUT);
        keep_busy(load, request);
    }
}

static void wait_and_proceed(struct load *load)
{
    struct epoll_event events[64];
    const int count = epoll_wait(load->epoll, events, 64, PAUSE_MS);

    if (count < 0 && errno != EINTR)
        fail("epoll_wait: %s", strerror(errno));
    for (int i = 0; i < count; i++) {
        struct request *request = events[i].data.ptr;

        proceed(load, request);
        keep_busy(load, request);
    }
}

static void run(struct load *load)
{
    const int64_t begun_at = now();
    int64_t checked_at = begun_at;

    expire(load, 0); /* nobody yet: it fills the slots */
    while (load->done < load->requests && checked_at - begun_at < TOTAL_LIMIT) {
        wait_and_proceed(load);
        if (now() - checked_at >= PAUSE_MS * (SECOND / 1000)) {
            checked_at = now();
            expire(load, checked_at - REQUEST_LIMIT);
        }
    }
    load->counts[TIMED_OUT] += load->requests - load->done; /* also those that never began */
}

/* ==================================================
 * the result
 */

static int compare(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

static double percentile(const struct load *load, long percent)
{
    const long count = load->counts[OK];

    return count > 0 ? (double)load->latencies[(count - 1) * percent / 100] / 1e6 : 0;
}

static void report(const struct load *load, int64_t duration)
{
    const long *counts = load->counts;

    qsort(load->latencies, (size_t)counts[OK], sizeof load->latencies[0], compare);
    printf("%ld ok, %ld wrong, %ld short, %ld reset, %ld refused, %ld timed out; "
           "%.0f requests/s, p50 %.3f ms, p99 %.3f ms\n",
           counts[OK], counts[WRONG], counts[SHORT], counts[RESET], counts[REFUSED],
           counts[TIMED_OUT], (double)counts[OK] * 1e9 / (double)duration, percentile(load, 50),
           percentile(load, 99));
}

int main(int argc, char **argv)
{
    struct load load = {.requests = 20000, .concurrency = 64};
    int64_t begun_at;

    parse_options(&load, argc, argv);
    load.latencies = allocate(load.requests, sizeof load.latencies[0]);
    load.slots = allocate(load.concurrency, sizeof load.slots[0]);
    for (long i = 0; i < load.concurrency; i++)
        load.slots[i].fd = -1;
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (load.epoll < 0)
        fail("epoll_create1: %s", strerror(errno));
    begun_at = now();
    run(&load);
    report(&load, now() - begun_at);
    free(load.slots);
    free(load.latencies);
    return load.counts[OK] == load.requests ? EXIT_SUCCESS : EXIT_FAILURE;
}
