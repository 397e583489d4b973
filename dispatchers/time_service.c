/* time_service.c - the Time protocol whatever the transport, see time_service.h. */
#include "time_service.h"

#include "rate_limit.h"

#include <errno.h>
#include <string.h>

void time_service_bytes(time_t now, unsigned char bytes[4])
{
    const uint32_t seconds = (uint32_t)((uint64_t)now + TIME1970);

    bytes[0] = (unsigned char)(seconds >> 24);
    bytes[1] = (unsigned char)(seconds >> 16);
    bytes[2] = (unsigned char)(seconds >> 8);
    bytes[3] = (unsigned char)seconds;
}

const char *time_outcome_name(enum time_outcome outcome)
{
    static const char *const names[TIME_OUTCOMES] = {
        [TIME_ANSWERED] = "answered",       [TIME_LATER] = "later",
        [TIME_UNSENT] = "unsent",           [TIME_UNKNOWN] = "unknown",
        [TIME_LIMITED] = "limited",         [TIME_SOURCE_PORT] = "source-port",
        [TIME_NOT_UNICAST] = "not-unicast", [TIME_TOO_LONG] = "too-long",
        [TIME_IS_ANSWER] = "is-answer",
    };

    return names[outcome];
}

static int system_clock(struct timespec *now)
{
    /* time() may still give the second that has just ended. */
    return clock_gettime(CLOCK_REALTIME, now);
}

void time_service_init(struct time_service *self)
{
    memset(self, 0, sizeof *self);
    self->clock = system_clock;
}

int time_service_bind(struct asyncore_dispatcher *self, int type, const struct sockaddr *addr,
                      socklen_t addrlen)
{
    const int on = 1;
    int rc = asyncore_create_socket(self, addr->sa_family, type);

    if (rc < 0)
        return rc;
    if (addr->sa_family == AF_INET6 &&
        setsockopt(asyncore_fileno(self), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
        return -errno;
    if (type == SOCK_STREAM)
        rc = asyncore_set_reuse_addr(self);
    return rc == 0 ? asyncore_bind(self, addr, addrlen) : rc;
}

bool time_service_admits(struct time_service *self, const struct sockaddr *addr)
{
    struct timespec now = {0};

    if (self->limit == NULL)
        return true;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return rate_limit_take(self->limit, addr, (int64_t)now.tv_sec * 1000000000 + now.tv_nsec);
}

void time_service_note(struct time_service *self, const struct sockaddr *addr, socklen_t addrlen,
                       enum time_outcome outcome)
{
    self->counts[outcome]++;
    if (self->heard != NULL)
        self->heard(self, addr, addrlen, outcome);
}
