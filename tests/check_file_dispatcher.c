/* check_file_dispatcher.c - pipes, terminals and files. */
#include "support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static struct asyncore_dispatcher d;
static bool wants_read, wants_write;

static bool file_readable(struct asyncore_dispatcher *self)
{
    (void)self;
    return wants_read;
}

static bool file_writable(struct asyncore_dispatcher *self)
{
    (void)self;
    return wants_write;
}

static int file_handle_read(struct asyncore_dispatcher *self)
{
    char buffer[4];
    const ssize_t n = asyncore_recv(self, buffer, sizeof buffer);

    add_to_trace("recv=%zd ", n);
    return n < 0 ? (int)n : 0;
}

static int file_handle_write(struct asyncore_dispatcher *self)
{
    add_to_trace("send=%zd ", asyncore_send(self, "x", 1));
    return 0;
}

static int file_handle_close(struct asyncore_dispatcher *self)
{
    add_to_trace("close ");
    return asyncore_close(self);
}

static const struct asyncore_class file_class = {
    .name = "file",
    .super = &asyncore_file_dispatcher_class,
    .readable = file_readable,
    .writable = file_writable,
    .handle_read = file_handle_read,
    .handle_write = file_handle_write,
    .handle_close = file_handle_close,
};

static void make(int fd, bool reads)
{
    wants_read = reads;
    wants_write = !reads;
    ck_assert_int_eq(asyncore_file_dispatcher_init(&d, &file_class, fd, NULL), 0);
    ck_assert(asyncore_connected(&d));
    ck_assert_int_ne(asyncore_fileno(&d), fd);
    ck_assert((fcntl(asyncore_fileno(&d), F_GETFD) & FD_CLOEXEC) != 0);
}

/* What came before the writer went is read, and then the end. */
START_TEST(test_read_end)
{
    int ends[2];
    char byte;

    ck_assert_int_eq(pipe(ends), 0);
    make(ends[0], true);
    ck_assert_int_eq(asyncore_recv(&d, &byte, 0), -EINVAL); /* CPython: end of file */
    ck_assert_int_eq(asyncore_exception(&d), 0);            /* no socket has no error */
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    ck_assert_int_eq(write(ends[1], "0123456789", 10), 10);
    close(ends[1]);
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0);
    assert_trace("recv=4 recv=4 recv=2 close recv=0 ");
    close(ends[0]); /* which is still the caller's */
}
END_TEST

START_TEST(test_write_end)
{
    int ends[2];
    char byte;

    ck_assert_int_eq(pipe(ends), 0);
    make(ends[1], false);
    poll_once(NULL);
    assert_trace("send=1 ");
    ck_assert_int_eq(read(ends[0], &byte, 1), 1);
    asyncore_close(&d);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(test_never_sigpipe)
{
    int ends[2];
    sigset_t pending;

    ck_assert(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
    ck_assert_int_eq(pipe(ends), 0);
    make(ends[1], false);
    close(ends[0]);
    poll_once(NULL);
    assert_trace("close send=0 ");
    sigpending(&pending);
    ck_assert(!sigismember(&pending, SIGPIPE));
    close(ends[1]);
}
END_TEST

START_TEST(test_sigpipe_ignored)
{
    int ends[2];

    ck_assert(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
    ck_assert_int_eq(pipe(ends), 0);
    make(ends[1], false);
    close(ends[0]);
    poll_once(NULL); /* whether the system keeps what is ignored while it is blocked, or not */
    assert_trace("close send=0 ");
    close(ends[1]);
}
END_TEST

START_TEST(test_somebody_elses_sigpipe_stays)
{
    int ends[2];
    sigset_t sigpipe;

    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    sigprocmask(SIG_BLOCK, &sigpipe, NULL);
    raise(SIGPIPE);
    ck_assert_int_eq(pipe(ends), 0);
    make(ends[1], false);
    close(ends[0]);
    poll_once(NULL);
    assert_trace("close send=0 ");
    sigpending(&sigpipe);
    ck_assert(sigismember(&sigpipe, SIGPIPE));
    close(ends[1]);
}
END_TEST

START_TEST(test_full_pipe)
{
    int ends[2];
    static char block[1 << 20];

    ck_assert_int_eq(pipe(ends), 0);
    make(ends[1], false);
    ck_assert_int_gt(asyncore_send(&d, block, sizeof block), 0);
    while (asyncore_send(&d, block, sizeof block) > 0)
        ;
    ck_assert_int_eq(asyncore_send(&d, "x", 1), 0); /* CPython: the channel's end */
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    assert_trace("");
    asyncore_close(&d);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(test_regular_file)
{
    char name[] = "/tmp/asyncore-check-XXXXXX";
    const int fd = mkstemp(name);

    unlink(name);
    ck_assert_int_eq(write(fd, "hello", 5), 5);
    lseek(fd, 0, SEEK_SET);
    make(fd, true);
    ck_assert_int_eq(asyncore_loop(20, NULL, -1), 0);
    assert_trace("recv=4 recv=1 close recv=0 ");
    close(fd);
}
END_TEST

/* Those that the poller does not take, when one of them goes. */
START_TEST(test_two_that_are_always_ready)
{
    static struct probe a, b;
    const int nothing = open("/dev/null", O_RDONLY);

    probe_init(&a, "A", NULL);
    probe_init(&b, "B", NULL);
    ck_assert_int_eq(asyncore_set_file(&a.base, nothing), 0);
    ck_assert_int_eq(asyncore_set_file(&b.base, nothing), 0);
    poll_once(NULL);
    assert_trace("A.handle_read B.handle_read ");
    asyncore_close(_i == 0 ? &a.base : &b.base);
    poll_once(NULL);
    assert_trace(_i == 0 ? "B.handle_read " : "A.handle_read ");
    close(nothing);
}
END_TEST

/* The descriptors share one description: it is blocking again when we are done with it. */
START_TEST(test_blocking_mode_is_restored)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    make(ends[0], true);
    ck_assert((fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
    asyncore_close(&d);
    ck_assert((fcntl(ends[0], F_GETFL) & O_NONBLOCK) == 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    make(ends[0], true);
    asyncore_close(&d);
    ck_assert((fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* As a terminal's standard input and output are: whoever closes first leaves it to the other. */
START_TEST(test_blocking_mode_of_a_file_that_two_have)
{
    static struct asyncore_dispatcher other;
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    make(ends[0], true);
    ck_assert_int_eq(asyncore_file_dispatcher_init(&other, &file_class, ends[0], NULL), 0);
    asyncore_close(_i == 0 ? &d : &other);
    ck_assert((fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
    asyncore_close(&d);
    asyncore_close(&other);
    ck_assert((fcntl(ends[0], F_GETFL) & O_NONBLOCK) == 0);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(test_blocking_mode_of_a_file_that_is_set_again)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    make(ends[0], true);
    ck_assert_int_eq(asyncore_set_file(&d, ends[0]), 0);
    ck_assert((fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
    asyncore_close(&d);
    ck_assert((fcntl(ends[0], F_GETFL) & O_NONBLOCK) == 0);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* Closed behind its back, and the number another's: that one's mode is not its affair. */
START_TEST(test_blocking_mode_of_a_stranger)
{
    static struct probe n;
    int ends[2], number;

    trace_log();
    ck_assert_int_eq(pipe(ends), 0);
    make(ends[0], true);
    number = asyncore_fileno(&d);
    ck_assert_int_eq(dup2(ends[1], number), number);
    probe_init(&n, "N", NULL);
    ck_assert_int_eq(asyncore_set_socket(&n.base, number, NULL), 0);
    assert_trace("[error] close ");
    ck_assert((fcntl(number, F_GETFL) & O_NONBLOCK) != 0);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(test_bad_descriptors)
{
    ck_assert_int_eq(asyncore_file_dispatcher_init(&d, &file_class, -1, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_file_dispatcher_init(&d, &file_class, 1 << 20, NULL), -EBADF);
    ck_assert_int_eq(asyncore_file_dispatcher_init(NULL, &file_class, 0, NULL), -EINVAL);
    ck_assert_int_eq(asyncore_close(&d), -EINVAL);
    memset(&d, 0, sizeof d);
    ck_assert_int_eq(asyncore_set_file(&d, 0), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("file_dispatcher");
    TCase *tcase = add_case(suite, "file_dispatcher");

    tcase_add_test(tcase, test_read_end);
    tcase_add_test(tcase, test_write_end);
    tcase_add_test(tcase, test_never_sigpipe);
    tcase_add_test(tcase, test_sigpipe_ignored);
    tcase_add_test(tcase, test_somebody_elses_sigpipe_stays);
    tcase_add_test(tcase, test_full_pipe);
    tcase_add_test(tcase, test_regular_file);
    tcase_add_loop_test(tcase, test_two_that_are_always_ready, 0, 2);
    tcase_add_test(tcase, test_blocking_mode_is_restored);
    tcase_add_loop_test(tcase, test_blocking_mode_of_a_file_that_two_have, 0, 2);
    tcase_add_test(tcase, test_blocking_mode_of_a_file_that_is_set_again);
    tcase_add_test(tcase, test_blocking_mode_of_a_stranger);
    tcase_add_test(tcase, test_bad_descriptors);
    return run_suite(suite);
}
