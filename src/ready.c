/*
 * ready.c - what a pass found ready, in the order in which the dispatchers were added.
 */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

/* The room: for everybody twice, as one may be found dead besides; and as much again to sort in. */
int asyncore__ready_reserve(struct asyncore_map *map)
{
    const size_t need = 2 * asyncore__channel_limit(map);
    struct asyncore__ready *ready;

    if (need <= map->ready_size)
        return 0;
    ready = malloc(2 * (2 * need) * sizeof *ready);
    if (ready == NULL)
        return -ENOMEM;
    if (map->ready_count > 0) /* a handler adds a dispatcher */
        memcpy(ready, map->ready, map->ready_count * sizeof *ready);
    free(map->ready);
    map->ready = ready;
    map->ready_size = 2 * need;
    return 0;
}

static size_t end_of_run(const struct asyncore__ready *ready, size_t begin, size_t count)
{
    size_t end = begin + 1;

    while (end < count && ready[end - 1].generation <= ready[end].generation)
        end++;
    return end < count ? end : count;
}

/* Merges [begin, middle) and [middle, end). */
static void merge(const struct asyncore__ready *from, struct asyncore__ready *to, size_t begin,
                  size_t middle, size_t end)
{
    size_t left = begin, right = middle;

    for (size_t i = begin; i < end; i++) {
        const bool take_left =
            right == end || (left < middle && from[left].generation <= from[right].generation);

        to[i] = from[take_left ? left++ : right++];
    }
}

/* Poll by poll much the same peers answer, in much the same order, so that what a poller finds is
 * made of few ascending runs.  They are merged two by two until one is left. */
void asyncore__ready_sort(struct asyncore_map *map)
{
    const size_t count = map->ready_count;
    struct asyncore__ready *from = map->ready, *to = map->ready + map->ready_size;

    while (end_of_run(from, 0, count) < count) {
        struct asyncore__ready *merged = to;

        for (size_t begin = 0, middle, end; begin < count; begin = end) {
            middle = end_of_run(from, begin, count);
            end = middle < count ? end_of_run(from, middle, count) : middle;
            merge(from, to, begin, middle, end);
        }
        to = from;
        from = merged;
    }
    if (from != map->ready)
        memcpy(map->ready, from, count * sizeof *from);
}

void asyncore__ready_forget(const struct asyncore_dispatcher *self)
{
    struct asyncore_map *map = self->map;
    size_t i = map->ready_count;

    if (self->channel == NULL)
        return;
    while (i-- > 0 && map->ready[i].generation >= self->channel->generation)
        if (map->ready[i].generation == self->channel->generation)
            map->ready[i].events = 0;
}
