/*
 * trace_env.c - ASYNCORE_TRACE=ask,ready,call:file.jsonl: the trace that nobody has programmed.
 */
#ifdef __linux__
#define _GNU_SOURCE /* secure_getenv */
#endif
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* Who starts a set-uid program must not have it write files. */
static const char *environment(void)
{
    /* Safe as long as no thread changes the environment.
     * NOLINTBEGIN(concurrency-mt-unsafe) */
#if defined(__linux__)
    return secure_getenv("ASYNCORE_TRACE");
#else
    return issetugid() ? NULL : getenv("ASYNCORE_TRACE");
#endif
    /* NOLINTEND(concurrency-mt-unsafe) */
}

/* ==================================================
 * types
 */

enum { ALL = (1 << ASYNCORE__TRACE_TYPES) - 1, STABLE = 1 << ASYNCORE__TRACE_TYPES, NONE = 0 };

static bool is_name(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

static unsigned type_of(const char *text, size_t length)
{
    if (is_name(text, length, "1") || is_name(text, length, "all"))
        return ALL;
    if (is_name(text, length, "stable"))
        return STABLE;
    for (unsigned type = 0; type < ASYNCORE__TRACE_TYPES; type++)
        if (is_name(text, length, asyncore__trace_names[type]))
            return 1U << type;
    return NONE;
}

static void refuse(const char *text, size_t length)
{
    char message[256];
    int n = snprintf(message, sizeof message,
                     "ASYNCORE_TRACE: no events '%.*s'; nothing is traced; there are: all stable",
                     (int)(length < 64 ? length : 64), text);

    for (size_t type = 0; type < ASYNCORE__TRACE_TYPES; type++)
        n += snprintf(message + n, sizeof message - (size_t)n, " %s", asyncore__trace_names[type]);
    asyncore__write_log(ASYNCORE_ERROR, message);
}

/* "ask,ready", up to the colon; 0 if one of them is none. */
static unsigned types_of(const char *text)
{
    const size_t end = strcspn(text, ":");
    unsigned types = 0;

    for (size_t length, begin = 0; begin <= end; begin += length + 1) {
        unsigned type;

        length = strcspn(text + begin, ",:");
        type = type_of(text + begin, length);
        if (type == NONE) {
            refuse(text + begin, length);
            return 0;
        }
        types |= type;
    }
    return types == STABLE ? ALL | STABLE : types;
}

/* ==================================================
 * the file
 */

static bool ends_in(const char *text, const char *end)
{
    const size_t length = strlen(text), end_length = strlen(end);

    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static bool open_file(const char *name)
{
    char message[256], text[64];

    if (asyncore__file_open(name, ends_in(name, ".jsonl") || ends_in(name, ".json")))
        return true;
    snprintf(message, sizeof message, "ASYNCORE_TRACE: %.128s: %s; nothing is traced", name,
             asyncore__strerror(errno, text, sizeof text));
    asyncore__write_log(ASYNCORE_ERROR, message);
    return false;
}

void asyncore__trace_environment(void)
{
    const char *value = environment(), *name;
    unsigned types;

    if (value == NULL || value[0] == '\0' || strcmp(value, "0") == 0)
        return;
    types = types_of(value);
    name = strchr(value, ':');
    if (types == 0 || (name != NULL && !open_file(name + 1)))
        return;
    asyncore_set_trace_stable((types & STABLE) != 0);
    asyncore_set_trace(types, name != NULL ? asyncore__file_sink : asyncore_trace_text, stderr);
}
