/* log.c - where messages go. */
#include "internal.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

static void write_to_stderr(enum asyncore_log_type type, const char *message)
{
    static const char *const names[] = {"log", "info", "warning", "error"};
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};
    char line[512];
    int length = snprintf(line, sizeof line, "%s: %s\n", names[type], message);

    if (length >= (int)sizeof line) {
        length = (int)sizeof line - 1;
        line[length - 1] = '\n';
    }
    /* One write(), so that the lines of several threads or processes do not mix; and none if
     * whoever reads them does not read, for the loop would wait for him. */
    if (length > 0 && poll(&ready, 1, 0) == 1 && write(STDERR_FILENO, line, (size_t)length) < 0)
        return; /* there is nobody left to tell */
}

static void (*write_log)(enum asyncore_log_type type, const char *message) = write_to_stderr;

void asyncore_set_log(void (*write)(enum asyncore_log_type type, const char *message))
{
    write_log = write != NULL ? write : write_to_stderr;
}

void asyncore__write_log(enum asyncore_log_type type, const char *message)
{
    write_log(type, message);
}

const char *asyncore__strerror(int error, char *text, size_t size)
{
    text[0] = '\0';
    (void)strerror_r(error, text, size); /* it has a text for what is no errno, too */
    return text;
}

void asyncore_set_ignore_log_types(struct asyncore_dispatcher *self, unsigned types)
{
    if (asyncore__check(self) == 0)
        self->ignore_log_types = (unsigned char)types;
}

/* self.log_info(format % ..., type) */
void asyncore__log_infof(struct asyncore_dispatcher *self, enum asyncore_log_type type,
                         const char *format, ...)
{
    char message[480];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    asyncore_log_info(self, message, type);
}
