/* serve.c - the dispatchers, see serve.h. */
#include "serve.h"

#include "command.h"
#include "time_server.h"

static struct time_server servers[TIMED_SOCKETS];

/* ==================================================
 * --verbose: what the classic page's program prints
 */

static struct asyncore_timer idle;

static void still_waiting(struct asyncore_timer *self)
{
    if (asyncore_map_count(NULL) > 0)
        command_say("still waiting");
    else
        asyncore_cancel(self); /* with nobody to wait for, the loop shall end */
}

static int verbose_server_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                          const struct sockaddr *addr, socklen_t addrlen)
{
    char text[ASYNCORE_ADDRSTRLEN];

    command_say("connection from %s", asyncore_ntop(addr, addrlen, text, sizeof text));
    asyncore_reset(&idle);
    return time_server_class.handle_accepted(self, fd, addr, addrlen);
}

static const struct asyncore_class verbose_server_class = {
    .name = "time_server",
    .super = &time_server_class,
    .handle_accepted = verbose_server_handle_accepted,
};

int timed_serve(struct timed_sockets *sockets, const struct timed_options *options)
{
    const struct asyncore_class *cls =
        options->verbose ? &verbose_server_class : &time_server_class;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < sockets->count; i++) {
        rc = time_server_init_socket(&servers[i], cls, sockets->list[i].fd, NULL);
        sockets->list[i].fd = -1;
    }
    if (rc == 0 && options->verbose)
        rc = asyncore_call_every(&idle, 1, still_waiting, NULL);
    if (rc < 0)
        timed_sockets_close(sockets);
    return rc;
}
