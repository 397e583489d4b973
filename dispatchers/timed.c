/* timed.c - the time server as a daemon: options, sockets, signals, and the loop. */
#include "command.h"
#include "time_server.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_ADDRESSES = 64 };

static const char usage[] =
    "usage: timed [-v] [-p PORT] [-a ADDRESS]...\n"
    "\n"
    "Serves the time by RFC 868 over TCP: four bytes, seconds since 1900.\n"
    "\n"
    "  -p, --port PORT        listen on this port (8037; 0: one that the system chooses)\n"
    "  -a, --address ADDRESS  listen on this IPv4 or IPv6 address; may be given several\n"
    "                         times (all IPv4 and IPv6 addresses)\n"
    "  -v, --verbose          say on standard error what happens\n"
    "  -h, --help             print this and exit\n"
    "  -V, --version          print the version and exit\n"
    "\n"
    "SIGINT and SIGTERM end it.  Ask it with: timec 127.0.0.1:8037\n";

struct options {
    const char *addresses[MAX_ADDRESSES];
    size_t address_count;
    int port;
    bool verbose;
};

const char *const command_name = "timed";

/* ==================================================
 * options
 */

static void add_address(struct options *options, const char *address)
{
    if (options->address_count == MAX_ADDRESSES)
        command_fail(COMMAND_USAGE, "more than %d addresses; leave --address out to listen on all",
                     MAX_ADDRESSES);
    options->addresses[options->address_count++] = address;
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"port", required_argument, NULL, 'p'}, {"address", required_argument, NULL, 'a'},
        {"verbose", no_argument, NULL, 'v'},    {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},    {NULL, 0, NULL, 0},
    };
    static const char letters[] = ":p:a:vhV";
    struct options options = {.port = 8037};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        switch (option) {
        case 'p':
            options.port = command_port(optarg);
            if (options.port < 0)
                command_fail(COMMAND_USAGE, "bad port '%s': want a number from 0 to 65535", optarg);
            break;
        case 'a':
            add_address(&options, optarg);
            break;
        case 'v':
            options.verbose = true;
            break;
        case 'h':
            command_print(usage);
        case 'V':
            command_print("timed " ASYNCORE_VERSION "\n");
        default:
            command_bad_option(option, letters, argv);
        }
    }
    if (optind < argc)
        command_fail(COMMAND_USAGE, "unexpected argument '%s'; try 'timed --help'", argv[optind]);
    return options;
}

/* ==================================================
 * --verbose: what the classic page's program prints
 */

static struct asyncore_timer idle;

static void still_waiting(struct asyncore_timer *self)
{
    if (asyncore_map_count(NULL) > 0)
        command_say("still waiting");
    else
        asyncore_cancel(self); /* with nobody to wait for, the loop shall end */
}

static int verbose_server_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                          const struct sockaddr *addr, socklen_t addrlen)
{
    char text[ASYNCORE_ADDRSTRLEN];

    command_say("connection from %s", asyncore_ntop(addr, addrlen, text, sizeof text));
    asyncore_reset(&idle);
    return time_server_class.handle_accepted(self, fd, addr, addrlen);
}

static const struct asyncore_class verbose_server_class = {
    .name = "time_server",
    .super = &time_server_class,
    .handle_accepted = verbose_server_handle_accepted,
};

/* ==================================================
 * sockets
 */

static struct time_server servers[MAX_ADDRESSES];

/* What the operator can do about it. */
static const char *advice(int error)
{
    switch (error) {
    case EACCES:
        return " (ports below 1024 need CAP_NET_BIND_SERVICE; try --port 8037)";
    case EADDRINUSE:
        return " (another server has this port: stop it, or try another --port)";
    case EADDRNOTAVAIL:
        return " (no interface of this machine has this address; 'ip address' lists those it has)";
    default:
        return "";
    }
}

static struct addrinfo *lookup(const char *address, int port)
{
    const struct addrinfo hints = {
        .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *info;
    char service[16];
    int rc;

    snprintf(service, sizeof service, "%d", port);
    rc = getaddrinfo(address, service, &hints, &info);
    if (rc == EAI_MEMORY || rc == EAI_AGAIN || rc == EAI_SYSTEM)
        command_fail(EXIT_FAILURE, "address %s: %s", address,
                     rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    if (rc != 0)
        command_fail(COMMAND_USAGE,
                     "bad address '%s': want an IPv4 or IPv6 address, as 127.0.0.1 or ::1",
                     address);
    return info;
}

/* Returns the port, or a negative errno. */
static int listen_on(struct time_server *server, const char *address, int port, bool verbose)
{
    const struct asyncore_class *cls = verbose ? &verbose_server_class : &time_server_class;
    struct addrinfo *info = lookup(address, port);
    struct sockaddr_storage bound;
    socklen_t boundlen;
    int rc = time_server_init(server, cls, info->ai_addr, info->ai_addrlen, NULL);

    if (rc == 0)
        rc = asyncore_getsockname(&server->base, &bound, &boundlen);
    freeaddrinfo(info);
    if (rc < 0)
        return rc;
    return ntohs(bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                             : ((struct sockaddr_in *)&bound)->sin_port);
}

/* All addresses get the same port, also when the system chooses it.  Returns that port. */
static int listen_on_all(const struct options *options)
{
    static const char *const any[] = {"0.0.0.0", "::"};
    const bool by_default = options->address_count == 0;
    const char *const *addresses = by_default ? any : options->addresses;
    const size_t count = by_default ? 2 : options->address_count;
    int port = options->port;

    for (size_t i = 0; i < count; i++) {
        const int rc = listen_on(&servers[i], addresses[i], port, options->verbose);

        if (rc >= 0) {
            port = rc;
            continue;
        }
        /* A machine may be without IPv6, or have it switched off. */
        if (by_default && i > 0 && (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL))
            continue;
        command_fail(EXIT_FAILURE,
                     strchr(addresses[i], ':') != NULL ? "bind [%s]:%d: %s%s" : "bind %s:%d: %s%s",
                     addresses[i], port, strerror(-rc), advice(-rc));
    }
    return port;
}

/* ==================================================
 * the process
 */

/* A socket must not get the number of a standard stream that was closed: messages would go to it.
 */
static void open_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

static bool stopped;

static void stop(struct asyncore_signal_handler *self)
{
    (void)self;
    stopped = true;
    asyncore_stop(NULL);
}

static void stop_on(int signum)
{
    static struct asyncore_signal_handler handlers[2];
    static size_t count;
    const int rc = asyncore_add_signal_handler(&handlers[count++], signum, stop, NULL);

    if (rc < 0)
        command_fail(EXIT_FAILURE, "signal %d: %s", signum, strerror(-rc));
}

static void choose_poller(void)
{
    const int rc = asyncore_map_set_poller(NULL, NULL);

    if (rc == -EINVAL) /* it has been said what ASYNCORE_POLLER may be */
        exit(COMMAND_USAGE);
    if (rc < 0)
        command_fail(EXIT_FAILURE, "poller: %s", strerror(-rc));
}

static void clean_up(void)
{
    asyncore_map_free(NULL);
}

int main(int argc, char **argv)
{
    struct options options;
    int port, rc;

    open_standard_streams();
    setvbuf(stderr, NULL, _IOLBF, 1024); /* a line is one write */
    options = parse_options(argc, argv);
    atexit(clean_up);
    choose_poller();
    stop_on(SIGINT);
    stop_on(SIGTERM);
    signal(SIGPIPE, SIG_IGN); /* whoever reads the messages may go away */
    port = listen_on_all(&options);
    if (options.verbose || options.port == 0)
        command_say("listening on port %d", port);
    if (options.verbose)
        asyncore_call_every(&idle, 1, still_waiting, NULL);
    rc = asyncore_loop(-1, NULL, -1);
    if (rc < 0)
        command_fail(EXIT_FAILURE, "loop: %s", strerror(-rc));
    if (!stopped)
        command_fail(EXIT_FAILURE, "no listening socket is left");
    return EXIT_SUCCESS;
}
