/* check_trace_env.c - ASYNCORE_TRACE: what it may say, and where the trace goes. */
#include "support.h"

#include <asyncore_trace.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static char text[65536];
static char name[64];

/* A name in the working directory. */
static const char *name_file(const char *end)
{
    snprintf(name, sizeof name, "check_trace_env.%d%s", (int)getpid(), end);
    return name;
}

/* The environment is looked at once, when the first map opens its poller. */
static void set(const char *types, const char *file)
{
    char value[256];

    snprintf(value, sizeof value, "%s%s%s", types, file != NULL ? ":" : "",
             file != NULL ? file : "");
    setenv("ASYNCORE_TRACE", value, 1);
}

static struct asyncore_dispatcher d;

/* A listener, a connect that is under way, a datagram; and one pass. */
static void live(void)
{
    static struct asyncore_dispatcher client;
    static const struct asyncore_class quiet = {
        .name = "qu\x01i\"et", .readable = asyncore_never, .writable = asyncore_never};
    struct sockaddr_in addr = loopback(0);
    struct sockaddr_storage bound;
    socklen_t addrlen;

    asyncore_init(&d, &asyncore_dispatcher_class, -1, NULL);
    asyncore_create_socket(&d, AF_INET, SOCK_STREAM);
    asyncore_bind(&d, (struct sockaddr *)&addr, sizeof addr);
    asyncore_listen(&d, 1);
    asyncore_getsockname(&d, &bound, &addrlen);
    asyncore_init(&client, &quiet, -1, NULL);
    asyncore_create_socket(&client, AF_INET, SOCK_STREAM);
    asyncore_connect(&client, (struct sockaddr *)&bound, addrlen);
    asyncore_poll(0, NULL);
    asyncore_map_free(NULL);
    asyncore_set_trace(0, NULL, NULL);
}

/* What standard error, or the file, has been written. */
static const char *written(const char *file)
{
    const int saved = dup(STDERR_FILENO);
    FILE *output = tmpfile();
    size_t size;

    dup2(fileno(output), STDERR_FILENO);
    live();
    dup2(saved, STDERR_FILENO);
    close(saved);
    if (file != NULL) {
        fclose(output);
        output = fopen(file, "r");
        ck_assert_ptr_nonnull(output);
        unlink(file);
    }
    rewind(output);
    size = fread(text, 1, sizeof text - 1, output);
    text[size] = '\0';
    fclose(output);
    return text;
}

static void assert_has(const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no '%s' in: %s", part, text);
}

START_TEST(test_off)
{
    static const char *const values[] = {"", "0"};

    set(values[_i], NULL);
    ck_assert_str_eq(written(NULL), "");
}
END_TEST

START_TEST(test_all)
{
    static const char *const values[] = {"1", "all", "stable"};

    set(values[_i], NULL);
    written(NULL);
    assert_has(" open  ");
    assert_has(" listen 127.0.0.1");
    assert_has(" connecting[");
    assert_has(" close ");
    ck_assert_ptr_null(strchr(text, '\033'));
}
END_TEST

START_TEST(test_some)
{
    set("io,close", NULL);
    written(NULL);
    assert_has(" io    ");
    assert_has(" close ");
    ck_assert_ptr_null(strstr(text, " ask "));
}
END_TEST

START_TEST(test_not_understood)
{
    static const char *const values[] = {"io,asks", "io,,ask", "io,",       ",io",
                                         "ioo",     "i",       ":/dev/null"};

    set(values[_i], NULL);
    written(NULL);
    ck_assert_msg(strncmp(text, "error: ASYNCORE_TRACE: no events '", 34) == 0, "%s", text);
    assert_has("; nothing is traced; there are: all stable open ask ");
    ck_assert_ptr_eq(strchr(text, '\n') + 1, strchr(text, '\0'));
}
END_TEST

START_TEST(test_no_file)
{
    set("all", "/nowhere/at/all");
    ck_assert_str_eq(written(NULL), "error: ASYNCORE_TRACE: /nowhere/at/all: No such file or "
                                    "directory; nothing is traced\n");
}
END_TEST

/* One descriptor stays open, which the count of them is told of. */
static void written_to_file(const char *types, const char *end)
{
    set(types, name_file(end));
    written(name);
}

START_TEST(test_text_file)
{
    written_to_file("all", ".txt");
    assert_has(" listen 127.0.0.1:");
}
END_TEST

START_TEST(test_json_file)
{
    static const char *const ends[] = {".json", ".jsonl"};

    written_to_file("all", ends[_i]);
    ck_assert_ptr_eq(
        strstr(text, "{\"event\":\"trace\",\"version\":1,\"library\":\"" ASYNCORE_VERSION "\"}\n"),
        text);
    assert_has("\"class\":\"qu\\u0001i\\u0022et\",\"events\":\"c\"}");
    assert_has("\"error\":\"EINPROGRESS\"}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("trace_env");
    TCase *tcase = add_case(suite, "standard_error");

    tcase_add_loop_test(tcase, test_off, 0, 2);
    tcase_add_loop_test(tcase, test_all, 0, 3);
    tcase_add_test(tcase, test_some);
    tcase_add_loop_test(tcase, test_not_understood, 0, 7);
    tcase_add_test(tcase, test_no_file);
    /* Not by add_case(): the file stays open as long as the program runs. */
    tcase = tcase_create("file");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, test_text_file);
    tcase_add_loop_test(tcase, test_json_file, 0, 2);
    return run_suite(suite);
}
