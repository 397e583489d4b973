/* check_accept_many.c - a listener that takes all that wait in one event, but never too many. */
#include "interpose.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/un.h>

enum { MANY = 64 /* that one event takes at most */, MORE = 10 };

static int accepted, stop_at;

static int count_and_close(struct probe *self, int fd, const struct sockaddr *addr,
                           socklen_t addrlen)
{
    (void)addr;
    (void)addrlen;
    close(fd);
    return ++accepted == stop_at ? asyncore_close(&self->base) : 0;
}

static int fail_each(struct probe *self, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    (void)self;
    (void)addr;
    (void)addrlen;
    close(fd);
    accepted++;
    return -EIO;
}

static int exit_now(struct probe *self, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    count_and_close(self, fd, addr, addrlen);
    return asyncore_ExitNow;
}

static struct probe l;
static struct sockaddr_in addr;

static void listen_for(int (*on_accepted)(struct probe *self, int fd, const struct sockaddr *addr,
                                          socklen_t addrlen))
{
    probe_listen(&l, "L", NULL, &addr);
    ck_assert_int_eq(asyncore_listen(&l.base, MANY + MORE), 0);
    l.on_accepted = on_accepted;
    accepted = stop_at = 0;
}

static int accept_many(struct probe *self)
{
    return asyncore_accept_many(&self->base);
}

static void connect_clients(int *clients, int count)
{
    for (int i = 0; i < count; i++)
        clients[i] = tcp_connect(&addr);
}

static void close_clients(const int *clients, int count)
{
    for (int i = 0; i < count; i++)
        close(clients[i]);
}

START_TEST(test_all_that_wait)
{
    int clients[3];

    listen_for(count_and_close);
    connect_clients(clients, 3);
    l.on_accept = accept_many; /* as the slot handle_accept, but traced */
    poll_once(NULL);
    assert_trace("L.handle_accept L.handle_accepted L.handle_accepted L.handle_accepted ");
    ck_assert_int_eq(asyncore_accept_many(&l.base), -EAGAIN);
    close_clients(clients, 3);
}
END_TEST

START_TEST(test_others_have_their_turn)
{
    int clients[MANY + MORE];

    listen_for(count_and_close);
    connect_clients(clients, MANY + MORE);
    ck_assert_int_eq(asyncore_accept_many(&l.base), 0);
    ck_assert_int_eq(accepted, MANY);
    ck_assert_int_eq(asyncore_accept_many(&l.base), -EAGAIN);
    ck_assert_int_eq(accepted, MANY + MORE);
    close_clients(clients, MANY + MORE);
}
END_TEST

START_TEST(test_one_failure_is_no_other_s)
{
    int clients[3];

    trace_log();
    listen_for(fail_each);
    connect_clients(clients, 3);
    ck_assert_int_eq(asyncore_accept_many(&l.base), -EAGAIN);
    ck_assert_int_eq(accepted, 3);
    ck_assert(asyncore_accepting(&l.base));
    close_clients(clients, 3);
}
END_TEST

START_TEST(test_listener_closes_in_the_middle)
{
    int clients[3];

    listen_for(count_and_close);
    stop_at = 2;
    connect_clients(clients, 3);
    ck_assert_int_eq(asyncore_accept_many(&l.base), 0);
    ck_assert_int_eq(accepted, 2);
    ck_assert_int_eq(l.destroyed, 1);
    close_clients(clients, 3);
}
END_TEST

START_TEST(test_exit_now_in_the_middle)
{
    int clients[2];

    listen_for(exit_now);
    connect_clients(clients, 2);
    ck_assert_int_eq(asyncore_accept_many(&l.base), asyncore_ExitNow);
    ck_assert_int_eq(accepted, 1);
    close_clients(clients, 2);
}
END_TEST

START_TEST(test_no_descriptor_left)
{
    struct rlimit limit, none;
    int clients[2];

    trace_log();
    listen_for(count_and_close);
    connect_clients(clients, 2);
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    ck_assert_int_eq(asyncore_accept_many(&l.base), -EMFILE);
    setrlimit(RLIMIT_NOFILE, &limit);
    ck_assert_int_eq(accepted, 0);
    close_clients(clients, 2);
}
END_TEST

START_TEST(test_no_listener)
{
    static struct probe a;
    struct asyncore_dispatcher none = {0};

    ck_assert_int_eq(asyncore_accept_many(&none), -EINVAL);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_accept_many(&a.base), -EBADF);
}
END_TEST

/* ==================================================
 * an accept() that finds nobody is dear
 */

START_TEST(test_asks_how_many_wait)
{
    int clients[3];

    listen_for(count_and_close);
    connect_clients(clients, 3);
    ck_assert_int_eq(asyncore_accept_many(&l.base), -EAGAIN);
    ck_assert_int_eq(accepted, 3);
#ifdef __linux__
    ck_assert_int_eq(calls.accepts, 3);
#endif
    close_clients(clients, 3);
}
END_TEST

/* No such question can be asked of it. */
START_TEST(test_listener_of_a_path)
{
    char directory[] = "/tmp/check_accept_many.XXXXXX";
    struct sockaddr_un path = {.sun_family = AF_UNIX};
    int clients[3];

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path.sun_path, sizeof path.sun_path, "%s/l", directory);
    probe_init(&l, "L", NULL);
    l.on_accepted = count_and_close;
    ck_assert_int_eq(asyncore_create_socket(&l.base, AF_UNIX, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_bind(&l.base, (struct sockaddr *)&path, sizeof path), 0);
    ck_assert_int_eq(asyncore_listen(&l.base, 3), 0);
    for (int i = 0; i < 3; i++) {
        clients[i] = socket(AF_UNIX, SOCK_STREAM, 0);
        ck_assert_int_eq(connect(clients[i], (struct sockaddr *)&path, sizeof path), 0);
    }
    ck_assert_int_eq(asyncore_accept_many(&l.base), -EAGAIN);
    ck_assert_int_eq(accepted, 3);
    ck_assert_int_eq(calls.accepts, 4);
    close_clients(clients, 3);
    unlink(path.sun_path);
    rmdir(directory);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("accept_many");
    TCase *tcase = add_case(suite, "accept_many");

    tcase_add_test(tcase, test_all_that_wait);
    tcase_add_test(tcase, test_others_have_their_turn);
    tcase_add_test(tcase, test_one_failure_is_no_other_s);
    tcase_add_test(tcase, test_listener_closes_in_the_middle);
    tcase_add_test(tcase, test_exit_now_in_the_middle);
    tcase_add_test(tcase, test_no_descriptor_left);
    tcase_add_test(tcase, test_no_listener);
    tcase_add_test(tcase, test_listener_of_a_path);
    tcase = add_kernel_case(suite, "kernel");
    tcase_add_test(tcase, test_asks_how_many_wait);
    return run_suite(suite);
}
