/* options.c - timed's command line, see options.h. */
#include "options.h"

#include "command.h"
#include "rate_limit.h"
#include "workers.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char timed_usage[] =
    "usage: timed [OPTION]...\n"
    "\n"
    "Serves the time by RFC 868 over TCP and UDP: four bytes, seconds since 1900.\n"
    "\n"
    "Where:\n"
    "  -p, --port PORT         serve this port (8037; 0: one that the system chooses)\n"
    "  -l, --listen ADDR[:PORT]  serve this address, or those of this name; may be given\n"
    "                          several times (all IPv4 and IPv6 addresses)\n"
    "  -a, --address ADDRESS   the same\n"
    "      --tcp, --udp        over this transport alone (both)\n"
    "      --inetd             serve the socket that inetd, told to wait, gives as standard input\n"
    "      --idle SECONDS      end when nobody has asked for so long (60 with --inetd; 0: never)\n"
    "\n"
    "Whom:\n"
    "      --rate N            answer each source over UDP N times a second (10; 0: no limit)\n"
    "      --burst N           and N times at once (20)\n"
    "      --limit-tcp         over TCP too\n"
    "      --udp-any-port      answer datagrams from ports that services have\n"
    "\n"
    "What:\n"
    "      --require-sync      do not answer while the clock is not synchronised\n"
    "      --epoch-offset N    answer as if it were N seconds later, for tests\n"
    "      --once N            end when N requests have been answered\n"
    "      --check             see whether this command line and its sockets are good, and end\n"
    "\n"
    "By whom:\n"
    "  -u, --user USER         as root: become this user once the sockets are open (nobody; root:\n"
    "                          stay root)\n"
    "      --chroot DIR        as root: make this empty directory the root of its file system\n"
    "      --no-sandbox        do without seccomp and landlock\n"
    "      --no-upgrade        do without the process that SIGUSR2 needs\n"
    "      --workers N         have N processes serve, and one replace those that die (0: one "
    "alone)\n"
    "\n"
    "What it says:\n"
    "  -v, --verbose           say what happens\n"
    "      --log-format FORMAT text or json (text)\n"
    "      --syslog            to the system's log, not to standard error\n"
    "      --metrics-file FILE write the counters to FILE for Prometheus, every 15 s\n"
    "  -h, --help              print this and exit\n"
    "  -V, --version           print the version and exit\n"
    "\n"
    "SIGINT and SIGTERM end it, SIGUSR1 and SIGHUP have it say what it has done, SIGUSR2 has the\n"
    "program that is installed by then take over.\n"
    "Ask it with: timec 127.0.0.1:8037\n";

enum kind {
    FLAG,   /* bool */
    NUMBER, /* int64_t, from min to max */
    TEXT,   /* const char *, not empty */
    LIST    /* struct timed_list */
};

static const struct setting {
    const char *name;
    char letter; /* '\0': none */
    enum kind kind;
    size_t offset; /* of its field in struct timed_options */
    int64_t min, max;
} settings[] = {
#define FIELD(name) offsetof(struct timed_options, name)
    {"port", 'p', NUMBER, FIELD(port), 0, 65535},
    {"listen", 'l', LIST, FIELD(listen), 0, 0},
    {"address", 'a', LIST, FIELD(listen), 0, 0},
    {"tcp", '\0', FLAG, FIELD(tcp), 0, 0},
    {"udp", '\0', FLAG, FIELD(udp), 0, 0},
    {"inetd", '\0', FLAG, FIELD(inetd), 0, 0},
    {"idle", '\0', NUMBER, FIELD(idle), 0, 86400},
    {"udp-any-port", '\0', FLAG, FIELD(udp_any_port), 0, 0},
    {"rate", '\0', NUMBER, FIELD(rate), 0, RATE_LIMIT_MAX},
    {"burst", '\0', NUMBER, FIELD(burst), 1, RATE_LIMIT_MAX},
    {"limit-tcp", '\0', FLAG, FIELD(limit_tcp), 0, 0},
    {"require-sync", '\0', FLAG, FIELD(require_sync), 0, 0},
    {"epoch-offset", '\0', NUMBER, FIELD(epoch_offset), -(INT64_C(1) << 33), INT64_C(1) << 33},
    {"once", '\0', NUMBER, FIELD(once), 1, INT64_C(1) << 53},
    {"check", '\0', FLAG, FIELD(check), 0, 0},
    {"user", 'u', TEXT, FIELD(user), 0, 0},
    {"chroot", '\0', TEXT, FIELD(chroot), 0, 0},
    {"no-sandbox", '\0', FLAG, FIELD(no_sandbox), 0, 0},
    {"no-upgrade", '\0', FLAG, FIELD(no_upgrade), 0, 0},
    {"workers", '\0', NUMBER, FIELD(workers), 0, TIMED_WORKERS},
    {"metrics-file", '\0', TEXT, FIELD(metrics_file), 0, 0},
    {"log-format", '\0', TEXT, FIELD(log_format), 0, 0},
    {"syslog", '\0', FLAG, FIELD(syslog), 0, 0},
    {"verbose", 'v', FLAG, FIELD(verbose), 0, 0},
    {"help", 'h', FLAG, FIELD(help), 0, 0},
    {"version", 'V', FLAG, FIELD(version), 0, 0},
#undef FIELD
};

enum {
    SETTINGS = sizeof settings / sizeof settings[0],
    NO_LETTER = 256, /* and above: what getopt_long() returns for those without one */
    UNSET = -1
};

/* ==================================================
 * values
 */

static bool take_number(int64_t *field, const struct setting *setting, const char *text,
                        char *message, size_t size)
{
    const char *digits = text[0] == '-' ? text + 1 : text;
    char *end;

    errno = 0;
    *field = strtoll(text, &end, 10);
    if (digits[0] >= '0' && digits[0] <= '9' && *end == '\0' && errno == 0 &&
        *field >= setting->min && *field <= setting->max)
        return true;
    snprintf(message, size, "bad %s '%s': want a number from %" PRId64 " to %" PRId64,
             setting->name, text, setting->min, setting->max);
    return false;
}

static bool take_text(const char **field, const struct setting *setting, const char *text,
                      char *message, size_t size)
{
    *field = text;
    if (text[0] == '\0')
        snprintf(message, size, "bad %s '': want a text", setting->name);
    return text[0] != '\0';
}

static bool take_item(struct timed_list *field, const struct setting *setting, const char *text,
                      char *message, size_t size)
{
    if (field->count < TIMED_LIST) {
        field->items[field->count++] = text;
        return true;
    }
    snprintf(message, size, "more than %d times --%s", TIMED_LIST, setting->name);
    return false;
}

static bool take(struct timed_options *options, const struct setting *setting, const char *text,
                 char *message, size_t size)
{
    void *field = (char *)options + setting->offset;

    switch (setting->kind) {
    case NUMBER:
        return take_number(field, setting, text, message, size);
    case TEXT:
        return take_text(field, setting, text, message, size);
    case LIST:
        return take_item(field, setting, text, message, size);
    case FLAG:
        break;
    }
    *(bool *)field = true;
    return true;
}

/* ==================================================
 * the table in getopt's words
 */

static void translate(struct option *names, char *letters)
{
    *letters++ = ':'; /* a value that is missing is told from an option that is unknown */
    for (int i = 0; i < SETTINGS; i++) {
        const struct setting *setting = &settings[i];
        const int has_arg = setting->kind == FLAG ? no_argument : required_argument;

        names[i] = (struct option){setting->name, has_arg, NULL, NO_LETTER + i};
        if (setting->letter == '\0')
            continue;
        names[i].val = (unsigned char)setting->letter;
        *letters++ = setting->letter;
        if (has_arg == required_argument)
            *letters++ = ':';
    }
    names[SETTINGS] = (struct option){NULL, 0, NULL, 0};
    *letters = '\0';
}

static const struct setting *find(int option)
{
    for (int i = 0; i < SETTINGS; i++)
        if (option == NO_LETTER + i || option == settings[i].letter)
            return &settings[i];
    return NULL;
}

static bool take_all(struct timed_options *options, int argc, char **argv, char *message,
                     size_t size)
{
    struct option names[SETTINGS + 1];
    char letters[2 * SETTINGS + 2];
    int option;

    translate(names, letters);
    opterr = 0;
#ifdef __linux__
    optind = 0; /* begins anew, also where the last one was left in the middle of a word */
#else
    optind = optreset = 1;
#endif
    while ((option = getopt_long(argc, argv, letters, names, NULL)) != -1) {
        const struct setting *setting = find(option);

        if (setting == NULL) {
            command_describe_bad_option(option, letters, argv, message, size);
            return false;
        }
        if (!take(options, setting, optarg, message, size))
            return false;
    }
    if (optind < argc)
        snprintf(message, size, "unexpected argument '%s'; try '%s --help'", argv[optind],
                 command_name);
    return optind >= argc;
}

/* ==================================================
 * what they mean together
 */

static const char *contradiction(const struct timed_options *options)
{
    if (options->inetd && (options->listen.count > 0 || options->port != UNSET))
        return "--inetd has its socket from inetd: leave --port, --listen and --address out";
    if (options->inetd && (options->tcp || options->udp))
        return "--inetd has its socket from inetd, be it TCP or UDP: leave --tcp and --udp out";
    if (options->limit_tcp && options->rate == 0)
        return "--limit-tcp and no limit: leave --rate 0 out";
    if (options->workers > 0 && options->chroot != NULL)
        return "--workers starts programs, which are not in an empty directory: leave --chroot out";
    if (options->workers > 0 && (options->inetd || options->idle > 0 || options->once > 0))
        return "--workers replaces those that end: leave --inetd, --idle and --once out";
    if (options->chroot != NULL && options->metrics_file != NULL)
        return "--metrics-file would not be in the new root: leave --chroot out";
    return NULL;
}

static void fill_in(struct timed_options *options)
{
    if (options->port == UNSET)
        options->port = 8037;
    if (options->idle == UNSET)
        options->idle = options->inetd ? 60 : 0;
    if (!options->tcp && !options->udp)
        options->tcp = options->udp = true;
}

static bool parse(struct timed_options *options, int argc, char **argv, char *message, size_t size)
{
    const char *error;

    *options = (struct timed_options){
        .port = UNSET, .idle = UNSET, .rate = 10, .burst = 20, .log_format = "text"};
    if (!take_all(options, argc, argv, message, size))
        return false;
    options->log_json = strcmp(options->log_format, "json") == 0;
    if (!options->log_json && strcmp(options->log_format, "text") != 0) {
        snprintf(message, size, "bad log-format '%s': want text or json", options->log_format);
        return false;
    }
    error = contradiction(options);
    if (error != NULL) {
        snprintf(message, size, "%s", error);
        return false;
    }
    fill_in(options);
    return true;
}

bool timed_options_parse(struct timed_options *options, int argc, char **argv, char *message,
                         size_t size)
{
    const bool good = parse(options, argc, argv, message, size);

    if (!good)
        command_make_printable(message);
    return good;
}
