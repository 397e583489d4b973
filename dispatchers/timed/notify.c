/* notify.c - see notify.h. */
#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define READY_INTERVAL 0.02 /* seconds */

static struct {
    int fd;          /* where to; -1: nowhere */
    int own;         /* the one that timed_notify_open() opened, or -1 */
    bool owes_ready; /* there was no room for it */
    struct asyncore_timer watchdog, ready;
} notify = {.fd = -1, .own = -1};

/* ==================================================
 * the socket
 */

/* "/path", or "@name" for one that no file stands for.  Returns its length, 0 if it is neither. */
static socklen_t address(const char *name, struct sockaddr_un *addr)
{
    const size_t length = strlen(name);
    const bool abstract = name[0] == '@';

    if ((name[0] != '/' && !abstract) || length < 2 || length >= sizeof addr->sun_path)
        return 0;
    *addr = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(addr->sun_path, name, length);
    if (abstract)
        addr->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + !abstract);
}

int timed_notify_open(char *message, size_t size)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un addr;
    socklen_t length;

    if (name == NULL || name[0] == '\0')
        return 0;
    length = address(name, &addr);
    if (length == 0) {
        snprintf(message, size, "bad NOTIFY_SOCKET '%s': want /PATH or @NAME", name);
        return EXIT_FAILURE;
    }
    notify.own = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify.own < 0 || connect(notify.own, (const struct sockaddr *)&addr, length) < 0) {
        snprintf(message, size, "NOTIFY_SOCKET %s: %s", name, strerror(errno));
        timed_notify_close();
        return EXIT_FAILURE;
    }
    notify.fd = notify.own;
    return 0;
}

void timed_notify_use(int fd)
{
    timed_notify_close();
    notify.fd = fd;
}

static void forget_ready(void)
{
    notify.owes_ready = false;
    asyncore_cancel(&notify.ready);
}

void timed_notify_close(void)
{
    timed_notify_end_watchdog();
    forget_ready();
    if (notify.own >= 0)
        close(notify.own);
    notify.own = notify.fd = -1;
}

bool timed_notify_is_open(void)
{
    return notify.fd >= 0;
}

/* ==================================================
 * what is said
 */

/* Returns false if there is no room for it now. */
static bool say(const char *state)
{
    return notify.fd < 0 ||
           send(notify.fd, state, strlen(state), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 ||
           (errno != EAGAIN && errno != ENOBUFS);
}

static void say_ready(struct asyncore_timer *self)
{
    (void)self;
    if (say("READY=1"))
        forget_ready();
}

void timed_notify(const char *state)
{
    if (notify.owes_ready)
        say_ready(&notify.ready);
    say(state);
}

/* Without memory for the timer it is said with the next word, which there is every 15 seconds. */
void timed_notify_ready(struct asyncore_map *map)
{
    notify.owes_ready = !say("READY=1");
    if (notify.owes_ready)
        asyncore_call_every(&notify.ready, READY_INTERVAL, say_ready, map);
}

void timed_notify_stopping(void)
{
    forget_ready();
    say("STOPPING=1");
}

void timed_notify_reloading(void)
{
    char state[80];
    struct timespec now;

    forget_ready(); /* it is not so now */
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
             (uint64_t)now.tv_sec * 1000000U + (uint64_t)now.tv_nsec / 1000U);
    timed_notify(state);
}

void timed_notify_status(const char *text)
{
    char state[TIMED_NOTIFY_SIZE];

    snprintf(state, sizeof state, "STATUS=%s", text);
    timed_notify(state);
}

/* ==================================================
 * the watchdog
 */

static void say_watchdog(struct asyncore_timer *self)
{
    (void)self;
    timed_notify("WATCHDOG=1");
}

int timed_notify_begin_watchdog(struct asyncore_map *map)
{
    const char *microseconds = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    double seconds;

    if (notify.fd < 0 || microseconds == NULL || (pid != NULL && strtol(pid, NULL, 10) != getpid()))
        return 0;
    seconds = strtod(microseconds, NULL) / 1e6;
    if (!(seconds > 0))
        return 0;
    return asyncore_call_every(&notify.watchdog, seconds / 2, say_watchdog, map);
}

void timed_notify_end_watchdog(void)
{
    asyncore_cancel(&notify.watchdog);
}
