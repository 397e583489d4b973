/*
 * fork.c - what a child must not share with its parent.  With the sockets it has inherited what wakes
 * the parent's loops and, on Linux, their epoll sets: it leaves them alone from the beginning, and
 * opens others when it needs them.
 */
#include "trace.h"

#include <pthread.h>
#include <utlist.h>

static struct asyncore_map *maps; /* those with a poller */
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static unsigned char process = 1;

static void before(void)
{
    pthread_mutex_lock(&mutex);
    asyncore__signals_lock();
    asyncore__file_fork_begins(); /* lest both write the same */
}

static void in_parent(void)
{
    asyncore__file_fork_ends();
    asyncore__signals_unlock();
    pthread_mutex_unlock(&mutex);
}

/* Other threads may have been at work on their maps when this one forked, and nobody goes on: what is
 * in there, and may be half done, is not looked at. */
static void inherit(struct asyncore_map *map)
{
    map->inherited = true;
    asyncore__wakeup_close(map);
}

static void in_child(void)
{
    struct asyncore_map *map;

    DL_FOREACH (maps, map) {
        inherit(map);
    }
    process = process % ASYNCORE__PROCESSES + 1;
    asyncore__signals_inherit();
    in_parent();
}

unsigned char asyncore__process(void)
{
    return process;
}

int asyncore__fork_add(struct asyncore_map *map)
{
    static bool prepared;
    int error = 0;

    pthread_mutex_lock(&mutex);
    if (!prepared)
        error = pthread_atfork(before, in_parent, in_child);
    if (error == 0) {
        prepared = true;
        DL_APPEND(maps, map);
    }
    pthread_mutex_unlock(&mutex);
    return -error;
}

void asyncore__fork_remove(struct asyncore_map *map)
{
    pthread_mutex_lock(&mutex);
    DL_DELETE(maps, map);
    pthread_mutex_unlock(&mutex);
}
