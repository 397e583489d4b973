/* check_class.c - inheritance: a slot left NULL is the super's. */
#include "support.h"

#include <ctype.h>
#include <string.h>

static int read_in_a(struct asyncore_dispatcher *self)
{
    (void)self;
    add_to_trace("a.handle_read ");
    return 0;
}

static int write_in_a(struct asyncore_dispatcher *self)
{
    (void)self;
    add_to_trace("a.handle_write ");
    return 0;
}

static int read_in_c(struct asyncore_dispatcher *self)
{
    add_to_trace("c.handle_read ");
    return asyncore_handle_write(self);
}

static const struct asyncore_class class_a = {
    .name = "a",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_read = read_in_a,
    .handle_write = write_in_a,
};

static const struct asyncore_class class_b = {.super = &class_a};

static const struct asyncore_class class_c = {
    .super = &class_b,
    .handle_read = read_in_c,
};

static const struct asyncore_class class_d = {.name = "d", .super = &class_c};

static const struct asyncore_class class_without_super = {.handle_read = read_in_a};

static void make(struct asyncore_dispatcher *self, const struct asyncore_class *cls)
{
    ck_assert_int_eq(asyncore_init(self, cls, -1, NULL), 0);
    trace_log();
    asyncore_set_ignore_log_types(self, 0);
}

START_TEST(test_slot_of_its_own)
{
    struct asyncore_dispatcher d;

    make(&d, &class_c);
    ck_assert_int_eq(asyncore_handle_read(&d), 0);
    assert_trace("c.handle_read a.handle_write "); /* self.handle_write(): two classes up */
}
END_TEST

START_TEST(test_slot_of_a_grandparent)
{
    struct asyncore_dispatcher d;

    make(&d, &class_b);
    asyncore_handle_read(&d);
    ck_assert(!asyncore_writable(&d));
    ck_assert(asyncore_readable(&d)); /* dispatcher's */
    assert_trace("a.handle_read ");
}
END_TEST

START_TEST(test_three_deep_and_more)
{
    struct asyncore_dispatcher d;

    make(&d, &class_d);
    asyncore_handle_read(&d);
    assert_trace("c.handle_read a.handle_write ");
    ck_assert(!asyncore_writable(&d));
    asyncore_handle_connect(&d); /* four classes up */
    assert_trace("[warning] ");
}
END_TEST

START_TEST(test_no_super_is_dispatcher)
{
    struct asyncore_dispatcher d;

    make(&d, &class_without_super);
    asyncore_handle_read(&d);
    asyncore_handle_write(&d);
    assert_trace("a.handle_read [warning] ");
}
END_TEST

START_TEST(test_base_class_method)
{
    struct asyncore_dispatcher d;

    make(&d, &class_d);
    ck_assert_int_eq(asyncore_dispatcher_class.handle_read(&d), 0);
    assert_trace("[warning] ");
    class_a.handle_read(&d);
    assert_trace("a.handle_read ");
}
END_TEST

START_TEST(test_name_is_inherited)
{
    struct asyncore_dispatcher d;
    char text[64];

    make(&d, &class_d);
    asyncore_repr(&d, text, sizeof text);
    ck_assert_str_eq(text, "<d closed>");
    make(&d, &class_c);
    asyncore_repr(&d, text, sizeof text);
    ck_assert_str_eq(text, "<a closed>");
    make(&d, &class_without_super);
    asyncore_repr(&d, text, sizeof text);
    ck_assert_str_eq(text, "<dispatcher closed>");
}
END_TEST

/* CPython's DispatcherTests.test_basic and test_unhandled. */
START_TEST(test_defaults)
{
    struct asyncore_dispatcher d;

    make(&d, &asyncore_dispatcher_class);
    ck_assert(asyncore_readable(&d));
    ck_assert(asyncore_writable(&d));
    asyncore_handle_expt(&d);
    asyncore_handle_read(&d);
    asyncore_handle_write(&d);
    asyncore_handle_connect(&d);
    assert_trace("[warning] [warning] [warning] [warning] ");
}
END_TEST

START_TEST(test_handle_error_logs_and_closes)
{
    struct asyncore_dispatcher d;

    make(&d, &class_d);
    ck_assert_int_eq(asyncore_handle_error(&d, -EIO), 0);
    assert_trace("[error] [warning] ");
    ck_assert_int_eq(asyncore_handle_read(&d), -EBADF);
}
END_TEST

static ssize_t recv_in_capitals(struct asyncore_dispatcher *self, void *buffer, size_t size)
{
    const ssize_t n = asyncore_dispatcher_class.recv(self, buffer, size);

    for (ssize_t i = 0; i < n; i++)
        ((char *)buffer)[i] = (char)toupper(((unsigned char *)buffer)[i]);
    return n;
}

/* Sending in the usual way says nothing of how it receives. */
START_TEST(test_recv_of_its_own)
{
    static const struct asyncore_class cls = {.super = &probe_class, .recv = recv_in_capitals};
    static struct probe a;
    const int peer = probe_channel(&a, "A", NULL);
    char buffer[8];

    a.base.cls = &cls;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(asyncore_send(&a.base, "abc", 3), 3);
        ck_assert_int_eq(recv(peer, buffer, sizeof buffer, 0), 3);
        send_all(peer, "abc");
        wait_readable(asyncore_fileno(&a.base));
        ck_assert_int_eq(asyncore_recv(&a.base, buffer, sizeof buffer), 3);
        ck_assert_mem_eq(buffer, "ABC", 3);
    }
    close(peer);
}
END_TEST

/* ==================================================
 * called by hand, where no loop runs: they are inside a handler all the same
 */

static int destroyed;

static void close_and_look(struct asyncore_dispatcher *self)
{
    add_to_trace("%d ", asyncore_close(self));
    add_to_trace("%d %d %d ", destroyed, asyncore_map_free(NULL) == -EBUSY,
                 asyncore_poll(0, NULL) == -EBUSY);
}

static bool close_in_predicate(struct asyncore_dispatcher *self)
{
    close_and_look(self);
    return true;
}

static ssize_t close_in_recv(struct asyncore_dispatcher *self, void *buffer, size_t size)
{
    close_and_look(self);
    return asyncore_dispatcher_class.recv(self, buffer, size);
}

static ssize_t close_in_send(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    close_and_look(self);
    return asyncore_dispatcher_class.send(self, data, size);
}

static void close_in_log(struct asyncore_dispatcher *self, const char *message)
{
    (void)message;
    close_and_look(self);
}

static void close_in_log_info(struct asyncore_dispatcher *self, const char *message,
                              enum asyncore_log_type type)
{
    (void)message;
    (void)type;
    close_and_look(self);
}

static void count_destroyed(struct asyncore_dispatcher *self)
{
    (void)self;
    destroyed++;
}

static const struct asyncore_class closing_class = {
    .readable = close_in_predicate,
    .writable = close_in_predicate,
    .recv = close_in_recv,
    .send = close_in_send,
    .log = close_in_log,
    .log_info = close_in_log_info,
    .destroy = count_destroyed,
};

static void call_readable(struct asyncore_dispatcher *self)
{
    ck_assert(asyncore_readable(self));
}

static void call_writable(struct asyncore_dispatcher *self)
{
    ck_assert(asyncore_writable(self));
}

static void call_recv(struct asyncore_dispatcher *self)
{
    char byte;

    ck_assert_int_eq(asyncore_recv(self, &byte, 1), -EBADF);
}

static void call_send(struct asyncore_dispatcher *self)
{
    ck_assert_int_eq(asyncore_send(self, "x", 1), -EBADF);
}

static void call_log(struct asyncore_dispatcher *self)
{
    asyncore_log(self, "message");
}

static void call_log_info(struct asyncore_dispatcher *self)
{
    asyncore_log_info(self, "message", ASYNCORE_INFO);
}

static void (*const by_hand[])(struct asyncore_dispatcher *) = {
    call_readable, call_writable, call_recv, call_send, call_log, call_log_info,
};

START_TEST(test_by_hand)
{
    struct asyncore_dispatcher d;
    int ends[2];

    tcp_pair(ends);
    ck_assert_int_eq(asyncore_init(&d, &closing_class, ends[0], NULL), 0);
    by_hand[_i](&d);
    assert_trace("0 0 1 1 ");
    ck_assert_int_eq(destroyed, 1);
    close(ends[1]);
}
END_TEST

/* The last word of one that is closed, whose map is gone. */
START_TEST(test_log_without_a_map)
{
    struct asyncore_map *map = asyncore_map_new();
    struct asyncore_dispatcher d;

    trace_log();
    ck_assert_int_eq(asyncore_init(&d, &asyncore_dispatcher_class, -1, map), 0);
    asyncore_close(&d);
    asyncore_map_free(map);
    asyncore_log(&d, "message");
    asyncore_log_info(&d, "message", ASYNCORE_INFO);
    assert_trace("[log] [info] ");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("class");
    TCase *tcase = add_case(suite, "class");

    tcase_add_test(tcase, test_slot_of_its_own);
    tcase_add_test(tcase, test_slot_of_a_grandparent);
    tcase_add_test(tcase, test_three_deep_and_more);
    tcase_add_test(tcase, test_no_super_is_dispatcher);
    tcase_add_test(tcase, test_base_class_method);
    tcase_add_test(tcase, test_name_is_inherited);
    tcase_add_test(tcase, test_defaults);
    tcase_add_test(tcase, test_handle_error_logs_and_closes);
    tcase_add_test(tcase, test_recv_of_its_own);
    tcase_add_loop_test(tcase, test_by_hand, 0, sizeof by_hand / sizeof by_hand[0]);
    tcase_add_test(tcase, test_log_without_a_map);
    return run_suite(suite);
}
