/* check_asynchat_edges.c - async_chat that cannot be used, and sizes beyond reason. */
#include "chat.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* ---- what cannot be used ---- */

static void assert_all_answer(struct asynchat_async_chat *chat, int error)
{
    const void *string = "";

    ck_assert_int_eq(asynchat_set_terminator(chat, "\n", 1), error);
    ck_assert_int_eq(asynchat_set_terminator_number(chat, 1), error);
    ck_assert_uint_eq(asynchat_get_terminator(chat, &string), 0);
    ck_assert_ptr_null(string);
    ck_assert_int_eq(asynchat_push(chat, "x", 1), error);
    ck_assert_int_eq(asynchat_push_with_producer(chat, NULL), error);
    ck_assert_int_eq(asynchat_push_with_producer(chat, asynchat_simple_producer("x", 1, 1)), error);
    ck_assert_int_eq(asynchat_initiate_send(chat), error);
    ck_assert_int_eq(asynchat_close_when_done(chat), error);
    ck_assert_int_eq(asynchat_discard_buffers(chat), error);
    ck_assert_uint_eq(asynchat_queued(chat), 0);
    ck_assert_int_eq(asynchat_set_max_incoming(chat, 1), error);
    ck_assert_int_eq(asynchat_set_high_water(chat, 1), error);
    ck_assert_int_eq(asynchat_set_ac_in_buffer_size(chat, 1), error);
    ck_assert_int_eq(asynchat_set_ac_out_buffer_size(chat, 1), error);
    ck_assert_int_eq(asynchat_collect_incoming_data((struct asyncore_dispatcher *)chat, "x", 1),
                     error);
}

START_TEST(test_uninitialised)
{
    struct asynchat_async_chat chat;

    memset(&chat, 0, sizeof chat);
    assert_all_answer(&chat, -EINVAL);
    assert_all_answer(NULL, -EINVAL);
    ck_assert_ptr_null(asynchat_get_data(&chat, NULL));
    ck_assert_ptr_null(asynchat_get_data(NULL, NULL));
}
END_TEST

START_TEST(test_closed)
{
    make("\n");
    asyncore_close(&c.chat.base);
    assert_all_answer(&c.chat, -EBADF);
    ck_assert_int_eq(asynchat_async_chat_class.handle_read(&c.chat.base), -EBADF);
    ck_assert_int_eq(asynchat_async_chat_class.handle_write(&c.chat.base), -EBADF);
    assert_trace("");
    close(peer);
}
END_TEST

/* It would overtake what is queued. */
START_TEST(test_no_send_last)
{
    make("\n");
    ck_assert_int_eq(asyncore_send_last(&c.chat.base, "x", 1), -EOPNOTSUPP);
    close(peer);
}
END_TEST

START_TEST(test_no_memory_for_the_chat)
{
    const struct sockaddr_in addr = loopback(0);
    int ends[2];

    tcp_pair(ends);
    ck_assert_int_eq(asynchat_init(NULL, &chat_class, ends[0], (const struct sockaddr *)&addr,
                                   sizeof addr, NULL),
                     -ENOMEM);
    ck_assert_int_eq(asynchat_init(NULL, &chat_class, ends[1], NULL, 0, NULL), -EINVAL);
    ck_assert_int_eq(fcntl(ends[0], F_GETFD), -1);
    ck_assert_int_eq(fcntl(ends[1], F_GETFD), -1);
}
END_TEST

/* ---- sizes ---- */

START_TEST(test_sizes_that_there_are_not)
{
    const void *string;

    make("\r\n");
    ck_assert_int_eq(asynchat_set_ac_in_buffer_size(&c.chat, 0), -EINVAL);
    ck_assert_int_eq(asynchat_set_ac_out_buffer_size(&c.chat, 0), -EINVAL);
    ck_assert_int_eq(asynchat_set_terminator(&c.chat, "x", SIZE_MAX), -ENOMEM);
    ck_assert_int_eq(asynchat_set_terminator(&c.chat, "x", SIZE_MAX / (sizeof(size_t) + 1) + 1),
                     -ENOMEM);
    ck_assert_uint_eq(asynchat_get_terminator(&c.chat, &string), 2); /* the old one stays */
    ck_assert_int_eq(asynchat_collect_incoming_data(&c.chat.base, "x", SIZE_MAX), -ENOMEM);
    assert_fed("abc\r\n", "<abc> ! ");
    close(peer);
}
END_TEST

/* With what is held back it is more than a size_t can say. */
START_TEST(test_input_buffer_of_any_size)
{
    char expected[64];

    make("\r\n");
    assert_fed("a\r", "<a> ");
    ck_assert_int_eq(asynchat_set_ac_in_buffer_size(&c.chat, SIZE_MAX), 0);
    snprintf(expected, sizeof expected, "error%d close ", -ENOMEM);
    assert_fed("\n", expected);
    close(peer);
}
END_TEST

/* What is held back stays in the buffer there is, if that is a small one. */
START_TEST(test_small_input_buffer)
{
    make("\r\n");
    ck_assert_int_eq(asynchat_set_ac_in_buffer_size(&c.chat, 4), 0);
    assert_fed("ab\r", "<ab> ");
    ck_assert_uint_eq(c.chat.in_size, 4);
    assert_fed("\ncd\r", "! <cd> ");
    assert_fed("\n", "! ");
    ck_assert_uint_eq(c.chat.in_size, 0);
    close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("asynchat_edges");
    TCase *tcase = add_case(suite, "asynchat_edges");

    tcase_add_test(tcase, test_uninitialised);
    tcase_add_test(tcase, test_closed);
    tcase_add_test(tcase, test_no_send_last);
    tcase_add_test(tcase, test_no_memory_for_the_chat);
    tcase_add_test(tcase, test_sizes_that_there_are_not);
    tcase_add_test(tcase, test_input_buffer_of_any_size);
    tcase_add_test(tcase, test_small_input_buffer);
    return run_suite(suite);
}
