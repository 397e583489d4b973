/*
 * check_cpython_file_wrapper.c - CPython's FileWrapperTest of test_asyncore.py.  What wraps a file
 * here is the file_dispatcher itself.  The tests have their names there.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>

static const char contents[] = "It's not dead, it's sleeping!";
static FILE *file;

static void make_file(void)
{
    file = tmpfile();
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(contents, file), 0);
    rewind(file); /* and flush */
}

/* On a descriptor that is closed at once: the wrapper has one of its own. */
static void wrap(struct asyncore_dispatcher *wrapper, const struct asyncore_class *cls)
{
    const int fd = dup(fileno(file));

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(asyncore_file_dispatcher_init(wrapper, cls, fd, NULL), 0);
    ck_assert_int_ne(asyncore_fileno(wrapper), fd);
    close(fd);
}

START_TEST(test_recv)
{
    static struct asyncore_dispatcher w;
    char buffer[32];

    make_file();
    wrap(&w, &asyncore_file_dispatcher_class);
    ck_assert_int_eq(asyncore_recv(&w, buffer, 13), 13);
    ck_assert_mem_eq(buffer, "It's not dead", 13);
    ck_assert_int_eq(asyncore_recv(&w, buffer, 6), 6);
    ck_assert_mem_eq(buffer, ", it's", 6);
    ck_assert_int_eq(asyncore_close(&w), 0);
    ck_assert_int_eq(asyncore_recv(&w, buffer, 1), -EBADF);
    fclose(file);
}
END_TEST

START_TEST(test_send)
{
    static struct asyncore_dispatcher w;
    char buffer[128];
    ssize_t n;

    make_file();
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    wrap(&w, &asyncore_file_dispatcher_class);
    ck_assert_int_eq(asyncore_send(&w, "Come again?", 11), 11);
    ck_assert_int_eq(asyncore_send(&w, "I want to buy some cheese.", 26), 26);
    ck_assert_int_eq(asyncore_close(&w), 0);
    n = pread(fileno(file), buffer, sizeof buffer - 1, 0);
    ck_assert_int_ge(n, 0);
    buffer[n] = '\0';
    ck_assert_str_eq(buffer, "It's not dead, it's sleeping!Come again?I want to buy some cheese.");
    fclose(file);
}
END_TEST

static int file_handle_read(struct asyncore_dispatcher *self)
{
    char buffer[29];
    const ssize_t n = asyncore_recv(self, buffer, sizeof buffer);

    if (n > 0)
        add_to_trace("%.*s", (int)n, buffer);
    return n < 0 ? (int)n : 0;
}

static const struct asyncore_class reader_class = {
    .name = "FileDispatcher",
    .super = &asyncore_file_dispatcher_class,
    .handle_read = file_handle_read,
};

START_TEST(test_dispatcher)
{
    static struct asyncore_dispatcher s;

    make_file();
    wrap(&s, &reader_class);
    ck_assert_int_eq(asyncore_loop(0.01, NULL, 2), 0);
    assert_trace(contents);
    fclose(file);
}
END_TEST

/* Python's file_wrapper raises here, and its dispatcher swallows the error, as this one does. */
START_TEST(test_close_twice)
{
    static struct asyncore_dispatcher f;

    make_file();
    wrap(&f, &asyncore_file_dispatcher_class);
    close(asyncore_fileno(&f)); /* behind its back */
    ck_assert_int_eq(asyncore_close(&f), 0);
    ck_assert_int_eq(asyncore_fileno(&f), -1);
    ck_assert_int_eq(asyncore_close(&f), 0);
    fclose(file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpython_file_wrapper");
    TCase *tcase = add_case(suite, "FileWrapperTest");

    tcase_add_test(tcase, test_recv);
    tcase_add_test(tcase, test_send);
    tcase_add_test(tcase, test_dispatcher);
    tcase_add_test(tcase, test_close_twice);
    return run_suite(suite);
}
