/* rate_limit.c - a token bucket for each source, see rate_limit.h. */
#include "rate_limit.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

/* ==================================================
 * SipHash-2-4, by Aumasson and Bernstein: who does not know the key cannot choose addresses that fall
 * into the set of somebody else
 */

static inline uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static void sip_rounds(uint64_t v[4], int rounds)
{
    while (rounds-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_rounds(v, 2);
    v[0] ^= word;
}

uint64_t rate_limit_hash(const uint64_t key[2], uint64_t source)
{
    uint64_t v[4] = {
        key[0] ^ 0x736f6d6570736575,
        key[1] ^ 0x646f72616e646f6d,
        key[0] ^ 0x6c7967656e657261,
        key[1] ^ 0x7465646279746573,
    };

    sip_word(v, source);
    sip_word(v, (uint64_t)sizeof source << 56);
    v[2] ^= 0xff;
    sip_rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

/* ==================================================
 * sources
 */

/* No IPv6 network begins like this. */
static uint64_t source_4(const void *address)
{
    uint32_t in;

    memcpy(&in, address, sizeof in);
    return UINT64_MAX << 32 | in;
}

static uint64_t source_of(const struct sockaddr *addr)
{
    const struct in6_addr *in6 = &((const struct sockaddr_in6 *)(const void *)addr)->sin6_addr;
    uint64_t network;

    if (addr->sa_family == AF_INET)
        return source_4(&((const struct sockaddr_in *)(const void *)addr)->sin_addr);
    if (addr->sa_family != AF_INET6)
        return 0;
    /* On a socket of both families. */
    if (IN6_IS_ADDR_V4MAPPED(in6))
        return source_4(&in6->s6_addr[12]);
    memcpy(&network, in6->s6_addr, sizeof network);
    return network;
}

/* ==================================================
 * buckets
 */

int rate_limit_init(struct rate_limit *self, int64_t rate, int64_t burst)
{
    if (rate < 1 || rate > RATE_LIMIT_MAX || burst < 1 || burst > RATE_LIMIT_MAX)
        return -EINVAL;
    memset(self, 0, sizeof *self);
    self->interval = 1000000000 / rate;
    self->depth = burst * self->interval;
    return getentropy(self->key, sizeof self->key) < 0 ? -errno : 0;
}

/* That of this source; or, if it has none, the one that is, or was, full first. */
static struct rate_bucket *find(struct rate_limit *self, uint64_t source)
{
    struct rate_bucket *set = self->buckets[source % RATE_LIMIT_SETS], *oldest = set;

    for (int i = 0; i < RATE_LIMIT_WAYS; i++) {
        if (set[i].source == source)
            return &set[i];
        if (set[i].full_at < oldest->full_at)
            oldest = &set[i];
    }
    *oldest = (struct rate_bucket){.source = source};
    return oldest;
}

bool rate_limit_take(struct rate_limit *self, const struct sockaddr *addr, int64_t now)
{
    struct rate_bucket *bucket = find(self, rate_limit_hash(self->key, source_of(addr)));
    const int64_t full_at = (bucket->full_at > now ? bucket->full_at : now) + self->interval;

    if (full_at - now > self->depth)
        return false;
    bucket->full_at = full_at;
    return true;
}
