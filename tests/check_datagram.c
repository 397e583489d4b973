/* check_datagram.c - datagrams: who sent them, what came beside them, and that none is an end. */
#define _GNU_SOURCE /* struct in_pktinfo */
#include "support.h"

#include <string.h>

START_TEST(test_recvfrom_and_sendto)
{
    static struct probe a;
    struct sockaddr_storage addr, from;
    struct sockaddr_in in = loopback(0), own;
    socklen_t addrlen, fromlen, ownlen = sizeof own;
    const int other = socket(AF_INET, SOCK_DGRAM, 0);
    char buffer[8];

    probe_init(&a, "A", NULL);
    asyncore_create_socket(&a.base, AF_INET, SOCK_DGRAM);
    asyncore_bind(&a.base, (struct sockaddr *)&in, sizeof in);
    asyncore_getsockname(&a.base, &addr, &addrlen);
    ck_assert_int_eq(asyncore_recvfrom(&a.base, buffer, sizeof buffer, NULL, NULL), -EAGAIN);
    ck_assert_int_eq(sendto(other, "ping", 4, 0, (struct sockaddr *)&addr, addrlen), 4);
    ck_assert_int_eq(sendto(other, "", 0, 0, (struct sockaddr *)&addr, addrlen), 0);
    wait_readable(asyncore_fileno(&a.base));
    ck_assert_int_eq(asyncore_recvfrom(&a.base, buffer, sizeof buffer, &from, &fromlen), 4);
    getsockname(other, (struct sockaddr *)&own, &ownlen);
    ck_assert_int_eq(((struct sockaddr_in *)&from)->sin_port, own.sin_port);
    ck_assert_int_eq(asyncore_recvfrom(&a.base, buffer, sizeof buffer, &from, NULL), 0);
    ck_assert_int_eq(((struct sockaddr_in *)&from)->sin_port, own.sin_port);
    assert_trace("");
    ck_assert_int_eq(asyncore_sendto(&a.base, "pong", 4, (struct sockaddr *)&from, fromlen), 4);
    ck_assert_int_eq(recv(other, buffer, sizeof buffer, 0), 4);
    ck_assert_int_eq(asyncore_sendto(&a.base, "", 0, (struct sockaddr *)&from, fromlen), 0);
    ck_assert_int_eq(recv(other, buffer, sizeof buffer, 0), 0);
    asyncore_close(&a.base);
    ck_assert_int_eq(asyncore_recvfrom(&a.base, buffer, sizeof buffer, NULL, NULL), -EBADF);
    ck_assert_int_eq(asyncore_sendto(&a.base, "", 0, NULL, 0), -EBADF);
    close(other);
}
END_TEST

static int forgive(struct probe *self, int error)
{
    (void)self;
    (void)error;
    return 0;
}

/* Nobody is there to take it: that is an error of one datagram, not the end of the socket. */
START_TEST(test_refused)
{
    static struct probe a;
    struct sockaddr_in addr = loopback(0);
    socklen_t addrlen = sizeof addr;
    const int peer = socket(AF_INET, SOCK_DGRAM, 0);

    ck_assert_int_eq(bind(peer, (struct sockaddr *)&addr, sizeof addr), 0);
    ck_assert_int_eq(getsockname(peer, (struct sockaddr *)&addr, &addrlen), 0);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_create_socket(&a.base, AF_INET, SOCK_DGRAM), 0);
    ck_assert_int_eq(asyncore_connect(&a.base, (struct sockaddr *)&addr, sizeof addr), 0);
    assert_trace("A.handle_connect ");
    a.on_read = recv_some;
    a.on_error = forgive;
    close(peer);
    ck_assert_int_eq(asyncore_send(&a.base, "x", 1), 1);
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=ECONNREFUSED A.handle_error(ECONNREFUSED) ");
    ck_assert_int_eq(asyncore_poll(0, NULL), 0); /* once */
    assert_trace("");
    ck_assert_int_ge(asyncore_fileno(&a.base), 0);
}
END_TEST

START_TEST(test_empty_datagram_is_no_end)
{
    static struct probe a;
    struct sockaddr_storage addr;
    struct sockaddr_in in = loopback(0);
    socklen_t addrlen;
    const int peer = socket(AF_INET, SOCK_DGRAM, 0);

    probe_init(&a, "A", NULL);
    asyncore_create_socket(&a.base, AF_INET, SOCK_DGRAM);
    asyncore_bind(&a.base, (struct sockaddr *)&in, sizeof in);
    asyncore_getsockname(&a.base, &addr, &addrlen);
    a.on_read = recv_some;
    ck_assert_int_eq(sendto(peer, "", 0, 0, (struct sockaddr *)&addr, addrlen), 0);
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=0 "); /* CPython closes */
    ck_assert_int_ge(asyncore_fileno(&a.base), 0);
    close(peer);
}
END_TEST

#ifdef IP_PKTINFO
/* A dispatcher on all addresses, which is told to which of them a datagram was sent. */
static struct sockaddr_in open_everywhere(struct probe *self)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    const int on = 1;
    socklen_t addrlen = sizeof addr;

    probe_init(self, "A", NULL);
    asyncore_create_socket(&self->base, AF_INET, SOCK_DGRAM);
    asyncore_bind(&self->base, (struct sockaddr *)&addr, sizeof addr);
    ck_assert_int_eq(
        setsockopt(asyncore_fileno(&self->base), IPPROTO_IP, IP_PKTINFO, &on, sizeof on), 0);
    ck_assert_int_eq(getsockname(asyncore_fileno(&self->base), (struct sockaddr *)&addr, &addrlen),
                     0);
    return addr;
}

/* What came is sent back, from the address that it came to. */
START_TEST(test_recvmsg_and_sendmsg)
{
    static struct probe a;
    struct sockaddr_in addr = open_everywhere(&a), from;
    char buffer[8], control[256];
    struct iovec part = {.iov_base = buffer, .iov_len = sizeof buffer};
    struct msghdr message = {.msg_name = &from,
                             .msg_namelen = sizeof from,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    const int other = socket(AF_INET, SOCK_DGRAM, 0);
    struct cmsghdr *header;
    const struct in_pktinfo *info;

    ck_assert_int_eq(asyncore_recvmsg(&a.base, &message), -EAGAIN);
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
    ck_assert_int_eq(connect(other, (struct sockaddr *)&addr, sizeof addr), 0);
    send_all(other, "ping");
    wait_readable(asyncore_fileno(&a.base));
    ck_assert_int_eq(asyncore_recvmsg(&a.base, &message), 4);
    header = CMSG_FIRSTHDR(&message);
    ck_assert_ptr_nonnull(header);
    ck_assert_int_eq(header->cmsg_type, IP_PKTINFO);
    info = (const struct in_pktinfo *)(void *)CMSG_DATA(header);
    ck_assert_uint_eq(info->ipi_addr.s_addr, addr.sin_addr.s_addr);
    part.iov_len = 4;
    ck_assert_int_eq(asyncore_sendmsg(&a.base, &message), 4);
    ck_assert_int_eq(recv(other, buffer, sizeof buffer, 0), 4); /* it hears 127.0.0.2 alone */
    close(other);
}
END_TEST
#endif

START_TEST(test_messages_that_cannot_be)
{
    static struct probe a;
    struct msghdr nothing = {0};

    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_recvmsg(&a.base, &nothing), -EBADF);
    ck_assert_int_eq(asyncore_sendmsg(&a.base, &nothing), -EBADF);
    asyncore_create_socket(&a.base, AF_INET, SOCK_DGRAM);
    ck_assert_int_eq(asyncore_recvmsg(&a.base, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_sendmsg(&a.base, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_sendmsg(&a.base, &nothing), -EDESTADDRREQ);
    assert_trace("");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("datagram");
    TCase *tcase = add_case(suite, "datagram");

    tcase_add_test(tcase, test_recvfrom_and_sendto);
    tcase_add_test(tcase, test_refused);
    tcase_add_test(tcase, test_empty_datagram_is_no_end);
#ifdef IP_PKTINFO
    tcase_add_test(tcase, test_recvmsg_and_sendmsg);
#endif
    tcase = add_kernel_case(suite, "no_datagram");
    tcase_add_test(tcase, test_messages_that_cannot_be);
    return run_suite(suite);
}
