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

/* One field an option.  The texts are those of the command line. */
struct timed_options {
    struct timed_list addresses;
    int64_t port;
    bool verbose, help, version;
};

extern const char timed_usage[];

/* Reads the command line into *options; argv may be put into another order, and must stay.  Returns
 * true, or false if it makes no sense: message, of size bytes, then says why, in one line without a
 * newline. */
bool timed_options_parse(struct timed_options *options, int argc, char **argv, char *message,
                         size_t size);

#endif
