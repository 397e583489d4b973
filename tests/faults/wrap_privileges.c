/*
 * wrap_privileges.c - what a process may do, which does not come to pass, for the sweep's own process
 * needs its privileges; and other processes.
 */
#define _GNU_SOURCE
#include "wrap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PRETENDING(name, parameters)                                                               \
    WRAP(int, name, parameters)                                                                    \
    {                                                                                              \
        return FAULT_CHECK(name) != 0 ? -1 : 0;                                                    \
    }

PRETENDING(setgroups,
           (size_t count __attribute__((unused)), const gid_t *list __attribute__((unused))))
PRETENDING(setresgid, (gid_t real __attribute__((unused)), gid_t effective __attribute__((unused)),
                       gid_t saved __attribute__((unused))))
PRETENDING(setresuid, (uid_t real __attribute__((unused)), uid_t effective __attribute__((unused)),
                       uid_t saved __attribute__((unused))))
PRETENDING(fchdir, (int directory __attribute__((unused))))
PRETENDING(chdir, (const char *path __attribute__((unused))))
PRETENDING(chroot, (const char *path __attribute__((unused))))

/* Only root has something to give up. */
WRAP(uid_t, geteuid, (void))
{
    return 0;
}

/* These are to be refused: that they are not is the fault. */
#define COMING_BACK(name, type)                                                                    \
    WRAP(int, name, (type id __attribute__((unused))))                                             \
    {                                                                                              \
        return FAULT_CHECK(name) != 0 ? 0 : -1;                                                    \
    }

COMING_BACK(setuid, uid_t)
COMING_BACK(seteuid, uid_t)
COMING_BACK(setgid, gid_t)

WRAP(struct passwd *, getpwnam, (const char *name))
{
    return FAULT_CHECK(getpwnam) != 0 ? NULL : getpwnam(name);
}

WRAP(DIR *, opendir, (const char *name))
{
    return FAULT_CHECK(opendir) != 0 ? NULL : opendir(name);
}

WRAP(DIR *, fdopendir, (int fd))
{
    return FAULT_CHECK(fdopendir) != 0 ? NULL : fdopendir(fd);
}

/* ==================================================
 * Linux' own
 */

WRAP(int, prctl, (int option, ...))
{
    switch (option) {
    case PR_SET_NO_NEW_PRIVS:
        return FAULT_CHECK(NO_NEW_PRIVS) != 0 ? -1 : 0;
    case PR_SET_SECCOMP:
        return FAULT_CHECK(SECCOMP) != 0 ? -1 : 0;
    case PR_SET_NAME:
    case PR_SET_PDEATHSIG: /* be_child() has done so */
        return 0;
    default:
        fault_fail("prctl(%d) is not listed in calls.h", option);
    }
}

enum { LANDLOCK_VERSION = 7, KEPT_CAPABILITY = FAULT_SHORT };

static long create_ruleset(const void *ruleset, const void *site)
{
    if (fault_check(FAULT_landlock_create, site) != 0)
        return -1;
    return ruleset == NULL ? LANDLOCK_VERSION : open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* What is left is written to where the process says what it has: nothing. */
static long get_capabilities(uint32_t *sets, const void *site)
{
    const int error = fault_check(FAULT_capget, site);

    if (error == KEPT_CAPABILITY)
        sets[0] = 1;
    return error == 0 || error == KEPT_CAPABILITY ? 0 : -1;
}

WRAP(long, syscall, (long number, ...))
{
    const void *site = __builtin_return_address(0);
    void *first, *second;
    va_list args;

    va_start(args, number);
    first = va_arg(args, void *);
    second = va_arg(args, void *);
    va_end(args);
    switch (number) {
    case SYS_capset:
        return fault_check(FAULT_capset, site) != 0 ? -1 : 0;
    case SYS_capget:
        return get_capabilities(second, site);
    case SYS_landlock_create_ruleset:
        return create_ruleset(first, site);
    case SYS_landlock_add_rule:
        return fault_check(FAULT_landlock_add, site) != 0 ? -1 : 0;
    case SYS_landlock_restrict_self:
        return fault_check(FAULT_landlock_restrict, site) != 0 ? -1 : 0;
    default:
        fault_fail("syscall(%ld) is not listed in calls.h", number);
    }
}

/* ==================================================
 * processes
 */

void (*fault_child)(void);

static int gate = -1; /* behind which the parent waits */

void fault_let_parent_go_on(void)
{
    if (gate >= 0)
        close(gate);
    gate = -1;
}

static void be_child(int parent_waits)
{
    gate = parent_waits;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (fault_child != NULL) {
        fault_child();
        return;
    }
    fault_let_parent_go_on();
    for (;;)
        pause();
}

WRAP(pid_t, fork, (void))
{
    int ends[2];
    char nothing;
    pid_t pid;

    if (FAULT_CHECK(fork) != 0)
        return -1;
    expect(pipe2(ends, O_CLOEXEC) == 0);
    pid = fork();
    if (pid == 0) {
        close(ends[0]);
        be_child(ends[1]);
        return 0;
    }
    close(ends[1]);
    (void)!read(ends[0], &nothing, 1);
    close(ends[0]);
    return pid;
}

WRAP(int, execvp, (const char *file, char *const *argv))
{
    return FAULT_CHECK(execvp) != 0 ? -1 : execvp(file, argv);
}

WRAP(int, socketpair, (int family, int type, int protocol, int ends[2]))
{
    return FAULT_CHECK(socketpair) != 0 ? -1 : socketpair(family, type, protocol, ends);
}
