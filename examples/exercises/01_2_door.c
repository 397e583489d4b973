/*
 * 1.2 Fix: the client that slams the door.
 *
 * It greets whoever comes.  A client that says good-bye before it is greeted, and is then reset, ends the
 * program, without a word.  Repair greet().
 */
#include "exercise.h"
#include <sys/select.h>

static void greet(int service)
{
    const int channel = accept(service, NULL, NULL);

    if (channel < 0)
        return; /* the client is gone */
    send(channel, "hello\n", 6, MSG_DONTWAIT);
    close(channel);
}

int main(void)
{
    const int service = loopback_socket(SOCK_STREAM);

    for (;;) {
        fd_set is_readable;
        int r;

        FD_ZERO(&is_readable);
        FD_SET(service, &is_readable);
        r = select(service + 1, &is_readable, NULL, NULL, NULL);
        if (r < 0 && errno != EINTR) {
            perror("select");
            return 1;
        }
        if (r > 0)
            greet(service);
    }
}
