/* sandbox.c - see sandbox.h. */
#include "sandbox.h"

#include "landlock.h"
#include "seccomp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ==================================================
 * guests
 */

/* These are there if the program was built with the instrument; otherwise their address is NULL. */
#pragma weak __asan_init
#pragma weak __tsan_init
#pragma weak __msan_init
#pragma weak __ubsan_handle_type_mismatch_v1_abort
#pragma weak __gcov_init
#pragma weak __llvm_profile_write_file
void __asan_init(void);
void __tsan_init(void);
void __msan_init(void);
void __ubsan_handle_type_mismatch_v1_abort(void);
void __gcov_init(void);
void __llvm_profile_write_file(void);

const char *timed_sandbox_guest(void)
{
    const char *preload = getenv("LD_PRELOAD");

    if (preload != NULL && strstr(preload, "/vgpreload_") != NULL)
        return "valgrind";
    if (__asan_init != NULL || __tsan_init != NULL || __msan_init != NULL ||
        __ubsan_handle_type_mismatch_v1_abort != NULL)
        return "a sanitizer"; /* GCOVR_EXCL_LINE: then it is not coverage */
    return __gcov_init != NULL || __llvm_profile_write_file != NULL ? "coverage" : NULL;
}

/* ==================================================
 * the sandbox
 */

static const char *state = "sandbox: none";

const char *timed_sandbox_state(void)
{
    return state;
}

#ifdef __OpenBSD__

int timed_enter_sandbox(int directory, char *message, size_t size)
{
    const char *promises = directory < 0 ? "stdio inet" : "stdio inet rpath wpath cpath";

    if (pledge(promises, NULL) < 0) {
        snprintf(message, size, "pledge: %s; --no-sandbox does without", strerror(errno));
        return EXIT_FAILURE;
    }
    state = "sandbox: pledge";
    return 0;
}

#else

/* Does a kernel that has none say so in this way? */
static bool is_missing(int rc)
{
    return rc == -ENOSYS || rc == -EOPNOTSUPP;
}

int timed_enter_sandbox(int directory, char *message, size_t size)
{
    static const char *const states[2][2] = {
        {"sandbox: none, the kernel has neither seccomp nor landlock", "sandbox: landlock"},
        {"sandbox: seccomp", "sandbox: seccomp, landlock"},
    };
    int landlock, seccomp;

    landlock = landlock_enter(directory);
    if (landlock < 0 && !is_missing(landlock)) {
        snprintf(message, size, "landlock: %s; --no-sandbox does without", strerror(-landlock));
        return EXIT_FAILURE;
    }
    seccomp = seccomp_enter(directory >= 0);
    if (seccomp < 0 && !is_missing(seccomp)) {
        /* GCOVR_EXCL_START: what was counted could not be written down any more */
        snprintf(message, size, "seccomp: %s; --no-sandbox does without", strerror(-seccomp));
        return EXIT_FAILURE;
        /* GCOVR_EXCL_STOP */
    }
    state = states[seccomp == 0][landlock == 0];
    return 0;
}

#endif
