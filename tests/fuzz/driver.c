/*
 * driver.c - in the place of libFuzzer: runs the inputs of the files that it is given, and prints
 * TAP, a test a file.
 *
 * A line is an input, with all that cannot be printed, and the backslash, as \xHH, \r, \n, \t and \\.
 * Empty lines and those that begin with a # are comments.
 */
#include "fuzz.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *report; /* a target may have given standard output away */

static bool unescape(const char **at, uint8_t *byte)
{
    static const char letters[] = "rnt\\", meanings[] = "\r\n\t\\";
    const char *letter = **at != '\0' ? strchr(letters, **at) : NULL;
    char hex[3] = "", *end;

    if (letter != NULL) {
        *byte = (uint8_t)meanings[letter - letters];
        (*at)++;
        return true;
    }
    if (**at != 'x' || strlen(*at) < 3)
        return false;
    memcpy(hex, *at + 1, 2);
    *byte = (uint8_t)strtoul(hex, &end, 16);
    *at += 3;
    return *end == '\0';
}

/* In place, for it does not become longer. */
static bool decode(char *line, size_t *size)
{
    const char *at = line;
    uint8_t *to = (uint8_t *)line;

    while (*at != '\0' && *at != '\n') {
        if (*at != '\\') {
            *to++ = (uint8_t)*at++;
            continue;
        }
        at++;
        if (!unescape(&at, to++))
            return false;
    }
    *size = (size_t)(to - (uint8_t *)line);
    return true;
}

/* In memory that is as long as the input, so that the sanitizer sees who reads beyond it. */
static void run_one(const char *line, size_t size)
{
    uint8_t *data = malloc(size > 0 ? size : 1);

    if (data == NULL)
        abort();
    memcpy(data, line, size);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
}

static int run_file(FILE *file, const char *name)
{
    char *line = NULL;
    size_t room = 0, size = 0;
    int count = 0;

    for (int number = 1; getline(&line, &room, file) >= 0; number++) {
        if (*line == '\n' || *line == '#')
            continue;
        fprintf(report, "# %s:%d\n", name, number); /* should it crash, this is the last line */
        if (!decode(line, &size))
            fuzz_fail("%s:%d: a backslash wants one of r, n, t, \\, xHH behind it", name, number);
        run_one(line, size);
        count++;
    }
    free(line);
    return count;
}

int main(int argc, char **argv)
{
    report = fdopen(dup(STDOUT_FILENO), "w");
    if (report == NULL)
        fuzz_fail("standard output: %s", strerror(errno));
    setvbuf(report, NULL, _IOLBF, 0);
    fprintf(report, "1..%d\n", argc - 1);
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "re");
        const char *slash = strrchr(argv[i], '/');
        int count;

        if (file == NULL)
            fuzz_fail("%s: %s", argv[i], strerror(errno));
        count = run_file(file, slash != NULL ? slash + 1 : argv[i]);
        fclose(file);
        fprintf(report, "ok %d - %s, %d inputs\n", i, slash != NULL ? slash + 1 : argv[i], count);
    }
    fclose(report);
    return 0;
}
