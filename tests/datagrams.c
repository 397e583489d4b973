/* datagrams.c - see datagrams.h. */
#define _GNU_SOURCE /* struct in6_pktinfo */
#include "datagrams.h"

#include <string.h>

struct time_datagram server;
struct sockaddr_storage server_addr;
socklen_t server_addrlen;
time_t clock_shows = 2208988800; /* 2040-01-01: 123010304 */
static const unsigned char answer_2040[4] = {0x07, 0x54, 0xfd, 0x00};

static int test_clock(struct timespec *now)
{
    now->tv_sec = clock_shows;
    now->tv_nsec = 999999999;
    return 0;
}

/* ---- what the system says: see tests/meson.build ---- */

ssize_t __real_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *addr,
                      socklen_t addrlen);
ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *addr,
                      socklen_t addrlen);
int __real_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);

int send_error, receive_error;
const struct sockaddr *forged_source;
const struct in6_pktinfo *forged_destination;
struct in6_pktinfo *answered_from;

ssize_t __wrap_sendto(int fd, const void *data, size_t size, int flags, const struct sockaddr *addr,
                      socklen_t addrlen)
{
    if (send_error == 0 || fd != asyncore_fileno(&server.base))
        return __real_sendto(fd, data, size, flags, addr, addrlen);
    errno = send_error;
    return -1;
}

/* The one control message there is. */
static unsigned char *control(const struct msghdr *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(message);

    ck_assert_ptr_nonnull(header);
    return CMSG_DATA(header);
}

/* It says to where a datagram was sent. */
int __wrap_recvmmsg(int fd, struct mmsghdr *messages, unsigned count, int flags,
                    struct timespec *timeout)
{
    int n;

    if (receive_error != 0) {
        errno = receive_error;
        receive_error = 0;
        return -1;
    }
    n = __real_recvmmsg(fd, messages, count, flags, timeout);
    if (n > 0 && forged_source != NULL)
        memcpy(messages->msg_hdr.msg_name, forged_source, messages->msg_hdr.msg_namelen);
    if (n > 0 && forged_destination != NULL)
        memcpy(control(&messages->msg_hdr), forged_destination, sizeof *forged_destination);
    return n;
}

/* From an address that the machine has not nothing could be sent. */
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
    if (forged_destination == NULL)
        return __real_sendmsg(fd, message, flags);
    memcpy(answered_from, control(message), sizeof *answered_from);
    return 4;
}

/* ---- a server, and its clients ---- */

void serve_as_it_is(void)
{
    ck_assert_int_eq(asyncore_getsockname(&server.base, &server_addr, &server_addrlen), 0);
    server.service.clock = test_clock;
}

void serve_on(in_addr_t address)
{
    struct sockaddr_in addr = loopback(0);

    addr.sin_addr.s_addr = htonl(address);
    ck_assert_int_eq(time_datagram_init(&server, &time_datagram_class, (struct sockaddr *)&addr,
                                        sizeof addr, NULL),
                     0);
    serve_as_it_is();
}

in_port_t own_port(void)
{
    return ((struct sockaddr_in *)&server_addr)->sin_port;
}

int client_at(in_addr_t from, in_port_t port, in_addr_t to)
{
    const struct timeval patience = {.tv_sec = 20};
    /* The port has the same place in both families' addresses. */
    struct sockaddr_in addr = loopback(htons(port)), peer = loopback(own_port());
    const int fd = socket(AF_INET, SOCK_DGRAM, 0), on = 1;

    addr.sin_addr.s_addr = htonl(from);
    if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0) {
        ck_assert_int_eq(errno, EACCES);
        close(fd);
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    peer.sin_addr.s_addr = htonl(to);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&peer, sizeof peer), 0);
    return fd;
}

int client(void)
{
    return client_at(INADDR_LOOPBACK, 0, INADDR_LOOPBACK);
}

void send_datagram(int fd, const void *data, size_t size)
{
    ck_assert_int_eq(send(fd, data, size, 0), (ssize_t)size);
}

void assert_outcome(int fd, enum time_outcome outcome)
{
    const uint64_t before = server.service.counts[outcome];
    unsigned char answer[8];

    wait_readable(asyncore_fileno(&server.base));
    poll_once(NULL);
    ck_assert_uint_eq(server.service.counts[outcome], before + 1);
    if (outcome == TIME_ANSWERED) {
        ck_assert_int_eq(recv(fd, answer, sizeof answer, 0), 4);
        ck_assert_mem_eq(answer, answer_2040, 4);
    } else {
        ck_assert_int_eq(recv(fd, answer, sizeof answer, MSG_DONTWAIT), -1);
    }
}

void assert_ask(int fd, const void *data, size_t size, enum time_outcome outcome)
{
    send_datagram(fd, data, size);
    assert_outcome(fd, outcome);
}
