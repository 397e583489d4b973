/*
 * signal.c - signals: the handler only notes what came, and the loop calls.
 */
#include "trace.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <utlist.h>

#ifdef NSIG
enum { SIGNALS = NSIG };
#else
enum { SIGNALS = _NSIG };
#endif

/* All handlers of a signal, of whatever map.  A signal may come to any thread at any time, and walk
 * along the list while another thread changes it: so what is taken out is left as it is until
 * nobody walks any more. */
static struct {
    struct asyncore_signal_handler *first;
    struct sigaction old;
} signals[SIGNALS];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* for those who change lists */
static atomic_int walkers;

static struct asyncore_signal_handler *load(struct asyncore_signal_handler *const *link)
{
    return __atomic_load_n(link, __ATOMIC_SEQ_CST);
}

static void store(struct asyncore_signal_handler **link, struct asyncore_signal_handler *handler)
{
    __atomic_store_n(link, handler, __ATOMIC_SEQ_CST);
}

static void note(int signum)
{
    struct asyncore_signal_handler *handler;

    atomic_fetch_add(&walkers, 1);
    for (handler = load(&signals[signum].first); handler != NULL; handler = load(&handler->chain)) {
        __atomic_store_n(&handler->pending, 1, __ATOMIC_SEQ_CST);
        atomic_store(&handler->map->signalled, true);
        asyncore_wakeup(handler->map);
    }
    atomic_fetch_sub(&walkers, 1);
}

/* ==================================================
 * the list of a signal, and who handles it
 */

static int link_in(struct asyncore_signal_handler *self)
{
    const struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
    struct asyncore_signal_handler **first = &signals[self->signum].first;
    const bool is_first = *first == NULL;

    self->chain = *first;
    store(first, self);
    if (!is_first || sigaction(self->signum, &action, &signals[self->signum].old) == 0)
        return 0;
    store(first, NULL);
    return -errno;
}

static void link_out(struct asyncore_signal_handler *self)
{
    struct asyncore_signal_handler **link = &signals[self->signum].first;
    struct sigaction now;

    while (*link != self)
        link = &(*link)->chain;
    store(link, self->chain);
    if (signals[self->signum].first != NULL)
        return;
    /* Whoever has taken the signal for himself meanwhile keeps it. */
    if (sigaction(self->signum, NULL, &now) == 0 && now.sa_handler == note)
        sigaction(self->signum, &signals[self->signum].old, NULL);
}

/* ==================================================
 * what users see
 */

int asyncore_add_signal_handler(struct asyncore_signal_handler *self, int signum,
                                void (*target)(struct asyncore_signal_handler *self),
                                struct asyncore_map *map)
{
    int rc;

    if (self == NULL || target == NULL || signum < 1 || signum >= SIGNALS)
        return -EINVAL;
    if (self->map != NULL)
        return -EBUSY;
    self->target = target;
    self->signum = signum;
    self->pending = 0;
    self->map = asyncore__map(map);
    pthread_mutex_lock(&mutex);
    rc = link_in(self);
    pthread_mutex_unlock(&mutex);
    if (rc == 0)
        DL_APPEND(self->map->signal_handlers, self);
    else
        self->map = NULL;
    return rc;
}

void asyncore_remove_signal_handler(struct asyncore_signal_handler *self)
{
    struct asyncore_map *map = self != NULL ? self->map : NULL;

    if (map == NULL)
        return;
    pthread_mutex_lock(&mutex);
    link_out(self);
    pthread_mutex_unlock(&mutex);
    while (atomic_load(&walkers) > 0)
        sched_yield();
    if (map->signal_handling == self)
        map->signal_handling = self->next;
    DL_DELETE(map->signal_handlers, self);
    self->map = NULL;
}

/* ==================================================
 * what the loop sees
 */

void asyncore__signals_run(struct asyncore_map *map)
{
    struct asyncore_signal_handler *handler;
    struct asyncore__frame frame;

    atomic_store(&map->signalled, false); /* before the look at each, lest one be missed */
    for (handler = map->signal_handlers; handler != NULL; handler = map->signal_handling) {
        map->signal_handling = handler->next; /* which moves on by itself if that one is removed */
        if (__atomic_exchange_n(&handler->pending, 0, __ATOMIC_SEQ_CST) == 0)
            continue;
        map->dead_sought = false;
        asyncore__calls_target(&frame, map, "signal", (unsigned long)handler->signum);
        handler->target(handler);
        asyncore__returned(&frame, 0);
    }
}

void asyncore__signals_free(struct asyncore_map *map)
{
    while (map->signal_handlers != NULL)
        asyncore_remove_signal_handler(map->signal_handlers);
}

/* ==================================================
 * what asyncore_check() sees
 */

static bool is_linked_in(const struct asyncore_signal_handler *self)
{
    const struct asyncore_signal_handler *handler = NULL;

    if (self->signum > 0 && self->signum < SIGNALS)
        for (handler = signals[self->signum].first; handler != NULL && handler != self;)
            handler = handler->chain;
    return handler != NULL;
}

static bool is_in_order(const struct asyncore_signal_handler *self, const struct asyncore_map *map)
{
    const struct asyncore_signal_handler *first = map->signal_handlers, *next = self->next;

    return self->map == map && next != first && (next != NULL ? next : first)->prev == self &&
           is_linked_in(self);
}

int asyncore__signals_check(const struct asyncore_map *map)
{
    const struct asyncore_signal_handler *handler = map->signal_handlers;

    pthread_mutex_lock(&mutex);
    while (handler != NULL && is_in_order(handler, map))
        handler = handler->next;
    pthread_mutex_unlock(&mutex);
    if (handler == NULL)
        return 0;
    return asyncore__disagree("signal handler %p was written over, or freed, without "
                              "asyncore_remove_signal_handler()",
                              (const void *)handler);
}

/* ==================================================
 * fork: the child has the thread that forked and no other
 */

void asyncore__signals_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void asyncore__signals_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

void asyncore__signals_inherit(void)
{
    atomic_store(&walkers, 0);
}
