/*
 * trace_json.c - the trace for programs: a line of JSON for each event.  docs/trace.md is its schema.
 */
#include "trace.h"

#include <stdio.h>

/* ==================================================
 * values
 */

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
    if (value == NULL)
        return;
    asyncore__line_add(line, ",\"%s\":\"", key);
    for (const char *c = value; *c != '\0';) {
        const int plain = (int)length_of_plain(c);

        asyncore__line_add(line, "%.*s", plain, c);
        c += plain;
        if (*c != '\0') /* as if it were Latin-1 */
            asyncore__line_add(line, "\\u%04x", (unsigned char)*c++);
    }
    asyncore__line_add(line, "\"");
}

static void add_result(struct asyncore__line *line, ssize_t result)
{
    char name[32];

    asyncore__line_add(line, ",\"result\":%zd", result);
    if (result < 0)
        add_string(line, "error", asyncore__errno_name(result, name, sizeof name));
}

static void add_sets(struct asyncore__line *line, const struct asyncore_trace_event *event)
{
    struct asyncore_trace_entry entry = {0};
    const char *separator = "";

    asyncore__line_add(line, ",\"dispatchers\":[");
    while (asyncore_trace_next(event, &entry)) {
        asyncore__line_add(line, "%s{\"fd\":%d", separator, entry.fd);
        add_string(line, "class", entry.class_name);
        asyncore__line_add(line, ",\"events\":\"%s%s%s%s\"}", entry.r ? "r" : "",
                           entry.w ? "w" : "", entry.e ? "e" : "", entry.connecting ? "c" : "");
        separator = ",";
    }
    asyncore__line_add(line, "]");
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
            asyncore__line_add(line, ",\"timeout\":%.6f", event->seconds);
        break;
    case ASYNCORE_TRACE_READY:
        add_sets(line, event);
        asyncore__line_add(line, ",\"slept\":%.6f", event->seconds);
        break;
    case ASYNCORE_TRACE_CALL:
        break;
    case ASYNCORE_TRACE_RET:
        add_result(line, event->result);
        asyncore__line_add(line, ",\"took\":%.6f", event->seconds);
        break;
    case ASYNCORE_TRACE_IO:
        add_string(line, "addr", event->text);
        asyncore__line_add(line, ",\"wanted\":%zu", event->size);
        add_result(line, event->result);
        break;
    case ASYNCORE_TRACE_TIMER:
        asyncore__line_add(line, ",\"due\":%.6f", event->seconds);
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
    asyncore__line_add(&line, "{\"time\":%.6f,\"event\":\"%s\"", event->time,
                       asyncore__trace_names[event->type]);
    if (event->depth > 0)
        asyncore__line_add(&line, ",\"depth\":%u", event->depth);
    if (event->fd >= 0)
        asyncore__line_add(&line, ",\"fd\":%d", event->fd);
    add_string(&line, "class", event->class_name);
    add_string(&line, name_of(event->type), event->name);
    if (event->number > 0)
        asyncore__line_add(&line, ",\"number\":%lu", event->number);
    add_rest(&line, event);
    asyncore__line_add(&line, "}");
    asyncore__line_end(&line, argument);
}
