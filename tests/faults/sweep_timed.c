/* sweep_timed.c - the time server's daemon, as a whole. */
#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

int timed_main(int argc, char **argv);

/* ==================================================
 * the world: a client, and then the operator who ends it
 */

static int step, client;
static bool served;

static bool find_listener(struct sockaddr_in *addr)
{
    for (int fd = 0; fd < 64; fd++) {
        int listens = 0;
        socklen_t size = sizeof listens, length = sizeof *addr;

        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens &&
            getsockname(fd, (struct sockaddr *)addr, &length) == 0 && addr->sin_family == AF_INET)
            return true;
    }
    return false;
}

static bool ask_daemon(void)
{
    struct sockaddr_in addr;

    expect(find_listener(&addr));
    client = peer_connect(&addr);
    step = 1;
    return true;
}

static bool hear_daemon(void)
{
    char answer[4];
    const ssize_t n = recv(client, answer, sizeof answer, 0);

    if (n < 0 && errno == EAGAIN)
        return false;
    close(client);
    served = n == (ssize_t)sizeof answer;
    if (!served)
        again();
    step = served ? 2 : 0;
    return true;
}

static bool next_step(void)
{
    switch (step) {
    case 0:
        return ask_daemon();
    case 1:
        return hear_daemon();
    case 2:
        step = 3;
        raise(SIGTERM);
        return true;
    default:
        return false;
    }
}

/* ==================================================
 * the scenarios
 */

static void serve(char **argv)
{
    fault_world = next_step;
    if (run_program(timed_main, argv, "") == 0)
        expect(served && step == 3);
    if (step == 1)
        close(client);
}

static void scenario_timed(void)
{
    serve((char *[]){"timed", "-v", "-p", "0", "-a", "127.0.0.1", NULL});
}

static void scenario_timed_everywhere(void)
{
    serve((char *[]){"timed", "-p", "0", NULL});
}

/* The second address is another's: what was opened until then is closed. */
static void scenario_taken(void)
{
    fault_arm(FAULT_SECOND, FAULT_bind, 2, EADDRINUSE);
    expect(run_program(timed_main,
                       (char *[]){"timed", "-p", "0", "-a", "127.0.0.1", "-a", "127.0.0.2", NULL},
                       "") == EXIT_FAILURE);
}

static void scenario_help(void)
{
    run_program(timed_main, (char *[]){"timed", "--help", NULL}, "usage: timed");
}

/* "the client's connection is then closed without an answer, as the RFC asks" (time_server.h) */
static const enum fault_call time_unknown[] = {FAULT_CLOCK_REALTIME, FAULT_CALLS};

static const struct scenario scenarios[] = {
    {"timed", scenario_timed, time_unknown},
    {"timed_everywhere", scenario_timed_everywhere, time_unknown},
    {"timed_taken", scenario_taken, NULL},
    {"timed_help", scenario_help, NULL},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return sweep_main(argc, argv, scenarios);
}
