/*
 * fuzz.h - what the fuzz targets share.  Each is a file with LLVMFuzzerTestOneInput(), to be linked
 * with libFuzzer, or with driver.c, which runs what libFuzzer found.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ---- the bytes that choose ---- */

struct bytes {
    const uint8_t *at;
    size_t left;
};

/* The next byte, and 0 when there are none left: so 0 must be the choice that leads to an end. */
unsigned take(struct bytes *bytes);
unsigned choose(struct bytes *bytes, unsigned choices); /* 0 to choices - 1 */
/* As many of the next size bytes as there are; *taken gets their number. */
const uint8_t *take_some(struct bytes *bytes, size_t size, size_t *taken);

/* A command line: the command's name, and what there is between NULs, each from malloc(), so that the
 * sanitizer sees who reads beyond it; at most so many, and NULL behind them.  Returns argc. */
int split_arguments(const uint8_t *data, size_t size, const char *name, char **argv, int most);

/* The bytes and a NUL, from malloc(). */
char *fuzz_text(const uint8_t *data, size_t size);

/* ---- what must hold ---- */

/* With FUZZ_TRACE in the environment, to standard error: for who wants to see what an input does. */
void trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says so, and ends the process as a crash does. */
_Noreturn void fuzz_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define expect(condition)                                                                          \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fuzz_fail("%s:%d: %s", __FILE__, __LINE__, #condition);                                \
    } while (0)

#endif
