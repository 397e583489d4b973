/* timec.c - asks a time server: prints its time, and the difference from the local clock. */
#include "command.h"
#include "time_client.h"
#include "timec_report.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: timec [-ju] [-t SECONDS] [-c N [-i SECONDS]] HOST[:PORT]\n"
    "\n"
    "Asks a time server (RFC 868) for the time; prints it, and how many seconds the local clock\n"
    "is ahead of it.  PORT is 37 if not given; an IPv6 address with a port is written\n"
    "[ADDRESS]:PORT.\n"
    "\n"
    "  -u, --udp               ask by UDP instead of TCP\n"
    "  -c, --count N           ask N times (1), and say what the answers tell together\n"
    "  -i, --interval SECONDS  with --count: between the beginnings of two requests (1)\n"
    "  -t, --timeout SECONDS   give up after so long, for each address of HOST (5)\n"
    "  -j, --json              print a JSON object a line\n"
    "  -h, --help              print this and exit\n"
    "  -V, --version           print the version and exit\n"
    "\n"
    "Exit status: 0 if every request was answered; 1 if not; 2 for a usage error.\n";

enum { MAX_COUNT = 1000000 };

const char *const command_name = "timec";

struct options {
    char host[256];
    const char *port;
    bool json, udp;
    long count;
    double interval, timeout;
};

/* ==================================================
 * options
 */

static double parse_seconds(const char *what, const char *text)
{
    char *end;
    const double seconds = strtod(text, &end);

    if (end == text || *end != '\0' || !(seconds > 0 && seconds <= 86400))
        command_fail(COMMAND_USAGE, "bad %s '%s': want seconds, above 0 and at most 86400", what,
                     text);
    return seconds;
}

static long parse_count(const char *text)
{
    const size_t digits = strspn(text, "0123456789");
    const long count = digits <= 7 ? strtol(text, NULL, 10) : 0;

    if (text[digits] != '\0' || count < 1 || count > MAX_COUNT)
        command_fail(COMMAND_USAGE, "bad count '%s': want a number from 1 to %d", text, MAX_COUNT);
    return count;
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
        {"udp", no_argument, NULL, 'u'},
        {"count", required_argument, NULL, 'c'},
        {"interval", required_argument, NULL, 'i'},
        {"timeout", required_argument, NULL, 't'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    static const char letters[] = ":uc:i:t:jhV";
    struct options options = {.count = 1, .interval = 1, .timeout = 5};
    int option;

    opterr = 0;
    while ((option = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        switch (option) {
        case 'u':
            options.udp = true;
            break;
        case 'c':
            options.count = parse_count(optarg);
            break;
        case 'i':
            options.interval = parse_seconds("interval", optarg);
            break;
        case 't':
            options.timeout = parse_seconds("timeout", optarg);
            break;
        case 'j':
            options.json = true;
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
 * one request
 */

static struct {
    bool is_done;
    int error;
    uint32_t seconds;
} outcome; /* of the address that was asked last */

static void done(struct time_client *client, int error, uint32_t seconds)
{
    (void)client;
    outcome.is_done = true;
    outcome.error = error;
    outcome.seconds = seconds;
}

/* Returns 0, or what the loop failed with. */
static int loop_until(const bool *flag)
{
    int rc = 0;

    while (rc == 0 && !*flag)
        rc = asyncore_poll(-1, NULL);
    return rc;
}

/* Whether this address has answered, and what it did is reported. */
static bool ask(struct timec_report *report, const struct addrinfo *info, bool is_last)
{
    struct time_client client;
    char server[ASYNCORE_ADDRSTRLEN];
    int rc;

    outcome.is_done = false;
    if (report->udp)
        rc = time_client_udp_init(&client, &time_client_udp_class, info->ai_addr, info->ai_addrlen,
                                  report->timeout, done, NULL);
    else
        rc = time_client_init(&client, &time_client_class, info->ai_addr, info->ai_addrlen,
                              report->timeout, done, NULL);
    if (rc == 0)
        rc = loop_until(&outcome.is_done);
    if (rc == 0)
        rc = outcome.error;
    else
        asyncore_close(&client.base); /* it must not outlive this function in the map */
    asyncore_ntop(info->ai_addr, info->ai_addrlen, server, sizeof server);
    if (rc == 0)
        timec_report_answer(report, &client, outcome.seconds, server);
    else
        timec_report_failure(report, &client, rc, server, is_last);
    return rc == 0;
}

/* The addresses are asked in turn, from first on, until one answers.  Returns that one, to be the
 * first of the next request. */
static const struct addrinfo *request(struct timec_report *report, const struct addrinfo *list,
                                      const struct addrinfo *first)
{
    const struct addrinfo *info = first, *next;

    report->requests++;
    do {
        next = info->ai_next != NULL ? info->ai_next : list;
        if (ask(report, info, next == first))
            return info;
        info = next;
    } while (info != first);
    return first;
}

/* ==================================================
 * all of them
 */

static bool is_due;

static void due(struct asyncore_timer *interval)
{
    (void)interval;
    is_due = true;
}

/* Returns 0, or what the loop failed with. */
static int request_all(struct timec_report *report, const struct addrinfo *list, double interval)
{
    static struct asyncore_timer timer;
    const struct addrinfo *first = list;
    int rc = 0;

    if (report->count > 1)
        rc = asyncore_call_every(&timer, interval, due, NULL);
    is_due = true; /* the first, at once */
    while (rc == 0 && report->requests < report->count && report->output_error == 0) {
        rc = loop_until(&is_due);
        if (rc < 0)
            break;
        is_due = false;
        first = request(report, list, first);
    }
    asyncore_cancel(&timer);
    return rc;
}

static struct addrinfo *lookup(struct timec_report *report, const struct options *options)
{
    const struct addrinfo hints = {.ai_socktype = options->udp ? SOCK_DGRAM : SOCK_STREAM};
    struct addrinfo *list;
    const int rc = getaddrinfo(options->host, options->port, &hints, &list);

    if (rc == 0)
        return list;
    timec_report_unknown(report, options->host,
                         rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
    const struct options options = parse_options(argc, argv);
    struct timec_report report = {
        .json = options.json,
        .udp = options.udp,
        .count = options.count,
        .timeout = options.timeout,
    };
    struct addrinfo *list = lookup(&report, &options);
    const int rc = request_all(&report, list, options.interval);

    freeaddrinfo(list);
    asyncore_map_free(NULL);
    if (rc < 0)
        command_fail(EXIT_FAILURE, "loop: %s", strerror(-rc));
    if (report.count > 1)
        timec_report_summary(&report);
    if (report.output_error != 0)
        command_fail(EXIT_FAILURE, "standard output: %s", strerror(report.output_error));
    return report.answers == report.requests ? EXIT_SUCCESS : EXIT_FAILURE;
}
