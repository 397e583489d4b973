/* scenario_connect.c - connections that come to stand, are refused, or take too long. */
#include "client.h"
#include "scenarios.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

static struct client a_client;
static int listener = -1;

static int begin_to_connect(void)
{
    return client_connect(&a_client);
}

static bool is_over(void)
{
    return a_client.closed;
}

/* ==================================================
 * success: the peer says hello and closes
 */

static bool say_hello(void)
{
    const int fd = accept(listener, NULL, NULL);

    if (fd < 0)
        return false;
    send(fd, "hello", 5, MSG_NOSIGNAL);
    close(fd);
    return true;
}

void scenario_connect(void)
{
    fault_world = say_hello;
    listener = peer_listen(&a_client.peer);
    for (;;) {
        must(begin_to_connect);
        pass_until(is_over);
        expect(!a_client.connected || a_client.error != 0 || a_client.length <= 5);
        if (a_client.length == 5)
            break;
        again();
    }
    expect(a_client.connected && memcmp(a_client.received, "hello", 5) == 0);
    close(listener);
}

/* ==================================================
 * failure: the error comes from the system in any case
 */

void scenario_refused(void)
{
    listener = nowhere(&a_client.peer);
    must(begin_to_connect);
    pass_until(is_over);
    expect(!a_client.connected && a_client.error < 0);
    expect(a_client.error == -ECONNREFUSED || fault_fired(FAULT_FIRST) > 0);
    close(listener);
}

/* The backlog of one is full: the connection is never answered. */
static int begin_with_a_limit(void)
{
    int rc = begin_to_connect();

    if (rc == 0)
        rc = asyncore_set_connect_timeout(&a_client.base.base, 3);
    if (rc < 0)
        asyncore_close(&a_client.base.base);
    return rc;
}

/* The same, but it is not in the map when the limit is set: that counts from its return on. */
static int begin_out_of_the_map(void)
{
    int rc = begin_to_connect();

    if (rc == 0)
        rc = asyncore_del_channel(&a_client.base.base);
    if (rc == 0)
        rc = asyncore_set_connect_timeout(&a_client.base.base, 3);
    if (rc == 0)
        rc = asyncore_add_channel(&a_client.base.base, NULL);
    if (rc < 0)
        asyncore_close(&a_client.base.base);
    return rc;
}

static void connect_in_vain(int (*begin)(void))
{
    int fillers[3];

    listener = peer_listen(&a_client.peer);
    expect(listen(listener, 0) == 0);
    for (int i = 0; i < 3; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fillers[i], (struct sockaddr *)&a_client.peer, sizeof a_client.peer);
    }
    must(begin);
    pass_until(is_over);
    expect(a_client.error == -ETIMEDOUT || fault_fired(FAULT_FIRST) > 0);
    for (int i = 0; i < 3; i++)
        close(fillers[i]);
    close(listener);
}

void scenario_connect_timeout(void)
{
    connect_in_vain(begin_with_a_limit);
}

void scenario_connect_timeout_out_of_the_map(void)
{
    connect_in_vain(begin_out_of_the_map);
}

/* ==================================================
 * AF_UNIX: connects at once, and has an address that no dispatcher has room for
 */

static struct sockaddr_un local;
static socklen_t local_length;

static int connect_locally(void)
{
    struct asyncore_dispatcher *self = &a_client.base.base;
    int rc;

    memset(&a_client, 0, sizeof a_client);
    rc = asyncore_dispatcher_with_send_init(&a_client.base, &client_class, -1, NULL, 0, NULL);
    if (rc == 0)
        rc = asyncore_create_socket(self, AF_UNIX, SOCK_STREAM);
    if (rc == 0)
        rc = asyncore_connect(self, (const struct sockaddr *)&local, local_length);
    if (rc == 0 && !a_client.connected)
        rc = -EINPROGRESS; /* interrupted: its handle_connect comes later */
    if (rc < 0)
        asyncore_close(self);
    return rc;
}

static void look_at_address(void)
{
    struct sockaddr_storage addr;
    socklen_t length;
    char text[256];

    told(asyncore_addr(&a_client.base.base, &addr, &length));
    expect(asyncore_repr(&a_client.base.base, text, sizeof text) > 0);
}

void scenario_connect_local(void)
{
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    local.sun_family = AF_UNIX; /* in no directory */
    local_length =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 +
                    (size_t)snprintf(local.sun_path + 1, sizeof local.sun_path - 1,
                                     "a name that is longer than any address %d", (int)getpid()));
    expect(bind(listener, (struct sockaddr *)&local, local_length) == 0);
    expect(listen(listener, 16) == 0);
    fault_world = say_hello;
    for (;;) {
        must(connect_locally);
        look_at_address();
        pass_until(is_over);
        if (a_client.length == 5)
            break;
        again();
    }
    close(listener);
}
