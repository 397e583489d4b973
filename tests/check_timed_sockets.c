/* check_timed_sockets.c - timed's sockets: those that it opens, and those that it inherits. */
#include "support.h"

#include "command.h"
#include "timed/sockets.h"

#include <fcntl.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *const command_name = "timed";

static struct timed_options options;
static struct timed_sockets sockets;
static char message[TIMED_MESSAGE];

/* ---- what the system says: see tests/meson.build ---- */

int __real_bind(int fd, const struct sockaddr *addr, socklen_t addrlen);
int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t addrlen);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);

static int binds, bind_from, bind_to, bind_error; /* which of them fail, and with what */
static bool udp_alone;
static int lookup_error, lookup_times = 1;
static uint32_t lookup_step; /* between the addresses that are found, if it is done several times */

int __wrap_bind(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    int type = 0;
    socklen_t size = sizeof type;

    binds++;
    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    if (binds < bind_from || binds > bind_to || (udp_alone && type != SOCK_DGRAM))
        return __real_bind(fd, addr, addrlen);
    errno = bind_error;
    return -1;
}

int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    if (lookup_error != 0) {
        errno = EMFILE;
        return lookup_error;
    }
    for (int i = 0; i < lookup_times; i++) {
        const int rc = __real_getaddrinfo(host, service, hints, list);

        if (rc != 0)
            return rc;
        while (*list != NULL) {
            if (lookup_step > 0)
                ((struct sockaddr_in *)(void *)(*list)->ai_addr)->sin_addr.s_addr =
                    htonl(INADDR_LOOPBACK + lookup_step * (uint32_t)i);
            list = &(*list)->ai_next;
        }
    }
    return 0;
}

static void fail_binds(int from, int to, int error)
{
    binds = 0;
    bind_from = from;
    bind_to = to;
    bind_error = error;
}

/* ---- opening ---- */

static int open_on(const char *first, const char *second)
{
    options = (struct timed_options){.tcp = true, .udp = true};
    options.listen.items[0] = first;
    options.listen.items[1] = second;
    options.listen.count = (size_t)((first != NULL) + (second != NULL));
    return timed_listen(&sockets, &options, message, sizeof message);
}

START_TEST(test_one_port_for_all)
{
    ck_assert_int_eq(open_on("127.0.0.1", "127.0.0.2"), 0);
    ck_assert_uint_eq(sockets.count, 4);
    ck_assert_int_gt(sockets.port, 0);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(timed_port_of(sockets.list[i].fd), sockets.port);
        ck_assert_int_eq(sockets.list[i].type, i % 2 == 0 ? SOCK_STREAM : SOCK_DGRAM);
        ck_assert((fcntl(sockets.list[i].fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    timed_sockets_close(&sockets);
    ck_assert_uint_eq(sockets.count, 0);
}
END_TEST

START_TEST(test_ports_that_are_said)
{
    char text[64];
    int port;

    ck_assert_int_eq(open_on("127.0.0.1", NULL), 0);
    port = sockets.port; /* one that is free */
    timed_sockets_close(&sockets);
    snprintf(text, sizeof text, "127.0.0.1:%d", port);
    ck_assert_int_eq(open_on(text, "127.0.0.2"), 0);
    ck_assert_int_eq(sockets.port, port);
    ck_assert_int_eq(timed_port_of(sockets.list[0].fd), port);
    ck_assert_int_eq(timed_port_of(sockets.list[2].fd), timed_port_of(sockets.list[3].fd));
    timed_sockets_close(&sockets);
}
END_TEST

START_TEST(test_everywhere)
{
    ck_assert_int_eq(open_on(NULL, NULL), 0);
    ck_assert(sockets.count == 2 || sockets.count == 4); /* without IPv6, or with it */
    timed_sockets_close(&sockets);
    /* IPv4 comes first; there is no IPv6. */
    fail_binds(3, 4, EADDRNOTAVAIL);
    ck_assert_int_eq(open_on(NULL, NULL), 0);
    ck_assert_uint_eq(sockets.count, 2);
    timed_sockets_close(&sockets);
}
END_TEST

START_TEST(test_one_that_is_refused_closes_all)
{
    fail_binds(3, 3, EACCES);
    ck_assert_int_eq(open_on("127.0.0.1", "127.0.0.2"), EXIT_FAILURE);
    ck_assert_uint_eq(sockets.count, 0);
    ck_assert_ptr_nonnull(strstr(message, "bind 127.0.0.2:"));
    ck_assert_ptr_nonnull(strstr(message, "Permission denied"));
}
END_TEST

/* The port that the system chose for TCP is another's over UDP. */
START_TEST(test_another_port_is_chosen)
{
    fail_binds(2, 2, EADDRINUSE);
    ck_assert_int_eq(open_on("127.0.0.1", NULL), 0);
    ck_assert_int_eq(binds, 4);
    timed_sockets_close(&sockets);
    fail_binds(1, 1000, EADDRINUSE);
    udp_alone = true;
    ck_assert_int_eq(open_on("127.0.0.1", NULL), EXIT_FAILURE);
    ck_assert_int_gt(binds, 10);
    ck_assert_int_lt(binds, 100);
}
END_TEST

START_TEST(test_address_that_the_machine_has_not)
{
    fail_binds(1, 1000, EADDRNOTAVAIL);
    ck_assert_int_eq(open_on("127.0.0.1", NULL), EXIT_FAILURE);
    ck_assert_ptr_nonnull(strstr(message, "ip address"));
    if (open_on("::1", NULL) == EXIT_FAILURE)
        ck_assert_ptr_nonnull(strstr(message, "bind [::1]:0: "));
}
END_TEST

/* A name that stands for IPv6 addresses alone, on a machine without IPv6. */
START_TEST(test_name_without_an_address_here)
{
    lookup_times = 2;
    fail_binds(1, 1000, EADDRNOTAVAIL);
    ck_assert_int_eq(open_on("::1", NULL), EXIT_FAILURE);
    ck_assert_uint_eq(sockets.count, 0);
    ck_assert_msg(strstr(message, "bind [::1]:0: ") != NULL, "%s", message);
}
END_TEST

START_TEST(test_address_that_a_name_has_twice)
{
    lookup_times = 2;
    ck_assert_int_eq(open_on("localhost", "127.0.0.1"), 0);
    for (size_t i = 0; i < sockets.count; i++)
        ck_assert_int_eq(timed_port_of(sockets.list[i].fd), sockets.port);
    ck_assert_uint_le(sockets.count, 4); /* IPv4, IPv6 */
    timed_sockets_close(&sockets);
}
END_TEST

START_TEST(test_more_addresses_than_there_is_room_for)
{
    options = (struct timed_options){.tcp = true, .listen = {{"127.0.0.1"}, 1}};
    lookup_times = TIMED_SOCKETS;
    lookup_step = 1;
    ck_assert_int_eq(timed_listen(&sockets, &options, message, sizeof message), 0);
    ck_assert_uint_eq(sockets.count, TIMED_SOCKETS);
    timed_sockets_close(&sockets);
    lookup_times = TIMED_SOCKETS + 1;
    ck_assert_int_eq(timed_listen(&sockets, &options, message, sizeof message), EXIT_FAILURE);
    ck_assert_uint_eq(sockets.count, 0);
    ck_assert_msg(strstr(message, strerror(EMFILE)) != NULL, "%s", message);
}
END_TEST

START_TEST(test_texts_that_are_no_addresses)
{
    static const char *const texts[] = {"",     ":",   "1.2.3.4.5", "127.0.0.1:x",    "127.0.0.1:",
                                        "[::1", "::g", "[]:1",      "127.0.0.1:65536"};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_int_eq(open_on(texts[i], NULL), COMMAND_USAGE);
        ck_assert_int_eq(strncmp(message, "bad address", 11), 0);
    }
}
END_TEST

START_TEST(test_lookup_that_fails)
{
    lookup_error = EAI_SYSTEM;
    ck_assert_int_eq(open_on("127.0.0.1", NULL), EXIT_FAILURE);
    ck_assert_ptr_nonnull(strstr(message, "address 127.0.0.1: "));
    ck_assert_ptr_nonnull(strstr(message, strerror(EMFILE)));
    lookup_error = EAI_AGAIN;
    ck_assert_int_eq(open_on("somewhere", NULL), EXIT_FAILURE);
    lookup_error = EAI_NONAME;
    ck_assert_int_eq(open_on("somewhere", NULL), COMMAND_USAGE);
}
END_TEST

/* ---- what it is given ---- */

enum { FIRST = 3 };

/* Whatever has these numbers, Check's own pipe perhaps, is kept elsewhere meanwhile. */
static int kept[2];

static void put(const int fds[2])
{
    for (int i = 0; i < 2; i++) {
        kept[i] = fcntl(FIRST + i, F_DUPFD, 100);
        dup2(fds[i], FIRST + i);
    }
}

static void take_back(void)
{
    for (int i = 0; i < 2; i++) {
        close(FIRST + i);
        if (kept[i] >= 0) {
            dup2(kept[i], FIRST + i);
            close(kept[i]);
        }
    }
}

static bool close_on_exec; /* the first */

/* With these descriptors from 3 on. */
static int inherit(const int fds[2], const char *count, const char *names)
{
    char pid[16];
    int status;

    snprintf(pid, sizeof pid, "%d", (int)getpid());
    setenv("LISTEN_FDS", count, 1);
    setenv("LISTEN_PID", pid, 1);
    if (names != NULL)
        setenv("LISTEN_FDNAMES", names, 1);
    put(fds);
    status = timed_inherit(&sockets, message, sizeof message);
    close_on_exec = (fcntl(FIRST, F_GETFD) & FD_CLOEXEC) != 0;
    take_back();
    ck_assert_ptr_null(getenv("LISTEN_FDS"));
    ck_assert_ptr_null(getenv("LISTEN_PID"));
    ck_assert_ptr_null(getenv("LISTEN_FDNAMES"));
    return status;
}

static int high(int fd)
{
    const int other = fcntl(fd, F_DUPFD, 50);

    close(fd);
    return other;
}

START_TEST(test_any_order)
{
    struct sockaddr_in addr = loopback(0);
    const int tcp = high(tcp_listen(&addr)), udp = high(socket(AF_INET, SOCK_DGRAM, 0));
    const int orders[2][2] = {{tcp, udp}, {udp, tcp}};

    ck_assert_int_eq(__real_bind(udp, (struct sockaddr *)&addr, sizeof addr), 0);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(inherit(orders[i], "2", "a:b"), 0);
        ck_assert_uint_eq(sockets.count, 2);
        ck_assert_int_eq(sockets.port, ntohs(addr.sin_port));
        ck_assert_int_eq(sockets.list[i].type, SOCK_STREAM);
        ck_assert_int_eq(sockets.list[1 - i].type, SOCK_DGRAM);
        ck_assert(close_on_exec);
    }
    close(tcp);
    close(udp);
}
END_TEST

START_TEST(test_names_in_messages)
{
    static const struct {
        const char *names, *said;
    } cases[] = {
        {NULL, "descriptor 4: "},    {"", "descriptor 4: "},        {"a:b", "descriptor 4 b: "},
        {"a", "descriptor 4: "},     {"a:b:c", "descriptor 4 b: "}, {":b", "descriptor 4 b: "},
        {"long:", "descriptor 4: "},
    };
    struct sockaddr_in addr = loopback(0);
    const int tcp = high(tcp_listen(&addr)), none = high(dup(STDOUT_FILENO));

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(inherit((const int[]){tcp, none}, "2", cases[i].names), EXIT_FAILURE);
        ck_assert_msg(strstr(message, cases[i].said) != NULL, "%s", message);
    }
    close(tcp);
    close(none);
}
END_TEST

START_TEST(test_kinds_that_are_not_served)
{
    const int kinds[][2] = {
        {AF_INET, SOCK_STREAM}, {AF_INET, SOCK_DGRAM}, {AF_UNIX, SOCK_STREAM},
        {AF_UNIX, SOCK_DGRAM},  {AF_INET, SOCK_RAW}, /* which root alone can make */
    };

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        const int protocol = kinds[i][1] == SOCK_RAW ? IPPROTO_ICMP : 0;
        const int fd = high(socket(kinds[i][0], kinds[i][1], protocol));

        if (fd < 0 && protocol != 0)
            continue;
        ck_assert_int_eq(inherit((const int[]){fd, fd}, "1", NULL), EXIT_FAILURE);
        close(fd);
    }
}
END_TEST

START_TEST(test_numbers_that_cannot_be)
{
    static const char *const texts[] = {"", "x", "-1", "1x", "257", "99999999999"};

    const int none[] = {STDOUT_FILENO, STDOUT_FILENO};

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_int_eq(inherit(none, texts[i], NULL), EXIT_FAILURE);
        ck_assert_int_eq(strncmp(message, "LISTEN_FDS=", 11), 0);
    }
    ck_assert_int_eq(inherit(none, "0", NULL), 0);
    ck_assert_uint_eq(sockets.count, 0);
}
END_TEST

START_TEST(test_meant_for_another)
{
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_PID", "1", 1);
    ck_assert_int_eq(timed_inherit(&sockets, message, sizeof message), 0);
    ck_assert_uint_eq(sockets.count, 0);
    ck_assert_ptr_null(getenv("LISTEN_FDS"));
    ck_assert_int_eq(timed_inherit(&sockets, message, sizeof message), 0); /* none are set */
}
END_TEST

/* ---- from where ---- */

START_TEST(test_sources)
{
    options = (struct timed_options){.udp = true};
    options.listen = (struct timed_list){{"127.0.0.1"}, 1};
    ck_assert_int_eq(timed_sockets_open(&sockets, &options, message, sizeof message), 0);
    ck_assert_uint_eq(sockets.count, 1);
    ck_assert_int_eq(sockets.list[0].type, SOCK_DGRAM);
    timed_sockets_close(&sockets);
    options.inetd = true;
    ck_assert_int_eq(timed_sockets_open(&sockets, &options, message, sizeof message), EXIT_FAILURE);
    ck_assert_str_eq(message, "--inetd: standard input: not a socket");
    ck_assert_int_eq(timed_port_of(STDIN_FILENO), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timed_sockets");
    TCase *tcase = add_case(suite, "timed_sockets");

    tcase_add_test(tcase, test_one_port_for_all);
    tcase_add_test(tcase, test_ports_that_are_said);
    tcase_add_test(tcase, test_everywhere);
    tcase_add_test(tcase, test_one_that_is_refused_closes_all);
    tcase_add_test(tcase, test_another_port_is_chosen);
    tcase_add_test(tcase, test_address_that_the_machine_has_not);
    tcase_add_test(tcase, test_name_without_an_address_here);
    tcase_add_test(tcase, test_address_that_a_name_has_twice);
    tcase_add_test(tcase, test_more_addresses_than_there_is_room_for);
    tcase_add_test(tcase, test_texts_that_are_no_addresses);
    tcase_add_test(tcase, test_lookup_that_fails);
    tcase_add_test(tcase, test_any_order);
    tcase_add_test(tcase, test_names_in_messages);
    tcase_add_test(tcase, test_kinds_that_are_not_served);
    tcase_add_test(tcase, test_numbers_that_cannot_be);
    tcase_add_test(tcase, test_meant_for_another);
    tcase_add_test(tcase, test_sources);
    return run_suite(suite);
}
