/*
 * system_log.c - see system_log.h.
 *
 * The C library's syslog() opens another socket when the log daemon has been started anew, which a
 * process that is shut in cannot; and it waits for a daemon that does not read.  A socket for
 * datagrams needs no other: the next message asks for the daemon by its path again.
 */
#include "system_log.h"

#include "command.h"

#ifdef __linux__

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int log_fd = -1;
static struct sockaddr_un daemon_addr;

void system_log_open(const char *path)
{
    tzset(); /* which reads a file */
    daemon_addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    snprintf(daemon_addr.sun_path, sizeof daemon_addr.sun_path, "%s", path);
    log_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (log_fd >= 0)
        (void)connect(log_fd, (const struct sockaddr *)&daemon_addr, sizeof daemon_addr);
}

/* As RFC 3164 has found it on the way, "<30>Nov  6 07:08:09 timed[10]: ...". */
static size_t format(int priority, const char *message, char *text, size_t size)
{
    const time_t now = time(NULL);
    char date[32];
    struct tm tm = {0};
    int length;

    localtime_r(&now, &tm);
    strftime(date, sizeof date, "%b %e %H:%M:%S", &tm);
    length = snprintf(text, size, "<%d>%s %s[%d]: %s", LOG_DAEMON | priority, date, command_name,
                      (int)getpid(), message);
    return (size_t)length < size ? (size_t)length : size - 1;
}

void system_log(int priority, const char *message)
{
    char text[1200];
    const size_t length = format(priority, message, text, sizeof text);
    const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;

    if (send(log_fd, text, length, flags) < 0)
        sendto(log_fd, text, length, flags, (const struct sockaddr *)&daemon_addr,
               sizeof daemon_addr);
}

void system_log_close(void)
{
    if (log_fd >= 0)
        close(log_fd);
    log_fd = -1;
}

#else

void system_log_open(const char *path)
{
    (void)path;
    openlog(command_name, LOG_PID | LOG_NDELAY, LOG_DAEMON);
}

void system_log(int priority, const char *message)
{
    syslog(priority, "%s", message);
}

void system_log_close(void)
{
    closelog();
}

#endif
