/*
 * seccomp.c - see seccomp.h.
 *
 * Why no libseccomp: what it would do here is to write this list down for another machine than the
 * one it runs on.  The numbers come from the compiler's headers, the program is a list of
 * comparisons that can be read in one sitting, and a daemon without dependencies stays one.  What
 * a newer kernel sees allowed whatever the arguments it remembers, and runs no program any more.
 *
 * What happens to a call that is not in the list depends on who may make it:
 *
 *   - To start a program or a process, to look into one, to run memory that was written: nobody
 *     does but an intruder.  The process is killed, which the service manager sees.
 *   - The C library may open a file or a socket behind our back, as syslog() does when the log
 *     daemon was restarted: -EPERM, of which it makes the best, and the time is still served.
 *   - Calls that are younger than this file: -ENOSYS, at which a C library that is younger falls
 *     back on what it did before.
 */
#define _GNU_SOURCE
#include "seccomp.h"

#include <errno.h>

#if defined(__linux__) && defined(__x86_64__) && defined(__LP64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__linux__) && defined(__i386__)
#define ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__linux__) && defined(__aarch64__) && defined(__LP64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__linux__) && defined(__arm__) && defined(__ARM_EABI__)
#define ARCHITECTURE AUDIT_ARCH_ARM
#elif defined(__linux__) && defined(__s390x__)
#define ARCHITECTURE AUDIT_ARCH_S390X
#elif defined(__linux__) && defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined(__linux__) && defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#endif

#ifdef ARCHITECTURE

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ==================================================
 * the calls
 *
 * None of these numbers is there on every machine: those of 32 bits have a second set of calls for
 * times beyond 2038, the older ones have calls that the newer ones have done without.
 */

#define NONE (-1)

#ifndef __NR_accept
#define __NR_accept NONE
#endif
#ifndef __NR_recv
#define __NR_recv NONE
#endif
#ifndef __NR_send
#define __NR_send NONE
#endif
#ifndef __NR_socketcall
#define __NR_socketcall NONE
#endif
#ifndef __NR_select
#define __NR_select NONE
#endif
#ifndef __NR__newselect
#define __NR__newselect NONE
#endif
#ifndef __NR_poll
#define __NR_poll NONE
#endif
#ifndef __NR_epoll_wait
#define __NR_epoll_wait NONE
#endif
#ifndef __NR_pselect6
#define __NR_pselect6 NONE
#endif
#ifndef __NR_pselect6_time64
#define __NR_pselect6_time64 NONE
#endif
#ifndef __NR_ppoll
#define __NR_ppoll NONE
#endif
#ifndef __NR_ppoll_time64
#define __NR_ppoll_time64 NONE
#endif
#ifndef __NR_recvmmsg
#define __NR_recvmmsg NONE
#endif
#ifndef __NR_recvmmsg_time64
#define __NR_recvmmsg_time64 NONE
#endif
#ifndef __NR_clock_gettime
#define __NR_clock_gettime NONE
#endif
#ifndef __NR_clock_gettime64
#define __NR_clock_gettime64 NONE
#endif
#ifndef __NR_gettimeofday
#define __NR_gettimeofday NONE
#endif
#ifndef __NR_time
#define __NR_time NONE
#endif
#ifndef __NR_clock_adjtime
#define __NR_clock_adjtime NONE
#endif
#ifndef __NR_clock_adjtime64
#define __NR_clock_adjtime64 NONE
#endif
#ifndef __NR_futex
#define __NR_futex NONE
#endif
#ifndef __NR_futex_time64
#define __NR_futex_time64 NONE
#endif
#ifndef __NR_timerfd_settime
#define __NR_timerfd_settime NONE
#endif
#ifndef __NR_timerfd_settime64
#define __NR_timerfd_settime64 NONE
#endif
#ifndef __NR_fcntl
#define __NR_fcntl NONE
#endif
#ifndef __NR_fcntl64
#define __NR_fcntl64 NONE
#endif
#ifndef __NR_fstat
#define __NR_fstat NONE
#endif
#ifndef __NR_fstat64
#define __NR_fstat64 NONE
#endif
#ifndef __NR_lseek
#define __NR_lseek NONE
#endif
#ifndef __NR__llseek
#define __NR__llseek NONE
#endif
#ifndef __NR_sigreturn
#define __NR_sigreturn NONE
#endif
#ifndef __NR_getrlimit
#define __NR_getrlimit NONE
#endif
#ifndef __NR_ugetrlimit
#define __NR_ugetrlimit NONE
#endif
#ifndef __NR_prlimit64
#define __NR_prlimit64 NONE
#endif
#ifndef __NR_renameat
#define __NR_renameat NONE
#endif
#ifndef __NR_rename
#define __NR_rename NONE
#endif
#ifndef __NR_open
#define __NR_open NONE
#endif
#ifndef __NR_unlink
#define __NR_unlink NONE
#endif
#ifndef __NR_fork
#define __NR_fork NONE
#endif
#ifndef __NR_vfork
#define __NR_vfork NONE
#endif
#ifndef __NR_clone3
#define __NR_clone3 NONE
#endif

/* clang-format off */

/* Those of a request first: the list is gone through from above. */
static const int allowed[] = {
    __NR_epoll_pwait, __NR_epoll_wait, __NR_accept4, __NR_sendto, __NR_recvfrom, __NR_shutdown,
    __NR_close, __NR_recvmsg, __NR_sendmsg, __NR_epoll_ctl, __NR_poll, __NR_ppoll,
    __NR_ppoll_time64, __NR_select, __NR__newselect, __NR_pselect6, __NR_pselect6_time64,
    __NR_accept, __NR_recv, __NR_send, __NR_recvmmsg, __NR_recvmmsg_time64, __NR_sendmmsg,
    /* what else is done with sockets and files that are open, and by the library to wake itself */
    __NR_read, __NR_write, __NR_readv, __NR_writev, __NR_setsockopt, __NR_getsockopt,
    __NR_getsockname, __NR_getpeername, __NR_epoll_create1, __NR_eventfd2, __NR_timerfd_create,
    __NR_timerfd_settime, __NR_timerfd_settime64, __NR_pipe2, __NR_fstat, __NR_fstat64, __NR_lseek, __NR__llseek,
    /* the time, where the kernel must be asked for it, and whether it is right */
    __NR_clock_gettime, __NR_clock_gettime64, __NR_gettimeofday, __NR_time, __NR_adjtimex,
    __NR_clock_adjtime, __NR_clock_adjtime64,
    /* memory, signals, the end */
    __NR_brk, __NR_munmap, __NR_mremap, __NR_madvise, __NR_futex, __NR_futex_time64,
    __NR_getrandom, __NR_rt_sigaction, __NR_rt_sigprocmask, __NR_rt_sigreturn, __NR_sigreturn,
    __NR_restart_syscall, __NR_sched_yield, __NR_getrlimit, __NR_ugetrlimit, __NR_getpid,
    __NR_gettid, __NR_exit, __NR_exit_group,
};

static const int allowed_for_files[] = {
    __NR_openat, __NR_open, __NR_renameat, __NR_renameat2, __NR_rename, __NR_unlinkat, __NR_unlink,
    __NR_fsync, __NR_ftruncate,
};

static const int deadly[] = {
    __NR_execve, __NR_execveat, __NR_fork, __NR_vfork, __NR_clone, __NR_clone3, __NR_ptrace,
    __NR_process_vm_readv, __NR_process_vm_writev, __NR_kill,
};

/* clang-format on */

/* What may be done with a descriptor that is open. */
static const int fcntls[] = {F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC};

/* Where all that is done with sockets is one call, this is what is done: all but socket, bind,
 * connect, listen and socketpair. */
static const int socketcalls[] = {5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20};

/* All machines number their calls alike from 424 on; this is the last that this file knows of:
 * landlock_restrict_self. */
enum { NEWEST = 446 };

/* ==================================================
 * the program
 */

struct program {
    struct sock_filter code[512];
    unsigned short length;
};

#define LENGTH(list) (sizeof(list) / sizeof(list)[0])

static void add(struct program *program, int code, uint32_t k, uint8_t if_true, uint8_t if_false)
{
    program->code[program->length++] = (struct sock_filter){(uint16_t)code, if_true, if_false, k};
}

static void load(struct program *program, size_t offset)
{
    add(program, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void answer(struct program *program, uint32_t with)
{
    add(program, BPF_RET | BPF_K, with, 0, 0);
}

/* The lower 32 bits of an argument: what looks at them takes no longer ones. */
static void load_argument(struct program *program, int number)
{
    const size_t low = __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0;

    load(program, offsetof(struct seccomp_data, args) + 8 * (size_t)number + low);
}

static void if_one_of(struct program *program, const int *list, size_t length, uint32_t then)
{
    for (size_t i = 0; i < length; i++) {
        if (list[i] == NONE)
            continue;
        add(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)list[i], 0, 1);
        answer(program, then);
    }
}

/* This call is allowed if the argument is one of these, and otherwise answered in that way. */
static void if_argument(struct program *program, int call, int number, const int *list,
                        size_t length, uint32_t otherwise)
{
    if (call == NONE)
        return;
    add(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, (uint8_t)(2 * length + 2));
    load_argument(program, number);
    if_one_of(program, list, length, SECCOMP_RET_ALLOW);
    answer(program, otherwise);
}

/* Memory may be got, but not to be run. */
static void if_not_to_be_run(struct program *program, int call)
{
    add(program, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call, 0, 4);
    load_argument(program, 2);
    add(program, BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 1);
    answer(program, SECCOMP_RET_KILL_PROCESS);
    answer(program, SECCOMP_RET_ALLOW);
}

static void write_program(struct program *program, bool files)
{
    const int own_pid = (int)getpid();

    load(program, offsetof(struct seccomp_data, arch));
    add(program, BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
    answer(program, SECCOMP_RET_KILL_PROCESS);
    load(program, offsetof(struct seccomp_data, nr));
    if_one_of(program, allowed, LENGTH(allowed), SECCOMP_RET_ALLOW);
    if (files)
        if_one_of(program, allowed_for_files, LENGTH(allowed_for_files), SECCOMP_RET_ALLOW);
    if_argument(program, __NR_socketcall, 0, socketcalls, LENGTH(socketcalls),
                SECCOMP_RET_ERRNO | EPERM);
    if_argument(program, __NR_fcntl, 1, fcntls, LENGTH(fcntls), SECCOMP_RET_ERRNO | EPERM);
    if_argument(program, __NR_fcntl64, 1, fcntls, LENGTH(fcntls), SECCOMP_RET_ERRNO | EPERM);
    /* its own limits, which poll() is asked with, and nobody else's */
    if_argument(program, __NR_prlimit64, 0, (int[]){0}, 1, SECCOMP_RET_ERRNO | EPERM);
    /* abort() kills itself, the one with this, the other with that */
    if_argument(program, __NR_tgkill, 0, &own_pid, 1, SECCOMP_RET_KILL_PROCESS);
    if_argument(program, __NR_tkill, 0, &own_pid, 1, SECCOMP_RET_KILL_PROCESS);
    if_not_to_be_run(program, __NR_mprotect);
#if defined(__s390x__) /* whose mmap() has its arguments in memory, where no filter sees them */
    if_one_of(program, (int[]){__NR_mmap}, 1, SECCOMP_RET_ALLOW);
#elif defined(__NR_mmap2)
    if_not_to_be_run(program, __NR_mmap2);
#else
    if_not_to_be_run(program, __NR_mmap);
#endif
    if_one_of(program, deadly, LENGTH(deadly), SECCOMP_RET_KILL_PROCESS);
    add(program, BPF_JMP | BPF_JGT | BPF_K, NEWEST, 0, 1);
    answer(program, SECCOMP_RET_ERRNO | ENOSYS);
    answer(program, SECCOMP_RET_ERRNO | EPERM);
}

int seccomp_enter(bool files)
{
    struct program program = {.length = 0};
    struct sock_fprog filter = {.filter = program.code};

    write_program(&program, files);
    filter.len = program.length;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0)
        return 0;
    return errno == EINVAL ? -ENOSYS : -errno; /* the kernel was made without it */
}

#else

int seccomp_enter(bool files)
{
    (void)files;
    return -ENOSYS;
}

#endif
