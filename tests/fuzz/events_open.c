/* events_open.c - how a dispatcher comes into the world, and gets another socket. */
#include "events.h"
#include "virtual_time.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct bytes *const bytes = &world.bytes;

/* ==================================================
 * any dispatcher
 */

static struct character *unused_character(void)
{
    for (int i = 0; i < CHARACTERS; i++)
        if (world.characters[i].actor == NULL && !world.characters[i].open)
            return &world.characters[i];
    return NULL;
}

static struct character *new_character(enum kind kind)
{
    struct character *c = unused_character();

    if (c == NULL)
        return NULL;
    if (c->peer >= 0)
        close(c->peer);
    memset(c, 0, sizeof *c);
    c->kind = kind;
    c->generation = ++world.serial;
    c->peer = c->fd = c->in_map = -1;
    c->wants[READABLE] = true;
    c->voice = (int)(c - world.characters);
    c->actor = calloc(1, sizeof *c->actor);
    expect(c->actor != NULL);
    c->actor->character = c;
    return c;
}

/* rc: who had its number and has lost it may have said "exit" to that. */
static bool began(int rc)
{
    if (rc == 0)
        return true;
    expect(world.is_wild && rc == asyncore_ExitNow);
    return false;
}

static void begins(struct character *c, int map)
{
    c->open = true;
    c->fd = asyncore_fileno(&c->actor->is.base);
    if (c->is_tcp)
        without_delay(c->fd);
    model_enters_map(c, map);
}

/* It never became a dispatcher. */
static void forget_actor(struct character *c)
{
    free(c->actor);
    c->actor = NULL;
}

static int init(struct character *c, int fd, struct asyncore_map *map)
{
    struct actor *actor = c->actor;
    int rc;

    if (c->kind == WITH_SEND)
        return asyncore_dispatcher_with_send_init(&actor->is, class_of(c->kind), fd, NULL, 0, map);
    if (!c->is_pipe)
        return asyncore_init(&actor->is.base, class_of(c->kind), fd, map);
    rc = asyncore_file_dispatcher_init(&actor->is.base, class_of(c->kind), fd, map);
    close(fd); /* it has made a dup() of it */
    return rc;
}

/* ==================================================
 * new sockets
 */

void open_connected(void)
{
    struct character *c = new_character(choose(bytes, KINDS));
    const unsigned which = choose(bytes, 8);
    const int map = some_map();

    if (c == NULL)
        return;
    if (!began(init(c, open_pair(c, which), world.maps[map]))) {
        forget_actor(c);
        return;
    }
    c->connected = true;
    begins(c, map);
}

static enum kind socket_kind(void)
{
    return choose(bytes, WITH_SEND + 1);
}

static struct character *open_socket(int map)
{
    struct character *c = new_character(socket_kind());

    if (c == NULL)
        return NULL;
    c->is_tcp = true;
    expect(init(c, -1, world.maps[map]) == 0);
    if (began(asyncore_create_socket(&c->actor->is.base, AF_INET, SOCK_STREAM))) {
        begins(c, map);
        return c;
    }
    c->belongs = map;
    close_character(c);
    return NULL;
}

/* May it still connect, or listen? */
static bool is_unused(const struct character *c)
{
    return c->fd >= 0 && c->is_tcp && !c->wild && c->tried == 0 && !c->accepting && c->peer < 0 &&
           !c->ended;
}

void listens(struct character *c)
{
    struct asyncore_dispatcher *self = &c->actor->is.base;
    struct sockaddr_in addr = loopback(0);
    socklen_t addrlen = sizeof addr;

    if (!is_unused(c))
        return;
    expect(asyncore_bind(self, (struct sockaddr *)&addr, addrlen) == 0);
    expect(asyncore_listen(self, 128) == 0);
    expect(getsockname(c->fd, (struct sockaddr *)&addr, &addrlen) == 0);
    c->accepting = true;
    c->port = addr.sin_port;
}

void open_listener(void)
{
    struct character *c = open_socket(some_map());

    if (c != NULL)
        listens(c);
}

void connects(struct character *c)
{
    const enum outcome outcome = choose(bytes, 3);
    const struct sockaddr_in addr = where(outcome);
    int rc;

    if (!is_unused(c))
        return;
    rc = asyncore_connect(&c->actor->is.base, (const struct sockaddr *)&addr, sizeof addr);
    if (rc == -EADDRNOTAVAIL) /* all ports are in use, for a moment */
        return;
    expect(rc == 0);
    c->tried = ++world.serial;
    c->outcome = outcome;
    c->connecting = true;
    c->connect_at = virtual_now;
    world.limited = ++world.serial;
    settle_connect(c);
}

void open_client(void)
{
    struct character *c = open_socket(some_map());

    if (c != NULL && choose(bytes, 4) != 1) /* or one that connects later, or never */
        connects(c);
}

/* ==================================================
 * sockets that were somebody's
 */

int adopt(struct asyncore_dispatcher *listener, int fd, const struct sockaddr *addr,
          socklen_t addrlen)
{
    const int peer = find_dialler(((const struct sockaddr_in *)(const void *)addr)->sin_port);
    const int map = ((struct actor *)listener)->character->belongs;
    struct character *c = new_character(socket_kind());
    int rc;

    ((struct actor *)listener)->character->backlog--;
    expect(peer >= 0);
    if (c == NULL) {
        close(fd);
        close(peer);
        return 0;
    }
    c->is_tcp = c->connected = true;
    c->peer = peer;
    if (c->kind == WITH_SEND)
        rc = asyncore_dispatcher_with_send_init(&c->actor->is, class_of(c->kind), fd, addr, addrlen,
                                                world.maps[map]);
    else
        rc = asyncore_init_accepted(&c->actor->is.base, class_of(c->kind), fd, addr, addrlen,
                                    world.maps[map]);
    if (began(rc))
        begins(c, map);
    else
        forget_actor(c);
    return rc;
}

/* Another socket in the place of the one there is, or was. */
void reopen(struct character *c)
{
    int rc;

    if (c->actor == NULL || c->is_pipe || c->wild || c->kind == WITH_SEND)
        return;
    rc = asyncore_create_socket(&c->actor->is.base, AF_INET, SOCK_STREAM);
    if (c->peer >= 0)
        close(c->peer);
    c->peer = -1;
    c->is_tcp = true;
    c->connected = c->connecting = c->accepting = false;
    c->tried = 0;
    c->ended = c->broken = c->urgent = false;
    c->in = c->out = (struct stream){0, 0};
    c->backlog = 0;
    c->generation = ++world.serial;
    if (began(rc))
        begins(c, c->belongs);
    else
        c->in_map = c->fd = -1;
}

static void inherits(struct character *heir, const struct character *before)
{
    heir->peer = before->peer;
    heir->is_tcp = before->is_tcp;
    heir->urgent = before->urgent;
    heir->in = before->in;
    heir->out = before->out;
    heir->voice = before->voice;
    heir->connected = true;
}

/* The connection becomes another dispatcher's, if there is one to be had. */
void hands_on(struct character *c)
{
    const struct character before = *c;
    const bool good =
        c->connected && !c->ended && !c->broken && !c->is_pipe && c->kind != WITH_SEND;
    const enum kind kind = choose(bytes, WITH_SEND);
    const int map = some_map();
    struct character *heir;
    int fd;

    if (c->wild || c->fd < 0)
        return;
    c->peer = -1;
    model_closed(c);
    fd = asyncore_detach(&c->actor->is.base);
    expect(fd == before.fd);
    heir = good ? new_character(kind) : NULL;
    if (heir == NULL) {
        close(fd);
        if (before.peer >= 0)
            close(before.peer);
        return;
    }
    inherits(heir, &before);
    if (began(init(heir, fd, world.maps[map])))
        begins(heir, map);
    else
        forget_actor(heir);
}
