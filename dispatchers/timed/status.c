/* status.c - see status.h. */
#include "status.h"

#include "log.h"
#include "metrics.h"
#include "notify.h"
#include "parent.h"
#include "sandbox.h"
#include "serve.h"
#include "sockets.h"
#include "workers.h"

#include <asyncore.h>
#include <stdio.h>

enum { SECONDS = 15 };

static struct asyncore_timer timer;

static void tell_parent(const struct timed_counts *counts)
{
    char numbers[TIMED_COUNTS_TEXT], message[TIMED_NOTIFY_SIZE];

    snprintf(message, sizeof message, TIMED_COUNTS "%s",
             timed_counts_print(counts, numbers, sizeof numbers));
    timed_notify(message);
}

void timed_status_tell(void)
{
    const struct timed_counts counts = timed_serve_counts();
    char line[TIMED_COUNTS_TEXT];

    timed_notify_status(timed_counts_line(&counts, line, sizeof line));
    if (timed_has_parent())
        tell_parent(&counts);
}

static void write_file(void)
{
    const struct timed_counts counts = timed_serve_counts();

    timed_metrics_write(&counts);
}

void timed_status_say(void)
{
    timed_status_tell();
    write_file();
}

static void say(struct asyncore_timer *self)
{
    (void)self;
    timed_status_say();
}

int timed_status_begin(void)
{
    if (!timed_notify_is_open() && timed_metrics_directory() < 0)
        return 0;
    timed_status_tell();
    return asyncore_call_every(&timer, SECONDS, say, NULL);
}

void timed_status_end(void)
{
    asyncore_cancel(&timer);
    write_file();
}

/* A listener says itself where it is. */
static void log_dispatcher(const struct asyncore_dispatcher *dispatcher)
{
    char repr[TIMED_COUNTS_TEXT], text[ASYNCORE_ADDRSTRLEN];
    struct sockaddr_storage addr;
    socklen_t addrlen;

    asyncore_repr(dispatcher, repr, sizeof repr);
    if (asyncore_accepting(dispatcher) || asyncore_getsockname(dispatcher, &addr, &addrlen) < 0)
        timed_log(LOG_NOTICE, "%s", repr);
    else
        timed_log(LOG_NOTICE, "%s on %s", repr,
                  asyncore_ntop((struct sockaddr *)&addr, addrlen, text, sizeof text));
}

static void log_dispatchers(void)
{
    size_t left = asyncore_map_count(NULL);

    for (int fd = 0; left > 0; fd++) {
        const struct asyncore_dispatcher *dispatcher = asyncore_map_get(NULL, fd);

        if (dispatcher == NULL)
            continue;
        left--;
        if (timed_port_of(fd) < 0) /* leads to another process of ours */
            continue;
        log_dispatcher(dispatcher);
    }
}

void timed_status_log(void)
{
    const struct timed_counts counts = timed_serve_counts();
    char line[TIMED_COUNTS_TEXT];

    timed_log(LOG_NOTICE, "%s", timed_counts_line(&counts, line, sizeof line));
    log_dispatchers();
    timed_log(LOG_NOTICE, "%s", timed_sandbox_state());
}
