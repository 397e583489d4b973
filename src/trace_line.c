/* trace_line.c - a line of a trace, as long as it gets. */
#ifdef __linux__
#define _GNU_SOURCE /* strerrorname_np */
#endif
#include "trace.h"

#include <stdarg.h>
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

static bool grow(struct asyncore__line *line)
{
    char *bytes =
        line->bytes == line->room ? malloc(2 * line->size) : realloc(line->bytes, 2 * line->size);

    if (bytes == NULL)
        return false;
    if (line->bytes == line->room)
        memcpy(bytes, line->room, line->length);
    line->bytes = bytes;
    line->size *= 2;
    return true;
}

void asyncore__line_add(struct asyncore__line *line, const char *format, ...)
{
    int length;

    do {
        const size_t left = line->size - line->length;
        va_list args;

        va_start(args, format);
        length = vsnprintf(line->bytes + line->length, left, format, args);
        va_end(args);
        if (length < 0)
            return;
        if ((size_t)length < left - 1) { /* there is room for the newline */
            line->length += (size_t)length;
            return;
        }
    } while (grow(line));
}

void asyncore__line_end(struct asyncore__line *line, FILE *file)
{
    line->bytes[line->length++] = '\n';
    fwrite(line->bytes, 1, line->length, file);
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
