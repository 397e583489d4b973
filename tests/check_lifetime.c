/*
 * check_lifetime.c - objects that end in their own handlers, many that end together, and numbers that
 * go to others before their end.
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

/* ==================================================
 * an object from malloc() that closes itself, and is freed then, in each of its handlers
 */

struct own {
    struct asyncore_dispatcher base;
    char more[256];
    bool wants_write;
    struct asyncore_timer timer;
};

static int freed;

static void own_destroy(struct asyncore_dispatcher *self)
{
    freed++;
    asyncore_cancel(&((struct own *)self)->timer);
    memset(self, 0xa5, sizeof(struct own));
    free(self);
}

/* It is still there when it has been closed, until the handler returns. */
static int end(struct asyncore_dispatcher *self)
{
    struct own *own = (struct own *)self;

    ck_assert_int_eq(asyncore_close(self), 0);
    ck_assert_int_eq(freed, 0);
    memset(own->more, 1, sizeof own->more);
    return 0;
}

static int end_accepted(struct asyncore_dispatcher *self, int fd, const struct sockaddr *addr,
                        socklen_t addrlen)
{
    (void)addr;
    (void)addrlen;
    close(fd);
    return end(self);
}

static int end_error(struct asyncore_dispatcher *self, int error)
{
    (void)error;
    return end(self);
}

static int break_down(struct asyncore_dispatcher *self)
{
    (void)self;
    return -EIO;
}

static int receive(struct asyncore_dispatcher *self)
{
    struct own *own = (struct own *)self;
    const ssize_t n = asyncore_recv(self, own->more, sizeof own->more);

    own->more[0] = 1;
    return (int)n;
}

static bool own_writable(struct asyncore_dispatcher *self)
{
    return ((struct own *)self)->wants_write;
}

static bool end_predicate(struct asyncore_dispatcher *self)
{
    end(self);
    return true;
}

#define OWN .writable = own_writable, .destroy = own_destroy

static const struct asyncore_class reads = {OWN, .handle_read = end};
static const struct asyncore_class writes = {OWN, .handle_read = receive, .handle_write = end};
static const struct asyncore_class is_told = {OWN, .handle_read = receive, .handle_expt = end};
static const struct asyncore_class closes = {OWN, .handle_read = receive, .handle_close = end};
static const struct asyncore_class eofs = {OWN, .handle_read = receive, .handle_eof = end};
static const struct asyncore_class errs = {OWN, .handle_read = break_down,
                                           .handle_error = end_error};
static const struct asyncore_class idles = {OWN, .handle_timeout = end};
static const struct asyncore_class asked = {
    .readable = end_predicate, .writable = own_writable, .destroy = own_destroy};
static const struct asyncore_class connects = {OWN, .handle_connect = end};
static const struct asyncore_class accepts = {OWN, .handle_accept = end};
static const struct asyncore_class accepteds = {OWN, .handle_accepted = end_accepted};

static struct own *new_own(const struct asyncore_class *cls, int fd)
{
    struct own *own = calloc(1, sizeof *own);

    ck_assert_ptr_nonnull(own);
    ck_assert_int_eq(asyncore_init(&own->base, cls, fd, NULL), 0);
    return own;
}

static void until_freed(void)
{
    while (freed == 0)
        ck_assert_int_eq(asyncore_poll(20, NULL), 0);
    ck_assert_int_eq(freed, 1);
    ck_assert_uint_eq(asyncore_map_count(NULL), 0);
}

static void do_nothing(int peer)
{
    (void)peer;
}

static void send_byte(int peer)
{
    send_all(peer, "x");
}

static void send_urgent(int peer)
{
    ck_assert_int_eq(send(peer, "!", 1, MSG_OOB), 1);
}

static void send_end(int peer)
{
    shutdown(peer, SHUT_WR);
}

static const struct {
    const struct asyncore_class *cls;
    void (*provoke)(int peer);
    bool wants_write, idles;
} channels[] = {
    {&reads, send_byte, true, false},      {&writes, do_nothing, true, false},
    {&is_told, send_urgent, false, false}, {&closes, send_end, true, false},
    {&eofs, send_end, true, false},        {&errs, send_byte, true, false},
    {&idles, do_nothing, false, true},     {&asked, send_byte, true, false},
};

START_TEST(test_channel_frees_itself)
{
    struct own *own;
    int ends[2];

    tcp_pair(ends);
    own = new_own(channels[_i].cls, ends[0]);
    own->wants_write = channels[_i].wants_write;
    if (channels[_i].idles)
        ck_assert_int_eq(asyncore_set_idle_timeout(&own->base, 0.001), 0);
    channels[_i].provoke(ends[1]);
    until_freed();
    close(ends[1]);
}
END_TEST

START_TEST(test_client_frees_itself)
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);
    struct own *own = new_own(&connects, -1);

    own->wants_write = true;
    ck_assert_int_eq(asyncore_create_socket(&own->base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_connect(&own->base, (struct sockaddr *)&addr, sizeof addr), 0);
    until_freed();
    close(listener);
}
END_TEST

START_TEST(test_listener_frees_itself)
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr), client = tcp_connect(&addr);

    new_own(_i == 0 ? &accepts : &accepteds, listener);
    until_freed();
    close(client);
}
END_TEST

static void end_in_target(struct asyncore_timer *timer)
{
    end(&((struct own *)(void *)((char *)timer - offsetof(struct own, timer)))->base);
}

/* The timer is a part of what is freed. */
START_TEST(test_timer_ends_its_owner)
{
    struct own *own;
    int ends[2];

    tcp_pair(ends);
    own = new_own(&reads, ends[0]);
    if (_i == 0)
        ck_assert_int_eq(asyncore_call_later(&own->timer, 0, end_in_target, NULL), 0);
    else
        ck_assert_int_eq(asyncore_call_every(&own->timer, 0.001, end_in_target, NULL), 0);
    until_freed();
    close(ends[1]);
}
END_TEST

static void free_in_target(struct asyncore_timer *timer)
{
    asyncore_cancel(timer);
    memset(timer, 0xa5, sizeof *timer);
    free(timer);
    freed++;
}

/* Nobody looks at a timer after its target has been called. */
START_TEST(test_timer_is_freed_in_its_target)
{
    struct asyncore_timer *timers[3];

    for (int i = 0; i < 3; i++) { /* in a heap with others */
        timers[i] = calloc(1, sizeof *timers[i]);
        ck_assert_ptr_nonnull(timers[i]);
        if (_i == 0)
            ck_assert_int_eq(asyncore_call_later(timers[i], 0, free_in_target, NULL), 0);
        else
            ck_assert_int_eq(asyncore_call_every(timers[i], 0.001 * i, free_in_target, NULL), 0);
    }
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0);
    ck_assert_int_eq(freed, 3);
}
END_TEST

/* ==================================================
 * both ends of a connection, in the handler of the listener between them
 */

static struct probe client, child;

static int close_both_ends(struct probe *self, int fd, const struct sockaddr *addr,
                           socklen_t addrlen)
{
    probe_init(&child, "C", NULL);
    ck_assert_int_eq(asyncore_init_accepted(&child.base, &probe_class, fd, addr, addrlen,
                                            asyncore_get_map(&self->base)),
                     0);
    asyncore_close(&child.base);
    asyncore_close(&client.base); /* which has found out in this pass that it is connected */
    return asyncore_close(&self->base);
}

START_TEST(test_listener_closes_all_three)
{
    static struct probe l;
    struct sockaddr_in addr;

    probe_listen(&l, "L", NULL, &addr);
    l.on_accepted = close_both_ends;
    probe_init(&client, "D", NULL);
    client.wants_write = true;
    ck_assert_int_eq(asyncore_create_socket(&client.base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_connect(&client.base, (struct sockaddr *)&addr, sizeof addr), 0);
    wait_readable(asyncore_fileno(&l.base));
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0);
    assert_trace("L.handle_accept L.handle_accepted ");
    ck_assert_int_eq(l.destroyed, 1);
    ck_assert_int_eq(client.destroyed, 1);
    ck_assert_int_eq(child.destroyed, 1);
}
END_TEST

/* ==================================================
 * one ends another, that one a third, and so on: no deeper into the stack
 */

enum { CHAIN = 200000 };

struct link {
    struct asyncore_dispatcher base;
    struct link *next;
};

static int destroyed;

static void link_destroy(struct asyncore_dispatcher *self)
{
    struct link *next = ((struct link *)self)->next;

    destroyed++;
    free(self);
    if (next != NULL)
        asyncore_close(&next->base);
}

static const struct asyncore_class link_class = {.destroy = link_destroy};

START_TEST(test_long_chain)
{
    struct link *first = NULL;

    for (int i = 0; i < CHAIN; i++) {
        struct link *link = calloc(1, sizeof *link);

        /* Check remembers each assertion, which takes its time. */
        if (link == NULL || asyncore_init(&link->base, &link_class, -1, NULL) != 0)
            ck_abort();
        link->next = first;
        first = link;
    }
    ck_assert_int_eq(asyncore_close(&first->base), 0);
    ck_assert_int_eq(destroyed, CHAIN);
}
END_TEST

/* What is set in a destroy() is not lost. */
static struct asyncore_timer last_will;

static void fire(struct asyncore_timer *timer)
{
    (void)timer;
    add_to_trace("fired ");
}

static void set_timer(struct probe *self)
{
    (void)self;
    ck_assert_int_eq(asyncore_call_later(&last_will, 0.001, fire, NULL), 0);
}

START_TEST(test_timer_set_in_destroy)
{
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);

    a.on_read = close_self;
    a.on_destroy = set_timer;
    send_all(peer, "x");
    ck_assert_int_eq(asyncore_loop(-1, NULL, -1), 0); /* it keeps the loop */
    assert_trace("A.handle_read fired ");
    close(peer);
}
END_TEST

/* ==================================================
 * out of the map, and closed behind its back: its number goes to another, and then it is closed
 */

START_TEST(test_number_of_one_out_of_the_map)
{
    static struct probe a, b;
    const int peer = probe_channel(&a, "A", NULL), number = asyncore_fileno(&a.base);
    int ends[2];

    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(asyncore_del_channel(&a.base), 0);
    tcp_pair(ends);
    ck_assert_int_eq(dup2(ends[0], number), number);
    close(ends[0]);
    probe_init(&b, "B", NULL);
    b.on_read = recv_some;
    ck_assert_int_eq(asyncore_init(&b.base, &probe_class, number, NULL), 0);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_int_eq(asyncore_close(&a.base), 0);
    ck_assert_int_eq(a.destroyed, 1);
    ck_assert_ptr_eq(asyncore_map_get(NULL, number), &b.base);
    send_all(ends[1], "x");
    poll_once(NULL);
    assert_trace("B.handle_read B.recv=1 ");
    close(peer);
    close(ends[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lifetime");
    TCase *tcase = add_case(suite, "lifetime");

    tcase_add_loop_test(tcase, test_channel_frees_itself, 0, sizeof channels / sizeof channels[0]);
    tcase_add_test(tcase, test_client_frees_itself);
    tcase_add_loop_test(tcase, test_listener_frees_itself, 0, 2);
    tcase_add_loop_test(tcase, test_timer_ends_its_owner, 0, 2);
    tcase_add_loop_test(tcase, test_timer_is_freed_in_its_target, 0, 2);
    tcase_add_test(tcase, test_listener_closes_all_three);
    tcase_add_test(tcase, test_long_chain);
    tcase_add_test(tcase, test_timer_set_in_destroy);
    tcase_add_test(tcase, test_number_of_one_out_of_the_map);
    return run_suite(suite);
}
