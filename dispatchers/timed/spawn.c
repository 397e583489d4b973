/* spawn.c - see spawn.h. */
#include "spawn.h"

#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

enum { FIRST = 3 /* where LISTEN_FDS begins */ };

/* Gives the descriptors the numbers from FIRST on, open for the new program.  Each may have a number
 * that another shall get, so all move out of the way first. */
static int put_in_place(const int *fds, int count)
{
    int moved[TIMED_SOCKETS + 1];

    for (int i = 0; i < count; i++) {
        moved[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FIRST + count);
        if (moved[i] < 0)
            return -1;
    }
    for (int i = 0; i < count; i++)
        if (dup2(moved[i], FIRST + i) < 0)
            return -1; /* GCOVR_EXCL_LINE: there were higher numbers to be had */
    return 0;
}

static void set_number(const char *name, long number)
{
    char text[24];

    snprintf(text, sizeof text, "%ld", number);
    setenv(name, text, 1);
}

static void set_environment(int sockets)
{
    set_number("LISTEN_PID", getpid());
    set_number("LISTEN_FDS", sockets);
    set_number("TIMED_PARENT", FIRST + sockets);
    unsetenv("LISTEN_FDNAMES");
    unsetenv("NOTIFY_SOCKET"); /* it tells its parent */
    unsetenv("WATCHDOG_PID");
}

/* What this process ignores the new program would ignore too; and what came since the fork is for its
 * own handlers no more. */
static void heed_signals(const sigset_t *mask)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGCHLD};

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

/* A program that hangs, or is none of ours, does not notice by itself that its parent is gone. */
static void end_with(pid_t parent)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
}

static _Noreturn void run(char *const *argv, const struct timed_sockets *sockets, int parent,
                          const sigset_t *mask)
{
    int fds[TIMED_SOCKETS + 1], count = 0;

    while ((size_t)count < sockets->count) {
        fds[count] = sockets->list[count].fd;
        count++;
    }
    fds[count] = parent;
    if (put_in_place(fds, count + 1) == 0) {
        set_environment(count);
        heed_signals(mask);
        execvp(argv[0], argv);
    }
    timed_log(LOG_WARNING, "run %s: %s", argv[0], strerror(errno));
    _exit(127);
}

pid_t timed_spawn(char *const *argv, const struct timed_sockets *sockets, int *child)
{
    sigset_t all, mask;
    const pid_t own = getpid();
    int ends[2], error;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask);
    pid = fork();
    error = errno;
    if (pid == 0) {
        end_with(own);
        run(argv, sockets, ends[1], &mask);
    }
    sigprocmask(SIG_SETMASK, &mask, NULL);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -error;
    }
    *child = ends[0];
    return pid;
}
