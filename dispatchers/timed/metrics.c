/* metrics.c - a file for Prometheus, see metrics.h. */
#include "metrics.h"

#include "log.h"
#include "serve.h"

#include <asyncore.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SECONDS = 15, TEXT = 4096 };

static int directory = -1;
static char file[NAME_MAX + 1], beside[NAME_MAX + 1];
static struct asyncore_timer timer;

/* ==================================================
 * the text
 */

static size_t add(char *text, size_t length, const char *transport,
                  const uint64_t counts[TIME_OUTCOMES])
{
    for (enum time_outcome i = 0; i < TIME_OUTCOMES; i++)
        length +=
            (size_t)snprintf(text + length, TEXT - length,
                             "timed_requests_total{transport=\"%s\",outcome=\"%s\"} %" PRIu64 "\n",
                             transport, time_outcome_name((enum time_outcome)i), counts[i]);
    return length;
}

/* All of it fits: the numbers have 20 digits at most. */
static size_t render(char text[TEXT])
{
    const struct timed_counts counts = timed_serve_counts();
    size_t length = (size_t)snprintf(
        text, TEXT,
        "# HELP timed_requests_total Requests, by transport and by what became of them.\n"
        "# TYPE timed_requests_total counter\n");

    length = add(text, length, "tcp", counts.tcp);
    length = add(text, length, "udp", counts.udp);
    length += (size_t)snprintf(text + length, TEXT - length,
                               "# HELP timed_no_descriptor_total How often there was no descriptor "
                               "for a client.\n"
                               "# TYPE timed_no_descriptor_total counter\n"
                               "timed_no_descriptor_total %" PRIu64 "\n",
                               counts.starved);
    return length;
}

/* ==================================================
 * the file: written beside, and put in its place, so that nobody reads half of it
 */

static int write_beside(void)
{
    char text[TEXT];
    const size_t length = render(text);
    const int fd =
        openat(directory, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = write(fd, text, length);
    if (n >= 0 && n != (ssize_t)length)
        errno = ENOSPC;
    if (n != (ssize_t)length) {
        const int error = errno;

        close(fd);
        return -error;
    }
    return close(fd) < 0 ? -errno : 0;
}

int timed_metrics_write(void)
{
    int rc;

    if (directory < 0)
        return 0;
    rc = write_beside();
    if (rc == 0 && renameat(directory, beside, directory, file) < 0)
        rc = -errno;
    return rc;
}

static void write_now(struct asyncore_timer *self)
{
    const int rc = timed_metrics_write();

    (void)self;
    if (rc < 0)
        timed_log(LOG_WARNING, "metrics file %s: %s", file, strerror(-rc));
}

/* ==================================================
 * the beginning and the end
 */

static int open_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char name[PATH_MAX];

    if (slash == NULL)
        return open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(name, sizeof name, "%.*s", (int)(slash - path) + 1, path);
    return open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void timed_metrics_close(void)
{
    asyncore_cancel(&timer);
    if (directory >= 0)
        close(directory);
    directory = -1;
}

int timed_metrics_begin(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    int rc;

    if (name[0] == '\0')
        return -EISDIR;
    if (strlen(path) >= PATH_MAX || strlen(name) + sizeof ".new" > sizeof beside)
        return -ENAMETOOLONG;
    snprintf(file, sizeof file, "%s", name);
    snprintf(beside, sizeof beside, "%s.new", name);
    directory = open_directory(path);
    if (directory < 0)
        return -errno;
    rc = timed_metrics_write();
    if (rc == 0)
        rc = asyncore_call_every(&timer, SECONDS, write_now, NULL);
    if (rc < 0)
        timed_metrics_close();
    return rc;
}

void timed_metrics_end(void)
{
    if (directory >= 0)
        write_now(&timer);
    timed_metrics_close();
}

int timed_metrics_directory(void)
{
    return directory;
}
