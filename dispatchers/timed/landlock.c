/* landlock.c - see landlock.h. */
#define _GNU_SOURCE /* syscall */
#include "landlock.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

#ifdef __linux__

#include <sys/prctl.h>
#include <sys/syscall.h>

/* <linux/landlock.h> is younger than the kernels that are around, and knows only what was when it
 * was written: these are its names and numbers, the same on all machines. */
enum {
    CREATE_RULESET = 444,
    ADD_RULE = 445,
    RESTRICT_SELF = 446,

    CREATE_RULESET_VERSION = 1,
    RULE_PATH_BENEATH = 1,

    WRITE_FILE = 1 << 1,
    REMOVE_FILE = 1 << 5,
    READ_FILE = 1 << 2,
    MAKE_REG = 1 << 8,
    TRUNCATE = 1 << 14,
};

struct ruleset {
    uint64_t fs, net, scoped;
};

struct path_beneath {
    uint64_t allowed;
    int32_t directory;
} __attribute__((packed));

/* Everything that this kernel can forbid. */
static struct ruleset everything(long version)
{
    struct ruleset ruleset = {.fs = (1 << 13) - 1};

    if (version >= 2)
        ruleset.fs |= 1 << 13; /* to move files between directories */
    if (version >= 3)
        ruleset.fs |= TRUNCATE;
    if (version >= 4)
        ruleset.net = 3; /* to bind, to connect */
    if (version >= 5)
        ruleset.fs |= 1 << 15; /* ioctl() of devices */
    if (version >= 6)
        ruleset.scoped = 3; /* abstract sockets, signals */
    return ruleset;
}

static int allow(int rules, int directory, uint64_t known)
{
    const struct path_beneath beneath = {
        .allowed = (WRITE_FILE | READ_FILE | REMOVE_FILE | MAKE_REG | TRUNCATE) & known,
        .directory = directory,
    };

    return (int)syscall(ADD_RULE, rules, RULE_PATH_BENEATH, &beneath, 0);
}

int landlock_enter(int directory)
{
    const long version = syscall(CREATE_RULESET, NULL, 0, CREATE_RULESET_VERSION);
    const struct ruleset ruleset = everything(version);
    int rules, error = 0;

    if (version < 0)
        return -errno;
    rules = (int)syscall(CREATE_RULESET, &ruleset, sizeof ruleset, 0);
    if (rules < 0)
        return -errno;
    if ((directory >= 0 && allow(rules, directory, ruleset.fs) < 0) ||
        syscall(RESTRICT_SELF, rules, 0) < 0)
        error = errno;
    close(rules);
    return -error;
}

#else

int landlock_enter(int directory)
{
    (void)directory;
    return -ENOSYS;
}

#endif
