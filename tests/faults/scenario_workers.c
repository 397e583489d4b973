/*
 * scenario_workers.c - timed where it is several processes, which are real: those that it forks go on
 * as they would, and the programs that they run are timed as it is built.  Calls fail in whichever
 * process makes them, up to where it runs a program.
 */
#define _GNU_SOURCE /* SOCK_CLOEXEC's kin */
#include "daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    PATIENCE = 20 /* seconds */,
    SILENCE = 100 /* milliseconds, in which it would have spoken */
};

/* ==================================================
 * the world: a client, an upgrade, another client, and the end.  Processes take time.
 */

enum { BEGINS, ASK, HEAR, UPGRADE, UPGRADES, ASK_AGAIN, HEAR_AGAIN, STOP, OVER };

static int step, client = -1, manager = -1, silent_for;
static bool is_upgraded;
static struct sockaddr_in address;

static bool take_a_moment(void)
{
    poll(NULL, 0, 1);
    return true;
}

static void go_on(void)
{
    step++;
    silent_for = 0;
}

/* Until the manager has been told that it serves; but where a call has failed it may have nothing
 * to tell, or cannot. */
static void hear_manager(void)
{
    const bool failed = fault_fired(FAULT_FIRST) > 0;
    char text[1024];
    ssize_t n;

    while ((n = recv(manager, text, sizeof text - 1, MSG_DONTWAIT)) > 0) {
        text[n] = '\0';
        if (strstr(text, "READY=1") != NULL) {
            go_on();
            return;
        }
    }
    if (++silent_for > SILENCE && failed)
        go_on();
}

static void ask_timed(void)
{
    if (find_socket(SOCK_STREAM, &address) || address.sin_port != 0)
        client = peer_connect(&address);
    go_on();
}

static void hear_timed(void)
{
    char answer[4];
    const ssize_t n = recv(client, answer, sizeof answer, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    close(client);
    client = -1;
    if (n == (ssize_t)sizeof answer) {
        go_on();
    } else {
        again();
        step--;
    }
}

static bool next_step(void)
{
    switch (step) {
    case BEGINS:
    case UPGRADES:
        hear_manager();
        break;
    case ASK:
    case ASK_AGAIN:
        ask_timed();
        break;
    case HEAR:
    case HEAR_AGAIN:
        hear_timed();
        break;
    case UPGRADE:
        go_on();
        if (is_upgraded)
            raise(SIGUSR2);
        else
            step = STOP;
        break;
    case STOP:
        go_on();
        raise(SIGTERM);
        break;
    default:
        break;
    }
    return take_a_moment();
}

/* ==================================================
 * the processes
 */

static void leave(int status)
{
    if (fault_memory_held() > 0)
        fault_fail("%zu pieces of memory are left in another process", fault_memory_held());
    _exit(status);
}

static void be_another_process(void)
{
    alarm(PATIENCE);
    fault_world = take_a_moment;
    fault_exit = leave;
}

static void open_manager(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    socklen_t length = sizeof addr;

    manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    expect(bind(manager, (struct sockaddr *)&addr, sizeof(sa_family_t)) == 0);
    expect(getsockname(manager, (struct sockaddr *)&addr, &length) == 0);
    addr.sun_path[0] = '@';
    setenv("NOTIFY_SOCKET", addr.sun_path, 1);
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* argv[0] is where timed is. */
static int run_processes(char **argv)
{
    static char path[4096];
    int status;

    expect(getenv("BUILD") != NULL);
    snprintf(path, sizeof path, "%s/dispatchers/timed", getenv("BUILD"));
    argv[0] = path;
    open_manager();
    fault_child = be_another_process;
    fault_world = next_step;
    status = run_program(timed_main, argv, "");
    if (status == 0)
        expect(step == OVER);
    close_if_open(client);
    close_if_open(manager);
    return status;
}

static int run_workers(void)
{
    return run_processes((char *[]){NULL, "-p", "0", "-a", "127.0.0.1", "--workers", "2", NULL});
}

void scenario_workers(void)
{
    is_upgraded = true;
    run_workers();
}

void scenario_no_workers(void)
{
    fault_arm(FAULT_SECOND, FAULT_fork, 1, EAGAIN);
    expect(run_workers() != 0);
}

void scenario_standby(void)
{
    run_processes((char *[]){NULL, "-p", "0", "-a", "127.0.0.1", NULL});
}

void scenario_upgrade(void)
{
    is_upgraded = true;
    scenario_standby();
}

void scenario_no_standby(void)
{
    fault_arm(FAULT_SECOND, FAULT_fork, 1, EAGAIN);
    scenario_standby();
}

/* ==================================================
 * a worker: its parent is the world
 */

static int last; /* the signal that ends it; 0: its parent is gone */

static bool be_parent(void)
{
    char text[1024];

    while (recv(manager, text, sizeof text, MSG_DONTWAIT) > 0)
        ;
    switch (step++) {
    case 0:
        raise(SIGUSR2); /* it is the parent who is asked then */
        return true;
    case 1:
        send(manager, "hm", 2, MSG_DONTWAIT);
        return true;
    case 2:
        if (last != 0)
            raise(last);
        else
            shutdown(manager, SHUT_RDWR);
        return true;
    default:
        return false;
    }
}

static int run_worker(int signum)
{
    struct sockaddr_in addr;
    char number[16];
    int ends[2], status;

    expect(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    manager = fcntl(ends[0], F_DUPFD_CLOEXEC, FIRST + 2);
    close(ends[0]);
    put(ends[1], FIRST + 1);
    put(peer_listen(&addr), FIRST);
    give_sockets(1);
    snprintf(number, sizeof number, "%d", FIRST + 1);
    setenv("TIMED_PARENT", number, 1);
    last = signum;
    fault_world = be_parent;
    status = run_program(timed_main, (char *[]){"timed", NULL}, "");
    take_back(2); /* the one to the parent ends with the process */
    close(manager);
    return status;
}

void scenario_worker(void)
{
    if (run_worker(SIGTERM) == 0)
        expect(step > 2);
}

void scenario_orphan(void)
{
    run_worker(0);
}
