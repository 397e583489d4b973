/*
 * check_cpython_socket.c - CPython's TestAPI of test_asyncore.py: the tests of a dispatcher's own
 * socket, which the loop has no part in, for IPv4, IPv6 and AF_UNIX.  The tests have their names
 * there.
 */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

/* A test's number is an index.  The last is AF_UNIX, which has neither ports nor SO_REUSEADDR. */
static int families[3], family_count, internet_count;

static struct asyncore_dispatcher s1, s2;

static socklen_t any_address(int family, struct sockaddr_storage *addr)
{
    const struct sockaddr_in in = loopback(0);
    const struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    if (family == AF_INET)
        memcpy(addr, &in, sizeof in);
    else
        memcpy(addr, &in6, sizeof in6);
    return family == AF_INET ? sizeof in : sizeof in6;
}

static bool has_ipv6(void)
{
    struct sockaddr_storage addr;
    const socklen_t addrlen = any_address(AF_INET6, &addr);
    const int fd = socket(AF_INET6, SOCK_STREAM, 0);
    const bool has = fd >= 0 && bind(fd, (struct sockaddr *)&addr, addrlen) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

static void make(struct asyncore_dispatcher *self, int family)
{
    ck_assert_int_eq(asyncore_init(self, &asyncore_dispatcher_class, -1, NULL), 0);
    ck_assert_int_eq(asyncore_create_socket(self, family, SOCK_STREAM), 0);
}

static int option(const struct asyncore_dispatcher *self, int name)
{
    int value = -1;
    socklen_t size = sizeof value;

    ck_assert_int_eq(getsockopt(asyncore_fileno(self), SOL_SOCKET, name, &value, &size), 0);
    return value;
}

START_TEST(test_create_socket)
{
    struct sockaddr_storage addr;
    socklen_t addrlen;

    make(&s1, families[_i]);
    ck_assert_int_eq(option(&s1, SO_TYPE), SOCK_STREAM);
    ck_assert_int_eq(asyncore_getsockname(&s1, &addr, &addrlen), 0);
    ck_assert_int_eq(addr.ss_family, families[_i]);
    ck_assert((fcntl(asyncore_fileno(&s1), F_GETFL) & O_NONBLOCK) != 0);
    ck_assert((fcntl(asyncore_fileno(&s1), F_GETFD) & FD_CLOEXEC) != 0);
}
END_TEST

START_TEST(test_bind)
{
    struct sockaddr_storage addr;
    socklen_t addrlen = any_address(families[_i], &addr);

    make(&s1, families[_i]);
    ck_assert_int_eq(asyncore_bind(&s1, (struct sockaddr *)&addr, addrlen), 0);
    ck_assert_int_eq(asyncore_listen(&s1, 5), 0);
    ck_assert_int_eq(asyncore_getsockname(&s1, &addr, &addrlen), 0);

    make(&s2, families[_i]);
    ck_assert_int_eq(asyncore_bind(&s2, (struct sockaddr *)&addr, addrlen), -EADDRINUSE);
}
END_TEST

START_TEST(test_set_reuse_addr)
{
    const int fd = socket(families[_i], SOCK_STREAM, 0);

    ck_assert_int_eq(asyncore_init(&s1, &asyncore_dispatcher_class, fd, NULL), 0);
    ck_assert_int_eq(option(&s1, SO_REUSEADDR), 0);
    ck_assert_int_eq(asyncore_create_socket(&s1, families[_i], SOCK_STREAM), 0);
    ck_assert_int_eq(option(&s1, SO_REUSEADDR), 0);
    ck_assert_int_eq(asyncore_set_reuse_addr(&s1), 0);
    ck_assert_int_ne(option(&s1, SO_REUSEADDR), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpython_socket");
    TCase *tcase = add_case(suite, "TestAPI");

    families[internet_count++] = AF_INET;
    if (has_ipv6())
        families[internet_count++] = AF_INET6;
    else
        fprintf(stderr, "no IPv6 here: its tests are left out\n");
    family_count = internet_count;
    families[family_count++] = AF_UNIX;
    tcase_add_loop_test(tcase, test_create_socket, 0, family_count);
    tcase_add_loop_test(tcase, test_bind, 0, internet_count);
    tcase_add_loop_test(tcase, test_set_reuse_addr, 0, internet_count);
    return run_suite(suite);
}
