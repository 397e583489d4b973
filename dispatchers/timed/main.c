/* main.c - the time server as a daemon: what is done in which order. */
#include "clock.h"
#include "command.h"
#include "log.h"
#include "metrics.h"
#include "options.h"
#include "serve.h"
#include "signals.h"
#include "sockets.h"
#include "stop.h"

#include <asyncore.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *const command_name = "timed";

/* A socket must not get the number of a standard stream that was closed: messages would go to it.
 */
static void open_standard_streams(void)
{
    int fd;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

static void parse_options(struct timed_options *options, int argc, char **argv)
{
    char message[TIMED_MESSAGE];

    if (!timed_options_parse(options, argc, argv, message, sizeof message))
        command_fail(COMMAND_USAGE, "%s", message);
    if (options->help)
        command_print(timed_usage);
    if (options->version)
        command_print("timed " ASYNCORE_VERSION "\n");
}

static void clean_up(void)
{
    timed_metrics_close();
    asyncore_map_free(NULL);
}

/* From where on there is something to clean up. */
static _Noreturn void fail(const char *what, int rc)
{
    clean_up();
    timed_fail(EXIT_FAILURE, "%s: %s", what, strerror(-rc));
}

static void choose_poller(void)
{
    const int rc = asyncore_map_set_poller(NULL, NULL);

    if (rc == -EINVAL) /* it has been said what ASYNCORE_POLLER may be */
        exit(COMMAND_USAGE);
    if (rc < 0)
        fail("poller", rc);
}

static void choose_clock(const struct timed_options *options)
{
    if (!timed_clock_begin(options))
        timed_fail(COMMAND_USAGE, "--require-sync: this system does not say whether its clock is "
                                  "synchronised; leave it out");
}

static void open_sockets(struct timed_sockets *sockets, const struct timed_options *options)
{
    char message[TIMED_MESSAGE];
    const int status = timed_sockets_open(sockets, options, message, sizeof message);

    if (status != 0)
        timed_fail(status, "%s", message);
}

static void serve(const struct timed_sockets *sockets, const struct timed_options *options)
{
    int rc = timed_serve(sockets, options);

    if (rc < 0)
        fail("serve", rc);
    if (options->metrics_file != NULL)
        rc = timed_metrics_begin(options->metrics_file);
    if (rc < 0)
        fail(options->metrics_file, rc);
    if (options->verbose || options->port == 0)
        timed_log(LOG_INFO, "listening on port %d", sockets->port);
}

static void run(void)
{
    const int rc = asyncore_loop(-1, NULL, -1);

    if (rc < 0)
        fail("loop", rc);
    clean_up();
    if (!timed_stopped())
        timed_fail(EXIT_FAILURE, "no listening socket is left");
}

int main(int argc, char **argv)
{
    static struct timed_options options;
    static struct timed_sockets sockets;

    open_standard_streams();
    setvbuf(stderr, NULL, _IOLBF, 1024); /* a line is one write */
    parse_options(&options, argc, argv);
    timed_log_begin(&options);
    choose_clock(&options);
    choose_poller();
    timed_signals_begin();
    open_sockets(&sockets, &options);
    if (options.check) {
        timed_sockets_close(&sockets);
        clean_up();
        return EXIT_SUCCESS;
    }
    serve(&sockets, &options);
    run();
    return EXIT_SUCCESS;
}
