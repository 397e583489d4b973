/*
 * trace_json.c - the trace for programs: a line of JSON for each event.  docs/trace.md is its schema.
 */
#include "trace.h"

#include "trace_line.h"

#include <stdio.h>

/* ==================================================
 * values
 */

static char *put_key(char *at, const char *key)
{
    at = stpcpy(ASYNCORE__PUT(at, ",\""), key);
    return ASYNCORE__PUT(at, "\":");
}

static char *put_number(char *at, const char *key, int64_t number)
{
    return asyncore__put_signed(put_key(at, key), number);
}

static char *put_seconds(char *at, const char *key, double seconds)
{
    return asyncore__put_micros(put_key(at, key), seconds);
}

/* What needs no escape. */
static size_t length_of_plain(const char *text)
{
    size_t length = 0;

    while (text[length] >= ' ' && text[length] < 127 && text[length] != '"' && text[length] != '\\')
        length++;
    return length;
}

static char *put_string(struct asyncore__line *line, char *at, const char *key, const char *value)
{
    char escaped[8];

    if (value == NULL)
        return at;
    at = ASYNCORE__PUT(put_key(at, key), "\"");
    while (*value != '\0') {
        const size_t plain = length_of_plain(value);

        at = asyncore__put_bytes(line, at, value, plain);
        value += plain;
        if (*value == '\0')
            break;
        /* as if it were Latin-1 */
        snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned char)*value++);
        at = asyncore__put_text(line, at, escaped);
    }
    return ASYNCORE__PUT(at, "\"");
}

static char *put_result(struct asyncore__line *line, char *at, ssize_t result)
{
    at = put_number(at, "result", result);
    return put_string(line, at, "error", result < 0 ? asyncore__errno_name(result) : NULL);
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
    const char *separator = "{\"fd\":";

    at = ASYNCORE__PUT(put_key(at, "dispatchers"), "[");
    while (asyncore_trace_next(event, &entry) && asyncore__line_has_room(line, &at)) {
        at = asyncore__put_signed(stpcpy(at, separator), entry.fd);
        at = put_string(line, at, "class", entry.class_name);
        at = put_string(line, at, "events", events_of(&entry));
        at = ASYNCORE__PUT(at, "}");
        separator = ",{\"fd\":";
    }
    return ASYNCORE__PUT(at, "]");
}

/* ==================================================
 * events
 */

static char *put_rest(struct asyncore__line *line, char *at,
                      const struct asyncore_trace_event *event)
{
    switch (event->type) {
    case ASYNCORE_TRACE_OPEN:
        at = put_string(line, at, "addr", event->text);
        return put_string(line, at, "created", event->created);
    case ASYNCORE_TRACE_ASK:
        at = put_sets(line, at, event);
        return event->seconds >= 0 ? put_seconds(at, "timeout", event->seconds) : at;
    case ASYNCORE_TRACE_READY:
        at = put_sets(line, at, event);
        return put_seconds(at, "slept", event->seconds);
    case ASYNCORE_TRACE_RET:
        at = put_result(line, at, event->result);
        return put_seconds(at, "took", event->seconds);
    case ASYNCORE_TRACE_IO:
        at = put_string(line, at, "addr", event->text);
        at = put_number(at, "wanted", (int64_t)event->size);
        return put_result(line, at, event->result);
    case ASYNCORE_TRACE_TIMER:
        return put_seconds(at, "due", event->seconds);
    case ASYNCORE_TRACE_LINT:
        at = put_string(line, at, "text", event->text);
        return put_string(line, at, "created", event->created);
    case ASYNCORE_TRACE_CALL:
    case ASYNCORE_TRACE_CLOSE:
        break;
    }
    return at;
}

/* What "name" is called where it says something else than which method. */
static const char *name_of(enum asyncore_trace_type type)
{
    switch (type) {
    case ASYNCORE_TRACE_CALL:
    case ASYNCORE_TRACE_RET:
        return "method";
    case ASYNCORE_TRACE_IO:
        return "op";
    case ASYNCORE_TRACE_CLOSE:
        return "why";
    default:
        return "name";
    }
}

char *asyncore__json_line(struct asyncore__line *line, char *at,
                          const struct asyncore_trace_event *event)
{
    at = asyncore__put_micros(ASYNCORE__PUT(at, "{\"time\":"), event->time);
    at = put_string(line, at, "event", asyncore__trace_names[event->type]);
    if (event->depth > 0)
        at = put_number(at, "depth", event->depth);
    if (event->fd >= 0)
        at = put_number(at, "fd", event->fd);
    at = put_string(line, at, "class", event->class_name);
    at = put_string(line, at, name_of(event->type), event->name);
    if (event->number > 0)
        at = put_number(at, "number", (int64_t)event->number);
    at = put_rest(line, at, event);
    return ASYNCORE__PUT(at, "}\n");
}

void asyncore_trace_json(const struct asyncore_trace_event *event, void *argument)
{
    char room[ASYNCORE__LINE_ROOM];
    struct asyncore__line line;
    char *at = asyncore__line_begin(&line, room, sizeof room);

    asyncore__line_write(&line, asyncore__json_line(&line, at, event), argument);
}
