/* options.h - timed's command line. */
#ifndef TIMED_OPTIONS_H
#define TIMED_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    TIMED_LIST = 64,    /* values of an option that may be given several times */
    TIMED_MESSAGE = 512 /* bytes that are enough for what is said when something fails */
};

struct timed_list {
    const char *items[TIMED_LIST];
    size_t count;
};

/* One field an option, but that --listen and --address are one.  The texts are those of the command
 * line. */
struct timed_options {
    struct timed_list listen;
    int64_t port;
    bool tcp, udp;
    bool inetd;
    int64_t idle;
    bool udp_any_port;
    int64_t rate, burst;
    bool limit_tcp;
    bool require_sync;
    int64_t epoch_offset;
    int64_t once;
    bool check;
    const char *user, *chroot;
    bool no_sandbox, no_upgrade;
    int64_t workers;
    const char *metrics_file;
    const char *log_format;
    bool syslog;
    bool verbose, help, version;

    bool log_json; /* what log_format says */
};

extern const char timed_usage[];

/* Reads the command line into *options; argv may be put into another order, and must stay.  Returns
 * true, or false if it makes no sense: message, of size bytes, then says why, in one line without a
 * newline. */
bool timed_options_parse(struct timed_options *options, int argc, char **argv, char *message,
                         size_t size);

#endif
