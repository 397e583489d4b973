/* timec.c - asks a time server: prints its time, and the difference from the local clock. */
#include "command.h"
#include "time_client.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: timec [-t SECONDS] HOST[:PORT]\n"
    "\n"
    "Asks a time server (RFC 868, TCP) for the time; prints it, and how many seconds the\n"
    "local clock is ahead of it.  PORT is 37 if not given; an IPv6 address with a port is\n"
    "written [ADDRESS]:PORT.\n"
    "\n"
    "  -t, --timeout SECONDS  give up after so long, for each address of HOST (5)\n"
    "  -h, --help             print this and exit\n"
    "  -V, --version          print the version and exit\n"
    "\n"
    "Exit status: 0; 1 if the time could not be had; 2 for a usage error.\n";

const char *const command_name = "timec";

struct options {
    char host[256];
    const char *port;
    double timeout;
};

/* ==================================================
 * options
 */

static double parse_timeout(const char *text)
{
    char *end;
    const double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds > 0 && seconds <= 86400))
        command_fail(COMMAND_USAGE, "bad timeout '%s': want seconds, above 0 and at most 86400",
                     text);
    return seconds;
}

static void parse_host(struct options *options, const char *text)
{
    const char *port;

    if (!command_split_address(text, options->host, sizeof options->host, &port))
        command_fail(COMMAND_USAGE, "bad host '%s': want HOST, HOST:PORT or [ADDRESS]:PORT", text);
    if (port != NULL && command_port(port) < 1)
        command_fail(COMMAND_USAGE, "bad port '%s': want a number from 1 to 65535", port);
    options->port = port != NULL ? port : "37";
}

static struct options parse_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"timeout", required_argument, NULL, 't'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    static const char letters[] = ":t:hV";
    struct options options = {.timeout = 5};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        switch (option) {
        case 't':
            options.timeout = parse_timeout(optarg);
            break;
        case 'h':
            command_print(usage);
        case 'V':
            command_print("timec " ASYNCORE_VERSION "\n");
        default:
            command_bad_option(option, letters, argv);
        }
    }
    if (optind + 1 != argc)
        command_fail(COMMAND_USAGE, "want one HOST[:PORT]; try 'timec --help'");
    parse_host(&options, argv[optind]);
    return options;
}

/* ==================================================
 * asking
 */

static int outcome;

static void done(struct time_client *client, int error, uint32_t seconds)
{
    const time_t here = time(NULL), there = time_client_nearest(seconds, here);
    char text[64];

    (void)client;
    outcome = error;
    if (error < 0)
        return;
    strftime(text, sizeof text, "%a %b %e %H:%M:%S UTC %Y", gmtime(&there));
    printf("%s\ntime difference is %lld\n", text, (long long)(here - there));
}

/* Returns 0, or a negative errno when the reason has been said. */
static int ask(const struct addrinfo *info, double timeout)
{
    struct time_client client;
    char text[ASYNCORE_ADDRSTRLEN];
    int rc = time_client_init(&client, &time_client_class, info->ai_addr, info->ai_addrlen, timeout,
                              done, NULL);

    if (rc == 0)
        rc = asyncore_loop(-1, NULL, -1);
    if (rc == 0)
        rc = outcome;
    else
        asyncore_close(&client.base); /* it must not outlive this function in the map */
    if (rc == 0)
        return 0;
    asyncore_ntop(info->ai_addr, info->ai_addrlen, text, sizeof text);
    if (rc == -EPROTO)
        fprintf(stderr, "timec: %s closed the connection after %zu of 4 bytes\n", text,
                client.received);
    else if (rc == -ETIMEDOUT)
        fprintf(stderr, "timec: %s: no answer in %g s (see --timeout)\n", text, timeout);
    else if (rc == -ECONNRESET)
        fprintf(stderr, "timec: %s reset the connection\n", text);
    else
        fprintf(stderr, "timec: connect %s: %s%s\n", text, strerror(-rc),
                rc == -ECONNREFUSED ? " (no server on this port; timed's own is 8037)" : "");
    return rc;
}

int main(int argc, char **argv)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct options options = parse_options(argc, argv);
    struct addrinfo *list;
    int rc = getaddrinfo(options.host, options.port, &hints, &list);

    if (rc != 0)
        command_fail(EXIT_FAILURE, "%s: %s", options.host,
                     rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    rc = -1;
    for (const struct addrinfo *info = list; rc < 0 && info != NULL; info = info->ai_next)
        rc = ask(info, options.timeout);
    freeaddrinfo(list);
    asyncore_map_free(NULL);
    if (rc == 0 && fflush(stdout) == EOF)
        command_fail(EXIT_FAILURE, "standard output: %s", strerror(errno));
    return rc == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
