/*
 * trace_line.h - a line of the trace that is put together, as long as it gets.  Each function puts
 * something where at is, and returns where the line goes on: so that it stays in a register.
 *
 * Numbers and constants ask for no room: all that a line has of them, but for the members of its sets,
 * fits into ASYNCORE__SLACK, which is there beyond the end that texts must not go over.
 */
#ifndef ASYNCORE__TRACE_LINE_H
#define ASYNCORE__TRACE_LINE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

/* A compiler would rather measure and copy literals than store them so often.  Where it does not optimise
 * there is nothing to be had, but branches many times over to be covered. */
#ifdef __OPTIMIZE__
#define ASYNCORE__INLINE __attribute__((always_inline)) static inline
#else
#define ASYNCORE__INLINE static inline
#endif

enum { ASYNCORE__SLACK = 320, ASYNCORE__LINE_ROOM = ASYNCORE__SLACK + 512 };

struct asyncore__line {
    char *bytes; /* first room, then what malloc() gave */
    char *end;   /* ASYNCORE__SLACK before the real one */
    char *room;
};

/* In the caller's room.  Returns where it begins. */
char *asyncore__line_begin(struct asyncore__line *line, char *room, size_t size);
/* Makes room for so many bytes more; NULL if there is no memory.  Hardly any line needs it. */
char *asyncore__line_grow(struct asyncore__line *line, const char *at, size_t length);
/* What it has beyond its room. */
void asyncore__line_free(struct asyncore__line *line);
/* All of it in one fwrite(). */
void asyncore__line_write(struct asyncore__line *line, const char *at, FILE *file);

/* Is there, or can there be, all of ASYNCORE__SLACK? */
ASYNCORE__INLINE bool asyncore__line_has_room(struct asyncore__line *line, char **at)
{
    char *moved;

    if (__builtin_expect(*at <= line->end, true))
        return true;
    moved = asyncore__line_grow(line, *at, 0);
    if (moved != NULL)
        *at = moved;
    return moved != NULL;
}

/* A literal. */
#define ASYNCORE__PUT(at, literal)                                                                 \
    ((char *)memcpy(at, literal, sizeof(literal) - 1) + (sizeof(literal) - 1))

/* What there is no memory for is left out.  Not by printf(), which would cost more than all that the
 * trace tells of. */
char *asyncore__put_bytes(struct asyncore__line *line, char *at, const char *bytes, size_t length);
/* 10 or more. */
char *asyncore__put_large(char *at, uint64_t number);
/* Seconds, with three decimals; what is below 0 is 0. */
char *asyncore__put_millis(char *at, double seconds);
/* With six. */
char *asyncore__put_micros(char *at, double seconds);
/* The same, and three columns at least for what is before them. */
char *asyncore__put_time(char *at, double seconds);

ASYNCORE__INLINE char *asyncore__put_text(struct asyncore__line *line, char *at, const char *text)
{
    return asyncore__put_bytes(line, at, text, strlen(text));
}

ASYNCORE__INLINE char *asyncore__put_digit(char *at, unsigned digit)
{
    *at = (char)('0' + digit);
    return at + 1;
}

ASYNCORE__INLINE char *asyncore__put_number(char *at, uint64_t number)
{
    return number < 10 ? asyncore__put_digit(at, (unsigned)number)
                       : asyncore__put_large(at, number);
}

ASYNCORE__INLINE char *asyncore__put_signed(char *at, int64_t number)
{
    if (number >= 0)
        return asyncore__put_number(at, (uint64_t)number);
    *at = '-';
    return asyncore__put_number(at + 1, 0 - (uint64_t)number);
}

#endif
