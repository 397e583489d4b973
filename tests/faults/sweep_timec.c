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

/* Makes the peer, which the world has answer; returns its HOST:PORT. */
static char *host(int (*make)(struct sockaddr_in *addr), bool (*world)(void))
{
    static char text[64];
    struct sockaddr_in addr;

    fault_world = world;
    listener = make(&addr);
    snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(addr.sin_port));
    return text;
}

static void scenario_timec(void)
{
    run_program(timec_main, (char *[]){"timec", host(peer_listen, answer), NULL},
                "time difference");
    close(listener);
}

/* Each answer is asked for, and written, by itself. */
static void scenario_timec_json(void)
{
    run_program(timec_main, (char *[]){"timec", "-j", "-c", "2", host(peer_listen, answer), NULL},
                "\"answers\": 2");
    close(listener);
}

/* Before anything else happens: the connection ends while it begins. */
static bool refuse_late(void)
{
    const struct linger at_once = {.l_onoff = 1};
    const int fd = accept(listener, NULL, NULL);

    if (fd < 0)
        return false;
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    return true;
}

static void scenario_timec_reset(void)
{
    expect(run_program(timec_main, (char *[]){"timec", "-j", host(peer_listen, refuse_late), NULL},
                       "") != 0);
    close(listener);
}

static bool answer_udp(void)
{
    struct sockaddr_in addr;
    socklen_t length = sizeof addr;
    char question[1];

    if (recvfrom(listener, question, sizeof question, MSG_DONTWAIT, (struct sockaddr *)&addr,
                 &length) < 0)
        return false;
    sendto(listener, "0123", 4, 0, (struct sockaddr *)&addr, length);
    return true;
}

static void scenario_timec_udp(void)
{
    run_program(timec_main, (char *[]){"timec", "--udp", host(peer_bind, answer_udp), NULL},
                "time difference");
    close(listener);
}

static void scenario_version(void)
{
    run_program(timec_main, (char *[]){"timec", "--version", NULL}, "timec " ASYNCORE_VERSION);
}

static const struct scenario scenarios[] = {
    {"timec", scenario_timec, NULL, NULL},
    {"timec_json", scenario_timec_json, NULL, NULL},
    {"timec_reset", scenario_timec_reset, NULL, NULL},
    {"timec_udp", scenario_timec_udp, NULL, NULL},
    {"timec_version", scenario_version, NULL, NULL},
    {NULL, NULL, NULL, NULL},
};

int main(int argc, char **argv)
{
    return sweep_main(argc, argv, scenarios);
}
