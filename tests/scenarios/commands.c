/* commands.c - what each line of a scenario does. */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

/* ==================================================
 * new dispatchers
 */

static int begin_to_listen(struct actor *actor, int backlog)
{
    struct asyncore_dispatcher *self = &actor->is.base;
    struct sockaddr_in *address = &actor->character->address;
    const struct sockaddr_in addr = loopback();
    socklen_t addrlen = sizeof *address;
    int rc = asyncore_create_socket(self, AF_INET, SOCK_STREAM);

    if (rc == 0)
        rc = asyncore_set_reuse_addr(self);
    if (rc == 0)
        rc = asyncore_bind(self, (const struct sockaddr *)&addr, sizeof addr);
    if (rc == 0)
        rc = asyncore_listen(self, backlog);
    if (rc < 0)
        return rc;
    without_delay(asyncore_fileno(self)); /* whom it accepts inherits that */
    must(getsockname(asyncore_fileno(self), (struct sockaddr *)address, &addrlen), "getsockname");
    return 0;
}

static int listener(struct world *world, const struct arguments *given)
{
    int rc;
    struct actor *actor = actor_new(world, DISPATCHER, given->names[0], -1, &rc);

    return actor == NULL ? rc
                         : begin_to_listen(actor, given->number != NO_NUMBER ? given->number : 5);
}

static int client(struct world *world, const struct arguments *given)
{
    const bool to_nobody = given->names[1][0] == 'n';
    const struct sockaddr_in addr =
        to_nobody ? world_nowhere(world) : world_character(world, given->names[1])->address;
    int rc;
    struct actor *actor = actor_new(world, DISPATCHER, given->names[0], -1, &rc);

    if (actor == NULL)
        return rc;
    rc = asyncore_create_socket(&actor->is.base, AF_INET, SOCK_STREAM);
    if (rc < 0)
        return rc;
    without_delay(asyncore_fileno(&actor->is.base));
    return asyncore_connect(&actor->is.base, (const struct sockaddr *)&addr, sizeof addr);
}

static int on_connection(struct world *world, enum kind kind, const struct arguments *given)
{
    struct sockaddr_in addr = loopback();
    socklen_t addrlen = sizeof addr;
    const int listening = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    const int end = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    int rc, accepted;

    must(bind(listening, (struct sockaddr *)&addr, sizeof addr), "bind");
    must(listen(listening, 1), "listen");
    must(getsockname(listening, (struct sockaddr *)&addr, &addrlen), "getsockname");
    must(connect(end, (struct sockaddr *)&addr, sizeof addr), "connect");
    accepted = must(accept(listening, NULL, NULL), "accept");
    close(listening);
    without_delay(end);
    without_delay(accepted);
    world_add_peer(world, given->names[1], end, false);
    actor_new(world, kind, given->names[0], accepted, &rc);
    return rc;
}

static int on_pipe(struct world *world, bool reads, const struct arguments *given)
{
    int ends[2], rc;

    must(pipe(ends), "pipe");
    world_add_peer(world, given->names[1], ends[reads], true);
    actor_new(world, FILE_DISPATCHER, given->names[0], ends[!reads], &rc);
    return rc;
}

/* ==================================================
 * what is done with them
 */

static int act(struct world *world, const struct command *command)
{
    struct actor *actor = world_character(world, command->given.names[0])->actor;
    struct call call = {.method = NO_METHOD, .fd = -1};

    if (actor == NULL || asyncore_fileno(&actor->is.base) < 0)
        return 0;
    call.self = &actor->is.base;
    return perform(&call, command->actions);
}

static int override(struct world *world, struct command *command)
{
    struct action **place =
        &world_character(world, command->given.names[0])->overridden[command->method];

    actions_free(*place);
    *place = command->actions;
    command->actions = NULL;
    return 0;
}

static int polls(struct world *world, int passes)
{
    int rc = 0;

    while (rc == 0 && passes-- > 0)
        rc = asyncore_poll(0, world->map);
    return rc;
}

static int execute(struct world *world, struct command *command)
{
    const struct arguments *given = &command->given;

    switch (command->order) {
    case POLLER:
        return world->poller_is_given ? 0 : asyncore_map_set_poller(world->map, given->names[0]);
    case LISTENER:
        return listener(world, given);
    case CLIENT:
        return client(world, given);
    case CHANNEL:
        return on_connection(world, DISPATCHER, given);
    case SENDER:
        return on_connection(world, WITH_SEND, given);
    case CHAT:
        return on_connection(world, ASYNC_CHAT, given);
    case READER:
        return on_pipe(world, true, given);
    case WRITER:
        return on_pipe(world, false, given);
    case DIAL:
        return peer_dial(world, given->names[0], &world_character(world, given->names[1])->address);
    case ON:
        return override(world, command);
    case SET:
        world_character(world, given->names[0])->answers[given->predicate] = given->answer;
        return 0;
    case ACT:
        return act(world, command);
    case POLL:
        return polls(world, given->number != NO_NUMBER ? given->number : 1);
    case LOOP:
        return asyncore_loop(0, world->map, given->number);
    case CLOSE_ALL:
        return asyncore_close_all(world->map, given->ignore);
    default:
        return peer_command(world_peer(world, given->names[0]), command);
    }
}

/* Are they there, the peer or listener that it names? */
static bool is_possible(struct world *world, const struct command *command)
{
    const char(*names)[NAME_SIZE] = command->given.names;

    switch (command->order) {
    case CLIENT:
    case DIAL:
        return names[1][0] == 'n' ||
               world_character(world, names[1])->address.sin_family == AF_INET;
    case PEER_SEND:
    case PEER_RECV:
    case PEER_SHUTDOWN:
    case PEER_OOB:
    case PEER_CLOSE:
    case PEER_RESET:
        return world_peer(world, names[0]) != NULL;
    default:
        return true;
    }
}

bool run_command(struct world *world, struct command *command)
{
    int rc;

    if (!is_possible(world, command))
        return false;
    world_settle(world);
    rc = execute(world, command);
    if (rc == asyncore_ExitNow)
        puts("  exit");
    else if (rc < 0)
        printf("  error %s\n", errno_name(-rc));
    world->stirred = true;
    return true;
}
