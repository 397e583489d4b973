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

#include "trace_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static FILE *colored_file;

bool asyncore__wants_color(int fd)
{
    /* Read when the program begins to trace, before there are threads.
     * NOLINTBEGIN(concurrency-mt-unsafe) */
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    /* NOLINTEND(concurrency-mt-unsafe) */

    return isatty(fd) && (no_color == NULL || no_color[0] == '\0') && term != NULL &&
           strcmp(term, "dumb") != 0;
}

void asyncore__trace_color(FILE *file)
{
    colored_file = asyncore__wants_color(fileno(file)) ? file : NULL;
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

static char *put_millis(char *at, double seconds)
{
    return ASYNCORE__PUT(asyncore__put_millis(at, seconds), " s");
}

static char *put_error(struct asyncore__line *line, char *at, ssize_t error)
{
    const char *name = asyncore__errno_name(error);

    if (name == NULL)
        return asyncore__put_signed(at, error);
    if (error != asyncore_ExitNow)
        at = ASYNCORE__PUT(at, "-");
    return asyncore__put_text(line, at, name);
}

ASYNCORE__INLINE char *put_result(struct asyncore__line *line, char *at, ssize_t result)
{
    at = ASYNCORE__PUT(at, " = ");
    return result < 0 ? put_error(line, at, result) : asyncore__put_number(at, (uint64_t)result);
}

static char *put_call(struct asyncore__line *line, char *at, const struct asyncore__told *told)
{
    const struct asyncore_trace_event *event = &told->event;

    if (event->fd >= 0)
        at = ASYNCORE__PUT(asyncore__put_number(at, (unsigned)event->fd), " ");
    at = asyncore__put_bytes(line, at, event->class_name, told->class_length);
    if (event->dispatcher != NULL)
        at = asyncore__put_bytes(line, ASYNCORE__PUT(at, "."), event->name, told->name_length);
    else
        at = asyncore__put_number(ASYNCORE__PUT(at, " "), event->number);
    if (event->type != ASYNCORE_TRACE_RET)
        return at;
    if (event->dispatcher != NULL)
        at = put_result(line, at, event->result);
    at = asyncore__put_micros(ASYNCORE__PUT(at, " ("), event->seconds);
    return ASYNCORE__PUT(at, " s)");
}

static char *put_io(struct asyncore__line *line, char *at, const struct asyncore__told *told)
{
    const struct asyncore_trace_event *event = &told->event;

    at = asyncore__put_signed(at, event->fd);
    at = asyncore__put_bytes(line, ASYNCORE__PUT(at, " "), event->name, told->name_length);
    if (event->text != NULL)
        at = asyncore__put_text(line, ASYNCORE__PUT(at, " "), event->text);
    if (event->size > 0)
        at = asyncore__put_number(ASYNCORE__PUT(at, " "), event->size);
    return put_result(line, at, event->result);
}

static char *put_open(struct asyncore__line *line, char *at,
                      const struct asyncore_trace_event *event)
{
    at = asyncore__put_signed(at, event->fd);
    at = asyncore__put_text(line, ASYNCORE__PUT(at, " "), event->class_name);
    if (event->text != NULL)
        at = asyncore__put_text(line, ASYNCORE__PUT(at, " "), event->text);
    if (event->created == NULL)
        return at;
    at = asyncore__put_text(line, ASYNCORE__PUT(at, " ("), event->created);
    return ASYNCORE__PUT(at, ")");
}

static char *put_timer(struct asyncore__line *line, char *at,
                       const struct asyncore_trace_event *event)
{
    at = asyncore__put_number(at, event->number);
    at = asyncore__put_text(line, ASYNCORE__PUT(at, " "), event->name);
    if (strcmp(event->name, "set") == 0)
        at = put_millis(ASYNCORE__PUT(at, ", due in "), event->seconds);
    return at;
}

/* ==================================================
 * the sets
 */

struct set {
    struct asyncore__line line;
    char *at;
    char room[1024];
};

static void begin_set(struct set *set)
{
    set->at = asyncore__line_begin(&set->line, set->room, sizeof set->room);
}

enum { MEMBER = 16 }; /* a blank, and a number */

static void add_member(struct set *set, const char *member, size_t length)
{
    if (!asyncore__line_has_room(&set->line, &set->at))
        return;
    memcpy(set->at, member, MEMBER); /* which is as many stores as its length */
    set->at += length;
}

static char *put_set(struct asyncore__line *line, char *at, struct set *set)
{
    const char *members = set->line.bytes;

    if (set->at != members) /* without the first blank */
        at = asyncore__put_bytes(line, at, members + 1, (size_t)(set->at - members) - 1);
    asyncore__line_free(&set->line);
    return ASYNCORE__PUT(at, "]");
}

/* All sets in one pass over the dispatchers, of which there may be many. */
static char *put_sets(struct asyncore__line *line, char *at,
                      const struct asyncore_trace_event *event)
{
    struct set r, w, e, connecting;
    struct asyncore__member member = {0};

    begin_set(&r);
    begin_set(&w);
    begin_set(&e);
    begin_set(&connecting);
    while (asyncore__trace_next(event, &member)) {
        char text[MEMBER] = " ";
        const size_t length =
            (size_t)(asyncore__put_signed(text + 1, asyncore__traced_fd(member.channel->fd)) -
                     text);

        if ((member.events & ASYNCORE__READ) != 0)
            add_member(&r, text, length);
        if ((member.events & ASYNCORE__WRITE) != 0)
            add_member(&w, text, length);
        if ((member.events & ASYNCORE__EXCEPTIONAL) != 0)
            add_member(&e, text, length);
        if (member.events == ASYNCORE__CONNECT)
            add_member(&connecting, text, length);
    }
    at = put_set(line, ASYNCORE__PUT(at, "r["), &r);
    at = put_set(line, ASYNCORE__PUT(at, " w["), &w);
    at = put_set(line, ASYNCORE__PUT(at, " e["), &e);
    if (connecting.at != connecting.line.bytes)
        at = put_set(line, ASYNCORE__PUT(at, " connecting["), &connecting);
    if (event->type == ASYNCORE_TRACE_READY)
        return put_millis(ASYNCORE__PUT(at, ", slept "), event->seconds);
    if (event->seconds < 0)
        return ASYNCORE__PUT(at, ", for ever");
    return put_millis(ASYNCORE__PUT(at, ", at most "), event->seconds);
}

/* ==================================================
 * a line
 */

/* What there is little of, out of the way of the rest. */
__attribute__((cold, noinline)) static char *put_rare(struct asyncore__line *line, char *at,
                                                      const struct asyncore_trace_event *event)
{
    switch (event->type) {
    case ASYNCORE_TRACE_OPEN:
        return put_open(line, at, event);
    case ASYNCORE_TRACE_TIMER:
        return put_timer(line, at, event);
    case ASYNCORE_TRACE_CLOSE:
        at = asyncore__put_signed(at, event->fd);
        at = asyncore__put_text(line, ASYNCORE__PUT(at, " "), event->class_name);
        return asyncore__put_text(line, ASYNCORE__PUT(at, ": "), event->name);
    default: /* ASYNCORE_TRACE_LINT */
        at = asyncore__put_text(line, at, event->name);
        return asyncore__put_text(line, ASYNCORE__PUT(at, ": "), event->text);
    }
}

static char *put_rest(struct asyncore__line *line, char *at, const struct asyncore__told *told)
{
    switch (told->event.type) {
    case ASYNCORE_TRACE_ASK:
    case ASYNCORE_TRACE_READY:
        return put_sets(line, at, &told->event);
    case ASYNCORE_TRACE_CALL:
    case ASYNCORE_TRACE_RET:
        return put_call(line, at, told);
    case ASYNCORE_TRACE_IO:
        return put_io(line, at, told);
    default:
        return put_rare(line, at, &told->event);
    }
}

char *asyncore__text_line(struct asyncore__line *line, char *at, const struct asyncore__told *told,
                          bool colored)
{
    enum { DEEPEST = 20 };
    const struct asyncore_trace_event *event = &told->event;
    const char *const color = colored ? color_of(event) : NULL;

    if (color != NULL)
        at = asyncore__put_text(line, at, color);
    at = asyncore__put_time(at, event->time);
    for (unsigned i = 0; i < event->depth && i < DEEPEST; i++)
        at = ASYNCORE__PUT(at, "  ");
    at = (char *)memcpy(at, columns[event->type], sizeof columns[0]) + sizeof columns[0] - 1;
    at = put_rest(line, at, told);
    if (color != NULL)
        at = ASYNCORE__PUT(at, "\033[0m");
    return ASYNCORE__PUT(at, "\n");
}

void asyncore_trace_text(const struct asyncore_trace_event *event, void *argument)
{
    const struct asyncore__told told = asyncore__measured(event);
    char room[ASYNCORE__LINE_ROOM];
    struct asyncore__line line;
    char *at = asyncore__line_begin(&line, room, sizeof room);

    at = asyncore__text_line(&line, at, &told, argument == colored_file);
    asyncore__line_write(&line, at, argument);
}
