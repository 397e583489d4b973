/* log.c - what timed says, see log.h. */
#include "log.h"

#include "command.h"
#include "system_log.h"

#include <asyncore.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 1024 };

static void write_text(int priority, const char *message);
static void (*write_message)(int priority, const char *message) = write_text;

/* ==================================================
 * the ways to write a message
 */

static void write_text(int priority, const char *message)
{
    (void)priority;
    fprintf(stderr, "%s\n", message);
}

/* systemd's journal takes the priority from the beginning of the line: sd-daemon(3). */
static void write_journal(int priority, const char *message)
{
    fprintf(stderr, "<%d>%s\n", priority, message);
}

/* The text, which is printable, as JSON has it; what does not fit is left out. */
static void escape(const char *text, char *buffer, size_t size)
{
    size_t length = 0;

    for (; *text != '\0' && length + 2 < size; text++) {
        if (*text == '"' || *text == '\\')
            buffer[length++] = '\\';
        buffer[length++] = *text;
    }
    buffer[length] = '\0';
}

static void write_json(int priority, const char *message)
{
    const time_t now = time(NULL);
    char date[64], text[2 * LINE];
    struct tm tm = {0};

    gmtime_r(&now, &tm);
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%SZ", &tm);
    escape(message, text, sizeof text);
    fprintf(stderr, "{\"time\":\"%s\",\"priority\":%d,\"message\":\"%s\"}\n", date, priority, text);
}

/* ==================================================
 * who calls
 */

static bool somebody_reads(void)
{
    struct pollfd ready = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&ready, 1, 0) == 1;
}

static void write_formatted(int priority, const char *prefix, const char *format, va_list args)
{
    char message[LINE];
    const int length = snprintf(message, sizeof message, "%s", prefix);

    vsnprintf(message + length, sizeof message - (size_t)length, format, args);
    command_make_printable(message);
    write_message(priority, message);
}

void timed_log(int priority, const char *format, ...)
{
    va_list args;

    if (write_message != system_log && !somebody_reads())
        return;
    va_start(args, format);
    write_formatted(priority, "", format, args);
    va_end(args);
}

void timed_fail(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_formatted(LOG_ERR, write_message == write_text ? "timed: " : "", format, args);
    va_end(args);
    timed_log_end();
    exit(status);
}

static void write_for_library(enum asyncore_log_type type, const char *message)
{
    static const int priorities[] = {LOG_INFO, LOG_INFO, LOG_WARNING, LOG_ERR};

    timed_log(priorities[type], "%s%s", type == ASYNCORE_ERROR ? "error: " : "", message);
}

/* ==================================================
 * which way
 */

/* Is standard error what systemd says is the way to the journal, "DEVICE:INODE"? */
static bool is_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    char own[64];

    if (stream == NULL || fstat(STDERR_FILENO, &status) < 0)
        return false;
    snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(stream, own) == 0;
}

/* Is it the socket that inetd has put there? */
static bool is_socket(void)
{
    struct stat status;

    return fstat(STDERR_FILENO, &status) == 0 && S_ISSOCK(status.st_mode);
}

void timed_log_begin(const struct timed_options *options)
{
    signal(SIGPIPE, SIG_IGN); /* whoever reads the messages may go away */
    if (options->syslog || (options->inetd && is_socket())) {
        system_log_open("/dev/log");
        write_message = system_log;
    } else if (options->log_json) {
        write_message = write_json;
    } else {
        write_message = is_journal() ? write_journal : write_text;
    }
    asyncore_set_log(write_for_library);
}

void timed_log_end(void)
{
    system_log_close();
}
