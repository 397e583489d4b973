/*
 * events_peer.c - the other sides: raw descriptors, with numbers that no dispatcher ever has.  What
 * they have done has arrived when a function here returns.
 */
#define _GNU_SOURCE /* POLLRDHUP, F_SETPIPE_SZ */
#include "events.h"
#include "virtual_time.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { DIALLED = 8, KEPT = 8, PATIENCE = 5000, MOST = 8192 };

static struct {
    int fd;
    in_port_t port;
} dialled[DIALLED];

/* For all runs: one that listens, one that does not, and one that listens and has no room left. */
static int listening = -1, nowhere, full = -1, filling[2];
static int kept[KEPT];

/* ==================================================
 * raw descriptors
 */

static int raise_fd(int fd)
{
    const int high = fcntl(fd, F_DUPFD_CLOEXEC, RAW);

    expect(fd >= 0 && high >= 0);
    close(fd);
    return high;
}

static void close_raw(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static int reset_at_close(int fd)
{
    const struct linger at_once = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    return fd;
}

struct sockaddr_in loopback(in_port_t port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = port};

    addr.sin_addr.s_addr = htonl(0x7f66757a);
    return addr;
}

static struct sockaddr_in name_of(int fd)
{
    struct sockaddr_in addr;
    socklen_t addrlen = sizeof addr;

    expect(getsockname(fd, (struct sockaddr *)&addr, &addrlen) == 0);
    return addr;
}

void without_delay(int fd)
{
    expect(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)) == 0);
}

static int tcp_socket(int flags)
{
    return raise_fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
}

static int tcp_bound(int backlog)
{
    const int fd = tcp_socket(0);
    const struct sockaddr_in addr = loopback(0);

    expect(bind(fd, (const struct sockaddr *)&addr, sizeof addr) == 0);
    if (backlog >= 0)
        expect(listen(fd, backlog) == 0);
    return fd;
}

/* On a busy machine all ports may be in use, for a moment. */
static void connect_to(int fd, in_port_t port)
{
    const struct sockaddr_in addr = loopback(port);
    int tries = PATIENCE;

    while (connect(fd, (const struct sockaddr *)&addr, sizeof addr) < 0) {
        if (errno != EADDRNOTAVAIL || tries-- == 0)
            fuzz_fail("connect: %s", strerror(errno));
        real_poll(NULL, 0, 1);
    }
    without_delay(fd);
}

static int tcp_connect(in_port_t port)
{
    const int fd = tcp_socket(0);

    connect_to(fd, port);
    return fd;
}

static int tcp_accept(void)
{
    struct pollfd waiting = {.fd = listening, .events = POLLIN};

    expect(real_poll(&waiting, 1, PATIENCE) == 1);
    return reset_at_close(raise_fd(accept(listening, NULL, NULL)));
}

void peers_open(void)
{
    static unsigned runs;

    for (int i = 0; i < DIALLED; i++)
        dialled[i].fd = -1;
    for (int i = 0; i < KEPT; i++)
        kept[i] = -1;
    if (runs++ % 4096 == 0) { /* the ports of those who have come to it are in TIME_WAIT */
        close_raw(&listening);
        listening = tcp_bound(SOMAXCONN);
    }
    if (full >= 0)
        return;
    nowhere = tcp_bound(-1);
    full = tcp_bound(0);
    for (int i = 0; i < 2; i++) {
        const struct sockaddr_in addr = name_of(full);

        filling[i] = tcp_socket(SOCK_NONBLOCK);
        expect(connect(filling[i], (const struct sockaddr *)&addr, sizeof addr) < 0);
    }
}

void peers_close(void)
{
    for (int i = 0; i < DIALLED; i++)
        close_raw(&dialled[i].fd);
    for (int i = 0; i < KEPT; i++)
        close_raw(&kept[i]);
    for (int i = 0; i < CHARACTERS; i++)
        close_raw(&world.characters[i].peer);
}

void replace_fd(int fd)
{
    int strange = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    expect(strange >= 0 && dup2(strange, fd) == fd);
    close(strange);
}

void keep_fd(int fd)
{
    int i = 0;

    while (i < KEPT - 1 && kept[i] >= 0)
        i++;
    close_raw(&kept[i]);
    kept[i] = fd;
}

struct sockaddr_in where(enum outcome outcome)
{
    return name_of(outcome == STANDS ? listening : outcome == REFUSED ? nowhere : full);
}

/* ==================================================
 * what has been done has arrived
 */

static bool sees(const struct character *c)
{
    return c->open && c->fd >= 0 && !c->wild;
}

static void wait_for(const struct character *c, short events)
{
    struct pollfd waiting = {.fd = c->fd, .events = events};

    if (sees(c) && c->is_tcp)
        expect(real_poll(&waiting, 1, PATIENCE) == 1);
}

static void settle_data(const struct character *c)
{
    int waiting = -1;

    if (!sees(c) || !c->is_tcp || c->urgent)
        return;
    for (int i = 0; i < PATIENCE; i++) {
        expect(ioctl(c->fd, FIONREAD, &waiting) == 0);
        if ((size_t)waiting == c->in.written - c->in.read)
            return;
        real_poll(NULL, 0, 1);
    }
    fuzz_fail("%d bytes have arrived, of %zu", waiting, c->in.written - c->in.read);
}

void settle_connect(struct character *c)
{
    if (c->outcome != NEVER)
        wait_for(c, POLLOUT);
    if (c->outcome == STANDS)
        c->peer = tcp_accept();
}

static void settle_backlog(const struct character *listener)
{
    struct tcp_info info;
    socklen_t size = sizeof info;

    for (int i = 0; i < PATIENCE; i++) {
        expect(getsockopt(listener->fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0);
        if (info.tcpi_unacked == listener->backlog)
            return;
        real_poll(NULL, 0, 1);
    }
    fuzz_fail("%u connections wait, of %u", info.tcpi_unacked, listener->backlog);
}

/* Who writes to one that is gone is told of it with a reset. */
void settle_sent(struct character *c)
{
    if (!c->is_tcp || c->peer >= 0 || !sees(c))
        return;
    c->broken = true;
    wait_for(c, 0);
}

/* ==================================================
 * pairs
 */

static void open_unix(int ends[2])
{
    expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &(int){1}, sizeof(int)); /* as small as can be */
}

static void open_tcp(int ends[2])
{
    ends[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    connect_to(ends[0], name_of(listening).sin_port);
    ends[1] = tcp_accept();
    without_delay(ends[1]);
}

static void open_pipe(int ends[2], bool reads)
{
    int pipes[2];

    expect(pipe(pipes) == 0);
    fcntl(pipes[0], F_SETPIPE_SZ, 4096);
    ends[0] = pipes[!reads];
    ends[1] = pipes[reads];
    expect(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
}

int open_pair(struct character *c, unsigned which)
{
    int ends[2] = {-1, -1};

    c->is_pipe = c->kind == FILE_ASKED || c->kind == FILE_READER;
    c->is_tcp = !c->is_pipe && which % 2 == 1;
    if (c->is_pipe && which % 4 == 3)
        ends[0] = open("/dev/null", O_RDWR | O_CLOEXEC);
    else if (c->is_pipe)
        open_pipe(ends, which % 2 == 0);
    else if (c->is_tcp)
        open_tcp(ends);
    else
        open_unix(ends);
    expect(ends[0] >= 0);
    c->peer = ends[1] >= 0 && ends[1] < RAW ? raise_fd(ends[1]) : ends[1];
    return ends[0];
}

/* ==================================================
 * what a peer does
 */

uint8_t byte_at(const struct character *c, size_t place)
{
    return (uint8_t)((size_t)c->voice * 31 + place * 7 + (place >> 8));
}

/* To a pipe that nobody reads would be a signal. */
static void writes(struct character *c, size_t size)
{
    uint8_t data[4096];
    ssize_t n;

    if (c->peer < 0 || c->ended || (c->is_pipe && !sees(c)))
        return;
    if (c->in.written - c->in.read + size > MOST)
        return;
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(c, c->in.written + i);
    n = c->is_pipe ? write(c->peer, data, size)
                   : send(c->peer, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0)
        c->in.written += (size_t)n;
    settle_data(c);
}

static void sends_urgent(struct character *c)
{
    if (c->peer < 0 || !c->is_tcp || c->urgent || c->ended || !sees(c))
        return;
    c->urgent = send(c->peer, "!", 1, MSG_OOB | MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
    if (c->urgent)
        wait_for(c, POLLPRI);
}

void peer_reads(struct character *c)
{
    uint8_t data[8192];
    ssize_t n;

    if (c->peer < 0)
        return;
    while ((n = c->is_pipe ? read(c->peer, data, sizeof data)
                           : recv(c->peer, data, sizeof data, MSG_DONTWAIT)) > 0) {
        for (ssize_t i = 0; i < n; i++)
            expect(data[i] == byte_at(c, c->out.read + (size_t)i));
        c->out.read += (size_t)n;
        expect(c->out.read <= c->out.written);
    }
}

static void shuts(struct character *c)
{
    if (c->peer < 0 || c->is_pipe || c->ended || c->broken)
        return;
    c->ended = shutdown(c->peer, SHUT_WR) == 0;
    if (c->ended)
        wait_for(c, POLLRDHUP);
}

/* What it has not read makes a reset of it. */
static void goes(struct character *c)
{
    if (c->peer < 0)
        return;
    if (c->out.read < c->out.written)
        c->broken = true;
    if (c->is_tcp && !c->broken && sees(c)) /* no TIME_WAIT where it makes no difference */
        setsockopt(c->peer, SOL_SOCKET, SO_LINGER, &(struct linger){0}, sizeof(struct linger));
    c->ended = true;
    close_raw(&c->peer);
    wait_for(c, c->broken ? POLLIN : POLLRDHUP);
}

void peer_acts(struct character *c)
{
    const unsigned which = choose(&world.bytes, 7);
    const size_t size = choose(&world.bytes, 256) * 16;

    trace("%*speer act %u\n", (int)world.depth * 2 + 2, "", which);
    switch (which) {
    case 0:
    case 1:
        writes(c, size);
        break;
    case 2:
        peer_reads(c);
        break;
    case 3:
        shuts(c);
        break;
    case 4:
        goes(c);
        break;
    case 5:
        c->broken = c->broken || (c->is_tcp && c->peer >= 0);
        goes(c);
        break;
    default:
        sends_urgent(c);
    }
}

/* ==================================================
 * those who want to be accepted
 */

void dial(struct character *listener)
{
    int i = 0;

    while (i < DIALLED && dialled[i].fd >= 0)
        i++;
    if (i == DIALLED)
        return;
    dialled[i].fd = reset_at_close(tcp_connect(listener->port));
    dialled[i].port = name_of(dialled[i].fd).sin_port;
    listener->backlog++;
    settle_backlog(listener);
}

int find_dialler(in_port_t port)
{
    for (int i = 0; i < DIALLED; i++) {
        const int fd = dialled[i].fd;

        if (fd < 0 || dialled[i].port != port)
            continue;
        dialled[i].fd = -1;
        return fd;
    }
    return -1;
}
