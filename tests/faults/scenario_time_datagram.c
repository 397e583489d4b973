/* scenario_time_datagram.c - dispatchers/: the time server over UDP. */
#include "peer.h"
#include "scenarios.h"

#include "time_datagram.h"

#include <errno.h>
#include <unistd.h>

static struct time_datagram server;

static const struct asyncore_class server_class = {
    .super = &time_datagram_class,
    .handle_close = note_handle_close,
    .handle_error = note_handle_error,
};

/* What cannot be answered is counted. */
static void note_outcome(struct time_service *service, const struct sockaddr *addr,
                         socklen_t addrlen, enum time_outcome outcome)
{
    (void)service;
    (void)addr;
    (void)addrlen;
    if (outcome != TIME_ANSWERED)
        told_otherwise();
}

static int begin(const struct sockaddr *addr, socklen_t addrlen)
{
    const int rc = time_datagram_init(&server, &server_class, addr, addrlen, NULL);

    if (rc == 0)
        server.service.heard = note_outcome;
    return rc;
}

static int begin_on_loopback(void)
{
    const struct sockaddr_in addr = loopback();

    return begin((const struct sockaddr *)&addr, sizeof addr);
}

static int begin_everywhere(void)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET};

    return begin((const struct sockaddr *)&addr, sizeof addr);
}

static void ask_for_time(int (*begin_there)(void))
{
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in addr;
    socklen_t length = sizeof addr;
    char answer[8];

    must(begin_there);
    for (;;) {
        if (asyncore_fileno(&server.base) < 0) /* the poller did not take it */
            must(begin_there);
        expect(getsockname(asyncore_fileno(&server.base), (struct sockaddr *)&addr, &length) == 0);
        addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        expect(sendto(fd, "", 0, 0, (struct sockaddr *)&addr, length) == 0);
        for (int i = 0; i < 3; i++)
            pass();
        if (recv(fd, answer, sizeof answer, 0) == 4)
            break;
        again();
    }
    told(asyncore_close(&server.base));
    close(fd);
}

void scenario_time_datagram(void)
{
    ask_for_time(begin_on_loopback);
}

void scenario_time_datagram_everywhere(void)
{
    ask_for_time(begin_everywhere);
}

/* In a sandbox that does not let it receive several at once. */
void scenario_time_datagram_one_by_one(void)
{
    fault_arm(FAULT_SECOND, FAULT_recvmmsg, 1, EPERM);
    ask_for_time(begin_everywhere);
}

static int begin_everywhere_6(void)
{
    const struct sockaddr_in6 addr = {.sin6_family = AF_INET6};

    return begin((const struct sockaddr *)&addr, sizeof addr);
}

/* Where there is no IPv6 it is told so. */
void scenario_time_datagram_6(void)
{
    if (!told(begin_everywhere_6()) && !told(begin_everywhere_6()))
        fault_report->first_error = 0;
    asyncore_close(&server.base);
}
