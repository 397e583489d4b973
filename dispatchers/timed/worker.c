/* worker.c - see worker.h. */
#include "worker.h"

#include "notify.h"
#include "spawn.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

static struct worker *workers;
static struct timed_counts counts_of_the_dead;

/* ==================================================
 * what it says
 */

/* Returns what asyncore_recv() does. */
static ssize_t hear_next(struct worker *self)
{
    char text[TIMED_NOTIFY_SIZE + 1];
    const ssize_t n = asyncore_recv(&self->base, text, sizeof text - 1);

    text[n > 0 ? n : 0] = '\0';
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        self->hear(self, line);
    return n;
}

/* Of one that has nothing to say any more, the end is waited for. */
static bool worker_readable(struct asyncore_dispatcher *self)
{
    return !((struct worker *)self)->is_silent;
}

static int worker_handle_read(struct asyncore_dispatcher *self)
{
    const ssize_t n = hear_next((struct worker *)self);

    return n < 0 ? (int)n : 0;
}

static int worker_handle_close(struct asyncore_dispatcher *self)
{
    ((struct worker *)self)->is_silent = true;
    return 0;
}

static void worker_destroy(struct asyncore_dispatcher *self)
{
    struct worker *worker = (struct worker *)self;

    DL_DELETE(workers, worker);
    free(worker);
}

static const struct asyncore_class worker_class = {
    .name = "worker",
    .super = &asyncore_dispatcher_class,
    .readable = worker_readable,
    .writable = asyncore_never,
    .handle_read = worker_handle_read,
    .handle_close = worker_handle_close,
    .destroy = worker_destroy,
};

/* ==================================================
 * its life
 */

int worker_start(struct worker **started, char *const *argv, const struct timed_sockets *sockets,
                 void (*hear)(struct worker *self, const char *line))
{
    struct worker *self = calloc(1, sizeof *self);
    int channel, rc;

    if (self == NULL)
        return -ENOMEM;
    self->hear = hear;
    self->pid = timed_spawn(argv, sockets, &channel);
    rc = self->pid < 0 ? (int)self->pid : asyncore_init(&self->base, &worker_class, channel, NULL);
    if (rc < 0) {
        if (self->pid > 0)
            kill(self->pid, SIGKILL);
        free(self);
        return rc;
    }
    DL_APPEND(workers, self);
    *started = self;
    return 0;
}

void worker_dismiss(struct worker *self, int signum)
{
    self->place = NULL;
    if (self->pid > 0)
        kill(self->pid, signum);
}

void worker_bury(struct worker *self)
{
    self->place = NULL;
    self->pid = 0; /* which may be another's by now */
    while (hear_next(self) > 0)
        ;
    timed_counts_add(&counts_of_the_dead, &self->counts);
    self->counts = (struct timed_counts){0};
    asyncore_close(&self->base);
}

/* ==================================================
 * all of them
 */

void worker_dismiss_all(int signum)
{
    struct worker *worker;

    DL_FOREACH (workers, worker)
        worker_dismiss(worker, signum);
}

struct worker *worker_find(pid_t pid)
{
    struct worker *worker;

    DL_SEARCH_SCALAR(workers, worker, pid, pid);
    return worker;
}

bool worker_is_left(void)
{
    return workers != NULL;
}

struct timed_counts worker_counts(void)
{
    struct timed_counts sum = counts_of_the_dead;
    struct worker *worker;

    DL_FOREACH (workers, worker)
        timed_counts_add(&sum, &worker->counts);
    return sum;
}
