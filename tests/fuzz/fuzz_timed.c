/*
 * fuzz_timed.c - timed's command line: arguments, a NUL behind each.  It is refused with a reason that is
 * one line; or it is understood, and then means the same when it is written out in full.
 */
#include "command.h"
#include "fuzz.h"
#include "timed/options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ARGUMENTS = 100, WRITTEN_OUT = TIMED_LIST + 32 };

const char *const command_name = "timed";

static bool is_one_of(const char *text, char **argv, int argc)
{
    for (int i = 1; i < argc; i++)
        if (text >= argv[i] && text <= argv[i] + strlen(argv[i]))
            return true;
    return false;
}

static void check_message(const char *message)
{
    const size_t length = strnlen(message, TIMED_MESSAGE);

    expect(length > 0 && length < TIMED_MESSAGE);
    for (size_t i = 0; i < length; i++)
        expect((unsigned char)message[i] >= ' ' && message[i] != 0x7f);
}

/* HOST, HOST:PORT, ADDRESS6, [ADDRESS6] or [ADDRESS6]:PORT, and nothing is lost. */
static void check_address(const char *text)
{
    char host[256], again[300];
    const char *port = NULL;

    if (!command_split_address(text, host, sizeof host, &port))
        return;
    expect(host[0] != '\0' && strlen(host) < sizeof host);
    snprintf(again, sizeof again, text[0] == '[' ? "[%s]%s%.10s" : "%s%s%.10s", host,
             port != NULL ? ":" : "", port != NULL ? port : "");
    expect(strncmp(again, text, strlen(again)) == 0);
    if (port != NULL && command_port(port) >= 0)
        expect(strtol(port, NULL, 10) == command_port(port) && command_port(port) <= 65535);
}

static void check_options(const struct timed_options *options, char **argv, int argc)
{
    expect(options->port >= 0 && options->port <= 65535);
    expect(options->idle >= 0 && options->rate >= 0 && options->burst >= 1);
    expect(options->tcp || options->udp);
    expect(strcmp(options->log_format, options->log_json ? "json" : "text") == 0);
    expect(!options->inetd || options->listen.count == 0);
    expect(options->listen.count <= TIMED_LIST);
    for (size_t i = 0; i < options->listen.count; i++) {
        expect(is_one_of(options->listen.items[i], argv, argc));
        check_address(options->listen.items[i]);
    }
}

/* ==================================================
 * written out in full
 */

static char *written[WRITTEN_OUT + 1];
static int count;

static void write_text(const char *name, const char *text)
{
    char *argument = malloc(strlen(name) + strlen(text) + 4);

    expect(count < WRITTEN_OUT && argument != NULL);
    sprintf(argument, "--%s=%s", name, text);
    written[count++] = argument;
}

static void write_text_if(const char *name, const char *text)
{
    if (text != NULL)
        write_text(name, text);
}

static void write_number(const char *name, int64_t number)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRId64, number);
    write_text(name, text);
}

static void write_flag(const char *name, bool flag)
{
    if (!flag)
        return;
    write_text(name, "");
    written[count - 1][strlen(name) + 2] = '\0'; /* no '=' */
}

static void write_out(const struct timed_options *options)
{
    count = 0;
    written[count++] = strdup(command_name);
    write_flag("inetd", options->inetd);
    if (!options->inetd) {
        write_number("port", options->port);
        write_flag("tcp", options->tcp);
        write_flag("udp", options->udp);
    }
    for (size_t i = 0; i < options->listen.count; i++)
        write_text("listen", options->listen.items[i]);
    write_number("idle", options->idle);
    write_flag("udp-any-port", options->udp_any_port);
    write_number("rate", options->rate);
    write_number("burst", options->burst);
    write_flag("limit-tcp", options->limit_tcp);
    write_flag("require-sync", options->require_sync);
    write_number("epoch-offset", options->epoch_offset);
    if (options->once > 0)
        write_number("once", options->once);
    write_flag("check", options->check);
    write_text_if("user", options->user);
    write_text_if("chroot", options->chroot);
    write_flag("no-sandbox", options->no_sandbox);
    write_flag("no-upgrade", options->no_upgrade);
    write_number("workers", options->workers);
    write_text_if("metrics-file", options->metrics_file);
    write_text("log-format", options->log_format);
    write_flag("syslog", options->syslog);
    write_flag("verbose", options->verbose);
    write_flag("help", options->help);
    write_flag("version", options->version);
    written[count] = NULL;
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void check_same(const struct timed_options *a, const struct timed_options *b)
{
    expect(a->listen.count == b->listen.count);
    for (size_t i = 0; i < a->listen.count; i++)
        expect(is_same_text(a->listen.items[i], b->listen.items[i]));
    expect(a->port == b->port && a->tcp == b->tcp && a->udp == b->udp && a->inetd == b->inetd);
    expect(a->idle == b->idle && a->udp_any_port == b->udp_any_port && a->check == b->check);
    expect(a->rate == b->rate && a->burst == b->burst && a->limit_tcp == b->limit_tcp);
    expect(a->require_sync == b->require_sync && a->epoch_offset == b->epoch_offset);
    expect(a->once == b->once && is_same_text(a->metrics_file, b->metrics_file));
    expect(is_same_text(a->log_format, b->log_format) && a->log_json == b->log_json);
    expect(is_same_text(a->user, b->user) && is_same_text(a->chroot, b->chroot));
    expect(a->no_sandbox == b->no_sandbox && a->no_upgrade == b->no_upgrade);
    expect(a->workers == b->workers && a->syslog == b->syslog && a->verbose == b->verbose);
    expect(a->help == b->help && a->version == b->version);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct timed_options options, again;
    char *argv[ARGUMENTS + 1], message[TIMED_MESSAGE];
    const int argc = split_arguments(data, size, command_name, argv, ARGUMENTS);

    memset(message, 'x', sizeof message);
    if (timed_options_parse(&options, argc, argv, message, sizeof message)) {
        check_options(&options, argv, argc);
        write_out(&options);
        if (!timed_options_parse(&again, count, written, message, sizeof message))
            fuzz_fail("written out in full it is refused: %s", message);
        check_same(&options, &again);
        while (count > 0)
            free(written[--count]);
    } else {
        check_message(message);
    }
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return 0;
}
