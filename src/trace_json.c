/*
 * trace_json.c - the trace for programs: a line of JSON for each event.  docs/trace.md is its schema.
 */
#include "trace.h"

#include <stdio.h>

/* ==================================================
 * values
 */

static void add_key(struct asyncore__line *line, const char *key)
{
    asyncore__line_text(line, ",\"");
    asyncore__line_text(line, key);
    asyncore__line_text(line, "\":");
}

static void add_number(struct asyncore__line *line, const char *key, int64_t number)
{
    add_key(line, key);
    asyncore__line_number(line, number);
}

static void add_seconds(struct asyncore__line *line, const char *key, double seconds)
{
    add_key(line, key);
    asyncore__line_micros(line, seconds);
}

/* What needs no escape. */
static size_t length_of_plain(const char *text)
{
    size_t length = 0;

    while (text[length] >= ' ' && text[length] < 127 && text[length] != '"' && text[length] != '\\')
        length++;
    return length;
}

static void add_string(struct asyncore__line *line, const char *key, const char *value)
{
    char escaped[8];

    if (value == NULL)
        return;
    add_key(line, key);
    asyncore__line_text(line, "\"");
    while (*value != '\0') {
        const size_t plain = length_of_plain(value);

        asyncore__line_bytes(line, value, plain);
        value += plain;
        if (*value == '\0')
            break;
        /* as if it were Latin-1 */
        snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned char)*value++);
        asyncore__line_text(line, escaped);
    }
    asyncore__line_text(line, "\"");
}

static void add_result(struct asyncore__line *line, ssize_t result)
{
    const char *name = result < 0 ? asyncore__errno_name(result) : NULL;

    add_number(line, "result", result);
    if (name != NULL)
        add_string(line, "error", name);
}

static const char *events_of(const struct asyncore_trace_entry *entry)
{
    static const char *const events[] = {"", "r", "w", "rw", "e", "re", "we", "rwe"};

    if (entry->connecting)
        return "c";
    return events[(entry->r ? 1 : 0) + (entry->w ? 2 : 0) + (entry->e ? 4 : 0)];
}

static void add_sets(struct asyncore__line *line, const struct asyncore_trace_event *event)
{
    struct asyncore_trace_entry entry = {0};
    const char *separator = "{\"fd\":";

    add_key(line, "dispatchers");
    asyncore__line_text(line, "[");
    while (asyncore_trace_next(event, &entry)) {
        asyncore__line_text(line, separator);
        asyncore__line_number(line, entry.fd);
        add_string(line, "class", entry.class_name);
        add_string(line, "events", events_of(&entry));
        asyncore__line_text(line, "}");
        separator = ",{\"fd\":";
    }
    asyncore__line_text(line, "]");
}

/* ==================================================
 * events
 */

static void add_rest(struct asyncore__line *line, const struct asyncore_trace_event *event)
{
    switch (event->type) {
    case ASYNCORE_TRACE_OPEN:
        add_string(line, "addr", event->text);
        add_string(line, "created", event->created);
        break;
    case ASYNCORE_TRACE_ASK:
        add_sets(line, event);
        if (event->seconds >= 0)
            add_seconds(line, "timeout", event->seconds);
        break;
    case ASYNCORE_TRACE_READY:
        add_sets(line, event);
        add_seconds(line, "slept", event->seconds);
        break;
    case ASYNCORE_TRACE_CALL:
        break;
    case ASYNCORE_TRACE_RET:
        add_result(line, event->result);
        add_seconds(line, "took", event->seconds);
        break;
    case ASYNCORE_TRACE_IO:
        add_string(line, "addr", event->text);
        add_number(line, "wanted", (int64_t)event->size);
        add_result(line, event->result);
        break;
    case ASYNCORE_TRACE_TIMER:
        add_seconds(line, "due", event->seconds);
        break;
    case ASYNCORE_TRACE_CLOSE:
        break;
    case ASYNCORE_TRACE_LINT:
        add_string(line, "text", event->text);
        add_string(line, "created", event->created);
        break;
    }
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

void asyncore_trace_json(const struct asyncore_trace_event *event, void *argument)
{
    struct asyncore__line line;

    asyncore__line_begin(&line);
    asyncore__line_text(&line, "{\"time\":");
    asyncore__line_micros(&line, event->time);
    add_string(&line, "event", asyncore__trace_names[event->type]);
    if (event->depth > 0)
        add_number(&line, "depth", event->depth);
    if (event->fd >= 0)
        add_number(&line, "fd", event->fd);
    add_string(&line, "class", event->class_name);
    add_string(&line, name_of(event->type), event->name);
    if (event->number > 0)
        add_number(&line, "number", (int64_t)event->number);
    add_rest(&line, event);
    asyncore__line_text(&line, "}");
    asyncore__line_end(&line, argument);
}
