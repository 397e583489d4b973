/* check_timed_privileges.c - root binds, and then is nobody. */
#define _GNU_SOURCE /* getresuid */
#include "support.h"

#include "timed/privileges.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

const char *const command_name = "timed";

static char output[1024];
static char directory[] = "/tmp/check_privileges.XXXXXX";

/* What the child asks for. */
static const char *user, *root;

/* Returns the status, its message in output. */
static int drop(void)
{
    char message[512] = "";
    const int status = timed_drop_privileges(user, root, message, sizeof message);

    dprintf(STDERR_FILENO, "%s", message);
    return status;
}

static void assert_refused(const char *name, const char *new_root, int status, const char *why)
{
    user = name;
    root = new_root;
    ck_assert_int_eq(WEXITSTATUS(run_in_child(drop, output, sizeof output)), status);
    ck_assert_msg(strstr(output, why) != NULL, "'%s' is not in '%s'", why, output);
}

/* ==================================================
 * what is left: each returns 0 if all is as it should be
 */

static bool is_now(uid_t uid, gid_t gid)
{
    uid_t uids[3];
    gid_t gids[3];

    if (getresuid(&uids[0], &uids[1], &uids[2]) < 0 || getresgid(&gids[0], &gids[1], &gids[2]) < 0)
        return false;
    for (int i = 0; i < 3; i++)
        if (uids[i] != uid || gids[i] != gid)
            return false;
    return true;
}

static bool has_no_capabilities(void)
{
    FILE *const file = fopen("/proc/self/status", "r");
    char line[256];
    int seen = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        unsigned long long set;

        if (strncmp(line, "CapBnd", 6) != 0 && sscanf(line, "Cap%*3s: %llx", &set) == 1) {
            if (set != 0)
                return false;
            seen++;
        }
    }
    if (file != NULL)
        fclose(file);
    return seen == 4; /* inheritable, permitted, effective, ambient */
}

static bool is_for_good(void)
{
    return setuid(0) < 0 && setgid(0) < 0 && seteuid(0) < 0 && setegid(0) < 0 &&
           setgroups(0, NULL) < 0 && chroot("/") < 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static int become_nobody(void)
{
    const struct passwd nobody = *getpwnam("nobody");
    const gid_t others[] = {1, 2, 3};

    setgroups(3, others);
    if (drop() != 0)
        return 1;
    if (!is_now(nobody.pw_uid, nobody.pw_gid) || getgroups(0, NULL) != 0)
        return 2;
    if (!has_no_capabilities())
        return 3;
    return is_for_good() ? 0 : 4;
}

START_TEST(test_nobody)
{
    static const char *const names[] = {NULL, "nobody"};

    user = names[_i];
    root = NULL;
    ck_assert_int_eq(run_in_child(become_nobody, output, sizeof output), 0);
}
END_TEST

static int become_number(void)
{
    if (drop() != 0)
        return 1;
    return is_now(4242, 4242) && has_no_capabilities() && is_for_good() ? 0 : 2;
}

START_TEST(test_number)
{
    user = "4242";
    root = NULL;
    ck_assert_int_eq(run_in_child(become_number, output, sizeof output), 0);
}
END_TEST

static int become_number_with_entry(void)
{
    const struct passwd *entry = getpwnam("nobody");
    char number[16];

    snprintf(number, sizeof number, "%lu", (unsigned long)entry->pw_uid);
    user = number;
    if (drop() != 0)
        return 1;
    return is_now(entry->pw_uid, entry->pw_gid) ? 0 : 2;
}

START_TEST(test_number_with_entry)
{
    root = NULL;
    ck_assert_int_eq(run_in_child(become_number_with_entry, output, sizeof output), 0);
}
END_TEST

static int stay_root(void)
{
    if (drop() != 0)
        return 1;
    return is_now(0, 0) && has_no_capabilities() && setuid(1) < 0 && chroot("/") < 0 ? 0 : 2;
}

START_TEST(test_root)
{
    static const char *const names[] = {"root", "0"};

    user = names[_i];
    root = NULL;
    ck_assert_int_eq(run_in_child(stay_root, output, sizeof output), 0);
}
END_TEST

/* ---- a root of one's own ---- */

static int enter_root(void)
{
    struct stat inside, slash;

    if (stat(directory, &inside) < 0 || drop() != 0)
        return 1;
    if (stat("/", &slash) < 0 || slash.st_ino != inside.st_ino || stat(".", &slash) < 0 ||
        slash.st_ino != inside.st_ino)
        return 2;
    return access("/etc/passwd", F_OK) < 0 && is_for_good() ? 0 : 3;
}

START_TEST(test_chroot)
{
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chmod(directory, 0755), 0);
    user = NULL;
    root = directory;
    ck_assert_int_eq(run_in_child(enter_root, output, sizeof output), 0);
    rmdir(directory);
}
END_TEST

START_TEST(test_bad_roots)
{
    char file[64];

    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(file, sizeof file, "%s/file", directory);
    close(open(file, O_WRONLY | O_CREAT, 0600));
    assert_refused(NULL, directory, 2, ": want an empty directory");
    assert_refused(NULL, file, EXIT_FAILURE, "/file: Not a directory");
    unlink(file);
    rmdir(directory);
    assert_refused(NULL, directory, EXIT_FAILURE, ": No such file or directory");
}
END_TEST

/* ==================================================
 * refusals
 */

START_TEST(test_bad_users)
{
    assert_refused("no such user", NULL, 2, "no user 'no such user' on this machine");
    assert_refused("", NULL, 2, "no user ''");
    assert_refused("-1", NULL, 2, "no user '-1'");
    assert_refused("4294967295", NULL, 2, "bad user '4294967295'");
    assert_refused("99999999999999999999", NULL, 2, "bad user '99999999999999999999'");
}
END_TEST

static int be_somebody(void)
{
    return setresuid(4242, 4242, 4242) < 0 ? 1 : drop();
}

START_TEST(test_not_root)
{
    user = NULL;
    root = NULL;
    ck_assert_int_eq(run_in_child(be_somebody, output, sizeof output), 0);
    user = "4242"; /* which it is */
    ck_assert_int_eq(run_in_child(be_somebody, output, sizeof output), 0);
    user = "nobody";
    ck_assert_int_eq(WEXITSTATUS(run_in_child(be_somebody, output, sizeof output)), 2);
    ck_assert_str_eq(output, "--user nobody: only root can become another user");
    user = NULL;
    root = "/tmp";
    ck_assert_int_eq(WEXITSTATUS(run_in_child(be_somebody, output, sizeof output)), 2);
    ck_assert_str_eq(output, "--chroot /tmp: only root can change its root");
}
END_TEST

/* Root in name alone, as in a container that does not let it become anybody. */
static int be_powerless_root(void)
{
    const char *wanted = user;

    user = "root";
    if (drop() != 0)
        return 10;
    user = wanted;
    return drop();
}

START_TEST(test_powerless_root)
{
    user = NULL;
    root = NULL;
    ck_assert_int_eq(WEXITSTATUS(run_in_child(be_powerless_root, output, sizeof output)),
                     EXIT_FAILURE);
    ck_assert_ptr_nonnull(
        strstr(output, "Operation not permitted; try another --user, or --user root"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("privileges");
    TCase *tcase;

    tcase = add_case(suite, "refusals");
    tcase_add_test(tcase, test_bad_users);
    if (geteuid() != 0) {
        printf("# not root: what only root can do is left out\n");
        return run_suite(suite);
    }
    tcase_add_test(tcase, test_not_root);
    tcase_add_test(tcase, test_powerless_root);
    tcase = add_case(suite, "root");
    tcase_add_loop_test(tcase, test_nobody, 0, 2);
    tcase_add_test(tcase, test_number);
    tcase_add_test(tcase, test_number_with_entry);
    tcase_add_loop_test(tcase, test_root, 0, 2);
    tcase_add_test(tcase, test_chroot);
    tcase_add_test(tcase, test_bad_roots);
    return run_suite(suite);
}
