/* metrics.c - a file for Prometheus, see metrics.h. */
#include "metrics.h"

#include "log.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT = 4096 };

/* Behind the name, and in between a number of at most ten digits. */
#define BESIDE ".new"
#define LONGEST_BESIDE ".2147483647" BESIDE

static int directory = -1;
static char file[NAME_MAX + 1];
static char beside[NAME_MAX + 1]; /* with this process's number: in an upgrade two write the file */

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
static size_t render(const struct timed_counts *counts, char text[TEXT])
{
    size_t length = (size_t)snprintf(
        text, TEXT,
        "# HELP timed_requests_total Requests, by transport and by what became of them.\n"
        "# TYPE timed_requests_total counter\n");

    length = add(text, length, "tcp", counts->tcp);
    length = add(text, length, "udp", counts->udp);
    length += (size_t)snprintf(text + length, TEXT - length,
                               "# HELP timed_no_descriptor_total How often there was no descriptor "
                               "for a client.\n"
                               "# TYPE timed_no_descriptor_total counter\n"
                               "timed_no_descriptor_total %" PRIu64 "\n",
                               counts->starved);
    return length;
}

/* ==================================================
 * the file: written beside, and put in its place, so that nobody reads half of it
 */

/* Where others may write to the directory, what is there may be a fifo, at which an open() waits, or a
 * link to a file of ours: it is not opened. */
static int create_beside(void)
{
    unlinkat(directory, beside, 0);
    return openat(directory, beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
}

static int write_beside(const struct timed_counts *counts)
{
    char text[TEXT];
    const size_t length = render(counts, text);
    const int fd = create_beside();
    ssize_t n;
    int error;

    if (fd < 0)
        return -errno;
    n = write(fd, text, length);
    error = n < 0 ? errno : ENOSPC;
    if (close(fd) < 0)
        return -errno;
    return n == (ssize_t)length ? 0 : -error;
}

static int write_file(const struct timed_counts *counts)
{
    int rc = write_beside(counts);

    if (rc == 0 && renameat(directory, beside, directory, file) < 0)
        rc = -errno;
    if (rc < 0)
        unlinkat(directory, beside, 0);
    return rc;
}

/* Writes it beside and no further. */
static int try_to_write(const struct timed_counts *counts)
{
    const int rc = write_beside(counts);

    unlinkat(directory, beside, 0);
    return rc;
}

void timed_metrics_write(const struct timed_counts *counts)
{
    const int rc = directory >= 0 ? write_file(counts) : 0;

    if (rc < 0)
        timed_log(LOG_WARNING, "metrics file %s: %s", file, strerror(-rc));
}

/* ==================================================
 * what is beside it of processes that were killed while they wrote
 */

static bool is_left_over(const char *name)
{
    const size_t length = strlen(file);
    long pid;
    char *end;

    if (strncmp(name, file, length) != 0 || name[length] != '.')
        return false;
    pid = strtol(name + length + 1, &end, 10);
    return strcmp(end, BESIDE) == 0 && pid > 0 && kill((pid_t)pid, 0) < 0 && errno == ESRCH;
}

/* If it cannot be read, they stay. */
static void remove_left_over(void)
{
    const int fd = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *const entries = fd >= 0 ? fdopendir(fd) : NULL;
    const struct dirent *entry;

    if (entries == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    while ((entry = readdir(entries)) != NULL)
        if (is_left_over(entry->d_name))
            unlinkat(directory, entry->d_name, 0);
    closedir(entries);
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
    if (directory >= 0)
        close(directory);
    directory = -1;
}

int timed_metrics_begin(const char *path, bool another_writes)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    const struct timed_counts none = {0};
    int rc;

    if (name[0] == '\0')
        return -EISDIR;
    if (strlen(path) >= PATH_MAX || strlen(name) + sizeof LONGEST_BESIDE > sizeof beside)
        return -ENAMETOOLONG;
    snprintf(file, sizeof file, "%s", name);
    snprintf(beside, sizeof beside, "%s.%ld" BESIDE, name, (long)getpid());
    directory = open_directory(path);
    if (directory < 0)
        return -errno;
    remove_left_over();
    rc = another_writes ? try_to_write(&none) : write_file(&none);
    if (rc < 0)
        timed_metrics_close();
    return rc;
}

int timed_metrics_directory(void)
{
    return directory;
}
