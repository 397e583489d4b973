/* trace_line.c - a line of a trace, as long as it gets. */
#include "trace.h"

#include "trace_line.h"

#include <stddef.h>
#include <stdlib.h>

const char *const asyncore__trace_names[] = {
    [ASYNCORE_TRACE_OPEN] = "open",   [ASYNCORE_TRACE_ASK] = "ask",
    [ASYNCORE_TRACE_READY] = "ready", [ASYNCORE_TRACE_CALL] = "call",
    [ASYNCORE_TRACE_RET] = "ret",     [ASYNCORE_TRACE_IO] = "io",
    [ASYNCORE_TRACE_TIMER] = "timer", [ASYNCORE_TRACE_CLOSE] = "close",
    [ASYNCORE_TRACE_LINT] = "lint",
};

char *asyncore__line_begin(struct asyncore__line *line, char *room, size_t size)
{
    line->bytes = line->room = room;
    line->end = room + size - ASYNCORE__SLACK;
    return room;
}

char *asyncore__line_grow(struct asyncore__line *line, const char *at, size_t length)
{
    const size_t used = (size_t)(at - line->bytes);
    const size_t size = 2 * (used + length) + ASYNCORE__SLACK;
    char *bytes = realloc(line->bytes == line->room ? NULL : line->bytes, size);

    if (bytes == NULL)
        return NULL;
    if (line->bytes == line->room)
        memcpy(bytes, line->room, used);
    line->bytes = bytes;
    line->end = bytes + size - ASYNCORE__SLACK;
    return bytes + used;
}

void asyncore__line_free(struct asyncore__line *line)
{
    if (line->bytes != line->room)
        free(line->bytes);
}

void asyncore__line_write(struct asyncore__line *line, const char *at, FILE *file)
{
    const size_t written = fwrite(line->bytes, 1, (size_t)(at - line->bytes), file);

    (void)written; /* what cannot be written is lost: who is traced goes on */
    asyncore__line_free(line);
}

/* Inline where the compiler knows the size: a load and a store.  The two halves may overlap. */
#define COPY_HALVES(to, from, length, size)                                                        \
    (memcpy(to, from, size), memcpy((to) + (length) - (size), (from) + (length) - (size), size))

__attribute__((noinline)) static char *put_long(struct asyncore__line *line, char *at,
                                                const char *bytes, size_t length)
{
    char *moved = at;

    if ((ptrdiff_t)length > line->end - at)
        moved = asyncore__line_grow(line, at, length);
    if (moved == NULL)
        return at;
    memcpy(moved, bytes, length);
    return moved + length;
}

/* Names are short: each is copied in less time than memcpy() takes to find out how. */
char *asyncore__put_bytes(struct asyncore__line *line, char *at, const char *bytes, size_t length)
{
    if (__builtin_expect(length > 16 || at + 16 > line->end, false))
        return put_long(line, at, bytes, length);
    if (length >= 8)
        COPY_HALVES(at, bytes, length, 8);
    else if (length >= 4)
        COPY_HALVES(at, bytes, length, 4);
    else
        for (size_t i = 0; i < length; i++)
            at[i] = bytes[i];
    return at + length;
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

ASYNCORE__INLINE char *put_pair(char *at, unsigned number)
{
    return (char *)memcpy(at, pairs + (size_t)2 * number, 2) + 2;
}

ASYNCORE__INLINE char *put_four(char *at, unsigned number)
{
    return put_pair(put_pair(at, number / 100), number % 100);
}

/* Four digits at a time, but the first ones: it calls itself four times at most.  Not unrolled: hardly any
 * number of a trace is that long.  NOLINTNEXTLINE(misc-no-recursion) */
__attribute__((noinline)) char *asyncore__put_large(char *at, uint64_t number)
{
    if (number < 100)
        return put_pair(at, (unsigned)number);
    if (number < 1000)
        return put_pair(asyncore__put_digit(at, (unsigned)number / 100), (unsigned)number % 100);
    if (number < 10000)
        return put_four(at, (unsigned)number);
    at = number < 100000 ? asyncore__put_digit(at, (unsigned)number / 10000)
                         : asyncore__put_large(at, number / 10000);
    return put_four(at, (unsigned)(number % 10000));
}

static inline uint64_t rounded(double seconds, unsigned unit)
{
    return seconds > 0 ? (uint64_t)(int64_t)(seconds * unit + 0.5) : 0;
}

char *asyncore__put_millis(char *at, double seconds)
{
    const uint64_t millis = rounded(seconds, 1000);
    const unsigned rest = (unsigned)(millis % 1000);

    at = ASYNCORE__PUT(asyncore__put_number(at, millis / 1000), ".");
    return put_pair(asyncore__put_digit(at, rest / 100), rest % 100);
}

/* Its decimals are a fraction of 2^32, of which two digits at a time become whole.  The factor is
 * 2^32 / 10000, rounded up by so little that six digits are exact. */
static char *put_micros(char *at, uint64_t micros)
{
    const uint64_t first = UINT64_C(429497) * (micros % 1000000);
    const uint64_t second = UINT64_C(100) * (uint32_t)first;
    const uint64_t third = UINT64_C(100) * (uint32_t)second;

    at = ASYNCORE__PUT(asyncore__put_number(at, micros / 1000000), ".");
    at = put_pair(at, (unsigned)(first >> 32));
    at = put_pair(at, (unsigned)(second >> 32));
    return put_pair(at, (unsigned)(third >> 32));
}

char *asyncore__put_micros(char *at, double seconds)
{
    return put_micros(at, rounded(seconds, 1000000));
}

char *asyncore__put_time(char *at, double seconds)
{
    const uint64_t micros = rounded(seconds, 1000000);

    if (micros < 100 * UINT64_C(1000000))
        at = ASYNCORE__PUT(at, " ");
    if (micros < 10 * UINT64_C(1000000))
        at = ASYNCORE__PUT(at, " ");
    return put_micros(at, micros);
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
