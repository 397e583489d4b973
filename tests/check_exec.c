/* check_exec.c - another program that is started has nothing of what the library has opened. */
#include "support.h"

#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

/* What a program sees that is started now, without a fork() of which the library would hear. */
static void list_descriptors(char *list, size_t size)
{
    char *const arguments[] = {(char[]){"ls"}, (char[]){"/proc/self/fd"}, NULL};
    posix_spawn_file_actions_t actions;
    size_t length = 0;
    int output[2], status;
    ssize_t n;
    pid_t child;

    ck_assert_int_eq(pipe(output), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, output[0]);
    posix_spawn_file_actions_addclose(&actions, output[1]);
    ck_assert_int_eq(posix_spawn(&child, "/bin/ls", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(output[1]);
    while (length < size && (n = read(output[0], list + length, size - length)) > 0)
        length += (size_t)n;
    close(output[0]);
    ck_assert_uint_gt(length, 0);
    ck_assert_uint_lt(length, size);
    list[length] = '\0';
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}

static void trace_signal(struct asyncore_signal_handler *handler)
{
    (void)handler;
    add_to_trace("S ");
}

/* One of each kind that the library opens by itself. */
static struct probe listener, client, channel, datagrams;
static struct asyncore_dispatcher file;
static struct asyncore_signal_handler signals;

static int keep(struct probe *self, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    probe_init(&channel, "C", NULL);
    return asyncore_init_accepted(&channel.base, &probe_class, fd, addr, addrlen,
                                  asyncore_get_map(&self->base));
}

static void open_everything(void)
{
    struct sockaddr_in addr;
    int ends[2];

    probe_listen(&listener, "L", NULL, &addr);
    listener.on_accepted = keep;
    probe_init(&client, "D", NULL);
    ck_assert_int_eq(asyncore_create_socket(&client.base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_connect(&client.base, (struct sockaddr *)&addr, sizeof addr), 0);
    probe_init(&datagrams, "U", NULL);
    ck_assert_int_eq(asyncore_create_socket(&datagrams.base, AF_INET, SOCK_DGRAM), 0);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(
        asyncore_file_dispatcher_init(&file, &asyncore_file_dispatcher_class, ends[0], NULL), 0);
    close(ends[0]);
    close(ends[1]);
    ck_assert_int_eq(asyncore_add_signal_handler(&signals, SIGUSR1, trace_signal, NULL), 0);
    raise(SIGUSR1);
    while (asyncore_fileno(&channel.base) < 0)
        poll_once(NULL);
    asyncore_wakeup(NULL);
    ck_assert_int_eq(asyncore_poll(-1, NULL), 0);
}

START_TEST(test_nothing_is_inherited)
{
    static char before[4096], after[4096];

    list_descriptors(before, sizeof before);
    open_everything();
    list_descriptors(after, sizeof after);
    ck_assert_str_eq(after, before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec");
    TCase *tcase = add_case(suite, "exec");

    tcase_add_test(tcase, test_nothing_is_inherited);
    return run_suite(suite);
}
