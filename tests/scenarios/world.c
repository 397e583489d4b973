/* world.c - the names of a scenario and what they stand for. */
#include "world.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <utlist.h>

_Noreturn void give_up(const char *why)
{
    fprintf(stderr, "replay: %s: %s\n", why, strerror(errno));
    exit(1);
}

int must(int result, const char *what)
{
    if (result < 0)
        give_up(what);
    return result;
}

/* Where it is one, an address that other tests do not use: a port that is closed here does not become
 * theirs. */
struct sockaddr_in loopback(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};

#ifdef __linux__
    addr.sin_addr.s_addr = inet_addr("127.8.6.8");
#else
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
#endif
    return addr;
}

void without_delay(int fd)
{
    must(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)), "TCP_NODELAY");
}

bool world_open(struct world *world, const char *poller)
{
    const struct sockaddr_in addr = loopback();

    memset(world, 0, sizeof *world);
    world->map = asyncore_map_new();
    if (world->map == NULL)
        give_up("asyncore_map_new");
    world->poller_is_given = poller != NULL;
    if (poller != NULL && asyncore_map_set_poller(world->map, poller) < 0) {
        asyncore_map_free(world->map); /* it has been said why */
        return false;
    }
    world->nowhere_fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    must(bind(world->nowhere_fd, (const struct sockaddr *)&addr, sizeof addr), "bind");
    return true;
}

struct sockaddr_in world_nowhere(const struct world *world)
{
    struct sockaddr_in addr;
    socklen_t addrlen = sizeof addr;

    must(getsockname(world->nowhere_fd, (struct sockaddr *)&addr, &addrlen), "getsockname");
    return addr;
}

struct character *world_character(struct world *world, const char *name)
{
    struct character *character;

    LL_FOREACH (world->characters, character)
        if (strcmp(character->name, name) == 0)
            return character;
    character = calloc(1, sizeof *character);
    if (character == NULL)
        give_up("calloc");
    strcpy(character->name, name);
    LL_PREPEND(world->characters, character);
    return character;
}

struct peer *world_peer(const struct world *world, const char *name)
{
    struct peer *peer;

    LL_FOREACH (world->peers, peer)
        if (strcmp(peer->name, name) == 0)
            return peer;
    return NULL;
}

void world_add_peer(struct world *world, const char *name, int fd, bool is_pipe)
{
    struct peer *peer = world_peer(world, name);

    if (peer == NULL) {
        peer = calloc(1, sizeof *peer);
        if (peer == NULL)
            give_up("calloc");
        strcpy(peer->name, name);
        peer->fd = -1;
        LL_PREPEND(world->peers, peer);
    }
    peer_close(peer);
    peer->fd = fd;
    peer->is_pipe = is_pipe;
}

void world_settle(struct world *world)
{
    if (world->stirred)
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    world->stirred = false;
}

void world_print_state(const struct world *world)
{
    const struct actor *actor;

    putchar('=');
    if (asyncore_map_count(world->map) == 0)
        fputs(" empty", stdout);
    DL_FOREACH (world->actors, actor) {
        const struct asyncore_dispatcher *dispatcher = &actor->is.base;

        if (asyncore_map_get(world->map, asyncore_fileno(dispatcher)) == dispatcher)
            printf(" %s[%s%s%s]", actor->character->name, asyncore_connected(dispatcher) ? "c" : "",
                   asyncore_accepting(dispatcher) ? "a" : "",
                   asyncore_connecting(dispatcher) ? "g" : "");
    }
    putchar('\n');
}

bool world_close(struct world *world)
{
    struct character *character, *next_character;
    struct peer *peer, *next_peer;
    bool all_destroyed;

    asyncore_map_free(world->map);
    all_destroyed = world->actors == NULL;
    LL_FOREACH_SAFE (world->characters, character, next_character) {
        for (int method = 0; method < METHODS; method++)
            actions_free(character->overridden[method]);
        free(character);
    }
    LL_FOREACH_SAFE (world->peers, peer, next_peer) {
        peer_close(peer);
        free(peer);
    }
    close(world->nowhere_fd);
    return all_destroyed;
}
