/*
 * rate_limit.h - how often each source may ask: a token bucket for each, in memory that does not grow.
 *
 * A source is an IPv4 address, or the first 64 bits of an IPv6 address, of which its owner has all the
 * others too.  A source that asks more often than it may is still answered as often as it may; others
 * do not notice.  When there are more sources than buckets, the ones that asked least are forgotten,
 * which does them no harm.
 */
#ifndef RATE_LIMIT_H
#define RATE_LIMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { RATE_LIMIT_SETS = 512, RATE_LIMIT_WAYS = 8, RATE_LIMIT_MAX = 1000000 };

struct rate_limit {
    int64_t interval; /* nanoseconds from one token to the next */
    int64_t depth;    /* nanoseconds in which an empty bucket is full again */
    uint64_t key[2];  /* nobody knows who shares a set with whom */
    struct rate_bucket {
        uint64_t source; /* its hash; 0: none */
        int64_t full_at; /* when it will be full, or was */
    } buckets[RATE_LIMIT_SETS][RATE_LIMIT_WAYS];
};

/* All buckets are full.
 *   rate   requests a second, 1 to RATE_LIMIT_MAX
 *   burst  requests at once, 1 to RATE_LIMIT_MAX
 * Returns 0, -EINVAL, or what getentropy() failed with. */
int rate_limit_init(struct rate_limit *self, int64_t rate, int64_t burst);

/* Takes a token from the bucket of addr, IPv4 or IPv6; other families are one source.
 *   now  nanoseconds on a clock that does not go back
 * Returns false if there is none. */
bool rate_limit_take(struct rate_limit *self, const struct sockaddr *addr, int64_t now);

/* SipHash-2-4 of the eight bytes of source, least first. */
uint64_t rate_limit_hash(const uint64_t key[2], uint64_t source);

#endif
