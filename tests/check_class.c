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
    return run_suite(suite);
}
