/*
 * trace_file.c - the file of ASYNCORE_TRACE=all:file.  Its lines are put together where they are written
 * from, many at a time; a stream would copy each, which costs as much again.
 */
#include "trace.h"

#include "trace_line.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

/* While there is one thread there is nothing to lock, which takes longer than many a number. */
#if defined(__has_include) && __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#define IS_ALONE (__libc_single_threaded != 0)
#else
#define IS_ALONE false
#endif

enum { ENOUGH = 16 * 1024, ROOM = ENOUGH + 2048 }; /* bytes; a longer line has memory of its own */

static int file = -1;
static bool is_json, is_colored;

/* What is not written yet, in whole lines.  Any thread may add some, and write all. */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct asyncore__line lines;
static char *end_of_lines;
static char room[ROOM];
static size_t enough = ENOUGH; /* so many bytes are written without waiting for more */

static void forget_lines(void)
{
    asyncore__line_free(&lines);
    end_of_lines = asyncore__line_begin(&lines, room, sizeof room);
}

/* What cannot be written is lost: who is traced goes on. */
__attribute__((noinline)) static void write_lines(void)
{
    for (const char *at = lines.bytes; at != end_of_lines;) {
        const ssize_t n = write(file, at, (size_t)(end_of_lines - at));

        if (n > 0)
            at += n;
        else if (n == 0 || errno != EINTR)
            break;
    }
    forget_lines();
}

__attribute__((noinline)) static void add_line(const struct asyncore_trace_event *event)
{
    /* The library alone calls this sink. */
    const struct asyncore__told *told = (const struct asyncore__told *)event;

    end_of_lines = is_json ? asyncore__json_line(&lines, end_of_lines, told)
                           : asyncore__text_line(&lines, end_of_lines, told, is_colored);
    if ((size_t)(end_of_lines - lines.bytes) >= enough)
        write_lines();
}

void asyncore__file_sink(const struct asyncore_trace_event *event, void *argument)
{
    (void)argument;
    if (IS_ALONE) {
        add_line(event);
        return;
    }
    pthread_mutex_lock(&mutex);
    add_line(event);
    pthread_mutex_unlock(&mutex);
}

/* ==================================================
 * the file
 */

bool asyncore__file_open(const char *name, bool json)
{
    const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;

    file = open(name, flags, 0666);
    if (file < 0)
        return false;
    forget_lines();
    is_json = json;
    is_colored = !json && asyncore__wants_color(file);
    if (isatty(file)) /* somebody reads along */
        enough = 0;
    if (json)
        end_of_lines += snprintf(end_of_lines, sizeof room,
                                 "{\"event\":\"trace\",\"version\":1,\"library\":\"%s\"}\n",
                                 asyncore_version());
    return true;
}

void asyncore__trace_flush(void)
{
    if (file < 0)
        return;
    pthread_mutex_lock(&mutex);
    write_lines();
    pthread_mutex_unlock(&mutex);
}

/* ---- where a signal handler forks or exits in the middle of a line, that is not waited for ---- */

void asyncore__file_fork_begins(void)
{
    if (asyncore__telling)
        return;
    pthread_mutex_lock(&mutex);
    write_lines();
}

void asyncore__file_fork_ends(void)
{
    if (!asyncore__telling)
        pthread_mutex_unlock(&mutex);
}

/* What is told later, by who is called at the end after this, is written at once. */
__attribute__((destructor)) static void end(void)
{
    if (asyncore__telling)
        return;
    enough = 0;
    asyncore__trace_flush();
}
