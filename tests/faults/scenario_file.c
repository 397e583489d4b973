/* scenario_file.c - file_dispatcher: pipes, and files, which are always ready. */
#define _GNU_SOURCE /* pipe2 */
#include "client.h"
#include "scenarios.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct asyncore_dispatcher reader, writer;
static int ends[2];
static char received[64];
static size_t length, sent;
static bool ended, broken;

static int reader_handle_read(struct asyncore_dispatcher *self)
{
    const ssize_t n = asyncore_recv(self, received + length, sizeof received - length);

    if (n > 0)
        length += (size_t)n;
    return n < 0 ? (int)n : 0;
}

static int reader_handle_close(struct asyncore_dispatcher *self)
{
    ended = true;
    told(asyncore_close(self));
    return 0;
}

static const struct asyncore_class reader_class = {
    .name = "reader",
    .super = &asyncore_file_dispatcher_class,
    .writable = asyncore_never,
    .handle_read = reader_handle_read,
    .handle_close = reader_handle_close,
    .handle_error = note_handle_error,
};

static const char text[] = "through the pipe";

static int writer_handle_write(struct asyncore_dispatcher *self)
{
    const ssize_t n = asyncore_send(self, text + sent, sizeof text - sent);

    if (n < 0)
        return (int)n;
    sent += (size_t)n;
    if (sent == sizeof text)
        told(asyncore_close(self));
    return 0;
}

static const struct asyncore_class writer_class = {
    .name = "writer",
    .super = &asyncore_file_dispatcher_class,
    .readable = asyncore_never,
    .handle_write = writer_handle_write,
    .handle_close = note_handle_close,
    .handle_error = note_handle_error,
};

static int open_reader(void)
{
    return asyncore_file_dispatcher_init(&reader, &reader_class, ends[0], NULL);
}

static int open_writer(void)
{
    return asyncore_file_dispatcher_init(&writer, &writer_class, ends[1], NULL);
}

static bool are_over(void)
{
    return asyncore_fileno(&reader) < 0 && asyncore_fileno(&writer) < 0;
}

static bool is_blocking(int fd)
{
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

static bool pipe_once(void)
{
    length = sent = 0;
    ended = broken = false;
    expect(pipe2(ends, O_CLOEXEC) == 0);
    must(open_reader);
    must(open_writer);
    close(ends[1]);
    for (int i = 0; i < 40 && !are_over(); i++)
        pass();
    /* One that was closed before the other was done leaves it without an end. */
    asyncore_close(&reader);
    asyncore_close(&writer);
    expect(is_blocking(ends[0]) || fault_fired(FAULT_FIRST) > 0);
    close(ends[0]);
    return length == sizeof text && memcmp(received, text, sizeof text) == 0;
}

void scenario_pipe(void)
{
    while (!pipe_once())
        again();
}

/* Nobody reads any more: that is no SIGPIPE. */
void scenario_broken_pipe(void)
{
    expect(pipe2(ends, O_CLOEXEC) == 0);
    sent = 0;
    must(open_writer);
    close(ends[0]);
    for (int i = 0; i < 10 && asyncore_fileno(&writer) >= 0; i++)
        pass();
    expect(asyncore_fileno(&writer) < 0);
    close(ends[1]);
}

/* epoll does not take them, and whoever is always ready is kept in a list. */
void scenario_regular_file(void)
{
    char path[] = "/tmp/faults-XXXXXX";

    ends[0] = mkstemp(path);
    expect(ends[0] >= 0 && unlink(path) == 0);
    expect(write(ends[0], text, sizeof text) == sizeof text);
    for (;;) {
        expect(lseek(ends[0], 0, SEEK_SET) == 0);
        length = 0;
        must(open_reader);
        for (int i = 0; i < 10 && asyncore_fileno(&reader) >= 0; i++)
            pass();
        if (length == sizeof text)
            break;
        again();
    }
    asyncore_close(&reader);
    close(ends[0]);
}
