/*
 * poller_select.c - the poller that asyncore began with: select().
 *
 * fd_set is a bit field of FD_SETSIZE bits, and FD_SET() beyond that writes over what lies behind.
 * The kernels of Linux and the BSDs read as many bits as they are told to, so here the sets are
 * allocated, as long as the highest descriptor asks for.
 */
#include "poller.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/select.h>
#include <sys/time.h>

#ifdef ASYNCORE__SELECT_LIMIT /* to test what systems with a limit do */
enum { LIMIT = ASYNCORE__SELECT_LIMIT };
#elif defined(__linux__) || defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__) || \
    defined(__DragonFly__)
enum { LIMIT = 1 << 30 };
#else
enum { LIMIT = FD_SETSIZE };
#endif

enum { R, W, E, SETS };

struct select_state {
    size_t words;            /* in each set */
    fd_mask *asked[SETS];    /* what is watched */
    fd_mask *answered[SETS]; /* what select() left of it */
};

static const unsigned events[SETS] = {ASYNCORE__READ, ASYNCORE__WRITE | ASYNCORE__CONNECT,
                                      ASYNCORE__EXPT};

static fd_mask bit(int fd)
{
    return (fd_mask)(1UL << (fd % (int)NFDBITS));
}

static size_t word(int fd)
{
    return (size_t)fd / (size_t)NFDBITS;
}

/* fd_mask is signed here, unsigned there, and not as long as a long everywhere. */
static unsigned long bits(fd_mask mask)
{
    return (unsigned long)mask & (~0UL >> (8 * sizeof(unsigned long) - (size_t)NFDBITS));
}

static int select_open(struct asyncore_map *map)
{
    map->poller_state = calloc(1, sizeof(struct select_state));
    return map->poller_state != NULL ? 0 : -ENOMEM;
}

static void select_close(struct asyncore_map *map)
{
    struct select_state *state = map->poller_state;

    free(state->asked[0]); /* the six sets are one piece */
    free(state);
}

static int select_reserve(struct asyncore_map *map, int fd)
{
    struct select_state *state = map->poller_state;
    size_t words;
    fd_mask *sets;

    if (fd >= LIMIT)
        return -EMFILE;
    if (word(fd) < state->words)
        return 0;
    words = 2 * (word(fd) + 1);
    sets = calloc(words * 2 * SETS, sizeof *sets);
    if (sets == NULL)
        return -ENOMEM;
    for (size_t i = 0; state->words > 0 && i < SETS; i++)
        memcpy(sets + i * words, state->asked[i], state->words * sizeof *sets);
    free(state->asked[0]);
    for (size_t i = 0; i < SETS; i++) {
        state->asked[i] = sets + i * words;
        state->answered[i] = sets + (SETS + i) * words;
    }
    state->words = words;
    return 0;
}

static int select_watch(struct asyncore_map *map, struct asyncore_channel *channel,
                        unsigned interest)
{
    struct select_state *state = map->poller_state;
    const int fd = channel->fd;

    for (size_t i = 0; i < SETS; i++) {
        if ((interest & events[i]) != 0)
            state->asked[i][word(fd)] |= bit(fd);
        else
            state->asked[i][word(fd)] &= (fd_mask)~bit(fd);
    }
    return 0;
}

/* Rounded up, lest a pass be made before its time.  NULL: for ever. */
static struct timeval *timeval(int64_t nanoseconds, struct timeval *tv)
{
    const int64_t longest = 100000000; /* seconds, three years; some systems refuse more */
    const int64_t microseconds = (nanoseconds + 999) / 1000;

    if (nanoseconds < 0)
        return NULL;
    tv->tv_sec = (time_t)(microseconds / 1000000 < longest ? microseconds / 1000000 : longest);
    tv->tv_usec = (suseconds_t)(microseconds % 1000000);
    return tv;
}

static size_t words_in_use(const struct select_state *state)
{
    size_t n = state->words;

    while (n > 0 && (state->asked[R][n - 1] | state->asked[W][n - 1] | state->asked[E][n - 1]) == 0)
        n--;
    return n;
}

static void find(struct asyncore_map *map, size_t words)
{
    const struct select_state *state = map->poller_state;

    for (size_t i = 0; i < words; i++) {
        const unsigned long r = bits(state->answered[R][i]), w = bits(state->answered[W][i]);
        const unsigned long e = bits(state->answered[E][i]);

        for (unsigned long any = r | w | e; any != 0; any &= any - 1) {
            const unsigned long b = any & -any; /* the lowest of them */
            const int fd = (int)(i * (size_t)NFDBITS) + __builtin_ctzl(any);

            asyncore__found(map, asyncore__find(map, fd),
                            ((r & b) != 0 ? ASYNCORE__READ : 0U) |
                                ((w & b) != 0 ? ASYNCORE__WRITE : 0U) |
                                ((e & b) != 0 ? ASYNCORE__EXPT : 0U));
        }
    }
}

static int select_wait(struct asyncore_map *map, int64_t timeout)
{
    struct select_state *state = map->poller_state;
    struct timeval tv;

    for (;;) {
        const size_t words = words_in_use(state);
        int n;

        for (size_t i = 0; words > 0 && i < SETS; i++)
            memcpy(state->answered[i], state->asked[i], words * sizeof(fd_mask));
        n = select((int)(words * (size_t)NFDBITS), (fd_set *)state->answered[R],
                   (fd_set *)state->answered[W], (fd_set *)state->answered[E],
                   timeval(timeout, &tv));
        if (n > 0)
            find(map, words);
        if (n >= 0)
            return 0;
        /* After an error the sets say nothing.  One descriptor that is not open fails the whole
         * call: find out which, and leave it out. */
        if (errno != EBADF)
            return -errno;
        if (asyncore__find_dead(map) == 0)
            return -EBADF;
        timeout = 0;
    }
}

static int select_check(const struct asyncore_map *map, const struct asyncore_channel *channel)
{
    const struct select_state *state = map->poller_state;
    const int fd = channel->fd;
    int count = 0;

    if (channel->interest == 0) /* then there need not even be room for it */
        return 0;
    if (word(fd) >= state->words)
        return -1;
    for (size_t i = 0; i < SETS; i++) {
        const bool is_asked = (state->asked[i][word(fd)] & bit(fd)) != 0;

        if (is_asked != ((channel->interest & events[i]) != 0))
            return -1;
        count += is_asked;
    }
    return count;
}

static size_t select_entries(const struct asyncore_map *map)
{
    const struct select_state *state = map->poller_state;
    size_t count = 0;

    for (size_t i = 0; i < SETS; i++)
        for (size_t n = 0; n < state->words; n++)
            for (unsigned long any = bits(state->asked[i][n]); any != 0; any &= any - 1)
                count++;
    return count;
}

const struct asyncore__poller asyncore__select_poller = {
    .name = "select",
    .open = select_open,
    .close = select_close,
    .reserve = select_reserve,
    .watch = select_watch,
    .wait = select_wait,
    .check = select_check,
    .entries = select_entries,
};
