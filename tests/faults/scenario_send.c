/* scenario_send.c - dispatcher_with_send: more than the system takes at once; idleness; datagrams. */
#include "client.h"
#include "scenarios.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct client a_client;
static int ends[2]; /* the library's, and the peer's */

static bool is_over(void)
{
    return a_client.closed;
}

static void make_ends(void)
{
    struct sockaddr_in addr;
    const int listener = peer_listen(&addr), size = 30000; /* soon full */

    ends[1] = peer_connect(&addr);
    ends[0] = accept(listener, NULL, NULL); /* blocking */
    expect(ends[0] >= 0);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    close(listener);
}

/* A socket from elsewhere.  It is the library's, also when it fails. */
static int take_end(void)
{
    memset(&a_client, 0, sizeof a_client);
    if (fcntl(ends[0], F_GETFD) < 0) {
        close(ends[1]);
        make_ends();
    }
    return asyncore_dispatcher_with_send_init(&a_client.base, &client_class, ends[0], NULL, 0,
                                              NULL);
}

/* ==================================================
 * big output
 */

enum { BIG = 400000 };
static char *big;
static size_t arrived;

static bool read_some(void)
{
    static char buffer[65536];
    const ssize_t n = recv(ends[1], buffer, sizeof buffer, 0);

    if (n <= 0)
        return false;
    expect(arrived + (size_t)n <= BIG && memcmp(buffer, big + arrived, (size_t)n) == 0);
    arrived += (size_t)n;
    return true;
}

/* What is sent after something was not taken comes behind nothing: it must not be sent. */
static bool send_it(size_t from, size_t to)
{
    const ssize_t n = asyncore_send(&a_client.base.base, big + from, to - from);

    expect(n < 0 || n == (ssize_t)(to - from));
    return told((int)n);
}

static bool send_all_of_it(void)
{
    const size_t half = BIG / 2;

    arrived = 0;
    must(take_end);
    /* The first half is more than the system takes; -ENOMEM says "with nothing taken", but some of
     * it may have gone out before. */
    if (send_it(0, half) && send_it(half, BIG))
        told(asyncore_close_when_done(&a_client.base));
    else
        asyncore_close(&a_client.base.base);
    if (!is_over() && asyncore_fileno(&a_client.base.base) >= 0)
        pass_until(is_over);
    asyncore_close(&a_client.base.base);
    while (read_some())
        ;
    return arrived == BIG;
}

void scenario_big_output(void)
{
    big = malloc(BIG);
    expect(big != NULL);
    for (size_t i = 0; i < BIG; i++)
        big[i] = (char)(i * i >> 7);
    fault_world = read_some;
    make_ends();
    while (!send_all_of_it())
        again();
    close(ends[1]);
    free(big);
}

/* ==================================================
 * the last word, and idleness
 */

void scenario_send_last(void)
{
    char buffer[16];

    make_ends();
    for (;;) {
        struct asyncore_dispatcher *self = &a_client.base.base;
        ssize_t n;

        if (fcntl(ends[0], F_GETFD) < 0) {
            close(ends[1]);
            make_ends();
        }
        if (!told(asyncore_init(self, &asyncore_dispatcher_class, ends[0], NULL))) {
            again();
            continue;
        }
        n = asyncore_send_last(self, "bye", 3);
        told((int)n);
        told(asyncore_close(self));
        if (n == 3)
            break;
        if (n >= 0) /* what 0 and less than all mean is said: again, from handle_write */
            told_otherwise();
        again();
    }
    expect(recv(ends[1], buffer, sizeof buffer, 0) == 3);
    expect(recv(ends[1], buffer, sizeof buffer, 0) == 0);
    close(ends[1]);
}

static int begin_to_idle(void)
{
    int rc = take_end();

    if (rc == 0) {
        rc = asyncore_set_idle_timeout(&a_client.base.base, 5);
        if (rc < 0)
            asyncore_close(&a_client.base.base);
    }
    return rc;
}

void scenario_idle_timeout(void)
{
    make_ends();
    for (;;) {
        must(begin_to_idle);
        fault_sleep(3);
        send(ends[1], "x", 1, MSG_NOSIGNAL);
        pass_until(is_over);
        if (a_client.timed_out)
            break;
        again();
    }
    close(ends[1]);
}

/* ==================================================
 * datagrams
 */

static struct asyncore_dispatcher echo;
static const struct sockaddr *echo_addr(struct sockaddr_storage *addr, socklen_t *length)
{
    *length = sizeof *addr;
    expect(getsockname(asyncore_fileno(&echo), (struct sockaddr *)addr, length) == 0);
    return (const struct sockaddr *)addr;
}

static int echo_handle_read(struct asyncore_dispatcher *self)
{
    struct sockaddr_storage addr;
    socklen_t length;
    char buffer[64];
    ssize_t n = asyncore_recvfrom(self, buffer, sizeof buffer, &addr, &length);

    if (n >= 0)
        n = asyncore_sendto(self, buffer, (size_t)n, (const struct sockaddr *)&addr, length);
    told((int)n);
    return n == -EAGAIN ? (int)n : 0;
}

static const struct asyncore_class echo_class = {
    .name = "echo",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_read = echo_handle_read,
    .handle_close = note_handle_close,
    .handle_error = note_handle_error,
};

static int open_echo(void)
{
    const struct sockaddr_in addr = loopback();
    int rc = asyncore_init(&echo, &echo_class, -1, NULL);

    if (rc == 0)
        rc = asyncore_create_socket(&echo, AF_INET, SOCK_DGRAM);
    if (rc == 0)
        rc = asyncore_bind(&echo, (const struct sockaddr *)&addr, sizeof addr);
    if (rc < 0)
        asyncore_close(&echo);
    return rc;
}

void scenario_datagrams(void)
{
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_storage addr;
    socklen_t length;
    char buffer[16];

    must(open_echo);
    for (;;) {
        if (asyncore_fileno(&echo) < 0) /* the poller did not take it, and it was closed */
            must(open_echo);
        echo_addr(&addr, &length);
        expect(sendto(fd, "x", 1, 0, (struct sockaddr *)&addr, length) == 1);
        for (int i = 0; i < 3; i++)
            pass();
        if (recv(fd, buffer, sizeof buffer, 0) == 1)
            break;
        again();
    }
    /* An empty datagram is no end. */
    expect(sendto(fd, "", 0, 0, (struct sockaddr *)&addr, length) == 0);
    pass();
    told(asyncore_close(&echo));
    close(fd);
}
