/* serve.c - the dispatchers, see serve.h. */
#include "serve.h"

#include "clock.h"
#include "log.h"
#include "rate_limit.h"
#include "stop.h"
#include "time_datagram.h"
#include "time_server.h"

#include <inttypes.h>
#include <poll.h>
#include <unistd.h>

static const struct timed_options *options;
static struct time_server servers[TIMED_SOCKETS];
static struct time_datagram datagrams[TIMED_SOCKETS];
static size_t server_count, datagram_count, open_count;
static bool ended; /* because we want it so */
static struct rate_limit limit;

/* ==================================================
 * what is done beside answering
 */

static struct asyncore_timer waiting; /* --verbose: a second in which nobody came */
static struct asyncore_timer idle;    /* --idle */

static void still_waiting(struct asyncore_timer *self)
{
    (void)self;
    timed_log(LOG_INFO, "still waiting");
}

static void idle_for_so_long(struct asyncore_timer *self)
{
    (void)self;
    timed_stop();
}

/* Who floods us shall not flood the log as well. */
static void tell_of_limit(const struct sockaddr *addr, socklen_t addrlen)
{
    static time_t told_at;
    static uint64_t refused;
    struct timespec now = {0};
    char text[ASYNCORE_ADDRSTRLEN];

    refused++;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (told_at != 0 && now.tv_sec < told_at + 10)
        return;
    told_at = now.tv_sec;
    timed_log(LOG_NOTICE, "%" PRIu64 " requests over the limit, the last from %s", refused,
              asyncore_ntop(addr, addrlen, text, sizeof text));
    refused = 0;
}

static void tell(const char *what, const struct sockaddr *addr, socklen_t addrlen,
                 enum time_outcome outcome)
{
    char text[ASYNCORE_ADDRSTRLEN];

    asyncore_ntop(addr, addrlen, text, sizeof text);
    if (outcome == TIME_ANSWERED)
        timed_log(LOG_INFO, "%s from %s", what, text);
    else
        timed_log(LOG_INFO, "%s from %s: %s", what, text, time_outcome_name(outcome));
}

static void heard(const char *what, const struct sockaddr *addr, socklen_t addrlen,
                  enum time_outcome outcome)
{
    static int64_t answered;

    if (options->verbose) {
        asyncore_reset(&waiting);
        tell(what, addr, addrlen, outcome);
    }
    if (options->idle > 0)
        asyncore_reset(&idle);
    if (outcome == TIME_LIMITED)
        tell_of_limit(addr, addrlen);
    if ((outcome == TIME_ANSWERED || outcome == TIME_LATER) && ++answered == options->once)
        timed_stop();
}

static void heard_tcp(struct time_service *self, const struct sockaddr *addr, socklen_t addrlen,
                      enum time_outcome outcome)
{
    (void)self;
    heard("connection", addr, addrlen, outcome);
}

static void heard_udp(struct time_service *self, const struct sockaddr *addr, socklen_t addrlen,
                      enum time_outcome outcome)
{
    (void)self;
    heard("datagram", addr, addrlen, outcome);
}

/* ==================================================
 * the beginning
 */

/* Other sockets than those that are served, those to processes of our own, may keep the loop running. */
static void is_gone(void)
{
    if (--open_count == 0 && !ended)
        asyncore_stop(NULL);
}

static void server_destroy(struct asyncore_dispatcher *self)
{
    time_server_class.destroy(self);
    is_gone();
}

static void datagram_destroy(struct asyncore_dispatcher *self)
{
    (void)self;
    is_gone();
}

static const struct asyncore_class server_class = {
    .name = "time_server",
    .super = &time_server_class,
    .destroy = server_destroy,
};

static const struct asyncore_class datagram_class = {
    .name = "time_datagram",
    .super = &time_datagram_class,
    .destroy = datagram_destroy,
};

static int serve_tcp(int fd)
{
    struct time_server *server = &servers[server_count];
    const int rc = time_server_init_socket(server, &server_class, fd, NULL);

    if (rc < 0)
        return rc;
    open_count++;
    server_count++;
    server->service.clock = timed_clock;
    server->service.heard = heard_tcp;
    if (options->limit_tcp)
        server->service.limit = &limit;
    return 0;
}

static int serve_udp(int fd)
{
    struct time_datagram *datagram = &datagrams[datagram_count];
    const int rc = time_datagram_init_socket(datagram, &datagram_class, fd, NULL);

    if (rc < 0)
        return rc;
    open_count++;
    datagram_count++;
    datagram->any_port = options->udp_any_port;
    datagram->service.clock = timed_clock;
    datagram->service.heard = heard_udp;
    if (options->rate > 0)
        datagram->service.limit = &limit;
    return 0;
}

static int begin_timers(void)
{
    int rc = 0;

    if (options->verbose)
        rc = asyncore_call_every(&waiting, 1, still_waiting, NULL);
    if (rc == 0 && options->idle > 0)
        rc = asyncore_call_later(&idle, (double)options->idle, idle_for_so_long, NULL);
    return rc;
}

int timed_serve(const struct timed_sockets *sockets, const struct timed_options *given)
{
    int rc = 0;

    options = given;
    if (options->rate > 0)
        rc = rate_limit_init(&limit, options->rate, options->burst);
    for (size_t i = 0; i < sockets->count; i++) {
        const struct timed_socket *socket = &sockets->list[i];

        if (rc < 0)
            close(socket->fd);
        else
            rc = socket->type == SOCK_STREAM ? serve_tcp(socket->fd) : serve_udp(socket->fd);
    }
    return rc == 0 ? begin_timers() : rc;
}

/* ==================================================
 * the end
 */

/* Those who wait now, and not all who come while they are answered: others may come for ever. */
static void accept_waiting(struct asyncore_dispatcher *server)
{
    enum { TURNS = TIME_BACKLOG / 64 + 1 }; /* in each asyncore_accept_many() takes so many */
    struct pollfd ready = {.fd = asyncore_fileno(server), .events = POLLIN};

    for (int i = 0; i < TURNS && poll(&ready, 1, 0) == 1 && ready.revents == POLLIN; i++)
        asyncore_read(server);
}

void timed_serve_waiting(void)
{
    for (size_t i = 0; i < server_count; i++)
        accept_waiting(&servers[i].base);
}

void timed_serve_end(void)
{
    ended = true;
    asyncore_cancel(&waiting);
    asyncore_cancel(&idle);
    for (size_t i = 0; i < server_count; i++)
        asyncore_close(&servers[i].base);
    for (size_t i = 0; i < datagram_count; i++)
        asyncore_close(&datagrams[i].base);
}

/* ==================================================
 * the counts
 */

static void add(uint64_t sum[TIME_OUTCOMES], const struct time_service *service)
{
    for (int i = 0; i < TIME_OUTCOMES; i++)
        sum[i] += service->counts[i];
}

struct timed_counts timed_serve_counts(void)
{
    struct timed_counts counts = {0};

    for (size_t i = 0; i < server_count; i++) {
        add(counts.tcp, &servers[i].service);
        counts.starved += servers[i].starved;
    }
    for (size_t i = 0; i < datagram_count; i++)
        add(counts.udp, &datagrams[i].service);
    return counts;
}
