/* scenario_time.c - dispatchers/: the time server, and its client. */
#include "peer.h"
#include "scenarios.h"

#include "rate_limit.h"
#include "time_client.h"
#include "time_server.h"

#include <errno.h>
#include <unistd.h>

/* ==================================================
 * the server
 */

static struct time_server server;

static int begin_to_listen(void)
{
    const struct sockaddr_in addr = loopback();

    return time_server_init(&server, &time_server_class, (const struct sockaddr *)&addr,
                            sizeof addr, NULL);
}

void scenario_time_server(void)
{
    must(begin_to_listen);
    ask_size(&server.base, "", 4);
    ask_size(&server.base, "what time is it?", 4);
    told(asyncore_close(&server.base));
}

/* "the client's connection is then closed without an answer, as the RFC asks" */
void scenario_time_unknown(void)
{
    must(begin_to_listen);
    fault_arm(FAULT_SECOND, FAULT_CLOCK_REALTIME, 1, EINVAL);
    ask_size(&server.base, "", 4);
    told(asyncore_close(&server.base));
}

/* One byte of the answer goes out, and the channel sees to the rest. */
void scenario_time_server_later(void)
{
    must(begin_to_listen);
    fault_arm(FAULT_SECOND, FAULT_send, 1, FAULT_SHORT);
    ask_size(&server.base, "", 4);
    told(asyncore_close(&server.base));
}

/* Without a descriptor for the client the spare one is given for it. */
void scenario_time_server_starved(void)
{
    must(begin_to_listen);
    fault_arm(FAULT_SECOND, FAULT_accept4, 1, EMFILE);
    ask_size(&server.base, "", 4);
    told(asyncore_close(&server.base));
}

static struct rate_limit limit;

/* Nobody may ask. */
static int begin_to_limit(void)
{
    const int rc = rate_limit_init(&limit, 1, 1);

    limit.depth = 0;
    return rc;
}

/* One client is reset; the next, with nothing to limit it, is served. */
void scenario_time_server_limited(void)
{
    struct sockaddr_in addr;
    int refused;

    must(begin_to_limit);
    must(begin_to_listen);
    server.service.limit = &limit;
    addr = address_of(&server.base);
    refused = peer_connect(&addr);
    pass();
    pass();
    close(refused);
    server.service.limit = NULL;
    ask_size(&server.base, "", 4);
    told(asyncore_close(&server.base));
}

static int begin_to_listen_6(void)
{
    const struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};

    return time_server_init(&server, &time_server_class, (const struct sockaddr *)&addr,
                            sizeof addr, NULL);
}

/* Where there is no IPv6 it is told so. */
void scenario_time_server_6(void)
{
    if (!told(begin_to_listen_6()) && !told(begin_to_listen_6()))
        fault_report->first_error = 0;
    asyncore_close(&server.base);
}

/* ==================================================
 * the client
 */

static struct time_client client;
static struct sockaddr_in peer;
static int listener, dones;

static void done(struct time_client *self, int error, uint32_t seconds)
{
    dones++;
    expect(error < 0 || (self->received == 4 || error == 0));
    expect(error < 0 || seconds == 0x30313233);
    if (error < 0)
        told_otherwise();
}

static int begin_to_ask_udp(void)
{
    dones = 0;
    return time_client_udp_init(&client, &time_client_udp_class, (const struct sockaddr *)&peer,
                                sizeof peer, 5, done, NULL);
}

static int begin_to_ask(void)
{
    dones = 0;
    return time_client_init(&client, &time_client_class, (const struct sockaddr *)&peer,
                            sizeof peer, 5, done, NULL);
}

static bool answer(void)
{
    const int fd = accept(listener, NULL, NULL);

    if (fd < 0)
        return false;
    send(fd, "0123", 4, MSG_NOSIGNAL);
    close(fd);
    return true;
}

static bool is_done(void)
{
    return dones > 0;
}

static void wait_for_time(void)
{
    pass_until(is_done);
    expect(dones == 1 && asyncore_fileno(&client.base) < 0);
}

static void ask_for_time(void)
{
    must(begin_to_ask);
    wait_for_time();
}

void scenario_time_client(void)
{
    fault_world = answer;
    listener = peer_listen(&peer);
    for (ask_for_time(); client.error != 0; ask_for_time())
        again();
    close(listener);
}

void scenario_time_client_refused(void)
{
    listener = nowhere(&peer);
    ask_for_time();
    expect(client.error < 0);
    close(listener);
}

/* There is a server, and it does not answer. */
void scenario_time_client_timeout(void)
{
    listener = peer_listen(&peer);
    ask_for_time();
    expect(client.error == -ETIMEDOUT || fault_fired(FAULT_FIRST) > 0);
    close(listener);
}

/* ==================================================
 * the client over UDP
 */

static int questions;

/* The first is lost, and the second misunderstood. */
static bool answer_udp(void)
{
    struct sockaddr_in addr;
    socklen_t length = sizeof addr;
    char question[1];

    if (recvfrom(listener, question, sizeof question, MSG_DONTWAIT, (struct sockaddr *)&addr,
                 &length) < 0)
        return false;
    if (++questions > 1)
        sendto(listener, "01234567", questions == 2 ? 8 : 4, 0, (struct sockaddr *)&addr, length);
    return true;
}

static void ask_for_time_udp(void)
{
    questions = 0;
    must(begin_to_ask_udp);
    wait_for_time();
}

void scenario_time_client_udp(void)
{
    fault_world = answer_udp;
    listener = peer_bind(&peer);
    for (ask_for_time_udp(); client.error != 0; ask_for_time_udp())
        again();
    close(listener);
}

void scenario_time_client_udp_refused(void)
{
    listener = peer_bind(&peer);
    expect(connect(listener, (struct sockaddr *)&peer, sizeof peer) == 0); /* to itself alone */
    ask_for_time_udp();
    expect(client.error < 0);
    close(listener);
}
