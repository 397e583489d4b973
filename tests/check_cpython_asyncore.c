/*
 * check_cpython_asyncore.c - CPython's test_asyncore.py: its helper functions, dispatcher and
 * dispatcher_with_send.  The tests have their names there.  Its other classes are in
 * check_cpython_file_wrapper.c, check_cpython_api.c and check_cpython_socket.c.
 */
#include "support.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

/* ==================================================
 * HelperFunctionTests
 */

static int exit_now(struct probe *self)
{
    (void)self;
    return asyncore_ExitNow;
}

static int crash(struct probe *self)
{
    (void)self;
    return -EIO;
}

static int note_only(struct probe *self)
{
    (void)self;
    return 0;
}

static int forgive(struct probe *self, int error)
{
    (void)self;
    (void)error;
    return 0;
}

/* A channel whose handlers do this, and whose handle_error forgives; returns the other end. */
static int dummy(struct probe *self, int (*action)(struct probe *))
{
    const int peer = probe_channel(self, "D", NULL);

    self->on_read = self->on_write = self->on_expt = self->on_close = action;
    self->on_error = forgive;
    return peer;
}

/* CPython's dummies override handle_read_event and the like, which are no slots here: it is the
 * handler behind the event that raises. */
START_TEST(test_readwriteexc)
{
    static struct probe tr1, tr2;
    const int peers[] = {dummy(&tr1, exit_now), dummy(&tr2, crash)};

    ck_assert_int_eq(asyncore_read(&tr1.base), asyncore_ExitNow);
    ck_assert_int_eq(asyncore_write(&tr1.base), asyncore_ExitNow);
    ck_assert_int_eq(asyncore_exception(&tr1.base), asyncore_ExitNow);
    assert_trace("D.handle_read D.handle_write D.handle_expt ");

    ck_assert_int_eq(asyncore_read(&tr2.base), 0);
    assert_trace("D.handle_read D.handle_error(EIO) ");
    ck_assert_int_eq(asyncore_write(&tr2.base), 0);
    assert_trace("D.handle_write D.handle_error(EIO) ");
    ck_assert_int_eq(asyncore_exception(&tr2.base), 0);
    assert_trace("D.handle_expt D.handle_error(EIO) ");
    close(peers[0]);
    close(peers[1]);
}
END_TEST

static const struct {
    int flag;
    const char *handler;
} readwrite_flags[] = {
    {POLLIN, "handle_read"},   {POLLPRI, "handle_expt"},  {POLLOUT, "handle_write"},
    {POLLERR, "handle_close"}, {POLLHUP, "handle_close"}, {POLLNVAL, "handle_close"},
};

enum { READWRITE_FLAGS = sizeof readwrite_flags / sizeof readwrite_flags[0] };

START_TEST(test_readwrite)
{
    static struct probe tobj, tr1, tr2;
    const int flag = readwrite_flags[_i].flag;
    const int peers[] = {dummy(&tobj, note_only), dummy(&tr1, exit_now), dummy(&tr2, crash)};
    char called[64], failed[64];

    snprintf(called, sizeof called, "D.%s ", readwrite_flags[_i].handler);
    snprintf(failed, sizeof failed, "D.%s D.handle_error(EIO) ", readwrite_flags[_i].handler);

    ck_assert_int_eq(asyncore_readwrite(&tobj.base, flag), 0);
    assert_trace(called);
    ck_assert_int_eq(asyncore_readwrite(&tr1.base, flag), asyncore_ExitNow);
    assert_trace(called);
    ck_assert_int_eq(asyncore_readwrite(&tr2.base, flag), 0);
    assert_trace(failed);
    for (size_t i = 0; i < 3; i++)
        close(peers[i]);
}
END_TEST

static void closeall_check(struct asyncore_map *map)
{
    static struct probe probes[10];

    for (size_t i = 0; i < 10; i++) {
        probe_init(&probes[i], "P", map);
        ck_assert_int_eq(asyncore_create_socket(&probes[i].base, AF_INET, SOCK_STREAM), 0);
    }
    ck_assert_uint_eq(asyncore_map_count(map), 10);
    ck_assert_int_eq(asyncore_close_all(map, false), 0);
    ck_assert_uint_eq(asyncore_map_count(map), 0);
    for (size_t i = 0; i < 10; i++) {
        ck_assert_int_eq(asyncore_fileno(&probes[i].base), -1);
        ck_assert_int_eq(probes[i].destroyed, 1);
    }
    assert_trace(""); /* no handle_close */
}

START_TEST(test_closeall)
{
    struct asyncore_map *map = asyncore_map_new();

    ck_assert_ptr_nonnull(map);
    closeall_check(map);
    ck_assert_int_eq(asyncore_map_free(map), 0);
}
END_TEST

START_TEST(test_closeall_default)
{
    closeall_check(NULL);
}
END_TEST

/* ==================================================
 * DispatcherTests
 */

static struct asyncore_dispatcher d;

static void make_dispatcher(void)
{
    ck_assert_int_eq(asyncore_init(&d, &asyncore_dispatcher_class, -1, NULL), 0);
}

/* What action writes to standard error, which is where all messages go here: Python prints those of
 * log_info() to standard output. */
static const char *captured_stderr(void (*action)(void))
{
    static char text[1024];
    const int saved = dup(STDERR_FILENO);
    int ends[2];
    ssize_t n;

    ck_assert_int_eq(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    action();
    dup2(saved,
         STDERR_FILENO); /* the last writer is gone: if nothing was written, the end is read */
    close(saved);
    n = read(ends[0], text, sizeof text - 1); /* a pipe gives all that it has */
    text[n > 0 ? n : 0] = '\0';
    close(ends[0]);
    return text;
}

START_TEST(test_basic)
{
    make_dispatcher();
    ck_assert(asyncore_readable(&d));
    ck_assert(asyncore_writable(&d));
}
END_TEST

/* Python's ends in "at 0x...", which says less than the descriptor. */
START_TEST(test_repr)
{
    char repr[64];

    make_dispatcher();
    ck_assert_int_gt(asyncore_repr(&d, repr, sizeof repr), 0);
    ck_assert_str_eq(repr, "<dispatcher closed>");
}
END_TEST

static void log_spam(void)
{
    asyncore_log(&d, "Lovely spam! Wonderful spam!");
    asyncore_log(&d, "I don't like spam!");
}

START_TEST(test_log)
{
    make_dispatcher();
    ck_assert_str_eq(captured_stderr(log_spam),
                     "log: Lovely spam! Wonderful spam!\nlog: I don't like spam!\n");
}
END_TEST

static void log_info_spam(void)
{
    asyncore_log_info(&d, "Have you got anything without spam?", ASYNCORE_ERROR);
    asyncore_log_info(&d, "Why can't she have egg bacon spam and sausage?", ASYNCORE_INFO);
    asyncore_log_info(&d, "THAT'S got spam in it!", ASYNCORE_LOG);
}

/* The types are four here, and not any string ("EGGS", "SPAM"). */
START_TEST(test_log_info)
{
    make_dispatcher();
    ck_assert_str_eq(captured_stderr(log_info_spam),
                     "error: Have you got anything without spam?\n"
                     "info: Why can't she have egg bacon spam and sausage?\n"
                     "log: THAT'S got spam in it!\n");
}
END_TEST

static void call_default_handlers(void)
{
    ck_assert_int_eq(asyncore_handle_expt(&d), 0);
    ck_assert_int_eq(asyncore_handle_read(&d), 0);
    ck_assert_int_eq(asyncore_handle_write(&d), 0);
    ck_assert_int_eq(asyncore_handle_connect(&d), 0);
}

START_TEST(test_unhandled)
{
    make_dispatcher();
    asyncore_set_ignore_log_types(&d, 0);
    ck_assert_str_eq(captured_stderr(call_default_handlers),
                     "warning: unhandled incoming priority event\n"
                     "warning: unhandled read event\n"
                     "warning: unhandled write event\n"
                     "warning: unhandled connect event\n");
}
END_TEST

static int error_to_handle;

static void handle_error(void)
{
    make_dispatcher();
    ck_assert_int_eq(asyncore_handle_error(&d, error_to_handle), 0);
}

/* Here it is handle_error's message that has an errno's text in it, also of one that has none. */
START_TEST(test_strerror)
{
    static const int errors[] = {EPERM, 99999};

    for (size_t i = 0; i < 2; i++) {
        char expected[256];

        error_to_handle = -errors[i];
        snprintf(expected, sizeof expected,
                 "error: uncaptured error, closing channel <dispatcher closed>: %s\n",
                 strerror(errors[i]));
        ck_assert_str_eq(captured_stderr(handle_error), expected);
    }
}
END_TEST

/* ==================================================
 * DispatcherWithSendTests
 */

static int connected_quietly(struct asyncore_dispatcher *self)
{
    (void)self;
    return 0;
}

static const struct asyncore_class noread_class = {
    .name = "dispatcherwithsend_noread",
    .super = &asyncore_dispatcher_with_send_class,
    .readable = asyncore_never,
    .handle_connect = connected_quietly,
};

START_TEST(test_send)
{
    static const char data[] = "Suppose there isn't a 16-ton weight?";
    static struct asyncore_dispatcher_with_send sender;
    const size_t size = sizeof data - 1;
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);
    char got[2 * sizeof data];
    int peer;

    ck_assert_int_eq(asyncore_dispatcher_with_send_init(&sender, &noread_class, -1, NULL, 0, NULL),
                     0);
    ck_assert_int_eq(asyncore_create_socket(&sender.base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_connect(&sender.base, (struct sockaddr *)&addr, sizeof addr), 0);
    peer = accept(listener, NULL, NULL); /* so the connection stands */
    ck_assert_int_ge(peer, 0);

    ck_assert_int_eq(asyncore_send(&sender.base, data, size), (ssize_t)size);
    ck_assert_int_eq(asyncore_send(&sender.base, data, size), (ssize_t)size);
    ck_assert_int_eq(asyncore_send(&sender.base, "\n", 1), 1);
    while (asyncore_out_buffer(&sender) > 0)
        poll_once(NULL);

    ck_assert_int_eq(recv(peer, got, 2 * size + 1, MSG_WAITALL), (ssize_t)(2 * size + 1));
    ck_assert_mem_eq(got, data, size);
    ck_assert_mem_eq(got + size, data, size);
    ck_assert_int_eq(got[2 * size], '\n');
    close(peer);
    close(listener);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpython_asyncore");
    TCase *tcase = add_case(suite, "HelperFunctionTests");

    tcase_add_test(tcase, test_readwriteexc);
    tcase_add_loop_test(tcase, test_readwrite, 0, READWRITE_FLAGS);
    tcase_add_test(tcase, test_closeall);
    tcase_add_test(tcase, test_closeall_default);

    tcase = add_case(suite, "DispatcherTests");
    tcase_add_test(tcase, test_basic);
    tcase_add_test(tcase, test_repr);
    tcase_add_test(tcase, test_log);
    tcase_add_test(tcase, test_log_info);
    tcase_add_test(tcase, test_unhandled);
    tcase_add_test(tcase, test_strerror);

    tcase = add_case(suite, "DispatcherWithSendTests");
    tcase_add_test(tcase, test_send);
    return run_suite(suite);
}
