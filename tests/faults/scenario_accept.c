/* scenario_accept.c - a server that takes connections and echoes what they send. */
#include "peer.h"
#include "scenarios.h"

#include <asyncore_trace.h>
#include <errno.h>
#include <string.h>

/* ==================================================
 * the channel: what is not sent at once waits
 */

struct echo {
    struct asyncore_dispatcher base;
    char buffer[512];
    size_t length;
};

static bool echo_readable(struct asyncore_dispatcher *self)
{
    return ((struct echo *)self)->length == 0;
}

static bool echo_writable(struct asyncore_dispatcher *self)
{
    return ((struct echo *)self)->length > 0;
}

static int echo_handle_write(struct asyncore_dispatcher *self)
{
    struct echo *echo = (struct echo *)self;
    const ssize_t n = asyncore_send(self, echo->buffer, echo->length);

    if (n <= 0)
        return (int)n;
    echo->length -= (size_t)n;
    memmove(echo->buffer, echo->buffer + n, echo->length);
    return 0;
}

static int echo_handle_read(struct asyncore_dispatcher *self)
{
    struct echo *echo = (struct echo *)self;
    const ssize_t n = asyncore_recv(self, echo->buffer, sizeof echo->buffer);

    if (n <= 0)
        return (int)n;
    echo->length = (size_t)n;
    return echo_handle_write(self);
}

static void echo_destroy(struct asyncore_dispatcher *self)
{
    counted_free(self);
}

static const struct asyncore_class echo_class = {
    .name = "echo",
    .super = &asyncore_dispatcher_class,
    .readable = echo_readable,
    .writable = echo_writable,
    .handle_read = echo_handle_read,
    .handle_write = echo_handle_write,
    .handle_close = note_handle_close,
    .handle_error = note_handle_error,
    .destroy = echo_destroy,
};

/* ==================================================
 * the listener
 */

struct asyncore_dispatcher echo_server;

static int server_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    struct echo *echo = counted_calloc(sizeof *echo);
    const int rc =
        asyncore_init_accepted(&echo->base, &echo_class, fd, addr, addrlen, asyncore_get_map(self));

    if (rc < 0)
        counted_free(echo);
    return rc;
}

static const struct asyncore_class server_class = {
    .name = "server",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_accepted = server_handle_accepted,
};

int begin_echo_server(void)
{
    return listen_with(&echo_server, &server_class);
}

/* ==================================================
 * the scenarios
 */

static void serve(void)
{
    for (int i = 0; i < 3; i++)
        ask(&echo_server, "hello", "hello", 5);
    told(asyncore_close_all(NULL, false));
    expect(asyncore_map_count(NULL) == 0);
}

void scenario_echo_server(void)
{
    must(begin_echo_server);
    serve();
}

static void ignore_event(const struct asyncore_trace_event *event, void *argument)
{
    (void)event;
    (void)argument;
}

/* Who is traced asks the system in other places. */
void scenario_traced(void)
{
    asyncore_set_trace(~0U, ignore_event, NULL);
    scenario_echo_server();
    asyncore_set_trace(0, NULL, NULL);
}

/* There is no descriptor for the first connection, which waits for it; and nothing is lost. */
void scenario_starved_server(void)
{
    must(begin_echo_server);
    fault_arm(FAULT_SECOND, FAULT_accept4, 1, EMFILE);
    serve();
}
