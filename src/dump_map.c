/*
 * dump_map.c - what is in a map, for who wonders why the loop does not end.
 */
#include "asynchat_internal.h"
#include "poller.h"

#include <stdio.h>

size_t asyncore__buffered(const struct asyncore_dispatcher *dispatcher)
{
    for (const struct asyncore_class *cls = dispatcher->cls; cls != NULL; cls = cls->super) {
        if (cls == &asyncore_dispatcher_with_send_class)
            return asyncore_out_buffer((const struct asyncore_dispatcher_with_send *)dispatcher);
        if (cls == &asynchat_async_chat_class)
            return asynchat_queued((const struct asynchat_async_chat *)dispatcher);
    }
    return 0;
}

static double seconds(int64_t nanoseconds)
{
    return (double)nanoseconds / ASYNCORE__SECOND;
}

/* ==================================================
 * a dispatcher
 */

static void dump_addresses(const struct asyncore_dispatcher *dispatcher, FILE *file)
{
    char text[ASYNCORE_ADDRSTRLEN];
    struct sockaddr_storage addr;
    socklen_t addrlen;

    if (asyncore_getsockname(dispatcher, &addr, &addrlen) == 0)
        fprintf(file, " %s", asyncore_ntop((struct sockaddr *)&addr, addrlen, text, sizeof text));
    if ((dispatcher->connected || dispatcher->connecting) &&
        asyncore_addr(dispatcher, &addr, &addrlen) == 0)
        fprintf(file, " with %s",
                asyncore_ntop((struct sockaddr *)&addr, addrlen, text, sizeof text));
}

static const char *flag(const struct asyncore_dispatcher *dispatcher)
{
    if (dispatcher->accepting)
        return ", listening";
    if (dispatcher->connecting)
        return ", connecting";
    return dispatcher->connected ? ", connected" : "";
}

/* Whose answers are known is asked now; the others said so in the last pass. */
static unsigned interest_of(const struct asyncore_channel *channel)
{
    struct asyncore_dispatcher *dispatcher = channel->dispatcher;

    if (channel->asks)
        return channel->interest;
    return asyncore__interest(dispatcher, asyncore__readable(dispatcher),
                              asyncore__writable(dispatcher));
}

static void dump_interest(const struct asyncore_map *map, const struct asyncore_channel *channel,
                          FILE *file)
{
    const unsigned interest = interest_of(channel);

    if (channel->dispatcher->accepting && map->accept_resume_at != 0) {
        fprintf(file, ", pauses for want of descriptors");
    } else if (interest == ASYNCORE__CONNECT) {
        fprintf(file, ", waits for the outcome of its connect");
    } else if (interest == 0) {
        fprintf(file, ", waits for nothing");
    } else {
        fprintf(file, ", waits to%s%s%s", (interest & ASYNCORE__READ) != 0 ? " read" : "",
                (interest & ASYNCORE__READ) != 0 && (interest & ASYNCORE__WRITE) != 0 ? " and" : "",
                (interest & ASYNCORE__WRITE) != 0 ? " write" : "");
    }
}

static void dump_channel(const struct asyncore_map *map, const struct asyncore_channel *channel,
                         FILE *file)
{
    const struct asyncore_dispatcher *dispatcher = channel->dispatcher;
    size_t buffered;

    if (asyncore__check(dispatcher) < 0) {
        fprintf(file,
                "  fd %d: its dispatcher was written over, or freed, without "
                "asyncore_close()\n",
                channel->fd);
        return;
    }
    fprintf(file, "  %s fd %d", asyncore__class_name(dispatcher->cls), channel->fd);
    dump_addresses(dispatcher, file);
    fprintf(file, "%s", flag(dispatcher));
    dump_interest(map, channel, file);
    buffered = asyncore__buffered(dispatcher);
    if (buffered > 0)
        fprintf(file, ", %zu bytes to send", buffered);
    if (channel->watched_at != 0)
        fprintf(file, ", for %.1f s", seconds(asyncore__now() - channel->watched_at));
    asyncore__timeouts_dump(dispatcher, file);
    if (dispatcher->created != NULL)
        fprintf(file, ", created at %s", asyncore__trace_created(dispatcher));
    fputc('\n', file);
}

/* ==================================================
 * the map
 */

void asyncore_dump_map(const struct asyncore_map *map, FILE *file)
{
    map = asyncore__map(map);
    fprintf(file, "%zu dispatchers, %zu timers", asyncore_map_count(map), map->timer_count);
    if (map->timer_count > 0)
        fprintf(file, ", the next in %.3f s",
                seconds(asyncore__until(asyncore__next_timer(map), -1)));
    if (asyncore__calls_wait(map))
        fprintf(file, ", calls are queued");
    if (map->poller != NULL)
        fprintf(file, ", waiting with %s", map->poller->name);
    fputc('\n', file);
    for (const struct asyncore_channel *c = map->channels; c != NULL; c = c->hh.next)
        dump_channel(map, c, file);
}
