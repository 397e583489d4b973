/* fuzz.c - see fuzz.h. */
#include "fuzz.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned take(struct bytes *bytes)
{
    if (bytes->left == 0)
        return 0;
    bytes->left--;
    return *bytes->at++;
}

unsigned choose(struct bytes *bytes, unsigned choices)
{
    return take(bytes) % choices;
}

const uint8_t *take_some(struct bytes *bytes, size_t size, size_t *taken)
{
    const uint8_t *at = bytes->at;

    *taken = size < bytes->left ? size : bytes->left;
    bytes->at += *taken;
    bytes->left -= *taken;
    return at;
}

/* strndup() for what has no end of its own: AddressSanitizer may want one. */
char *fuzz_text(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    expect(text != NULL);
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    return text;
}

int split_arguments(const uint8_t *data, size_t size, const char *name, char **argv, int most)
{
    int argc = 0;

    argv[argc++] = strdup(name);
    while (size > 0 && argc < most) {
        const size_t length = strnlen((const char *)data, size);

        argv[argc++] = fuzz_text(data, length);
        data += length;
        size -= length;
        if (size > 0) { /* the NUL */
            data++;
            size--;
        }
    }
    argv[argc] = NULL;
    return argc;
}

void trace(const char *format, ...)
{
    static int wanted = -1;
    va_list args;

    if (wanted < 0)
        wanted = getenv("FUZZ_TRACE") != NULL;
    if (!wanted)
        return;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
}

void fuzz_fail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    abort();
}
