/* check_detach.c - a connection leaves its dispatcher alive. */
#include "support.h"

#include <fcntl.h>

START_TEST(test_the_descriptor_stays_open)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    const int fd = asyncore_detach(&a.base);
    char buffer[8];

    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
    ck_assert_int_eq(asyncore_fileno(&a.base), -1);
    ck_assert(!asyncore_connected(&a.base));
    ck_assert_int_eq(a.destroyed, 1);
    assert_trace("");
    send_all(peer, "hi");
    wait_readable(fd);
    ck_assert_int_eq(recv(fd, buffer, sizeof buffer, 0), 2);
    ck_assert((fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    close(fd);
    close(peer);
}
END_TEST

static struct probe heir;

static int hand_over(struct probe *self)
{
    probe_init(&heir, "B", NULL);
    heir.on_read = recv_some;
    return asyncore_set_socket(&heir.base, asyncore_detach(&self->base), NULL);
}

/* What the pass found for the one is not the other's. */
START_TEST(test_in_a_handler_to_another_dispatcher)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = hand_over;
    a.wants_write = true;
    send_all(peer, "hi");
    poll_once(NULL);
    assert_trace("A.handle_read ");
    ck_assert_int_eq(a.destroyed, 1);
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=2 ");
    close(peer);
}
END_TEST

START_TEST(test_idle_seconds_end_with_it)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    int fd;

    ck_assert_int_eq(asyncore_set_idle_timeout(&a.base, 0.001), 0);
    fd = asyncore_detach(&a.base);
    ck_assert_int_eq(asyncore_loop(1, NULL, -1), 0); /* no timer is left to wait for */
    assert_trace("");
    close(fd);
    close(peer);
}
END_TEST

START_TEST(test_nothing_to_detach)
{
    static struct probe a;
    struct asyncore_dispatcher none = {0};

    ck_assert_int_eq(asyncore_detach(NULL), -EINVAL);
    ck_assert_int_eq(asyncore_detach(&none), -EINVAL);
    probe_init(&a, "A", NULL);
    ck_assert_int_eq(asyncore_detach(&a.base), -EBADF);
    ck_assert_int_eq(a.destroyed, 0);
    close(probe_channel(&a, "A", NULL));
    close(asyncore_detach(&a.base));
    ck_assert_int_eq(asyncore_detach(&a.base), -EBADF);
    ck_assert_int_eq(a.destroyed, 1);
}
END_TEST

/* Out of the map it was closed behind the library's back, and the number is another dispatcher's. */
START_TEST(test_number_lost)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), number = asyncore_fileno(&a.base);
    int ends[2];

    ck_assert_int_eq(asyncore_del_channel(&a.base), 0);
    tcp_pair(ends);
    ck_assert_int_eq(dup2(ends[0], number), number);
    close(ends[0]);
    probe_init(&b, "B", NULL);
    ck_assert_int_eq(asyncore_set_socket(&b.base, number, NULL), 0);
    ck_assert_int_eq(asyncore_detach(&a.base), -EBADF);
    ck_assert_int_eq(a.destroyed, 1);
    b.on_read = recv_some;
    send_all(ends[1], "hi");
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=2 ");
    close(ends[1]);
    close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("detach");
    TCase *tcase = add_case(suite, "detach");

    tcase_add_test(tcase, test_the_descriptor_stays_open);
    tcase_add_test(tcase, test_in_a_handler_to_another_dispatcher);
    tcase_add_test(tcase, test_idle_seconds_end_with_it);
    tcase_add_test(tcase, test_nothing_to_detach);
    tcase_add_test(tcase, test_number_lost);
    return run_suite(suite);
}
