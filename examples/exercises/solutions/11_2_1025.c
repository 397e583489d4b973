/*
 * 11.2 Fix: the 1025th client.
 *
 * On bare select(): whoever says something is told "bye", and his connection is closed.  With a thousand
 * clients that is so; some more, and the program is ended, or goes on with memory that was written over.
 * Repair it, by poll() or by letting in no more than there is room for.  (The check lets it have enough
 * descriptors.)
 */
#include "exercise.h"
#include <sys/select.h>

#define MOST 4096 /* descriptors */

static bool is_open[MOST];
static int highest;

static void let_in(int service)
{
    const int channel = accept(service, NULL, NULL);

    if (channel < 0)
        return;                                     /* the client is gone */
    if (channel >= FD_SETSIZE || channel >= MOST) { /* there is no bit for it */
        close(channel);
        return;
    }
    is_open[channel] = true;
    if (channel > highest)
        highest = channel;
}

static void answer(int channel)
{
    char data[4096];

    if (recv(channel, data, sizeof data, MSG_DONTWAIT) > 0)
        send(channel, "bye\n", 4, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(channel);
    is_open[channel] = false;
}

int main(void)
{
    const int service = loopback_socket(SOCK_STREAM);

    highest = service;
    for (;;) {
        fd_set is_readable;
        int fd;

        FD_ZERO(&is_readable);
        FD_SET(service, &is_readable);
        for (fd = 0; fd <= highest; fd++)
            if (is_open[fd])
                FD_SET(fd, &is_readable);
        if (select(highest + 1, &is_readable, NULL, NULL, NULL) < 0) {
            perror("select");
            return 1;
        }
        for (fd = 0; fd <= highest; fd++)
            if (is_open[fd] && FD_ISSET(fd, &is_readable))
                answer(fd);
        if (FD_ISSET(service, &is_readable))
            let_in(service);
    }
}
