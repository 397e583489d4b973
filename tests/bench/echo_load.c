/*
 * echo_load.c - loads an echo server, and checks that what comes back is what was sent.  It has
 * nothing of any contender in it.  It does what it is told on its standard input, so that whoever
 * measures can look at the server in between.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGE_SIZE = 64,
    MAX_MESSAGES = 10000000,
    MAX_CONNECTIONS = 100000,
    PER_ADDRESS = 10000, /* connections from one source address, which has 28,232 ports */
    PATIENCE = 10        /* seconds that an answer may take */
};

static const char usage[] =
    "usage: echo_load ACTIVE PORT\n"
    "\n"
    "Opens ACTIVE connections to the echo server on that port of 127.0.0.1 and says \"ready\"; "
    "then\n"
    "obeys the lines of its standard input, and answers each with one:\n"
    "\n"
    "  idle N      have N more connections open, which do nothing once they have said hello\n"
    "  run N       N messages of 64 bytes; each connection sends when its last one has come back\n"
    "  lockstep N  N messages; all send at once, and again when all have their answers\n"
    "\n"
    "Exit status: 0 at the end of the input, 1 an answer was wrong or none, 2 it could not ask.\n";

struct connection {
    int fd;
    size_t received;
    int64_t sent_at;
    uint64_t message[MESSAGE_SIZE / sizeof(uint64_t)], answer[MESSAGE_SIZE / sizeof(uint64_t)];
};

static struct sockaddr_in server = {.sin_family = AF_INET};
static struct connection *connections; /* the active ones */
static size_t active, idle, opened;
static int epoll, *idle_fds;

static int64_t *latencies;
static size_t to_send, received; /* messages of this run */

/* ==================================================
 * what all need
 */

__attribute__((format(printf, 2, 3), noreturn)) static void fail(int status, const char *format,
                                                                 ...)
{
    va_list args;

    fputs("echo_load: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(status);
}

static int must(int result, const char *call)
{
    if (result < 0)
        fail(2, "%s: %s", call, strerror(errno));
    return result;
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    if (memory == NULL)
        fail(2, "out of memory");
    return memory;
}

static int64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * INT64_C(1000000000) + time.tv_nsec;
}

/* A number from 1, or from 0, to max; -1 if it is none. */
static long parse_number(const char *text, long min, long max)
{
    char *end;
    long number;

    errno = 0;
    number = strtol(text, &end, 10);
    return errno != 0 || end == text || *end != '\0' || number < min || number > max ? -1 : number;
}

/* ==================================================
 * one connection
 */

static void send_message(struct connection *connection)
{
    static uint64_t serial;

    for (size_t i = 0; i < MESSAGE_SIZE / sizeof(uint64_t); i++)
        connection->message[i] = ++serial;
    connection->received = 0;
    connection->sent_at = now();
    if (send(connection->fd, connection->message, MESSAGE_SIZE, MSG_NOSIGNAL) != MESSAGE_SIZE)
        fail(1, "send: %s", strerror(errno));
}

/* True when the whole answer is there. */
static bool receive_answer(struct connection *connection, int flags)
{
    const ssize_t n = recv(connection->fd, (char *)connection->answer + connection->received,
                           MESSAGE_SIZE - connection->received, flags);

    if (n < 0 && errno == EAGAIN && flags != 0)
        return false;
    if (n <= 0)
        fail(1, "%s",
             n == 0            ? "the server has closed the connection"
             : errno == EAGAIN ? "no answer"
                               : strerror(errno));
    connection->received += (size_t)n;
    if (connection->received < MESSAGE_SIZE)
        return false;
    if (memcmp(connection->answer, connection->message, MESSAGE_SIZE) != 0)
        fail(1, "the answer is not what was sent");
    return true;
}

/* It closes with a reset, so that no port stays taken. */
static void open_connection(struct connection *connection)
{
    const struct linger linger = {.l_onoff = 1};
    const struct timeval patience = {.tv_sec = PATIENCE};
    const int on = 1;
    const struct sockaddr_in source = {
        .sin_family = AF_INET,
        .sin_addr = {htonl(INADDR_LOOPBACK + (uint32_t)(opened++ / PER_ADDRESS % 100))},
    };
    const int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

    connection->fd = fd;
    must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), "SO_LINGER");
    must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), "SO_RCVTIMEO");
    must(setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on), "bind");
    must(bind(fd, (const struct sockaddr *)&source, sizeof source), "bind");
    must(connect(fd, (struct sockaddr *)&server, sizeof server), "connect");
    /* When it is answered the server has accepted it. */
    send_message(connection);
    while (!receive_answer(connection, 0))
        ;
}

/* ==================================================
 * many
 */

static void open_active(void)
{
    connections = allocate(active, sizeof connections[0]);
    epoll = must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
    for (size_t i = 0; i < active; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &connections[i]};

        open_connection(&connections[i]);
        must(epoll_ctl(epoll, EPOLL_CTL_ADD, connections[i].fd, &event), "epoll_ctl");
    }
}

static void set_idle(size_t count)
{
    struct connection connection = {.fd = -1};

    while (idle > count)
        close(idle_fds[--idle]);
    while (idle < count) {
        open_connection(&connection);
        idle_fds[idle++] = connection.fd;
    }
    printf("%zu idle\n", idle);
}

static void proceed(struct connection *connection)
{
    if (!receive_answer(connection, MSG_DONTWAIT))
        return;
    latencies[received++] = now() - connection->sent_at;
    if (to_send > 0) {
        to_send--;
        send_message(connection);
    }
}

/* Until so many answers have come in all. */
static void receive_until(size_t count)
{
    while (received < count) {
        struct epoll_event events[64];
        const int ready = epoll_wait(epoll, events, 64, PATIENCE * 1000);

        if (ready == 0)
            fail(1, "no answer for %d seconds", PATIENCE);
        if (ready < 0 && errno != EINTR)
            must(ready, "epoll_wait");
        for (int i = 0; i < ready; i++)
            proceed(events[i].data.ptr);
    }
}

static void send_to_all(size_t count)
{
    for (size_t i = 0; i < count; i++)
        send_message(&connections[i]);
}

static void run(size_t messages)
{
    const size_t first = messages < active ? messages : active;

    to_send = messages - first;
    send_to_all(first);
    receive_until(messages);
}

static void lockstep(size_t messages)
{
    to_send = 0;
    while (received < messages) {
        const size_t left = messages - received, step = left < active ? left : active;

        send_to_all(step);
        receive_until(received + step);
    }
}

/* ==================================================
 * orders
 */

static int compare(const void *left, const void *right)
{
    const int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;

    return (a > b) - (a < b);
}

static void measured(void (*work)(size_t messages), size_t messages)
{
    int64_t began_at, duration;

    latencies = allocate(messages, sizeof latencies[0]);
    received = 0;
    began_at = now();
    work(messages);
    duration = now() - began_at;
    qsort(latencies, messages, sizeof latencies[0], compare);
    printf("%zu messages, %.0f messages/s, p50 %.3f ms, p99 %.3f ms\n", messages,
           (double)messages * 1e9 / (double)duration, (double)latencies[messages / 2] / 1e6,
           (double)latencies[messages * 99 / 100] / 1e6);
    free(latencies);
}

static void obey(const char *order, const char *argument)
{
    const long number = parse_number(argument, 0, MAX_MESSAGES);

    if (strcmp(order, "idle") == 0 && number >= 0 && number <= MAX_CONNECTIONS)
        set_idle((size_t)number);
    else if (strcmp(order, "run") == 0 && number > 0)
        measured(run, (size_t)number);
    else if (strcmp(order, "lockstep") == 0 && number > 0)
        measured(lockstep, (size_t)number);
    else
        fail(2, "bad order '%s %s'", order, argument);
}

static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    must(getrlimit(RLIMIT_NOFILE, &limit), "getrlimit");
    limit.rlim_cur = limit.rlim_max;
    must(setrlimit(RLIMIT_NOFILE, &limit), "setrlimit");
}

int main(int argc, char **argv)
{
    char line[64], order[16], argument[16];
    long port;

    if (argc != 3) {
        fputs(usage, stderr);
        return 2;
    }
    active = (size_t)parse_number(argv[1], 1, MAX_CONNECTIONS);
    port = parse_number(argv[2], 1, 65535);
    if ((long)active < 0 || port < 0)
        fail(2, "bad number; try 'echo_load' alone");
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server.sin_port = htons((in_port_t)port);
    raise_descriptor_limit();
    idle_fds = allocate(MAX_CONNECTIONS, sizeof idle_fds[0]);
    open_active();
    puts("ready");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (sscanf(line, "%15s %15s", order, argument) != 2)
            fail(2, "bad order '%s'", line);
        obey(order, argument);
        fflush(stdout);
    }
    return EXIT_SUCCESS;
}
