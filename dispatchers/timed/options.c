/* options.c - timed's command line, see options.h. */
#include "options.h"

#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

const char timed_usage[] =
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

enum kind {
    FLAG,   /* bool */
    NUMBER, /* int64_t, from min to max */
    LIST    /* struct timed_list */
};

static const struct setting {
    const char *name;
    char letter; /* '\0': none */
    enum kind kind;
    size_t offset; /* of its field in struct timed_options */
    int64_t min, max;
} settings[] = {
    {"port", 'p', NUMBER, offsetof(struct timed_options, port), 0, 65535},
    {"address", 'a', LIST, offsetof(struct timed_options, addresses), 0, 0},
    {"verbose", 'v', FLAG, offsetof(struct timed_options, verbose), 0, 0},
    {"help", 'h', FLAG, offsetof(struct timed_options, help), 0, 0},
    {"version", 'V', FLAG, offsetof(struct timed_options, version), 0, 0},
};

enum {
    SETTINGS = sizeof settings / sizeof settings[0],
    NO_LETTER = 256 /* and above: what getopt_long() returns for those without one */
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
        names[i].val = setting->letter;
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

bool timed_options_parse(struct timed_options *options, int argc, char **argv, char *message,
                         size_t size)
{
    struct option names[SETTINGS + 1];
    char letters[2 * SETTINGS + 2];
    int option;

    *options = (struct timed_options){.port = 8037};
    translate(names, letters);
    opterr = 0;
    optind = 1;
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
