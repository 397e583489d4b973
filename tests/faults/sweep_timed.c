/* sweep_timed.c - the time server's daemon, as a whole. */
#include "daemon.h"

#include "timed/system_log.h"

#include <asyncore.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* ==================================================
 * the world: a client over TCP, one over UDP, and then the operator, who asks and ends it
 */

enum { ASK_TCP, HEAR_TCP, ASK_UDP, HEAR_UDP, TELL, STOP, OVER };

static int step, client = -1, last;
static double later; /* seconds that pass before the operator comes */
static bool served[2];

bool find_socket(int type, struct sockaddr_in *addr)
{
    for (int fd = 0; fd < 64; fd++) {
        int of_type = 0, listens = 0;
        socklen_t size = sizeof listens, length = sizeof *addr;

        if (fd == client || getsockopt(fd, SOL_SOCKET, SO_TYPE, &of_type, &size) < 0 ||
            of_type != type || getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 ||
            listens != (type == SOCK_STREAM))
            continue;
        if (getsockname(fd, (struct sockaddr *)addr, &length) == 0 && addr->sin_family == AF_INET) {
            addr->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            return true;
        }
    }
    return false;
}

/* One that it does not serve is left out. */
static bool ask_daemon(int type)
{
    struct sockaddr_in addr;

    if (!find_socket(type, &addr)) {
        step += 2;
        return true;
    }
    if (type == SOCK_STREAM) {
        client = peer_connect(&addr);
    } else {
        client = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
        expect(connect(client, (struct sockaddr *)&addr, sizeof addr) == 0);
        expect(send(client, "", 0, 0) == 0);
    }
    step++;
    return true;
}

static bool hear_daemon(int type)
{
    char answer[4];
    const ssize_t n = recv(client, answer, sizeof answer, 0);

    /* A datagram is there at once or never. */
    if (n < 0 && errno == EAGAIN && type == SOCK_STREAM)
        return false;
    close(client);
    client = -1;
    served[type == SOCK_DGRAM] = n == (ssize_t)sizeof answer;
    if (n != (ssize_t)sizeof answer)
        again();
    step += n == (ssize_t)sizeof answer ? 1 : -1;
    return true;
}

static bool next_step(void)
{
    switch (step) {
    case ASK_TCP:
        return ask_daemon(SOCK_STREAM);
    case HEAR_TCP:
        return hear_daemon(SOCK_STREAM);
    case ASK_UDP:
        return ask_daemon(SOCK_DGRAM);
    case HEAR_UDP:
        return hear_daemon(SOCK_DGRAM);
    case TELL:
        step = STOP;
        fault_sleep(later);
        raise(SIGUSR1);
        return true;
    case STOP:
        step = OVER;
        raise(last);
        return true;
    default:
        return false;
    }
}

/* ==================================================
 * the scenarios
 */

static int serve_until(int signum, char **argv)
{
    int status;

    fault_world = next_step;
    last = signum;
    status = run_program(timed_main, argv, "");
    if (status == 0) /* or it has said why it could not */
        expect((served[0] || served[1] || fault_report->told > 0) && step == OVER);
    if (client >= 0)
        close(client);
    return status;
}

static void serve(char **argv)
{
    serve_until(SIGTERM, argv);
}

static void scenario_timed(void)
{
    serve((char *[]){"timed", "-v", "-p", "0", "-a", "127.0.0.1", NULL});
}

static void scenario_timed_everywhere(void)
{
    serve((char *[]){"timed", "-p", "0", "--log-format", "json", "--idle", "3600", NULL});
}

/* The second address is forbidden: what was opened until then is closed. */
static void scenario_forbidden(void)
{
    fault_arm(FAULT_SECOND, FAULT_bind, 3, EACCES);
    expect(run_program(timed_main,
                       (char *[]){"timed", "-p", "0", "-a", "127.0.0.1", "-a", "127.0.0.2", NULL},
                       "") == EXIT_FAILURE);
}

/* The port that the system has chosen is another's over UDP: it chooses again. */
static void scenario_taken(void)
{
    fault_arm(FAULT_SECOND, FAULT_bind, 2, EADDRINUSE);
    serve((char *[]){"timed", "-p", "0", "-a", "127.0.0.1", NULL});
}

static void scenario_check(void)
{
    run_program(timed_main, (char *[]){"timed", "--check", "-p", "0", "-a", "127.0.0.1", NULL}, "");
}

/* ---- sockets from elsewhere ---- */

static int udp_socket(void)
{
    const struct sockaddr_in addr = loopback();
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);

    expect(fd >= 0 && bind(fd, (const struct sockaddr *)&addr, sizeof addr) == 0);
    return fd;
}

void put(int fd, int place)
{
    if (fd == place)
        return;
    expect(dup2(fd, place) == place);
    close(fd);
}

void give_sockets(int count)
{
    char number[16];

    snprintf(number, sizeof number, "%d", count);
    setenv("LISTEN_FDS", number, 1);
    snprintf(number, sizeof number, "%d", (int)getpid());
    setenv("LISTEN_PID", number, 1);
}

void take_back(int count)
{
    asyncore_map_free(NULL); /* which has one of them, perhaps */
    for (int fd = FIRST; fd < FIRST + count; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            close(fd);
}

static void scenario_activated(void)
{
    struct sockaddr_in addr;

    expect(fcntl(FIRST, F_GETFD) < 0);
    put(udp_socket(), FIRST);
    put(peer_listen(&addr), FIRST + 1);
    give_sockets(2);
    setenv("LISTEN_FDNAMES", "udp:tcp", 1);
    if (serve_until(SIGINT, (char *[]){"timed", NULL}) != 0)
        take_back(2);
}

static void scenario_inetd(void)
{
    const int before = dup(STDIN_FILENO);

    put(udp_socket(), STDIN_FILENO);
    serve((char *[]){"timed", "--inetd", NULL});
    put(before, STDIN_FILENO);
}

/* Its standard input is no socket. */
static void scenario_inetd_refused(void)
{
    expect(run_program(timed_main, (char *[]){"timed", "--inetd", NULL}, "") == EXIT_FAILURE);
}

/* Of the first socket no dispatcher can be made: the second is closed as well. */
static void scenario_not_served(void)
{
    fault_arm(FAULT_SECOND, FAULT_F_GETFL, 1, EPERM);
    expect(run_program(timed_main,
                       (char *[]){"timed", "--no-upgrade", "-p", "0", "-a", "127.0.0.1", NULL},
                       "") == EXIT_FAILURE);
}

/* ---- the file for Prometheus ---- */

static char directory[] = "/tmp/sweep_timed_XXXXXX";

static void metrics(char *path)
{
    later = 20; /* it writes it every fifteen */
    serve((char *[]){"timed", "-v", "-p", "0", "-a", "127.0.0.1", "--metrics-file", path, NULL});
    unlink(path);
    expect(rmdir(directory) == 0); /* nothing is left beside it */
}

static void scenario_metrics(void)
{
    char path[64];

    expect(mkdtemp(directory) != NULL);
    snprintf(path, sizeof path, "%s/timed.prom", directory);
    metrics(path);
}

static void scenario_metrics_full(void)
{
    fault_arm(FAULT_SECOND, FAULT_write, 1, ENOSPC);
    scenario_metrics();
}

/* What others have left in the directory cannot be looked for. */
static void scenario_metrics_unseen(void)
{
    fault_arm(FAULT_SECOND, FAULT_fdopendir, 1, ENOMEM);
    scenario_metrics();
}

static void scenario_metrics_here(void)
{
    expect(mkdtemp(directory) != NULL && chdir(directory) == 0);
    metrics((char[]){"timed.prom"});
}

/* With a service manager, who is told all that there is to tell. */
static void scenario_notified(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    const int manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof addr;

    expect(bind(manager, (struct sockaddr *)&addr, sizeof(sa_family_t)) == 0);
    expect(getsockname(manager, (struct sockaddr *)&addr, &length) == 0);
    addr.sun_path[0] = '@';
    setenv("NOTIFY_SOCKET", addr.sun_path, 1);
    setenv("WATCHDOG_USEC", "1000000", 1);
    serve((char *[]){"timed", "-p", "0", "-a", "127.0.0.1", NULL});
    close(manager);
}

/* Its daemon is started anew.  Not by --syslog: the machine's own would get it all. */
static int start_log(const struct sockaddr_un *addr)
{
    const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    expect(fd >= 0 && bind(fd, (const struct sockaddr *)addr, sizeof *addr) == 0);
    return fd;
}

static void scenario_system_log(void)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int log_daemon;

    expect(mkdtemp(directory) != NULL);
    snprintf(addr.sun_path, sizeof addr.sun_path, "%s/log", directory);
    log_daemon = start_log(&addr);
    system_log_open(addr.sun_path);
    system_log(LOG_INFO, "hello");
    close(log_daemon);
    unlink(addr.sun_path);
    system_log(LOG_INFO, "nobody hears this");
    log_daemon = start_log(&addr);
    system_log(LOG_INFO, "hello again");
    close(log_daemon);
    unlink(addr.sun_path);
    system_log_close();
    rmdir(directory);
}

static void scenario_chroot(void)
{
    expect(mkdtemp(directory) != NULL);
    serve((char *[]){"timed", "-p", "0", "-a", "127.0.0.1", "--chroot", directory, NULL});
    rmdir(directory);
}

static void scenario_help(void)
{
    run_program(timed_main, (char *[]){"timed", "--help", NULL}, "usage: timed");
}

/* "no answer, as the RFC asks" (time_service.h); and datagrams may be lost. */
static const enum fault_call time_unknown[] = {FAULT_CLOCK_REALTIME, FAULT_sendto, FAULT_sendmsg,
                                               FAULT_CALLS};

/* "what the other side has no room for is lost" (notify.h) */
static const enum fault_call said[] = {FAULT_CLOCK_REALTIME, FAULT_send, FAULT_sendto,
                                       FAULT_sendmsg, FAULT_CALLS};

static const struct scenario scenarios[] = {
    {"timed", scenario_timed, time_unknown, NULL},
    {"timed_everywhere", scenario_timed_everywhere, time_unknown, NULL},
    {"timed_forbidden", scenario_forbidden, NULL, NULL},
    {"timed_taken", scenario_taken, time_unknown, NULL},
    {"timed_check", scenario_check, NULL, NULL},
    {"timed_activated", scenario_activated, time_unknown, NULL},
    {"timed_inetd", scenario_inetd, time_unknown, NULL},
    {"timed_inetd_refused", scenario_inetd_refused, NULL, NULL},
    {"timed_not_served", scenario_not_served, NULL, NULL},
    {"timed_metrics", scenario_metrics, time_unknown, NULL},
    {"timed_metrics_full", scenario_metrics_full, NULL, NULL},
    {"timed_metrics_unseen", scenario_metrics_unseen, time_unknown, "epoll"},
    {"timed_metrics_here", scenario_metrics_here, time_unknown, NULL},
    {"timed_notified", scenario_notified, said, NULL},
    {"timed_system_log", scenario_system_log, NULL, NULL},
    {"timed_chroot", scenario_chroot, time_unknown, NULL},
    {"timed_workers", scenario_workers, said, "epoll"},
    {"timed_no_workers", scenario_no_workers, said, "epoll"},
    {"timed_upgrade", scenario_upgrade, said, "epoll"},
    {"timed_standby", scenario_standby, said, "epoll"},
    {"timed_no_standby", scenario_no_standby, said, "epoll"},
    {"timed_worker", scenario_worker, said, "epoll"},
    {"timed_orphan", scenario_orphan, said, "epoll"},
    {"timed_help", scenario_help, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return sweep_main(argc, argv, scenarios);
}
