/* trace_line.c - a line of a trace, as long as it gets. */
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
    line->bytes = line->at = line->room;
    line->end = line->room + sizeof line->room - 1;
}

bool asyncore__line_grow(struct asyncore__line *line, size_t length)
{
    const size_t used = (size_t)(line->at - line->bytes);
    const size_t size = 2 * (used + length + 1);
    char *bytes = realloc(line->bytes == line->room ? NULL : line->bytes, size);

    if (bytes == NULL)
        return false;
    if (line->bytes == line->room)
        memcpy(bytes, line->room, used);
    line->bytes = bytes;
    line->at = bytes + used;
    line->end = bytes + size - 1;
    return true;
}

/* ==================================================
 * numbers
 */

/* Two digits a division: most of what a line costs is its numbers. */
static const char pairs[] = "0001020304050607080910111213141516171819"
                            "2021222324252627282930313233343536373839"
                            "4041424344454647484950515253545556575859"
                            "6061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

static unsigned digits_of(uint64_t number)
{
    enum { MOST = 20 };
    unsigned digits = 1;

    for (uint64_t limit = 10; number >= limit && digits < MOST; limit *= 10)
        digits++;
    return digits;
}

ASYNCORE__INLINE char *put_pair(char *end, uint64_t number)
{
    return memcpy(end - 2, pairs + 2 * number, 2);
}

/* As many digits as it has, before end; returns where they begin. */
ASYNCORE__INLINE char *put_number(char *end, uint64_t number)
{
    for (; number >= 100; number /= 100)
        end = put_pair(end, number % 100);
    if (number >= 10)
        return put_pair(end, number);
    *--end = (char)('0' + number);
    return end;
}

void asyncore__line_number(struct asyncore__line *line, int64_t number)
{
    const uint64_t magnitude = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    const size_t length = digits_of(magnitude) + (number < 0);

    if (!asyncore__line_fits(line, length))
        return;
    line->at[0] = '-'; /* or what a digit overwrites */
    line->at += length;
    put_number(line->at, magnitude);
}

/* With so many decimals, 3 or 6; what is before them is right-aligned in so many columns at least.
 * What is below 0 is 0. */
ASYNCORE__INLINE void add_seconds(struct asyncore__line *line, double seconds, unsigned decimals,
                                  unsigned columns)
{
    const unsigned unit = decimals == 3 ? 1000 : 1000000;
    const uint64_t number = seconds > 0 ? (uint64_t)(int64_t)(seconds * unit + 0.5) : 0;
    const uint64_t whole = number / unit;
    const unsigned digits = digits_of(whole), width = digits > columns ? digits : columns;
    unsigned rest = (unsigned)(number % unit);
    char *at;

    if (!asyncore__line_fits(line, width + 1 + decimals))
        return;
    memset(line->at, ' ', columns);
    at = line->at += width + 1 + decimals;
    for (unsigned pair = 0; pair < decimals / 2; pair++, rest /= 100)
        at = put_pair(at, rest % 100);
    if (decimals % 2 != 0)
        *--at = (char)('0' + rest);
    *--at = '.';
    put_number(at, whole);
}

void asyncore__line_millis(struct asyncore__line *line, double seconds)
{
    add_seconds(line, seconds, 3, 0);
}

void asyncore__line_micros(struct asyncore__line *line, double seconds)
{
    add_seconds(line, seconds, 6, 0);
}

void asyncore__line_time(struct asyncore__line *line, double seconds)
{
    add_seconds(line, seconds, 6, 3);
}

/* ==================================================
 * the end
 */

void asyncore__line_free(struct asyncore__line *line)
{
    if (line->bytes != line->room)
        free(line->bytes);
}

void asyncore__line_end(struct asyncore__line *line, FILE *file)
{
    size_t written;

    *line->at++ = '\n';
    written = fwrite(line->bytes, 1, (size_t)(line->at - line->bytes), file);
    (void)written; /* what cannot be written is lost: who is traced goes on */
    asyncore__line_free(line);
}

/* Some C libraries have no such list: strerrorname_np() is glibc's. */
#define NAMED(error) [error] = #error
static const char *const errno_names[] = {
    NAMED(E2BIG),        NAMED(EACCES),       NAMED(EADDRINUSE),   NAMED(EADDRNOTAVAIL),
    NAMED(EAFNOSUPPORT), NAMED(EAGAIN),       NAMED(EALREADY),     NAMED(EBADF),
    NAMED(EBADMSG),      NAMED(EBUSY),        NAMED(ECANCELED),    NAMED(ECHILD),
    NAMED(ECONNABORTED), NAMED(ECONNREFUSED), NAMED(ECONNRESET),   NAMED(EDEADLK),
    NAMED(EDESTADDRREQ), NAMED(EDOM),         NAMED(EEXIST),       NAMED(EFAULT),
    NAMED(EFBIG),        NAMED(EHOSTDOWN),    NAMED(EHOSTUNREACH), NAMED(EILSEQ),
    NAMED(EINPROGRESS),  NAMED(EINTR),        NAMED(EINVAL),       NAMED(EIO),
    NAMED(EISCONN),      NAMED(EISDIR),       NAMED(ELOOP),        NAMED(EMFILE),
    NAMED(EMLINK),       NAMED(EMSGSIZE),     NAMED(ENAMETOOLONG), NAMED(ENETDOWN),
    NAMED(ENETRESET),    NAMED(ENETUNREACH),  NAMED(ENFILE),       NAMED(ENOBUFS),
    NAMED(ENODEV),       NAMED(ENOENT),       NAMED(ENOEXEC),      NAMED(ENOLCK),
    NAMED(ENOMEM),       NAMED(ENOPROTOOPT),  NAMED(ENOSPC),       NAMED(ENOSYS),
    NAMED(ENOTCONN),     NAMED(ENOTDIR),      NAMED(ENOTEMPTY),    NAMED(ENOTSOCK),
    NAMED(ENOTTY),       NAMED(ENXIO),        NAMED(EOPNOTSUPP),   NAMED(EOVERFLOW),
    NAMED(EPERM),        NAMED(EPIPE),        NAMED(EPROTO),       NAMED(EPROTONOSUPPORT),
    NAMED(EPROTOTYPE),   NAMED(ERANGE),       NAMED(EROFS),        NAMED(ESHUTDOWN),
    NAMED(ESPIPE),       NAMED(ESRCH),        NAMED(ESTALE),       NAMED(ETIMEDOUT),
    NAMED(ETXTBSY),      NAMED(EXDEV),
};

const char *asyncore__errno_name(ssize_t error)
{
    if (error == asyncore_ExitNow)
        return "ExitNow";
    if (error > -(ssize_t)(sizeof errno_names / sizeof errno_names[0]))
        return errno_names[-error];
    return NULL;
}
