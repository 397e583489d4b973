/* scenario_refusal.c - descriptors that are the library's "also when this fails"; and what the base
 * class makes of what nobody handles. */
#include "peer.h"
#include "scenarios.h"

#include <asynchat.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

static struct asyncore_dispatcher server, channel;

/* ==================================================
 * each of them closes the descriptor
 */

static int new_socket(void)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    expect(fd >= 0);
    return fd;
}

void scenario_refused_descriptors(void)
{
    const struct sockaddr_in addr = loopback();
    const struct sockaddr *sa = (const struct sockaddr *)&addr;

    expect(asyncore_init(&channel, NULL, new_socket(), NULL) == -EINVAL);
    expect(asyncore_init_accepted(NULL, &asyncore_dispatcher_class, new_socket(), sa, sizeof addr,
                                  NULL) == -ENOMEM);
    expect(asyncore_init(&channel, &asyncore_dispatcher_class, -1, NULL) == 0);
    expect(asyncore_close(&channel) == 0);
    expect(asyncore_handle_accepted(&channel, new_socket(), sa, sizeof addr) == -EBADF);

    fault_arm(FAULT_SECOND, FAULT_F_GETFL, 1, EPERM); /* it cannot be made non-blocking */
    expect(asyncore_init(&channel, &asyncore_dispatcher_class, new_socket(), NULL) < 0);
    fault_arm(FAULT_SECOND, FAULT_calloc, 1, ENOMEM); /* it cannot be added to the map */
    expect(asyncore_init(&channel, &asyncore_dispatcher_class, new_socket(), NULL) < 0);
    expect(asyncore_map_count(NULL) == 0);

    fault_arm(FAULT_SECOND, FAULT_malloc, 1, ENOMEM);
    expect(asynchat_file_producer(new_socket(), 1) == NULL);
}

/* ==================================================
 * connections that nobody takes, or that are gone when they are taken
 */

static int begin_to_listen(void)
{
    return listen_with(&server, &asyncore_dispatcher_class);
}

static void connect_and_go(void)
{
    const struct sockaddr_in addr = address_of(&server);
    const int fd = peer_connect(&addr);

    for (int i = 0; i < 3; i++)
        pass();
    close(fd);
    address_of(&server);
}

void scenario_unhandled_accept(void)
{
    must(begin_to_listen);
    connect_and_go();
    fault_arm(FAULT_SECOND, FAULT_accept4, 1, FAULT_SHORT);
    connect_and_go();
    told(asyncore_close(&server));
}

/* Of a listener from elsewhere it is found out that it is one. */
void scenario_listener_from_elsewhere(void)
{
    struct sockaddr_in addr;

    for (;;) {
        if (told(asyncore_init(&server, &asyncore_dispatcher_class, peer_listen(&addr), NULL)) &&
            asyncore_accepting(&server))
            break;
        /* That the system does not say so is no error: it is as good as any unconnected socket. */
        if (asyncore_fileno(&server) >= 0)
            told_otherwise();
        asyncore_close(&server);
        again();
    }
    connect_and_go();
    told(asyncore_close(&server));
}

/* ==================================================
 * out-of-band data; and the log as it is at first, written to standard error
 */

static int channel_handle_read(struct asyncore_dispatcher *self)
{
    char byte;
    const ssize_t n = asyncore_recv(self, &byte, 1);

    asyncore_log(self, "a message");
    return n < 0 ? (int)n : 0;
}

static const struct asyncore_class channel_class = {
    .name = "channel",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_read = channel_handle_read,
};

static int fds[2];

static int open_channel(void)
{
    struct sockaddr_in addr;
    const int listener = peer_listen(&addr);

    fds[1] = peer_connect(&addr);
    fds[0] = accept(listener, NULL, NULL);
    close(listener);
    return asyncore_init(&channel, &channel_class, fds[0], NULL);
}

void scenario_unhandled_rest(void)
{
    const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

    expect(nothing >= 0 && dup2(nothing, STDERR_FILENO) == STDERR_FILENO);
    close(nothing);
    asyncore_set_log(NULL);
    /* Whoever reads the log may go away: a program that minds ignores the signal, or logs in its own
     * way. */
    signal(SIGPIPE, SIG_IGN);
    while (!told(open_channel())) {
        close(fds[1]);
        again();
    }
    asyncore_set_ignore_log_types(&channel, 0);
    send(fds[1], "x", 1, MSG_OOB | MSG_NOSIGNAL);
    for (int i = 0; i < 3; i++)
        pass();
    send(fds[1], "y", 1, MSG_NOSIGNAL);
    for (int i = 0; i < 3; i++)
        pass();
    close(fds[1]);
    for (int i = 0; i < 3; i++)
        pass();
    asyncore_close(&channel);
}
