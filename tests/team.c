/* team.c - workers that are shell scripts, see team.h. */
#define _GNU_SOURCE /* prlimit's kin */
#include "team.h"

#include "timed/notify.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

const char *const command_name = "timed";

struct timed_sockets sockets;
char script[4096];
char *const team_argv[] = {"/bin/sh", "-c", script, NULL};

void open_sockets(void)
{
    struct sockaddr_in addr;

    sockets.list[0].fd = tcp_listen(&addr);
    sockets.list[1].fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockets.count = 2;
}

void close_sockets(void)
{
    timed_sockets_close(&sockets);
}

void timed_sockets_close(struct timed_sockets *self)
{
    while (self->count > 0)
        close(self->list[--self->count].fd);
}

void limit_descriptors(rlim_t limit)
{
    struct rlimit old;

    getrlimit(RLIMIT_NOFILE, &old);
    old.rlim_cur = limit;
    setrlimit(RLIMIT_NOFILE, &old);
}

/* ==================================================
 * all of them
 */

int successes, failures;
int manager[2];

static void report(bool success)
{
    if (success)
        successes++;
    else
        failures++;
}

static char directory[] = "/tmp/check_workers.XXXXXX";

void begin(size_t count, const char *what)
{
    open_sockets();
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, manager),
                     0);
    timed_notify_use(manager[0]);
    snprintf(script, sizeof script,
             "cd %s; exec 2>/dev/null; say() { echo \"$1\" >&$TIMED_PARENT; }; %s", directory,
             what);
    ck_assert_int_eq(timed_workers_begin(team_argv, &sockets, 1, count, report), 0);
}

void pass(void)
{
    const int rc = asyncore_poll(0.05, NULL);

    ck_assert_int_eq(rc, 0);
}

bool are_buried(void)
{
    siginfo_t info;

    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

int finish(void)
{
    char command[128];
    int rc;

    timed_workers_end(0);
    rc = timed_workers_loop();
    timed_notify_close();
    close(manager[0]);
    close(manager[1]);
    close_sockets();
    snprintf(command, sizeof command,
             "for i in 1 2 3 4 5 6; do rm -rf %s && exit; sleep 0.2; done; exit 1", directory);
    ck_assert_int_eq(system(command), 0);
    return rc;
}

bool exists(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    return access(path, F_OK) == 0;
}

long size_of(const char *name)
{
    char path[128];
    struct stat status = {0};

    snprintf(path, sizeof path, "%s/%s", directory, name);
    stat(path, &status);
    return (long)status.st_size;
}

void make(const char *name)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    close(open(path, O_WRONLY | O_CREAT, 0600));
}
