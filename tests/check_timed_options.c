/* check_timed_options.c - timed's command line, whatever is written there. */
#include "support.h"

#include "command.h"
#include "timed/options.h"

#include <stdio.h>
#include <string.h>

const char *const command_name = "timed";

static struct timed_options options;
static char message[TIMED_MESSAGE];

/* The words of a line that are divided by blanks. */
static bool parse(const char *line)
{
    static char words[4096];
    char *argv[512] = {"timed"};
    int argc = 1;

    snprintf(words, sizeof words, "%s", line);
    for (char *word = strtok(words, " "); word != NULL; word = strtok(NULL, " "))
        argv[argc++] = word;
    message[0] = '\0';
    return timed_options_parse(&options, argc, argv, message, sizeof message);
}

#define assert_refused(line, expected)                                                             \
    do {                                                                                           \
        ck_assert(!parse(line));                                                                   \
        ck_assert_str_eq(message, expected);                                                       \
    } while (0)

START_TEST(test_defaults)
{
    ck_assert(parse(""));
    ck_assert_int_eq(options.port, 8037);
    ck_assert_int_eq(options.rate, 10);
    ck_assert_int_eq(options.burst, 20);
    ck_assert_int_eq(options.idle, 0);
    ck_assert_int_eq(options.once, 0);
    ck_assert_int_eq(options.epoch_offset, 0);
    ck_assert_uint_eq(options.listen.count, 0);
    ck_assert(options.tcp && options.udp);
    ck_assert(!options.verbose && !options.log_json && !options.syslog && !options.require_sync);
    ck_assert_ptr_null(options.metrics_file);
}
END_TEST

START_TEST(test_all_that_there_are)
{
    ck_assert(parse("-v -p 37 -l 127.0.0.1 --listen=[::1]:38 -a localhost --udp --rate 0 --burst 7 "
                    "--udp-any-port --require-sync --epoch-offset -5 --once 3 --check "
                    "--metrics-file f --log-format json --syslog --idle 9 -h -V"));
    ck_assert_int_eq(options.port, 37);
    ck_assert_uint_eq(options.listen.count, 3);
    ck_assert_str_eq(options.listen.items[0], "127.0.0.1");
    ck_assert_str_eq(options.listen.items[1], "[::1]:38");
    ck_assert_str_eq(options.listen.items[2], "localhost");
    ck_assert(options.udp && !options.tcp);
    ck_assert_int_eq(options.rate, 0);
    ck_assert_int_eq(options.burst, 7);
    ck_assert_int_eq(options.epoch_offset, -5);
    ck_assert_int_eq(options.once, 3);
    ck_assert_int_eq(options.idle, 9);
    ck_assert_str_eq(options.metrics_file, "f");
    ck_assert(options.log_json && options.syslog && options.verbose && options.check);
    ck_assert(options.udp_any_port && options.require_sync && options.help && options.version);
    /* Nothing is left for the next one. */
    ck_assert(parse("--limit-tcp"));
    ck_assert(options.limit_tcp && !options.verbose && options.port == 8037);
}
END_TEST

START_TEST(test_inetd)
{
    ck_assert(parse("--inetd"));
    ck_assert_int_eq(options.idle, 60);
    ck_assert(parse("--inetd --idle 0"));
    ck_assert_int_eq(options.idle, 0);
    ck_assert(!parse("--inetd --port 8037"));
    ck_assert(!parse("--inetd --listen ::1"));
    ck_assert(!parse("--inetd --tcp"));
    ck_assert(!parse("--inetd --udp"));
}
END_TEST

START_TEST(test_values_that_cannot_be)
{
    assert_refused("--port 65536", "bad port '65536': want a number from 0 to 65535");
    assert_refused("--port 1x", "bad port '1x': want a number from 0 to 65535");
    assert_refused("--port +1", "bad port '+1': want a number from 0 to 65535");
    assert_refused("--port -", "bad port '-': want a number from 0 to 65535");
    assert_refused("--rate 99999999999999999999",
                   "bad rate '99999999999999999999': want a number from 0 to 1000000");
    assert_refused("--log-format xml", "bad log-format 'xml': want text or json");
    assert_refused("--metrics-file=", "bad metrics-file '': want a text");
    assert_refused("--limit-tcp --rate 0", "--limit-tcp and no limit: leave --rate 0 out");
}
END_TEST

START_TEST(test_options_that_there_are_not)
{
    assert_refused("-x", "unknown option '-x'; try 'timed --help'");
    assert_refused("-vx", "unknown option '-x'; try 'timed --help'");
    assert_refused("--nonsense", "unknown or wrong option '--nonsense'; try 'timed --help'");
    assert_refused("--verbose=1", "unknown or wrong option '--verbose=1'; try 'timed --help'");
    assert_refused("--check=1", "unknown or wrong option '--check=1'; try 'timed --help'");
    assert_refused("--port", "option '--port' wants a value; try 'timed --help'");
    assert_refused("--once", "option '--once' wants a value; try 'timed --help'");
    assert_refused("8037", "unexpected argument '8037'; try 'timed --help'");
}
END_TEST

START_TEST(test_too_many_addresses)
{
    char line[2000] = "";

    for (int i = 0; i < TIMED_LIST; i++)
        strcat(line, "-l ::1 ");
    ck_assert(parse(line));
    ck_assert_uint_eq(options.listen.count, TIMED_LIST);
    strcat(line, "-l ::1");
    assert_refused(line, "more than 64 times --listen");
}
END_TEST

/* Each option is in the help, and each in the manual's order of letters is taken. */
START_TEST(test_help_says_all)
{
    static const char *const names[] = {
        "port",         "listen",       "address", "tcp",    "udp",        "inetd",
        "idle",         "udp-any-port", "rate",    "burst",  "limit-tcp",  "require-sync",
        "epoch-offset", "once",         "check",   "syslog", "log-format", "metrics-file",
        "verbose",      "help",         "version",
    };
    char text[64];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(text, sizeof text, "--%s", names[i]);
        ck_assert_msg(strstr(timed_usage, text) != NULL, "%s", text);
    }
}
END_TEST

/* A message that does not fit is cut. */
START_TEST(test_small_message)
{
    char *argv[] = {"timed", "--port", "a number that is none, in many words", NULL};

    memset(message, 'x', sizeof message);
    ck_assert(!timed_options_parse(&options, 3, argv, message, 10));
    ck_assert_str_eq(message, "bad port ");
    ck_assert_int_eq(message[10], 'x');
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timed_options");
    TCase *tcase = add_case(suite, "timed_options");

    tcase_add_test(tcase, test_defaults);
    tcase_add_test(tcase, test_all_that_there_are);
    tcase_add_test(tcase, test_inetd);
    tcase_add_test(tcase, test_values_that_cannot_be);
    tcase_add_test(tcase, test_options_that_there_are_not);
    tcase_add_test(tcase, test_too_many_addresses);
    tcase_add_test(tcase, test_help_says_all);
    tcase_add_test(tcase, test_small_message);
    return run_suite(suite);
}
