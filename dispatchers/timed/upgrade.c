/* upgrade.c - see upgrade.h. */
#include "upgrade.h"

#include "log.h"
#include "notify.h"
#include "parent.h"
#include "workers.h"

#include <asyncore.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

/* What the two say to each other beside the words of sd_notify(3). */
#define UPGRADED "UPGRADED=1"  /* another program serves */
#define AS_BEFORE "UPGRADED=0" /* it could not */
#define SIGNAL "SIGNAL="       /* hand this one down */

/* Reads one message; returns what a handler does, 0 with *text empty if there is none. */
static int read_message(struct asyncore_dispatcher *self, char *text)
{
    const ssize_t n = asyncore_recv(self, text, TIMED_NOTIFY_SIZE);

    text[n > 0 ? n : 0] = '\0';
    return n < 0 ? (int)n : 0;
}

/* ==================================================
 * the one that stands by
 */

static struct asyncore_dispatcher server; /* our end of the socket to the one that was first */
static bool server_ends;

static void report(bool success)
{
    timed_notify(success ? UPGRADED : AS_BEFORE);
}

static int server_handle_read(struct asyncore_dispatcher *self)
{
    char text[TIMED_NOTIFY_SIZE + 1];
    const int rc = read_message(self, text);

    if (strcmp(text, TIMED_UPGRADE) == 0)
        timed_workers_upgrade();
    else if (strncmp(text, SIGNAL, strlen(SIGNAL)) == 0)
        timed_workers_signal((int)strtol(text + strlen(SIGNAL), NULL, 10));
    return rc;
}

/* The server sees our end of the socket end when all is done. */
static int server_handle_close(struct asyncore_dispatcher *self)
{
    (void)self;
    server_ends = true;
    timed_workers_end(EXIT_SUCCESS);
    return 0;
}

static bool server_readable(struct asyncore_dispatcher *self)
{
    (void)self;
    return !server_ends;
}

static const struct asyncore_class server_class = {
    .name = "server",
    .super = &asyncore_dispatcher_class,
    .readable = server_readable,
    .writable = asyncore_never,
    .handle_read = server_handle_read,
    .handle_close = server_handle_close,
};

/* They come to all processes of a terminal or a service, and are the server's to hand on. */
static void ignore_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2};

    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        signal(signals[i], SIG_IGN);
}

static int stand_by(char *const *argv, struct timed_sockets *sockets, int fd)
{
    int status = EXIT_FAILURE;

    asyncore_map_free(NULL);
    timed_notify_use(fd);
    ignore_signals();
#ifdef __linux__
    prctl(PR_SET_NAME, "timed-standby");
#endif
    if (asyncore_init(&server, &server_class, fd, NULL) == 0 &&
        timed_workers_begin(argv, sockets, 1, 1, report) == 0)
        status = timed_workers_loop();
    timed_sockets_close(sockets);
    asyncore_map_free(NULL); /* at which the server sees that all is done */
    return status;
}

/* ==================================================
 * the one that was first
 */

static struct asyncore_dispatcher standby; /* our end of the socket to the one that stands by */
static bool another_serves;
static void (*stop_serving)(void);

static void another_takes_over(void)
{
    if (!another_serves)
        stop_serving();
    another_serves = true;
    timed_notify_end_watchdog(); /* it is the other's loop that must not hang */
    timed_notify_ready(NULL);
}

static int standby_handle_read(struct asyncore_dispatcher *self)
{
    char text[TIMED_NOTIFY_SIZE + 1];
    const int rc = read_message(self, text);

    if (strcmp(text, UPGRADED) == 0)
        another_takes_over();
    else if (strcmp(text, AS_BEFORE) == 0)
        timed_notify_ready(NULL);
    else if (text[0] != '\0')
        timed_notify(text);
    return rc;
}

static int standby_handle_close(struct asyncore_dispatcher *self)
{
    if (another_serves) {
        asyncore_stop(NULL);
    } else {
        timed_log(LOG_WARNING,
                  "the process that stands by for SIGUSR2 is gone: there can be no upgrade");
        timed_notify_ready(NULL); /* perhaps in the middle of one */
    }
    return asyncore_close(self);
}

static const struct asyncore_class standby_class = {
    .name = "standby",
    .super = &asyncore_dispatcher_class,
    .writable = asyncore_never,
    .handle_read = standby_handle_read,
    .handle_close = standby_handle_close,
};

/* Returns whether it is readable within some seconds. */
static bool wait_readable(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    return poll(&ready, 1, 5000) == 1;
}

/* Returns false if it does not hear it. */
static bool tell_standby(const char *text)
{
    const int fd = asyncore_fileno(&standby);

    return fd >= 0 && send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

int timed_upgrade_prepare(char *const *argv, struct timed_sockets *sockets, void (*stop)(void))
{
    int ends[2], error;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    pid = fork();
    error = errno;
    if (pid == 0) {
        close(ends[0]);
        exit(stand_by(argv, sockets, ends[1]));
    }
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return -error;
    }
    stop_serving = stop;
    return asyncore_init(&standby, &standby_class, ends[0], NULL);
}

void timed_upgrade(void)
{
    if (timed_has_parent()) {
        timed_notify(TIMED_UPGRADE);
        return;
    }
    timed_notify_reloading();
    if (tell_standby(TIMED_UPGRADE))
        return;
    timed_log(LOG_WARNING, "SIGUSR2: no process stands by that could start another program");
    timed_notify_ready(NULL);
}

bool timed_upgrade_hand_on(int signum)
{
    char text[32];

    snprintf(text, sizeof text, SIGNAL "%d", signum);
    if (another_serves)
        tell_standby(text);
    return another_serves;
}

bool timed_upgrade_end(void)
{
    return another_serves && shutdown(asyncore_fileno(&standby), SHUT_WR) == 0;
}

void timed_upgrade_leave(void)
{
    asyncore_del_channel(&standby);
}

void timed_upgrade_close(void)
{
    const int fd = asyncore_fileno(&standby);
    char text[TIMED_NOTIFY_SIZE];

    if (fd < 0)
        return;
    timed_upgrade_leave();
    shutdown(fd, SHUT_WR);
    while (wait_readable(fd) && recv(fd, text, sizeof text, MSG_DONTWAIT) > 0)
        ;
    asyncore_close(&standby);
}
