/* command.c - what the command lines of this project have in common, see command.h. */
#include "command.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void command_make_printable(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = '?';
}

void command_fail(int status, const char *format, ...)
{
    char message[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    command_make_printable(message);
    fprintf(stderr, "%s: %s\n", command_name, message);
    exit(status);
}

void command_print(const char *text)
{
    if (fputs(text, stdout) == EOF || fflush(stdout) == EOF)
        command_fail(EXIT_FAILURE, "standard output: %s", strerror(errno));
    exit(EXIT_SUCCESS);
}

void command_describe_bad_option(int option, const char *letters, char **argv, char *message,
                                 size_t size)
{
    if (option == ':')
        snprintf(message, size, "option '%s' wants a value; try '%s --help'", argv[optind - 1],
                 command_name);
    /* optopt is the letter of an unknown short option; of a long one it is 0, or the value of a
     * known one. */
    else if (optopt > 0 && optopt < 256 && strchr(letters, optopt) == NULL)
        snprintf(message, size, "unknown option '-%c'; try '%s --help'", optopt, command_name);
    else
        snprintf(message, size, "unknown or wrong option '%s'; try '%s --help'", argv[optind - 1],
                 command_name);
}

void command_bad_option(int option, const char *letters, char **argv)
{
    char message[512];

    command_describe_bad_option(option, letters, argv, message, sizeof message);
    command_fail(COMMAND_USAGE, "%s", message);
}

int command_port(const char *text)
{
    const size_t digits = strspn(text, "0123456789");
    int port = 0;

    if (digits == 0 || text[digits] != '\0')
        return -1;
    for (; *text != '\0'; text++) {
        port = port * 10 + (*text - '0');
        if (port > 65535)
            return -1;
    }
    return port;
}

bool command_split_address(const char *text, char *host, size_t size, const char **port)
{
    const char *colon = strchr(text, ':'), *end = text[0] == '[' ? strchr(text, ']') : NULL;
    const char *begin = text;
    size_t length = strlen(text);

    if (end != NULL) {
        begin = text + 1;
        length = (size_t)(end - begin);
        colon = end[1] != '\0' ? end + 1 : NULL;
    } else if (colon != NULL && strchr(colon + 1, ':') != NULL) {
        colon = NULL; /* an IPv6 address alone */
    } else if (colon != NULL) {
        length = (size_t)(colon - text);
    }
    if (length == 0 || length >= size || (text[0] == '[' && end == NULL) ||
        (colon != NULL && *colon != ':'))
        return false;
    memcpy(host, begin, length);
    host[length] = '\0';
    for (const char *c = host; *c != '\0'; c++)
        if (*c < ' ' || *c > '~') /* in no name that can be asked for */
            return false;
    *port = colon != NULL ? colon + 1 : NULL;
    return true;
}
