/*
 * trace_json.c - the trace for programs: a line of JSON for each event.  docs/trace.md is its schema.
 */
#include "trace.h"

#include "trace_line.h"

#include <stdio.h>

/* ==================================================
 * values
 */

/* A literal. */
#define PUT_KEY(at, key) ASYNCORE__PUT(at, ",\"" key "\":")

/* What needs an escape. */
static bool is_special(unsigned char c)
{
    return c < ' ' || c >= 127 || c == '"' || c == '\\';
}

/* Eight bytes at once, each of which has its highest bit set by what it must not be. */
static bool are_plain(const char *text)
{
    const uint64_t ones = UINT64_MAX / 255;
    uint64_t bytes, quotes, backslashes;

    memcpy(&bytes, text, sizeof bytes);
    quotes = bytes ^ ones * '"';
    backslashes = bytes ^ ones * '\\';
    return ((bytes | (bytes - ones * ' ') | (bytes + ones) | (quotes - ones) |
             (backslashes - ones)) &
            ones << 7) == 0;
}

static bool is_plain(const char *text, size_t length)
{
    size_t i = 0;

    for (; i + 8 <= length; i += 8)
        if (!are_plain(text + i))
            return false;
    for (; i < length; i++)
        if (is_special((unsigned char)text[i]))
            return false;
    return true;
}

__attribute__((noinline)) static char *put_escaped(struct asyncore__line *line, char *at,
                                                   const char *text)
{
    char escaped[8];

    for (; *text != '\0'; text++) {
        if (is_special((unsigned char)*text)) { /* as if it were Latin-1 */
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned char)*text);
            at = asyncore__put_text(line, at, escaped);
        } else {
            at = asyncore__put_bytes(line, at, text, 1);
        }
    }
    return at;
}

/* After a key. */
static char *put_string(struct asyncore__line *line, char *at, const char *text)
{
    const size_t length = strlen(text);

    at = ASYNCORE__PUT(at, "\"");
    at = is_plain(text, length) ? asyncore__put_bytes(line, at, text, length)
                                : put_escaped(line, at, text);
    return ASYNCORE__PUT(at, "\"");
}

/* The same of a name that the library has written down, which needs no escape. */
static char *put_name(struct asyncore__line *line, char *at, const char *name, size_t length)
{
    return ASYNCORE__PUT(asyncore__put_bytes(line, ASYNCORE__PUT(at, "\""), name, length), "\"");
}

/* Where there is a text. */
#define PUT_STRING(line, at, key, text)                                                            \
    ((text) != NULL ? put_string(line, PUT_KEY(at, key), text) : (at))

static char *put_result(struct asyncore__line *line, char *at, ssize_t result)
{
    const char *error = result < 0 ? asyncore__errno_name(result) : NULL;

    at = asyncore__put_signed(PUT_KEY(at, "result"), result);
    return error != NULL ? put_name(line, PUT_KEY(at, "error"), error, strlen(error)) : at;
}

static const char *events_of(const struct asyncore_trace_entry *entry)
{
    static const char *const events[] = {"", "r", "w", "rw", "e", "re", "we", "rwe"};

    if (entry->connecting)
        return "c";
    return events[(entry->r ? 1 : 0) + (entry->w ? 2 : 0) + (entry->e ? 4 : 0)];
}

/* Those for whom there is no memory are left out. */
static char *put_sets(struct asyncore__line *line, char *at,
                      const struct asyncore_trace_event *event)
{
    struct asyncore_trace_entry entry = {0};
    const char *events;
    bool first = true;

    at = ASYNCORE__PUT(PUT_KEY(at, "dispatchers"), "[");
    while (asyncore_trace_next(event, &entry) && asyncore__line_has_room(line, &at)) {
        if (!first)
            at = ASYNCORE__PUT(at, ",");
        first = false;
        at = asyncore__put_signed(ASYNCORE__PUT(at, "{\"fd\":"), entry.fd);
        at = PUT_STRING(line, at, "class", entry.class_name);
        events = events_of(&entry);
        at = put_name(line, PUT_KEY(at, "events"), events, strlen(events));
        at = ASYNCORE__PUT(at, "}");
    }
    return ASYNCORE__PUT(at, "]");
}

/* ==================================================
 * events
 */

/* Of one width: that is two or three stores. */
#define TYPE(name)                                                                                 \
    {                                                                                              \
        ",\"event\":\"" name "\"", sizeof(",\"event\":\"" name "\"") - 1                           \
    }
static const struct {
    char text[23];
    unsigned char length;
} types[] = {
    [ASYNCORE_TRACE_OPEN] = TYPE("open"),   [ASYNCORE_TRACE_ASK] = TYPE("ask"),
    [ASYNCORE_TRACE_READY] = TYPE("ready"), [ASYNCORE_TRACE_CALL] = TYPE("call"),
    [ASYNCORE_TRACE_RET] = TYPE("ret"),     [ASYNCORE_TRACE_IO] = TYPE("io"),
    [ASYNCORE_TRACE_TIMER] = TYPE("timer"), [ASYNCORE_TRACE_CLOSE] = TYPE("close"),
    [ASYNCORE_TRACE_LINT] = TYPE("lint"),
};

static char *put_type(char *at, enum asyncore_trace_type type)
{
    return (char *)memcpy(at, types[type].text, sizeof types[type].text) + types[type].length;
}

static char *put_rest(struct asyncore__line *line, char *at,
                      const struct asyncore_trace_event *event)
{
    switch (event->type) {
    case ASYNCORE_TRACE_OPEN:
        at = PUT_STRING(line, at, "addr", event->text);
        return PUT_STRING(line, at, "created", event->created);
    case ASYNCORE_TRACE_ASK:
        at = put_sets(line, at, event);
        return event->seconds >= 0 ? asyncore__put_micros(PUT_KEY(at, "timeout"), event->seconds)
                                   : at;
    case ASYNCORE_TRACE_READY:
        at = put_sets(line, at, event);
        return asyncore__put_micros(PUT_KEY(at, "slept"), event->seconds);
    case ASYNCORE_TRACE_RET:
        at = put_result(line, at, event->result);
        return asyncore__put_micros(PUT_KEY(at, "took"), event->seconds);
    case ASYNCORE_TRACE_IO:
        at = PUT_STRING(line, at, "addr", event->text);
        at = asyncore__put_signed(PUT_KEY(at, "wanted"), (int64_t)event->size);
        return put_result(line, at, event->result);
    case ASYNCORE_TRACE_TIMER:
        return asyncore__put_micros(PUT_KEY(at, "due"), event->seconds);
    case ASYNCORE_TRACE_LINT:
        at = PUT_STRING(line, at, "text", event->text);
        return PUT_STRING(line, at, "created", event->created);
    case ASYNCORE_TRACE_CALL:
    case ASYNCORE_TRACE_CLOSE:
        break;
    }
    return at;
}

/* It is called after what it says. */
static char *put_name_of(struct asyncore__line *line, char *at, const struct asyncore__told *told)
{
    switch (told->event.type) {
    case ASYNCORE_TRACE_ASK:
    case ASYNCORE_TRACE_READY:
    case ASYNCORE_TRACE_OPEN:
        return at;
    case ASYNCORE_TRACE_CALL:
    case ASYNCORE_TRACE_RET:
        at = PUT_KEY(at, "method");
        break;
    case ASYNCORE_TRACE_IO:
        at = PUT_KEY(at, "op");
        break;
    case ASYNCORE_TRACE_CLOSE:
        at = PUT_KEY(at, "why");
        break;
    case ASYNCORE_TRACE_TIMER:
    case ASYNCORE_TRACE_LINT:
        at = PUT_KEY(at, "name");
        break;
    }
    return put_name(line, at, told->event.name, told->name_length);
}

char *asyncore__json_line(struct asyncore__line *line, char *at, const struct asyncore__told *told)
{
    const struct asyncore_trace_event *event = &told->event;

    at = asyncore__put_micros(ASYNCORE__PUT(at, "{\"time\":"), event->time);
    at = put_type(at, event->type);
    if (event->depth > 0)
        at = asyncore__put_signed(PUT_KEY(at, "depth"), event->depth);
    if (event->fd >= 0)
        at = asyncore__put_signed(PUT_KEY(at, "fd"), event->fd);
    at = PUT_STRING(line, at, "class", event->class_name);
    at = put_name_of(line, at, told);
    if (event->number > 0)
        at = asyncore__put_signed(PUT_KEY(at, "number"), (int64_t)event->number);
    at = put_rest(line, at, event);
    return ASYNCORE__PUT(at, "}\n");
}

void asyncore_trace_json(const struct asyncore_trace_event *event, void *argument)
{
    const struct asyncore__told told = asyncore__measured(event);
    char room[ASYNCORE__LINE_ROOM];
    struct asyncore__line line;
    char *at = asyncore__line_begin(&line, room, sizeof room);

    asyncore__line_write(&line, asyncore__json_line(&line, at, &told), argument);
}
