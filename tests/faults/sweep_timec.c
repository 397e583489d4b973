/* sweep_timec.c - the time server's client, as a whole. */
#include "program.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <unistd.h>

int timec_main(int argc, char **argv);

static int listener;

static bool answer(void)
{
    const int fd = accept(listener, NULL, NULL);

    if (fd < 0)
        return false;
    send(fd, "0123", 4, MSG_NOSIGNAL);
    close(fd);
    return true;
}

static void scenario_timec(void)
{
    struct sockaddr_in addr;
    char host[64];

    fault_world = answer;
    listener = peer_listen(&addr);
    snprintf(host, sizeof host, "127.0.0.1:%d", ntohs(addr.sin_port));
    run_program(timec_main, (char *[]){"timec", host, NULL}, "time difference");
    close(listener);
}

static void scenario_version(void)
{
    run_program(timec_main, (char *[]){"timec", "--version", NULL}, "timec " ASYNCORE_VERSION);
}

static const struct scenario scenarios[] = {
    {"timec", scenario_timec, NULL},
    {"timec_version", scenario_version, NULL},
    {NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return sweep_main(argc, argv, scenarios);
}
