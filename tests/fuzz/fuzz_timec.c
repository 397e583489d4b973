/*
 * fuzz_timec.c - timec's command line: arguments, a NUL behind each.  The command runs as a whole, until
 * it would ask the system for the addresses of the host: whatever it is given, it has printed its
 * help, or exits with 2 and one line that says why, or goes on with what it was told.
 */
#include "fuzz.h"

#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int timec_main(int argc, char **argv);
_Noreturn void __real_exit(int status);
_Noreturn void __wrap_exit(int status);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **list);

enum { ARGUMENTS = 20 };

static char *argv[ARGUMENTS + 1];
static int argc;
static jmp_buf back;
static bool runs, asked;

_Noreturn void __wrap_exit(int status)
{
    if (!runs) /* it is the fuzzer's own */
        __real_exit(status);
    longjmp(back, status + 1);
}

/* ==================================================
 * the arguments
 */

/* Is this how that argument is to be read? */
static bool is_meant(const char *argument, const char *host, const char *port)
{
    static const char *const forms[] = {"%s", "%s:%s", "[%s]", "[%s]:%s"};
    char text[1024];

    for (int i = 0; i < 4; i++) {
        snprintf(text, sizeof text, forms[i], host, port);
        if (strcmp(text, argument) == 0)
            return i % 2 == 1 || strcmp(port, "37") == 0;
    }
    return false;
}

/* Nobody is asked. */
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    const long number = strtol(port, NULL, 10);
    int i = 1;

    (void)hints;
    (void)list;
    asked = true;
    expect(host[0] != '\0' && strlen(host) < 256);
    expect(number >= 1 && number <= 65535 && strspn(port, "0123456789") == strlen(port));
    while (i < argc && !is_meant(argv[i], host, port))
        i++;
    expect(i < argc);
    return EAI_NONAME;
}

/* ==================================================
 * what it prints
 */

static void check_line(const char *text, size_t size)
{
    expect(size > 1 && text[size - 1] == '\n');
    for (size_t i = 0; i < size - 1; i++)
        expect((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
}

/* The length of the character of UTF-8 there, 0 if it is none. */
static size_t utf8(const unsigned char *at)
{
    static const unsigned char first[4] = {0x00, 0xc0, 0xe0, 0xf0},
                               mask[4] = {0x80, 0xe0, 0xf0, 0xf8};
    static const unsigned least[4] = {0, 0x80, 0x800, 0x10000};

    for (size_t more = 0; more < 4; more++) {
        unsigned code = at[0] & (unsigned char)~mask[more];
        size_t i = 1;

        if ((at[0] & mask[more]) != first[more])
            continue;
        for (; i <= more && (at[i] & 0xc0) == 0x80; i++)
            code = code << 6 | (at[i] & 0x3f);
        return i == more + 1 && code >= least[more] && code <= 0x10ffff &&
                       (code < 0xd800 || code > 0xdfff)
                   ? more + 1
                   : 0;
    }
    return 0;
}

/* An object of strings, on one line. */
static void check_json(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    bool in_string = false;

    check_line(text, size);
    expect(text[0] == '{' && text[size - 2] == '}');
    while (*at != '\n') {
        const size_t length = utf8(at);

        expect(length > 0);
        if (in_string && *at == '\\')
            at++;
        else if (*at == '"')
            in_string = !in_string;
        at += length;
    }
    expect(!in_string);
}

static void check_output(int status, const char *out, size_t out_size, const char *err,
                         size_t err_size)
{
    expect(status >= 0 && status <= 2);
    expect(asked == (status == 1));
    if (status == 0) {
        expect(out_size > 0 && err_size == 0);
        return;
    }
    check_line(err, err_size);
    if (out_size > 0) {
        expect(asked);
        check_json(out, out_size);
    }
}

static int run(void)
{
    const int jumped = setjmp(back);
    int status;

    runs = jumped == 0;
    if (!runs)
        return jumped - 1;
    optind = 0; /* getopt() begins anew */
    status = timec_main(argc, argv);
    runs = false;
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FILE *const before[2] = {stdout, stderr};
    char *texts[2] = {NULL, NULL};
    size_t sizes[2];
    int status;

    argc = split_arguments(data, size, "timec", argv, ARGUMENTS);
    asked = false;
    stdout = open_memstream(&texts[0], &sizes[0]);
    stderr = open_memstream(&texts[1], &sizes[1]);
    status = run();
    fclose(stdout);
    fclose(stderr);
    stdout = before[0];
    stderr = before[1];
    check_output(status, texts[0], sizes[0], texts[1], sizes[1]);
    for (int i = 0; i < 2; i++)
        free(texts[i]);
    while (argc > 0)
        free(argv[--argc]);
    return 0;
}
