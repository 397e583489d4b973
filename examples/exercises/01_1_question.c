/*
 * 1.1 Fix: the server that asks once.
 *
 * It greets whoever comes, and says so when nobody has come for 0.2 seconds.  Those who come at once are
 * greeted; once it has waited in vain, nobody is any more, and it takes all of a processor.  Repair main().
 */
#include "exercise.h"
#include <sys/select.h>

static void greet(int service)
{
    const int channel = accept(service, NULL, NULL);

    if (channel < 0)
        return; /* the client is gone */
    send(channel, "hello\n", 6, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(channel);
}

int main(void)
{
    const int service = loopback_socket(SOCK_STREAM);
    struct timeval timeout = {.tv_usec = 200000};
    fd_set is_readable;

    FD_ZERO(&is_readable);
    FD_SET(service, &is_readable);
    for (;;) {
        const int r = select(service + 1, &is_readable, NULL, NULL, &timeout);

        if (r < 0 && errno != EINTR) {
            perror("select");
            return 1;
        }
        if (r > 0)
            greet(service);
        else if (r == 0)
            printf("still waiting\n");
    }
}
