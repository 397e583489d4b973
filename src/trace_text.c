/*
 * trace_text.c - the trace for people: a line an event, in the manner of strace, what is called from
 * inside something else standing further to the right.
 *
 *     0.000212 ask    r[3 4] w[] e[3 4], at most 30.000 s
 *     1.003417 ready  r[4] w[] e[], slept 1.003 s
 *     1.003431 call   4 echo.handle_read
 *     1.003440   io     4 recv 65536 = 5
 */
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static FILE *colored;

void asyncore__trace_color(FILE *file)
{
    /* Read when the program begins to trace, before there are threads.
     * NOLINTBEGIN(concurrency-mt-unsafe) */
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    /* NOLINTEND(concurrency-mt-unsafe) */

    colored = NULL;
    if (isatty(fileno(file)) && (no_color == NULL || no_color[0] == '\0') && term != NULL &&
        strcmp(term, "dumb") != 0)
        colored = file;
}

/* Of one width: that is one store each, as the names by themselves are not. */
static const char columns[][8] = {
    [ASYNCORE_TRACE_OPEN] = " open  ",  [ASYNCORE_TRACE_ASK] = " ask   ",
    [ASYNCORE_TRACE_READY] = " ready ", [ASYNCORE_TRACE_CALL] = " call  ",
    [ASYNCORE_TRACE_RET] = " ret   ",   [ASYNCORE_TRACE_IO] = " io    ",
    [ASYNCORE_TRACE_TIMER] = " timer ", [ASYNCORE_TRACE_CLOSE] = " close ",
    [ASYNCORE_TRACE_LINT] = " lint  ",
};

static const char *color_of(const struct asyncore_trace_event *event)
{
    switch (event->type) {
    case ASYNCORE_TRACE_ASK:
    case ASYNCORE_TRACE_READY:
        return "\033[36m"; /* cyan */
    case ASYNCORE_TRACE_CALL:
        return "\033[1m"; /* bold */
    case ASYNCORE_TRACE_LINT:
        return "\033[31m"; /* red */
    case ASYNCORE_TRACE_IO:
        return event->result < 0 ? "\033[33m" : NULL; /* yellow */
    default:
        return NULL;
    }
}

/* ==================================================
 * what each type says
 */

ASYNCORE__INLINE void add(struct asyncore__line *line, const char *before, const char *text)
{
    asyncore__line_text(line, before);
    asyncore__line_text(line, text);
}

ASYNCORE__INLINE void add_number(struct asyncore__line *line, const char *before, int64_t number)
{
    asyncore__line_text(line, before);
    asyncore__line_number(line, number);
}

ASYNCORE__INLINE void add_millis(struct asyncore__line *line, const char *before, double seconds)
{
    asyncore__line_text(line, before);
    asyncore__line_millis(line, seconds);
    asyncore__line_text(line, " s");
}

static void add_result(struct asyncore__line *line, ssize_t result)
{
    const char *name = result < 0 ? asyncore__errno_name(result) : NULL;

    if (result == asyncore_ExitNow)
        add(line, " = ", name);
    else if (name != NULL)
        add(line, " = -", name);
    else
        add_number(line, " = ", result);
}

static void add_set(struct asyncore__line *line, const char *name, struct asyncore__line *set)
{
    asyncore__line_text(line, name);
    asyncore__line_bytes(line, set->bytes, (size_t)(set->at - set->bytes));
    asyncore__line_text(line, "]");
    asyncore__line_free(set);
}

static void add_member(struct asyncore__line *set, int fd)
{
    if (set->at != set->bytes)
        asyncore__line_text(set, " ");
    asyncore__line_number(set, fd);
}

/* All sets in one pass over the dispatchers, of which there may be many. */
static void add_sets(struct asyncore__line *line, const struct asyncore_trace_event *event)
{
    struct asyncore__line r, w, e, connecting;
    struct asyncore_trace_entry entry = {0};

    asyncore__line_begin(&r);
    asyncore__line_begin(&w);
    asyncore__line_begin(&e);
    asyncore__line_begin(&connecting);
    while (asyncore_trace_next(event, &entry)) {
        if (entry.r)
            add_member(&r, entry.fd);
        if (entry.w)
            add_member(&w, entry.fd);
        if (entry.e)
            add_member(&e, entry.fd);
        if (entry.connecting)
            add_member(&connecting, entry.fd);
    }
    add_set(line, "r[", &r);
    add_set(line, " w[", &w);
    add_set(line, " e[", &e);
    if (connecting.at != connecting.bytes)
        add_set(line, " connecting[", &connecting);
    if (event->type == ASYNCORE_TRACE_READY)
        add_millis(line, ", slept ", event->seconds);
    else if (event->seconds < 0)
        asyncore__line_text(line, ", for ever");
    else
        add_millis(line, ", at most ", event->seconds);
}

static void add_call(struct asyncore__line *line, const struct asyncore_trace_event *event)
{
    if (event->fd >= 0) {
        asyncore__line_number(line, event->fd);
        asyncore__line_text(line, " ");
    }
    asyncore__line_text(line, event->class_name);
    if (event->dispatcher != NULL)
        add(line, ".", event->name);
    else
        add_number(line, " ", (int64_t)event->number);
    if (event->type != ASYNCORE_TRACE_RET)
        return;
    if (event->dispatcher != NULL)
        add_result(line, event->result);
    asyncore__line_text(line, " (");
    asyncore__line_micros(line, event->seconds);
    asyncore__line_text(line, " s)");
}

static void add_io(struct asyncore__line *line, const struct asyncore_trace_event *event)
{
    asyncore__line_number(line, event->fd);
    add(line, " ", event->name);
    if (event->text != NULL)
        add(line, " ", event->text);
    if (event->size > 0)
        add_number(line, " ", (int64_t)event->size);
    add_result(line, event->result);
}

static void add_open(struct asyncore__line *line, const struct asyncore_trace_event *event)
{
    asyncore__line_number(line, event->fd);
    add(line, " ", event->class_name);
    if (event->text != NULL)
        add(line, " ", event->text);
    if (event->created != NULL) {
        add(line, " (", event->created);
        asyncore__line_text(line, ")");
    }
}

static void add_timer(struct asyncore__line *line, const struct asyncore_trace_event *event)
{
    asyncore__line_number(line, (int64_t)event->number);
    add(line, " ", event->name);
    if (strcmp(event->name, "set") == 0)
        add_millis(line, ", due in ", event->seconds);
}

static void add_rest(struct asyncore__line *line, const struct asyncore_trace_event *event)
{
    switch (event->type) {
    case ASYNCORE_TRACE_OPEN:
        add_open(line, event);
        break;
    case ASYNCORE_TRACE_ASK:
    case ASYNCORE_TRACE_READY:
        add_sets(line, event);
        break;
    case ASYNCORE_TRACE_CALL:
    case ASYNCORE_TRACE_RET:
        add_call(line, event);
        break;
    case ASYNCORE_TRACE_IO:
        add_io(line, event);
        break;
    case ASYNCORE_TRACE_TIMER:
        add_timer(line, event);
        break;
    case ASYNCORE_TRACE_CLOSE:
        asyncore__line_number(line, event->fd);
        add(line, " ", event->class_name);
        add(line, ": ", event->name);
        break;
    case ASYNCORE_TRACE_LINT:
        asyncore__line_text(line, event->name);
        add(line, ": ", event->text);
        break;
    }
}

void asyncore_trace_text(const struct asyncore_trace_event *event, void *argument)
{
    enum { DEEPEST = 20 };
    const char *const color = argument == colored ? color_of(event) : NULL;
    struct asyncore__line line;

    asyncore__line_begin(&line);
    if (color != NULL)
        asyncore__line_text(&line, color);
    asyncore__line_time(&line, event->time);
    for (unsigned i = 0; i < event->depth && i < DEEPEST; i++)
        asyncore__line_text(&line, "  ");
    asyncore__line_bytes(&line, columns[event->type], sizeof columns[0] - 1);
    add_rest(&line, event);
    if (color != NULL)
        asyncore__line_text(&line, "\033[0m");
    asyncore__line_end(&line, argument);
}
