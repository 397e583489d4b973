/*
 * fuzz_events.c - bytes choose what happens to a map, and to those in it: they open, write, shut, reset,
 * close, in handlers and outside; timers, calls, pollers, other maps, passes; descriptors that are taken
 * away.  events_model.c knows what must be called, and that nothing else may be.
 */
#include "checked.h"
#include "events.h"
#include "virtual_time.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEPS = 200 };

struct world world;

static void no_signal_may_come(int signum)
{
    fuzz_fail("signal %d", signum);
}

/* Of those that the library may have, one bit for each that is open. */
static uint64_t open_descriptors(void)
{
    uint64_t set = 0;

    for (int fd = 0; fd < 48; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            set |= UINT64_C(1) << fd;
    return set;
}

static void begin(const uint8_t *data, size_t size)
{
    const char *given = getenv("ASYNCORE_POLLER");
    unsigned poller;

    memset(&world, 0, sizeof world);
    world.bytes = (struct bytes){data, size};
    virtual_now = SECOND;
    keep_quiet();
    signal(SIGPIPE, no_signal_may_come);
    poller = choose(&world.bytes, 3);
    for (int map = 0; map < MAPS; map++) {
        world.maps[map] = asyncore_map_new();
        expect(world.maps[map] != NULL);
        if (given == NULL && asyncore_poller_name(poller) != NULL)
            expect(asyncore_map_set_poller(world.maps[map], asyncore_poller_name(poller)) == 0);
    }
    for (int i = 0; i < CHARACTERS; i++)
        world.characters[i].peer = world.characters[i].fd = world.characters[i].in_map = -1;
}

static bool everybody_is_served(void)
{
    bool all = true;

    for (int i = 0; i < CHARACTERS; i++) {
        struct character *c = &world.characters[i];

        c->wants[READABLE] = true;
        c->wants[WRITABLE] = false;
        if (!c->open || c->in_map < 0 || c->wild || c->broken || c->urgent || !c->connected)
            continue;
        peer_reads(c);
        trace("%d has read %zu of %zu, its peer %zu of %zu\n", i, c->in.read, c->in.written,
              c->out.read, c->out.written);
        all = all && (c->kind == SILENT || c->in.read == c->in.written);
        all = all && (c->peer < 0 || c->out.read == c->out.written);
    }
    return all;
}

/* Nothing is chosen any more; whatever has been written arrives. */
static void settle_down(void)
{
    int passes = 100;

    while (!everybody_is_served()) {
        expect(passes-- > 0);
        for (int map = 0; map < MAPS; map++)
            model_pass(map, 0, false);
        model_check();
    }
}

static void end(void)
{
    for (int map = 0; map < MAPS; map++) {
        free_map(map);
        asyncore_map_free(world.maps[map]);
    }
    peers_close();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t before;

    peers_open();
    before = open_descriptors();
    begin(data, size);
    for (int i = 0; i < STEPS && world.bytes.left > 0; i++)
        act();
    settle_down();
    end();
    expect(open_descriptors() == before);
    return 0;
}
