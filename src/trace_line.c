/* trace_line.c - a line of a trace, as long as it gets. */
#ifdef __linux__
#define _GNU_SOURCE /* strerrorname_np */
#endif
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>

const char *const asyncore__trace_names[] = {
    [ASYNCORE_TRACE_OPEN] = "open",   [ASYNCORE_TRACE_ASK] = "ask",
    [ASYNCORE_TRACE_READY] = "ready", [ASYNCORE_TRACE_CALL] = "call",
    [ASYNCORE_TRACE_RET] = "ret",     [ASYNCORE_TRACE_IO] = "io",
    [ASYNCORE_TRACE_TIMER] = "timer", [ASYNCORE_TRACE_CLOSE] = "close",
    [ASYNCORE_TRACE_LINT] = "lint",
};

void asyncore__line_begin(struct asyncore__line *line)
{
    line->bytes = line->room;
    line->length = 0;
    line->size = sizeof line->room;
}

static bool grow(struct asyncore__line *line, size_t need)
{
    size_t size = 2 * line->size;
    char *bytes;

    while (size < need)
        size *= 2;
    bytes = line->bytes == line->room ? malloc(size) : realloc(line->bytes, size);
    if (bytes == NULL)
        return false;
    if (line->bytes == line->room)
        memcpy(bytes, line->room, line->length);
    line->bytes = bytes;
    line->size = size;
    return true;
}

void asyncore__line_bytes(struct asyncore__line *line, const char *bytes, size_t length)
{
    const size_t need = line->length + length + 1; /* the newline */

    if (need > line->size && !grow(line, need))
        return;
    memcpy(line->bytes + line->length, bytes, length);
    line->length += length;
}

void asyncore__line_text(struct asyncore__line *line, const char *text)
{
    asyncore__line_bytes(line, text, strlen(text));
}

/* Right-aligned in so many columns, with zeros or blanks before it. */
static void add_digits(struct asyncore__line *line, uint64_t number, bool negative, int width,
                       char fill)
{
    char digits[32];
    int at = sizeof digits;

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    if (negative)
        digits[--at] = '-';
    while (at > (int)sizeof digits - width && at > 0)
        digits[--at] = fill;
    asyncore__line_bytes(line, digits + at, sizeof digits - (size_t)at);
}

void asyncore__line_number(struct asyncore__line *line, int64_t number)
{
    add_digits(line, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, number < 0, 0, ' ');
}

void asyncore__line_seconds(struct asyncore__line *line, double seconds, int decimals, int width)
{
    const uint64_t unit = decimals == 3 ? 1000 : 1000000;
    const uint64_t units = (uint64_t)((seconds > 0 ? seconds : 0) * (double)unit + 0.5);

    add_digits(line, units / unit, false, width - decimals - 1, ' ');
    asyncore__line_text(line, ".");
    add_digits(line, units % unit, false, decimals, '0');
}

void asyncore__line_end(struct asyncore__line *line, FILE *file)
{
    size_t written;

    line->bytes[line->length++] = '\n';
    written = fwrite(line->bytes, 1, line->length, file);
    (void)written; /* what cannot be written is lost: who is traced goes on */
    if (line->bytes != line->room)
        free(line->bytes);
}

const char *asyncore__errno_name(ssize_t error, char *text, size_t size)
{
    const char *name = NULL;

#ifdef ASYNCORE__HAVE_STRERRORNAME
    name = strerrorname_np((int)-error);
#endif
    if (error == asyncore_ExitNow)
        name = "ExitNow";
    if (name != NULL)
        snprintf(text, size, "%s", name);
    else
        snprintf(text, size, "%zd", error);
    return text;
}
