/* check_timed_sandbox.c - timed shuts itself in: what it must not do is refused, what it does goes on. */
#define _GNU_SOURCE
#include "support.h"

#include "timed/landlock.h"
#include "timed/sandbox.h"
#include "timed/seccomp.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static char output[4096];
static bool covered; /* coverage writes its files where they lie: it needs those calls */

static void enter(int directory)
{
    char message[256];

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        timed_enter_sandbox(directory, message, sizeof message) != 0)
        abort();
    dprintf(STDERR_FILENO, "%s\n", timed_sandbox_state());
}

static int everywhere(void)
{
    return covered ? open("/", O_RDONLY | O_DIRECTORY) : -1;
}

/* ==================================================
 * what is refused: each returns an errno, or 0 if it came to pass, which does no harm
 */

static int result(long rc)
{
    return rc < 0 ? errno : 0;
}

static int open_file(void)
{
    return result(open("/etc/passwd", O_RDONLY));
}

static int make_file(void)
{
    return result(open("check_timed_sandbox.made", O_WRONLY | O_CREAT, 0600));
}

static int make_socket(void)
{
    return result(socket(AF_INET, SOCK_STREAM, 0));
}

static int listen_anew(void)
{
    return result(listen(STDIN_FILENO, 1));
}

static int make_directory(void)
{
    return result(mkdir("check_timed_sandbox.made", 0700));
}

static int remove_file(void)
{
    return result(unlink("check_timed_sandbox.made"));
}

static int look_at_file(void)
{
    struct stat status;

    return result(stat("/etc/passwd", &status));
}

static int run_shell(void)
{
    return result(execl("/bin/sh", "sh", "-c", "exit 0", NULL));
}

static int run_shell_by_descriptor(void)
{
    char *const argv[] = {"sh", NULL};

    return result(syscall(SYS_execveat, STDIN_FILENO, "", argv, NULL, AT_EMPTY_PATH));
}

static int start_process(void)
{
    return result(fork());
}

static int start_process_anew(void)
{
    return result(syscall(SYS_clone3, NULL, 0));
}

static int trace_parent(void)
{
    return result(ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
}

static int signal_parent(void)
{
    return result(kill(getppid(), 0));
}

static int signal_thread_of_parent(void)
{
    return result(syscall(SYS_tgkill, getppid(), getppid(), 0));
}

static int signal_by_descriptor(void)
{
    return result(fcntl(STDIN_FILENO, F_SETOWN, getppid()));
}

static int map_memory_to_run(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
               ? errno
               : 0;
}

static int make_memory_run(void)
{
    static _Alignas(4096) char page[4096];

    return result(mprotect(page, sizeof page, PROT_READ | PROT_EXEC));
}

static int limit_parent(void)
{
    return result(syscall(SYS_prlimit64, getppid(), 0, NULL, NULL));
}

static int leave_sandbox(void)
{
    return result(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0));
}

static int call_of_the_future(void)
{
    return result(syscall(100000));
}

static const struct attempt {
    int (*attempt)(void);
    int error;  /* with which it is refused, or */
    int signum; /* which ends the process */
    bool of_files;
} attempts[] = {
    {open_file, EPERM, 0, true},
    {make_file, EPERM, 0, true},
    {remove_file, EPERM, 0, true},
    {make_directory, EPERM, 0, false},
    {look_at_file, EPERM, 0, false},
    {make_socket, EPERM, 0, false},
    {listen_anew, EPERM, 0, false},
    {run_shell, 0, SIGSYS, false},
    {run_shell_by_descriptor, 0, SIGSYS, false},
    {start_process, 0, SIGSYS, false},
    {start_process_anew, 0, SIGSYS, false},
    {trace_parent, 0, SIGSYS, false},
    {signal_parent, 0, SIGSYS, false},
    {signal_thread_of_parent, 0, SIGSYS, false},
    {signal_by_descriptor, EPERM, 0, false},
    {map_memory_to_run, 0, SIGSYS, false},
    {make_memory_run, 0, SIGSYS, false},
    {limit_parent, EPERM, 0, false},
    {leave_sandbox, EPERM, 0, false},
    {call_of_the_future, ENOSYS, 0, false},
};

static const struct attempt *current;

static int try_in_sandbox(void)
{
    enter(everywhere());
    return current->attempt();
}

START_TEST(test_refused)
{
    int status;

    current = &attempts[_i];
    if (covered && current->of_files)
        return;
    status = run_in_child(try_in_sandbox, output, sizeof output);
    if (current->signum != 0)
        ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == current->signum,
                      "attempt %d: status %x", _i, (unsigned)status);
    else
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == current->error,
                      "attempt %d: status %x", _i, (unsigned)status);
}
END_TEST

/* ==================================================
 * what goes on
 */

static struct probe listener, channel;

static int keep_channel(struct probe *self, int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    char big[100000]; /* stdio's and malloc's own memory */
    char *more = malloc(4 << 20);

    (void)self;
    if (more == NULL)
        abort();
    memset(more, 0, 4 << 20);
    free(more);
    snprintf(big, sizeof big, "%d", fd);
    channel.name = "channel";
    channel.wants_read = true;
    channel.on_read = recv_some;
    return asyncore_init_accepted(&channel.base, &probe_class, fd, addr, addrlen, NULL);
}

static void fire(struct asyncore_timer *self)
{
    (void)self;
    asyncore_stop(NULL); /* which rings, on a descriptor that is opened only now */
}

static int serve_in_sandbox(void)
{
    struct asyncore_timer timer = {0};
    struct asyncore_signal_handler handler = {0};
    struct sockaddr_in addr;
    struct timespec now;
    int client;

    probe_listen(&listener, "listener", NULL, &addr);
    listener.on_accepted = keep_channel;
    client = tcp_connect(&addr);
    enter(everywhere());
    send_all(client, "hello");
    asyncore_add_signal_handler(&handler, SIGTERM, (void (*)(struct asyncore_signal_handler *))fire,
                                NULL);
    asyncore_call_later(&timer, 0.2, fire, NULL);
    if (asyncore_loop(-1, NULL, -1) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0)
        return 1;
    close(client);
    raise(SIGTERM);
    if (asyncore_loop(-1, NULL, -1) != 0)
        return 2;
    dprintf(STDERR_FILENO, "%s\n", trace);
    return asyncore_map_free(NULL) == 0 ? 0 : 3;
}

START_TEST(test_serves)
{
    ck_assert_int_eq(run_in_child(serve_in_sandbox, output, sizeof output), 0);
    ck_assert_ptr_nonnull(strstr(output, "channel.recv=5"));
}
END_TEST

static int abort_in_sandbox(void)
{
    enter(everywhere());
    abort();
}

START_TEST(test_abort_is_one)
{
    const int status = run_in_child(abort_in_sandbox, output, sizeof output);

    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}
END_TEST

/* ==================================================
 * with a directory
 */

static int write_in_directory(void)
{
    char name[] = "/tmp/check_timed_sandbox.XXXXXX", inside[64], beside[64];
    int directory, rc = 0;

    if (mkdtemp(name) == NULL)
        return 1;
    directory = open(name, O_RDONLY | O_DIRECTORY);
    snprintf(beside, sizeof beside, "%s.beside", name);
    snprintf(inside, sizeof inside, "%s/new", name);
    enter(directory);
    rc |= openat(directory, "new.tmp", O_WRONLY | O_CREAT | O_TRUNC, 0644) < 0 ? 2 : 0;
    rc |= renameat(directory, "new.tmp", directory, "new") < 0 ? 4 : 0;
    rc |= openat(directory, "new.tmp", O_WRONLY | O_CREAT | O_TRUNC, 0644) < 0 ? 8 : 0;
    rc |= renameat(directory, "new.tmp", directory, "new") < 0 ? 16 : 0;
    rc |= unlink(inside) < 0 ? 32 : 0;
    if (strstr(timed_sandbox_state(), "landlock") != NULL)
        rc |= open(beside, O_WRONLY | O_CREAT, 0644) >= 0 ? 64 : 0;
    return rc;
}

START_TEST(test_directory)
{
    const int status = run_in_child(write_in_directory, output, sizeof output);

    ck_assert_int_eq(status, 0);
}
END_TEST

/* ==================================================
 * the two of Linux by themselves
 */

static int only_landlock(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return landlock_enter(everywhere()) == -ENOSYS ? EACCES : open_file();
}

START_TEST(test_landlock)
{
    const int status = run_in_child(only_landlock, output, sizeof output);

    if (!covered)
        ck_assert_int_eq(WEXITSTATUS(status), EACCES);
}
END_TEST

static int without_permission(void)
{
    return seccomp_enter(false) == -EACCES ? 0 : 1;
}

/* Who may gain privileges, and has none now, may not shut himself in. */
static int refused_sandbox(void)
{
    char message[256];

    if (setresuid(65534, 65534, 65534) < 0)
        return 3;
    if (without_permission() != 0)
        return 1;
    if (timed_enter_sandbox(-1, message, sizeof message) != EXIT_FAILURE)
        return 2;
    dprintf(STDERR_FILENO, "%s\n", message);
    return 0;
}

START_TEST(test_refused_by_the_system)
{
    if (geteuid() != 0)
        return;
    ck_assert_int_eq(run_in_child(refused_sandbox, output, sizeof output), 0);
    ck_assert_ptr_nonnull(strstr(output, "Operation not permitted; --no-sandbox does without"));
}
END_TEST

/* Whether it says that it could not be entered, and what for. */
static int assert_refused(const char *what)
{
    char message[256];

    if (timed_enter_sandbox(-1, message, sizeof message) != EXIT_FAILURE)
        return 1;
    dprintf(STDERR_FILENO, "%s\n", message);
    return strstr(message, what) != NULL && strstr(message, "; --no-sandbox") != NULL ? 0 : 2;
}

static int without_descriptors(void)
{
    struct rlimit limit;
    char why[64];

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &limit);
    snprintf(why, sizeof why, "landlock: %s", strerror(EMFILE));
    return assert_refused(why);
}

static int inside_another(void)
{
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (seccomp_enter(true) != 0)
        return 3;
    return assert_refused("landlock: Operation not permitted");
}

/* As by a container's filter, which refuses another one. */
static int without_seccomp(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_prctl, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof code / sizeof code[0], code};

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) < 0)
        return 3;
    return assert_refused("seccomp: Permission denied");
}

static int (*const refusals[])(void) = {without_descriptors, inside_another, without_seccomp};

START_TEST(test_refused_says_why)
{
    const int status = run_in_child(refusals[_i], output, sizeof output);

    /* A kernel without landlock cannot refuse it. */
    if (strstr(output, "landlock: Function not implemented") == NULL)
        ck_assert_msg(status == 0, "status %x: %s", (unsigned)status, output);
}
END_TEST

/* ==================================================
 * guests
 */

START_TEST(test_guest_is_found)
{
    const char *guest = timed_sandbox_guest();

    if (getenv("VALGRIND") != NULL)
        ck_assert_str_eq(guest, "valgrind");
    else if (guest != NULL)
        ck_assert(strcmp(guest, "a sanitizer") == 0 || strcmp(guest, "coverage") == 0);
    setenv("LD_PRELOAD", "/usr/libexec/valgrind/vgpreload_core-amd64-linux.so", 1);
    ck_assert_str_eq(timed_sandbox_guest(), "valgrind");
}
END_TEST

int main(void)
{
    const char *guest = timed_sandbox_guest();
    Suite *suite = suite_create("sandbox");
    TCase *tcase;

    covered = guest != NULL && strcmp(guest, "coverage") == 0;
    tcase = add_case(suite, "guests");
    tcase_add_test(tcase, test_guest_is_found);
    if (guest != NULL && !covered) {
        printf("# with %s inside there is no sandbox: its tests are left out\n", guest);
        return run_suite(suite);
    }
    tcase = add_kernel_case(suite, "refused");
    tcase_add_loop_test(tcase, test_refused, 0, (int)(sizeof attempts / sizeof attempts[0]));
    tcase_add_test(tcase, test_refused_by_the_system);
    tcase_add_loop_test(tcase, test_refused_says_why, 0, 3);
    tcase = add_kernel_case(suite, "allowed");
    tcase_add_test(tcase, test_serves);
    tcase_add_test(tcase, test_abort_is_one);
    tcase_add_test(tcase, test_directory);
    tcase_add_test(tcase, test_landlock);
    return run_suite(suite);
}
