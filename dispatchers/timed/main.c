/* main.c - the time server as a daemon: what is done in which order. */
#include "clock.h"
#include "command.h"
#include "log.h"
#include "metrics.h"
#include "notify.h"
#include "options.h"
#include "parent.h"
#include "privileges.h"
#include "sandbox.h"
#include "serve.h"
#include "signals.h"
#include "sockets.h"
#include "status.h"
#include "stop.h"
#include "upgrade.h"
#include "workers.h"

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

/* Of each worker, or one for all; or of this process. */
static struct timed_sockets sets[TIMED_WORKERS];
static size_t set_count;

static void clean_up(void)
{
    timed_notify_close();
    timed_metrics_close();
    asyncore_map_free(NULL);
    while (set_count > 0)
        timed_sockets_close(&sets[--set_count]);
}

/* From where on there is something to clean up. */
static _Noreturn void fail(const char *what, int rc)
{
    clean_up();
    timed_fail(EXIT_FAILURE, "%s: %s", what, strerror(-rc));
}

static _Noreturn void refuse(int status, const char *message)
{
    clean_up();
    timed_fail(status, "%s", message);
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
    if (timed_clock_begin(options))
        return;
    /* GCOVR_EXCL_START: Linux does say */
    timed_fail(COMMAND_USAGE, "--require-sync: this system does not say whether its clock is "
                              "synchronised; leave it out");
    /* GCOVR_EXCL_STOP */
}

static void open_sockets(const struct timed_options *options)
{
    char message[TIMED_MESSAGE];
    int status = timed_sockets_open(&sets[0], options, message, sizeof message);

    if (status == 0)
        set_count = 1;
    while (status == 0 && sets[0].shared && set_count < (size_t)options->workers) {
        status = timed_listen_beside(&sets[set_count], &sets[0], message, sizeof message);
        set_count += status == 0;
    }
    if (status != 0)
        refuse(status, message);
}

static void find_whoever_started_us(void)
{
    char message[TIMED_MESSAGE];
    int status = timed_parent_open(message, sizeof message);

    if (status == 0 && !timed_has_parent())
        status = timed_notify_open(message, sizeof message);
    if (status != 0)
        refuse(status, message);
}

static void drop_privileges(const struct timed_options *options)
{
    char message[TIMED_MESSAGE];
    const int status =
        timed_drop_privileges(options->user, options->chroot, message, sizeof message);

    if (status != 0)
        refuse(status, message);
}

/* Without it there is no upgrade, and a server all the same.  Who ends by himself needs none. */
static void prepare_upgrade(const struct timed_options *options, char **argv)
{
    int rc;

    if (options->no_upgrade || options->chroot != NULL || options->inetd || options->idle > 0 ||
        options->once > 0 || timed_has_parent())
        return;
    rc = timed_upgrade_prepare(argv, &sets[0], timed_stop_serving);
    if (rc < 0)
        timed_log(LOG_WARNING, "no process to stand by for SIGUSR2: %s", strerror(-rc));
}

static void begin_metrics(const struct timed_options *options)
{
    const char *file = options->metrics_file;
    const int rc = file != NULL ? timed_metrics_begin(file, timed_has_parent()) : 0;

    if (rc == 0)
        return;
    clean_up();
    timed_fail(EXIT_FAILURE, "--metrics-file %s: %s%s", file, strerror(-rc),
               rc == -EACCES ? " (its directory must be one that --user may write to)" : "");
}

static void enter_sandbox(const struct timed_options *options)
{
    const int directory = timed_metrics_directory();
    char message[TIMED_MESSAGE];

    if (options->no_sandbox || timed_sandbox_guest() != NULL)
        return;
    /* GCOVR_EXCL_START: a guest, which what counts is; check_timed_sandbox goes in */
    if (timed_enter_sandbox(directory, message, sizeof message) != 0)
        refuse(EXIT_FAILURE, message);
    /* GCOVR_EXCL_STOP */
}

static void say_port(const struct timed_options *options)
{
    if ((options->verbose || options->port == 0) && !timed_has_parent())
        timed_log(LOG_INFO, "listening on port %d", sets[0].port);
}

static void serve(const struct timed_options *options)
{
    int rc = timed_serve(&sets[0], options);

    sets[0].count = 0; /* they are dispatchers' */
    if (rc == 0)
        rc = timed_notify_begin_watchdog(NULL);
    if (rc < 0)
        fail("serve", rc);
    if (options->workers == 0) /* or it is the parent's */
        begin_metrics(options);
    rc = timed_status_begin();
    if (rc < 0)
        fail("status", rc);
    enter_sandbox(options);
    say_port(options);
    timed_notify_ready(NULL);
}

static void run(void)
{
    const int rc = asyncore_loop(-1, NULL, -1);

    if (rc < 0)
        fail("loop", rc);
    timed_upgrade_close();
    clean_up();
    if (!timed_stopped())
        timed_fail(EXIT_FAILURE, "no listening socket is left");
}

/* These two are the rest of the process's life, and return its exit status. */

static int be_server(const struct timed_options *options, char **argv)
{
    int rc;

    prepare_upgrade(options, argv);
    rc = timed_signals_begin();
    if (rc < 0)
        fail("signals", rc);
    serve(options);
    run();
    return EXIT_SUCCESS;
}

static int be_supervisor(const struct timed_options *options, char **argv)
{
    const int rc = timed_supervise_begin(argv, sets, set_count, (size_t)options->workers);
    int status;

    if (rc < 0)
        fail("signals", rc);
    begin_metrics(options);
    say_port(options);
    status = timed_supervise();
    clean_up();
    return status;
}

int main(int argc, char **argv)
{
    static struct timed_options options;
    int status = EXIT_SUCCESS;

    open_standard_streams();
    setvbuf(stderr, NULL, _IOLBF, 1024); /* a line is one write */
    parse_options(&options, argc, argv);
    timed_log_begin(&options);
    choose_clock(&options);
    choose_poller();
    find_whoever_started_us();
    open_sockets(&options);
    if (options.check) {
        clean_up();
    } else {
        drop_privileges(&options);
        status = options.workers > 0 && !timed_has_parent() ? be_supervisor(&options, argv)
                                                            : be_server(&options, argv);
    }
    timed_log_end();
    return status;
}
