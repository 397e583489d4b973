/* time_datagram.c - the Time protocol over UDP, see time_datagram.h. */
#define _GNU_SOURCE /* struct in6_pktinfo */
#include "time_datagram.h"

#include <errno.h>
#include <string.h>

enum {
    BUFFER = 1 << 20,   /* bytes: a burst of a thousand waits there, if the system allows it */
    BATCH = 16,         /* requests that are received at once, where the system can */
    BATCHES = 4,        /* in one event; then the others have their turn */
    LONGEST = 64,       /* bytes that a request may have */
    DAY = 24 * 60 * 60, /* seconds */
    NFS = 2049          /* the one service above 1023 that answers everybody */
};

/* What came, and what the system says beside it. */
struct request {
    struct sockaddr_storage from;
    socklen_t fromlen;
    size_t size;
    unsigned char data[LONGEST + 1];
    bool unicast;
    /* What came, and then what goes with the answer. */
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(64)];
    socklen_t control_size;
};

/* ==================================================
 * addresses
 */

static uint16_t port_of(const struct sockaddr_storage *addr)
{
    return ntohs(addr->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)addr)->sin6_port
                                             : ((const struct sockaddr_in *)addr)->sin_port);
}

/* May an answer go to it, or come from it? */
static bool is_host_4(struct in_addr in)
{
    const uint32_t address = ntohl(in.s_addr);

    return address != INADDR_ANY && address != INADDR_BROADCAST && !IN_MULTICAST(address);
}

static bool is_host_6(const struct in6_addr *in6)
{
    struct in_addr in;

    if (IN6_IS_ADDR_V4MAPPED(in6)) {
        memcpy(&in, &in6->s6_addr[12], sizeof in);
        return is_host_4(in);
    }
    return !IN6_IS_ADDR_UNSPECIFIED(in6) && !IN6_IS_ADDR_MULTICAST(in6);
}

static bool is_host(const struct sockaddr_storage *addr)
{
    return addr->ss_family == AF_INET6 ? is_host_6(&((const struct sockaddr_in6 *)addr)->sin6_addr)
                                       : is_host_4(((const struct sockaddr_in *)addr)->sin_addr);
}

static bool is_everywhere(const struct sockaddr_storage *addr)
{
    return addr->ss_family == AF_INET6
               ? IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)addr)->sin6_addr)
               : ((const struct sockaddr_in *)addr)->sin_addr.s_addr == htonl(INADDR_ANY);
}

/* ==================================================
 * the address that was asked: it comes in a control message, and goes back in another
 */

static void answer_from(struct request *request, int level, int type, const void *info, size_t size)
{
    struct cmsghdr *header = (struct cmsghdr *)(void *)request->control;

    memset(request->control, 0, sizeof request->control);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = (socklen_t)CMSG_LEN(size);
    memcpy(CMSG_DATA(header), info, size);
    request->control_size = (socklen_t)CMSG_SPACE(size);
}

#ifdef IP_PKTINFO
static void asked_4(struct request *request, struct cmsghdr *header)
{
    struct in_pktinfo info;

    memcpy(&info, CMSG_DATA(header), sizeof info);
    /* What was sent to a broadcast address is received at another. */
    request->unicast = is_host_4(info.ipi_addr) && info.ipi_addr.s_addr == info.ipi_spec_dst.s_addr;
    info.ipi_ifindex = 0; /* the route decides */
    answer_from(request, IPPROTO_IP, IP_PKTINFO, &info, sizeof info);
}
#endif

static void asked_6(struct request *request, struct cmsghdr *header)
{
    struct in6_pktinfo info;

    memcpy(&info, CMSG_DATA(header), sizeof info);
    request->unicast = is_host_6(&info.ipi6_addr);
    if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
        info.ipi6_ifindex = 0;
    answer_from(request, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof info);
}

static void look_at_control(struct request *request, struct msghdr *message)
{
    struct cmsghdr *info_6 = NULL;

    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
#ifdef IP_PKTINFO
        /* On a socket of both families it comes beside the other, and says more. */
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            asked_4(request, header);
            return;
        }
#endif
        if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO)
            info_6 = header;
    }
    if (info_6 != NULL)
        asked_6(request, info_6);
}

/* ==================================================
 * receiving and sending
 */

/* Where what comes is to be put. */
static void prepare(const struct time_datagram *self, struct request *request,
                    struct msghdr *message, struct iovec *part)
{
    *part = (struct iovec){.iov_base = request->data, .iov_len = sizeof request->data};
    *message = (struct msghdr){
        .msg_name = &request->from,
        .msg_namelen = sizeof request->from,
        .msg_iov = part,
        .msg_iovlen = 1,
        .msg_control = self->everywhere ? request->control : NULL,
        .msg_controllen = self->everywhere ? sizeof request->control : 0,
    };
    request->unicast = true;
    request->control_size = 0;
}

static void look_at_message(struct request *request, struct msghdr *message, size_t size)
{
    request->size = size;
    request->fromlen = message->msg_namelen;
    if (message->msg_controllen > 0)
        look_at_control(request, message);
}

/* Returns how many have come, or a negative errno. */
static int receive_one(struct time_datagram *self, struct request *request)
{
    struct msghdr message;
    struct iovec part;
    ssize_t n;

    prepare(self, request, &message, &part);
    n = asyncore_recvmsg(&self->base, &message);
    if (n < 0)
        return (int)n;
    look_at_message(request, &message, (size_t)n);
    return 1;
}

#ifdef __linux__
enum { ONE_BY_ONE = false };

static int receive(struct time_datagram *self, struct request requests[BATCH])
{
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    int n;

    if (self->one_by_one)
        return receive_one(self, requests);
    for (int i = 0; i < BATCH; i++)
        prepare(self, &requests[i], &messages[i].msg_hdr, &parts[i]);
    n = recvmmsg(asyncore_fileno(&self->base), messages, BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++)
        look_at_message(&requests[i], &messages[i].msg_hdr, messages[i].msg_len);
    if (n >= 0)
        return n;
    /* In a sandbox that does not know it. */
    self->one_by_one = errno == ENOSYS || errno == EPERM;
    return errno == EINTR || self->one_by_one ? 0 : -errno;
}
#else
enum { ONE_BY_ONE = true };

static int receive(struct time_datagram *self, struct request requests[BATCH])
{
    return receive_one(self, requests);
}
#endif

static enum time_outcome send_answer(struct time_datagram *self, struct request *request,
                                     time_t now)
{
    unsigned char bytes[4];
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
    const struct msghdr message = {
        .msg_name = &request->from,
        .msg_namelen = request->fromlen,
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = request->control,
        .msg_controllen = request->control_size,
    };
    ssize_t n;

    time_service_bytes(now, bytes);
    if (request->control_size == 0)
        n = asyncore_sendto(&self->base, bytes, sizeof bytes,
                            (const struct sockaddr *)&request->from, request->fromlen);
    else
        n = asyncore_sendmsg(&self->base, &message);
    return n == (ssize_t)sizeof bytes ? TIME_ANSWERED : TIME_UNSENT;
}

/* ==================================================
 * who is answered
 */

static bool is_client_port(const struct time_datagram *self, uint16_t port)
{
    if (port == 0) /* nobody can be reached there */
        return false;
    return self->any_port || (port >= 1024 && port != NFS && port != self->port);
}

/* Does it say what the time is, to a day?  Some servers put it into eight bytes. */
static bool is_answer(const struct request *request, time_t now)
{
    const unsigned char *data = request->data;
    unsigned char bytes[4];
    uint32_t said, is;

    if (request->size != 4 && request->size != 8)
        return false;
    time_service_bytes(now, bytes);
    is = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
    said = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
    return said - is + DAY <= 2 * DAY; /* modulo 2^32, as the protocol's time goes */
}

static enum time_outcome judge(struct time_datagram *self, struct request *request)
{
    const struct sockaddr *from = (const struct sockaddr *)&request->from;
    struct timespec now;
    bool known;

    if (!is_client_port(self, port_of(&request->from)))
        return TIME_SOURCE_PORT;
    if (!request->unicast || !is_host(&request->from))
        return TIME_NOT_UNICAST;
    if (request->size > LONGEST)
        return TIME_TOO_LONG;
    known = self->service.clock(&now) == 0;
    if (known && is_answer(request, now.tv_sec))
        return TIME_IS_ANSWER;
    if (!time_service_admits(&self->service, from))
        return TIME_LIMITED;
    return known ? send_answer(self, request, now.tv_sec) : TIME_UNKNOWN;
}

/* What the network had to say of an earlier answer, or memory that there is not just now. */
static bool passes(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case ECONNRESET:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENETDOWN:
    case EPROTO:
    case EMSGSIZE:
    case ENOMEM:
    case ENOBUFS:
        return true;
    default:
        return false;
    }
}

static int time_datagram_handle_read(struct asyncore_dispatcher *self)
{
    struct time_datagram *datagram = (struct time_datagram *)self;
    struct request requests[BATCH];
    int n = 0, full = 0;

    /* Fewer than might have come were all that there are. */
    for (int batch = 0; batch < BATCHES && n == full; batch++) {
        full = datagram->one_by_one ? 1 : BATCH;
        n = receive(datagram, requests);
        for (int i = 0; i < n; i++) {
            if (asyncore_fileno(self) < 0) /* whoever heard of the last one has closed it */
                return 0;
            time_service_note(&datagram->service, (struct sockaddr *)&requests[i].from,
                              requests[i].fromlen, judge(datagram, &requests[i]));
        }
    }
    return n < 0 && !passes(-n) ? n : 0;
}

const struct asyncore_class time_datagram_class = {
    .name = "time_datagram",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_read = time_datagram_handle_read,
};

/* ==================================================
 * its beginning
 */

/* The answer must come from the address that was asked, which on all addresses only the system
 * knows. */
static int look_at_socket(struct time_datagram *self)
{
    const int fd = asyncore_fileno(&self->base), on = 1, buffer = BUFFER;
    struct sockaddr_storage addr;
    socklen_t addrlen;
    int rc = asyncore_getsockname(&self->base, &addr, &addrlen);

    if (rc < 0)
        return rc;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    self->port = port_of(&addr);
    self->everywhere = is_everywhere(&addr);
    if (!self->everywhere)
        return 0;
#ifdef IP_PKTINFO
    /* On an IPv6 socket for what comes by IPv4, if it takes that. */
    rc = setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
    if (rc < 0 && addr.ss_family == AF_INET)
        return -errno;
#endif
    if (addr.ss_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) < 0)
        return -errno;
    return 0;
}

static int begin(struct time_datagram *self, const struct asyncore_class *cls, int fd,
                 struct asyncore_map *map)
{
    time_service_init(&self->service);
    self->any_port = false;
    self->one_by_one = ONE_BY_ONE;
    return asyncore_init(&self->base, cls, fd, map);
}

int time_datagram_init(struct time_datagram *self, const struct asyncore_class *cls,
                       const struct sockaddr *addr, socklen_t addrlen, struct asyncore_map *map)
{
    int rc = begin(self, cls, -1, map);

    if (rc < 0)
        return rc;
    rc = time_service_bind(&self->base, SOCK_DGRAM, addr, addrlen);
    if (rc == 0)
        rc = look_at_socket(self);
    if (rc < 0)
        asyncore_close(&self->base);
    return rc;
}

int time_datagram_init_socket(struct time_datagram *self, const struct asyncore_class *cls, int fd,
                              struct asyncore_map *map)
{
    int rc = begin(self, cls, fd, map);

    if (rc < 0)
        return rc;
    rc = look_at_socket(self);
    if (rc < 0)
        asyncore_close(&self->base);
    return rc;
}
