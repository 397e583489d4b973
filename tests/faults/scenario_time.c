/* scenario_time.c - dispatchers/: the time server, and its client. */
#include "peer.h"
#include "scenarios.h"

#include "time_server.h"

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
