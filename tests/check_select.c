/* check_select.c - select() and descriptors beyond FD_SETSIZE. */
#include "support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/select.h>

static void allow_descriptors(rlim_t count)
{
    struct rlimit limit;

    ck_assert_int_eq(asyncore_map_set_poller(NULL, "select"), 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < count) {
        /* TAP has no skip in Check: said in words, and the test is empty */
        fprintf(stderr, "skipped: the hard limit of descriptors is %lu, below %lu\n",
                (unsigned long)limit.rlim_max, (unsigned long)count);
        exit(EXIT_SUCCESS);
    }
    limit.rlim_cur = count;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* A channel whose descriptor has this number; returns its peer. */
static int channel_on(struct probe *self, const char *name, int number)
{
    int ends[2];

    tcp_pair(ends);
    ck_assert_int_eq(dup2(ends[0], number), number);
    close(ends[0]);
    probe_init(self, name, NULL);
    ck_assert_int_eq(asyncore_init(&self->base, &probe_class, number, NULL), 0);
    self->on_read = recv_some;
    return ends[1];
}

START_TEST(test_high_numbers)
{
    static const int numbers[] = {FD_SETSIZE - 1, FD_SETSIZE,     FD_SETSIZE + 1,
                                  1500,           2 * FD_SETSIZE, 40 * FD_SETSIZE};
    static struct probe probes[6];
    int peers[6];

    skip_if_emulated("has sets of FD_SETSIZE");
    allow_descriptors(41 * FD_SETSIZE);
    for (int i = 0; i < 6; i++)
        peers[i] = channel_on(&probes[i], "A", numbers[i]);
    for (int i = 0; i < 6; i++) {
        send_all(peers[i], "x");
        poll_once(NULL);
        assert_trace("A.handle_read A.recv=1 ");
    }
    for (int i = 5; i >= 0; i--) { /* from the top, so that the sets shrink */
        send_all(peers[0], "x");
        poll_once(NULL);
        assert_trace("A.handle_read A.recv=1 ");
        asyncore_close(&probes[i].base);
        close(peers[i]);
    }
}
END_TEST

START_TEST(test_refuses_what_it_cannot_watch)
{
    static struct probe a, b;
    int ends[2], peer;

    allow_descriptors(2 * FD_SETSIZE);
    peer = channel_on(&a, "A", FD_SETSIZE - 1);
    tcp_pair(ends);
    ck_assert_int_eq(dup2(ends[0], FD_SETSIZE), FD_SETSIZE);
    close(ends[0]);
    probe_init(&b, "B", NULL);
    ck_assert_int_eq(asyncore_set_socket(&b.base, FD_SETSIZE, NULL), -EMFILE);
    ck_assert_int_eq(asyncore_fileno(&b.base), -1);
    ck_assert_int_eq(fcntl(FD_SETSIZE, F_GETFD), -1); /* it is closed */
    ck_assert_uint_eq(asyncore_map_count(NULL), 1);
    send_all(peer, "x");
    poll_once(NULL);
    assert_trace("A.handle_read A.recv=1 ");
    close(ends[1]);
    close(peer);
}
END_TEST

/* ---- a server with 1,100 clients ---- */

struct echo {
    struct asyncore_dispatcher base;
};

static int echo_handle_read(struct asyncore_dispatcher *self)
{
    char buffer[64];
    const ssize_t n = asyncore_recv(self, buffer, sizeof buffer);

    if (n <= 0)
        return (int)n;
    ck_assert_int_eq(asyncore_send(self, buffer, (size_t)n), n);
    return 0;
}

static void echo_destroy(struct asyncore_dispatcher *self)
{
    free(self);
}

static const struct asyncore_class echo_class = {
    .name = "echo",
    .writable = asyncore_never,
    .handle_read = echo_handle_read,
    .destroy = echo_destroy,
};

static int make_echo(struct probe *self, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    struct echo *echo = malloc(sizeof *echo);

    ck_assert_ptr_nonnull(echo);
    return asyncore_init_accepted(&echo->base, &echo_class, fd, addr, addrlen,
                                  asyncore_get_map(&self->base));
}

START_TEST(test_1100_connections)
{
    enum { CLIENTS = 1100 };
    static int clients[CLIENTS];
    static struct probe l;
    struct sockaddr_in addr;

    skip_if_emulated("has sets of FD_SETSIZE");
    allow_descriptors(2 * CLIENTS + 100);
    probe_listen(&l, "L", NULL, &addr);
    l.on_accepted = make_echo;
    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = tcp_connect(&addr);
        poll_once(NULL);
    }
    ck_assert_uint_eq(asyncore_map_count(NULL), CLIENTS + 1);
    for (int i = 0; i < CLIENTS; i += 99) {
        char answer[5];

        send_all(clients[i], "hello");
        poll_once(NULL);
        ck_assert_int_eq(recv_to_end(clients[i], answer, sizeof answer), 5);
    }
    for (int i = 0; i < CLIENTS; i++)
        close(clients[i]);
    while (asyncore_map_count(NULL) > 1)
        poll_once(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("select");
    TCase *tcase = add_case(suite, "select");

#ifdef ASYNCORE__SELECT_LIMIT
    (void)test_high_numbers;
    (void)test_1100_connections;
    tcase_add_test(tcase, test_refuses_what_it_cannot_watch);
#else
    (void)test_refuses_what_it_cannot_watch;
    tcase_add_test(tcase, test_high_numbers);
    tcase_add_test(tcase, test_1100_connections);
#endif
    return run_suite(suite);
}
