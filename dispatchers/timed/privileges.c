/*
 * privileges.c - see privileges.h.
 *
 * The order is the point: user and directory are looked up while files can be reached, the root is
 * changed while it may be, groups go before the user that may change them, capabilities last.
 */
#define _GNU_SOURCE /* setresuid */
#include "privileges.h"

#include "command.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef __linux__
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#endif

struct identity {
    uid_t uid;
    gid_t gid;
};

static int refused(const char *what, char *message, size_t size)
{
    snprintf(message, size, "%s: %s", what, strerror(errno));
    return EXIT_FAILURE;
}

/* ==================================================
 * who
 */

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

/* A number needs no entry: its group is then the one of the same number. */
static int look_up(const char *user, struct identity *who, char *message, size_t size)
{
    const bool number = is_number(user);
    const unsigned long value = number ? strtoul(user, NULL, 10) : 0;
    const struct passwd *entry;

    if (value >= (uid_t)-1) {
        snprintf(message, size, "bad user '%s': no user has so high a number", user);
        return COMMAND_USAGE;
    }
    errno = 0;
    entry = number ? getpwuid((uid_t)value) : getpwnam(user);
    if (entry != NULL)
        *who = (struct identity){entry->pw_uid, entry->pw_gid};
    else if (number)
        *who = (struct identity){(uid_t)value, (gid_t)value};
    else if (errno == EIO || errno == EMFILE || errno == ENFILE || errno == ENOMEM)
        return refused("look up the user", message, size);
    else
        snprintf(message, size, "no user '%s' on this machine; try another --user", user);
    return entry != NULL || number ? 0 : COMMAND_USAGE;
}

static int set_user_and_group(struct identity who)
{
#if defined(__APPLE__) || defined(__NetBSD__)
    return setregid(who.gid, who.gid) < 0 ? -1 : setreuid(who.uid, who.uid);
#else
    return setresgid(who.gid, who.gid, who.gid) < 0 ? -1 : setresuid(who.uid, who.uid, who.uid);
#endif
}

static bool can_come_back(struct identity who)
{
    return setuid(0) == 0 || seteuid(0) == 0 || (who.gid != 0 && setgid(0) == 0);
}

static int become(struct identity who, char *message, size_t size)
{
    if (setgroups(0, NULL) < 0 || set_user_and_group(who) < 0) {
        snprintf(message, size,
                 "become user %lu, group %lu: %s; try another --user, or --user root to stay root",
                 (unsigned long)who.uid, (unsigned long)who.gid, strerror(errno));
        return EXIT_FAILURE;
    }
    if (can_come_back(who)) {
        snprintf(message, size, "root's privileges were given up, and could be taken back");
        return EXIT_FAILURE;
    }
    return 0;
}

/* ==================================================
 * where
 */

/* Goes there.  Returns how many entries it has, itself and its parent among them; -1 if it cannot. */
static int enter_directory(const char *name)
{
    DIR *const directory = opendir(name);
    int entries = 0, error = 0;

    if (directory == NULL)
        return -1;
    if (fchdir(dirfd(directory)) < 0)
        error = errno;
    while (readdir(directory) != NULL)
        entries++;
    closedir(directory);
    errno = error;
    return error == 0 ? entries : -1;
}

static int change_root(const char *root, char *message, size_t size)
{
    const int entries = enter_directory(root);
    char what[256];

    snprintf(what, sizeof what, "chroot %s", root);
    if (entries > 2) {
        snprintf(message, size, "%s: want an empty directory", what);
        return COMMAND_USAGE;
    }
    if (entries < 0 || chroot(".") < 0 || chdir("/") < 0)
        return refused(what, message, size);
    return 0;
}

/* ==================================================
 * Linux: what a process may have without being root
 */

#ifdef __linux__

/* glibc has no functions for these two. */
static int drop_capabilities(char *message, size_t size)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = {{0}};
    uint32_t left = 0;

    if (syscall(SYS_capset, &header, sets) < 0 || syscall(SYS_capget, &header, sets) < 0)
        return refused("give up capabilities", message, size);
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        left |= sets[i].permitted | sets[i].effective | sets[i].inheritable;
    if (left == 0)
        return 0;
    snprintf(message, size, "capabilities were given up, and are still there");
    return EXIT_FAILURE;
}

/* Whatever program is started from here on, it has no more than this process. */
static int want_no_new_privileges(char *message, size_t size)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? refused("no_new_privs", message, size) : 0;
}

#else

static int drop_capabilities(char *message, size_t size)
{
    (void)message;
    (void)size;
    return 0;
}

static int want_no_new_privileges(char *message, size_t size)
{
    return drop_capabilities(message, size);
}

#endif

/* ==================================================
 * all of it
 */

static int check(const char *user, const char *root, struct identity *who, char *message,
                 size_t size)
{
    const bool is_root = geteuid() == 0;
    int status = 0;

    *who = (struct identity){geteuid(), getegid()};
    if (user != NULL || is_root)
        status = look_up(user != NULL ? user : "nobody", who, message, size);
    if (status != 0 || is_root)
        return status;
    if (who->uid != geteuid())
        snprintf(message, size, "--user %s: only root can become another user", user);
    else if (root != NULL)
        snprintf(message, size, "--chroot %s: only root can change its root", root);
    else
        return 0;
    return COMMAND_USAGE;
}

int timed_drop_privileges(const char *user, const char *root, char *message, size_t size)
{
    struct identity who;
    int status = check(user, root, &who, message, size);

    if (status == 0 && root != NULL)
        status = change_root(root, message, size);
    if (status == 0 && geteuid() == 0 && who.uid != 0)
        status = become(who, message, size);
    if (status == 0)
        status = drop_capabilities(message, size);
    if (status == 0)
        status = want_no_new_privileges(message, size);
    return status;
}
