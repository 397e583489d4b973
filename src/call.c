/*
 * call.c - calls that other threads want made in the loop's thread: what they pushed is taken all at
 * once, and turned around, for the last one pushed is the first one found.
 */
#include "trace.h"

#include <errno.h>

int asyncore_call_soon_threadsafe(struct asyncore_call *self,
                                  void (*target)(struct asyncore_call *self),
                                  struct asyncore_map *map)
{
    if (self == NULL || target == NULL)
        return -EINVAL;
    map = asyncore__map(map);
    /* What the caller wrote before, target will see, whoever of them queued it. */
    if (__atomic_exchange_n(&self->queued, 1, __ATOMIC_ACQ_REL) != 0)
        return 0;
    self->target = target;
    self->next = atomic_load(&map->calls);
    while (!atomic_compare_exchange_weak(&map->calls, &self->next, self))
        ;
    asyncore_wakeup(map);
    return 0;
}

static struct asyncore_call *take_all(struct asyncore_map *map)
{
    struct asyncore_call *last = atomic_exchange(&map->calls, NULL), *first = NULL;

    while (last != NULL) {
        struct asyncore_call *call = last;

        last = call->next;
        call->next = first;
        first = call;
    }
    return first;
}

/* From here on it may be queued again. */
static struct asyncore_call *take_one(struct asyncore_call **calls)
{
    struct asyncore_call *call = *calls;

    *calls = call->next;
    __atomic_exchange_n(&call->queued, 0, __ATOMIC_ACQ_REL);
    return call;
}

void asyncore__calls_run(struct asyncore_map *map)
{
    struct asyncore_call *calls = take_all(map);

    while (calls != NULL) {
        struct asyncore_call *call = calls;
        void (*const target)(struct asyncore_call * self) = call->target;
        struct asyncore__frame frame;

        take_one(&calls);
        map->dead_sought = false;
        asyncore__calls_target(&frame, map, "call", 0);
        target(call);
        asyncore__returned(&frame, 0);
    }
}

void asyncore__calls_drop(struct asyncore_map *map)
{
    struct asyncore_call *calls = take_all(map);

    while (calls != NULL)
        take_one(&calls);
}

int asyncore__calls_check(const struct asyncore_map *map)
{
    const struct asyncore_call *call = atomic_load(&map->calls);

    if (asyncore__is_circular(call, offsetof(struct asyncore_call, next)))
        return asyncore__disagree("a call is queued twice");
    for (; call != NULL; call = call->next)
        if (__atomic_load_n(&call->queued, __ATOMIC_ACQUIRE) == 0 || call->target == NULL)
            return asyncore__disagree("call %p was written over, or freed, while it was queued",
                                      (const void *)call);
    return 0;
}
