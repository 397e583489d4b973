/* time_client.c - the Time protocol's client, see time_client.h. */
#include "time_client.h"

#include "time_service.h"

#include <errno.h>
#include <string.h>

/* ==================================================
 * what an answer says
 */

time_t time_client_nearest(uint32_t seconds, time_t now)
{
    return now + (int32_t)(seconds - (uint32_t)((uint64_t)now + TIME1970));
}

struct time_offset time_client_offset(uint32_t seconds, const struct timespec *answered_at,
                                      double round_trip)
{
    const time_t here = answered_at->tv_sec, there = time_client_nearest(seconds, here);
    /* The server may have looked at its clock just before the answer came, as the second began; or
     * when the question was asked, as the second ended. */
    const double low = (double)(there - here) - (double)answered_at->tv_nsec / 1e9;

    return (struct time_offset){low, low + 1 + round_trip};
}

/* ==================================================
 * what both have
 */

static struct time_client *client_of_timeout(struct asyncore_timer *timeout)
{
    return (struct time_client *)(void *)((char *)timeout - offsetof(struct time_client, timeout));
}

static struct time_client *client_of_again(struct asyncore_timer *again)
{
    return (struct time_client *)(void *)((char *)again - offsetof(struct time_client, again));
}

static void finish(struct time_client *client, int error)
{
    /* A timer may come due in the very pass in which it was closed: the outcome is known then. */
    if (asyncore_fileno(&client->base) < 0)
        return;
    client->error = error;
    asyncore_close(&client->base); /* and time_client_destroy() reports */
}

static void answered(struct time_client *client)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    client->round_trip = (double)(now.tv_sec - client->asked_at.tv_sec) +
                         (double)(now.tv_nsec - client->asked_at.tv_nsec) / 1e9;
    if (clock_gettime(CLOCK_REALTIME, &client->answered_at) < 0)
        finish(client, -errno);
    else
        finish(client, 0);
}

static void time_client_expired(struct asyncore_timer *timeout)
{
    finish(client_of_timeout(timeout), -ETIMEDOUT);
}

static void time_client_destroy(struct asyncore_dispatcher *self)
{
    struct time_client *client = (struct time_client *)self;
    const unsigned char *a = client->answer;

    asyncore_cancel(&client->timeout);
    asyncore_cancel(&client->again);
    if (client->done != NULL)
        client->done(client, client->error,
                     (uint32_t)a[0] << 24 | (uint32_t)a[1] << 16 | (uint32_t)a[2] << 8 | a[3]);
}

static int begin(struct time_client *self, const struct asyncore_class *cls, int type,
                 const struct sockaddr *addr, socklen_t addrlen, double timeout,
                 struct asyncore_map *map)
{
    int rc;

    *self = (struct time_client){.error = -ECANCELED};
    rc = asyncore_init(&self->base, cls, -1, map);
    if (rc < 0)
        return rc;
    rc = asyncore_call_later(&self->timeout, timeout, time_client_expired, map);
    if (rc == 0)
        rc = asyncore_create_socket(&self->base, addr->sa_family, type);
    clock_gettime(CLOCK_MONOTONIC, &self->asked_at);
    if (rc == 0)
        rc = asyncore_connect(&self->base, addr, addrlen);
    return rc;
}

/* Whoever could not even begin is closed, and hears of it by rc alone. */
static int begun(struct time_client *self, int rc,
                 void (*done)(struct time_client *self, int error, uint32_t seconds))
{
    if (rc < 0)
        asyncore_close(&self->base);
    else
        self->done = done;
    return rc;
}

/* ==================================================
 * TCP
 */

static int time_client_handle_connect(struct asyncore_dispatcher *self)
{
    (void)self;
    return 0;
}

static int time_client_handle_read(struct asyncore_dispatcher *self)
{
    struct time_client *client = (struct time_client *)self;
    const size_t left = sizeof client->answer - client->received;
    const ssize_t n = asyncore_recv(self, client->answer + client->received, left);

    if (n <= 0) /* at the end handle_close has been called */
        return (int)n;
    client->received += (size_t)n;
    if ((size_t)n == left)
        answered(client);
    return 0;
}

static int time_client_handle_close(struct asyncore_dispatcher *self)
{
    finish((struct time_client *)self, -EPROTO);
    return 0;
}

/* A server that resets once it has answered: the answer may still be there to be read. */
static int time_client_handle_error(struct asyncore_dispatcher *self, int error)
{
    struct time_client *client = (struct time_client *)self;
    const size_t left = sizeof client->answer - client->received;

    if (recv(asyncore_fileno(self), client->answer + client->received, left, MSG_DONTWAIT) ==
        (ssize_t)left)
        answered(client);
    else
        finish(client, error);
    return 0;
}

const struct asyncore_class time_client_class = {
    .name = "time_client",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never, /* there is nothing to write */
    .handle_connect = time_client_handle_connect,
    .handle_read = time_client_handle_read,
    .handle_close = time_client_handle_close,
    .handle_error = time_client_handle_error,
    .destroy = time_client_destroy,
};

int time_client_init(struct time_client *self, const struct asyncore_class *cls,
                     const struct sockaddr *addr, socklen_t addrlen, double timeout,
                     void (*done)(struct time_client *self, int error, uint32_t seconds),
                     struct asyncore_map *map)
{
    return begun(self, begin(self, cls, SOCK_STREAM, addr, addrlen, timeout, map), done);
}

/* ==================================================
 * UDP: the socket is connected, so that the system leaves strangers' datagrams aside, and says when
 * nobody listens
 */

static int ask(struct time_client *client)
{
    const ssize_t n = asyncore_sendto(&client->base, "", 0, NULL, 0);

    if (n >= 0 && ++client->questions == TIME_CLIENT_QUESTIONS)
        asyncore_cancel(&client->again);
    /* What cannot be sent just now is as good as lost. */
    return n == -EAGAIN || n == -ENOBUFS || n == -ENOMEM ? 0 : (int)n;
}

static int time_client_udp_handle_connect(struct asyncore_dispatcher *self)
{
    return ask((struct time_client *)self);
}

static void time_client_udp_asks_again(struct asyncore_timer *again)
{
    struct time_client *client = client_of_again(again);
    const int rc = ask(client);

    if (rc < 0)
        finish(client, rc);
}

static int time_client_udp_handle_read(struct asyncore_dispatcher *self)
{
    struct time_client *client = (struct time_client *)self;
    unsigned char datagram[sizeof client->answer + 1]; /* one that is longer is seen to be */
    const ssize_t n = asyncore_recvfrom(self, datagram, sizeof datagram, NULL, NULL);

    if (n < 0)
        return (int)n;
    if (n != (ssize_t)sizeof client->answer) {
        client->others++;
        return 0;
    }
    memcpy(client->answer, datagram, sizeof client->answer);
    client->received = sizeof client->answer;
    answered(client);
    return 0;
}

static int time_client_udp_handle_error(struct asyncore_dispatcher *self, int error)
{
    finish((struct time_client *)self, error);
    return 0;
}

const struct asyncore_class time_client_udp_class = {
    .name = "time_client_udp",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_connect = time_client_udp_handle_connect,
    .handle_read = time_client_udp_handle_read,
    .handle_error = time_client_udp_handle_error,
    .destroy = time_client_destroy,
};

int time_client_udp_init(struct time_client *self, const struct asyncore_class *cls,
                         const struct sockaddr *addr, socklen_t addrlen, double timeout,
                         void (*done)(struct time_client *self, int error, uint32_t seconds),
                         struct asyncore_map *map)
{
    int rc = begin(self, cls, SOCK_DGRAM, addr, addrlen, timeout, map);

    if (rc == 0)
        rc = asyncore_call_every(&self->again, timeout / TIME_CLIENT_QUESTIONS,
                                 time_client_udp_asks_again, map);
    return begun(self, rc, done);
}
