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
    line->bytes = line->room;
    line->length = 0;
    line->size = sizeof line->room;
}

bool asyncore__line_grow(struct asyncore__line *line, size_t need)
{
    size_t size = 2 * line->size;
    char *bytes;

    while (size < need)
        size *= 2;
    bytes = line->bytes == line->room ? malloc(size) : realloc(line->bytes, size);
    if (bytes == NULL)
        return false;
    if (line->bytes == line->room)
        memcpy(bytes, line->room, line->length);
    line->bytes = bytes;
    line->size = size;
    return true;
}

/* Two digits a division: most of what a line costs is its numbers. */
static const char pairs[] = "0001020304050607080910111213141516171819"
                            "2021222324252627282930313233343536373839"
                            "4041424344454647484950515253545556575859"
                            "6061626364656667686970717273747576777879"
                            "8081828384858687888990919293949596979899";

static unsigned digits_of(uint64_t number)
{
    unsigned digits = 1;

    for (; number >= 100; number /= 100)
        digits += 2;
    return number >= 10 ? digits + 1 : digits;
}

static char *put_pair(char *end, uint64_t number)
{
    return memcpy(end - 2, pairs + 2 * number, 2);
}

/* Right-aligned in so many columns at least. */
static void add_digits(struct asyncore__line *line, uint64_t number, unsigned columns, char fill)
{
    const unsigned digits = digits_of(number), length = digits > columns ? digits : columns;
    const size_t need = line->length + length + 1;
    char *begin, *at;

    if (need > line->size && !asyncore__line_grow(line, need))
        return;
    begin = line->bytes + line->length;
    line->length += length;
    at = begin + length;
    for (; number >= 100; number /= 100)
        at = put_pair(at, number % 100);
    if (number >= 10)
        at = put_pair(at, number);
    else
        *--at = (char)('0' + number);
    while (at > begin)
        *--at = fill;
}

void asyncore__line_number(struct asyncore__line *line, int64_t number)
{
    if (number < 0)
        asyncore__line_text(line, "-");
    add_digits(line, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, 0, ' ');
}

void asyncore__line_millis(struct asyncore__line *line, double seconds)
{
    const uint64_t millis = (uint64_t)((seconds > 0 ? seconds : 0) * 1000 + 0.5);

    add_digits(line, millis / 1000, 0, ' ');
    asyncore__line_text(line, ".");
    add_digits(line, millis % 1000, 3, '0');
}

void asyncore__line_micros(struct asyncore__line *line, double seconds, unsigned columns)
{
    const uint64_t micros = (uint64_t)((seconds > 0 ? seconds : 0) * 1000000 + 0.5);

    add_digits(line, micros / 1000000, columns, ' ');
    asyncore__line_text(line, ".");
    add_digits(line, micros % 1000000, 6, '0');
}

void asyncore__line_end(struct asyncore__line *line, FILE *file)
{
    size_t written;

    line->bytes[line->length++] = '\n';
    written = fwrite(line->bytes, 1, line->length, file);
    (void)written; /* what cannot be written is lost: who is traced goes on */
    if (line->bytes != line->room)
        free(line->bytes);
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
