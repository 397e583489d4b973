/* sweep.c - see sweep.h. */
#include "sweep.h"

#include <asyncore.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { DESCRIPTORS = 256, PATIENCE = 20 /* seconds */, MANY = 2000 };

/* ==================================================
 * what scenarios say
 */

bool told(int rc)
{
    if (rc >= 0)
        return true;
    if (rc == -FAULT_GARBAGE)
        fault_fail("an error is taken from errno after a call that has succeeded");
    fault_report->told++;
    if (fault_report->first_error == 0)
        fault_report->first_error = rc;
    return false;
}

void told_otherwise(void)
{
    fault_report->told++;
}

void again(void)
{
    fault_report->agains++;
    /* There are two slots: more than two failures there are not. */
    if (fault_report->agains > FAULT_SLOTS)
        fault_fail("something fails though no call does");
}

void must(int (*step)(void))
{
    while (!told(step()))
        again();
}

/* ==================================================
 * one run, in a process of its own
 */

static struct {
    const struct scenario *scenario;
    enum fault_call call;
    unsigned nth;
    int error;
} current;

static void note_log(enum asyncore_log_type type, const char *message)
{
    (void)type;
    if (strstr(message, strerror(FAULT_GARBAGE)) != NULL)
        fault_fail("errno after a call that has succeeded is written into the log: %s", message);
    told_otherwise();
}

static void look_at_descriptors(bool open[DESCRIPTORS])
{
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        open[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* The connection is gone, says the system: then the peer knows too. */
static bool is_death(int error)
{
    static const int deaths[] = {ECONNRESET, EPIPE,    ETIMEDOUT,   EHOSTUNREACH,
                                 ENETDOWN,   ENOTCONN, ENETUNREACH, EHOSTDOWN};

    for (size_t i = 0; i < sizeof deaths / sizeof deaths[0]; i++)
        if (deaths[i] == error)
            return true;
    return false;
}

static bool may_be_silent(void)
{
    const enum fault_call *silent = current.scenario->silent;

    for (; silent != NULL && *silent != FAULT_CALLS; silent++)
        if (*silent == current.call || fault_has_failed(*silent))
            return true;
    return is_death(current.error) && (current.call == FAULT_recv || current.call == FAULT_send);
}

static void check_told(void)
{
    const int first = fault_report->first_error;

    if (fault_report->agains > 0 && fault_report->told == 0 && !may_be_silent())
        fault_fail("something was lost without a word");
    if (first != 0 && (first > 0 || first < -4095) && first != asyncore_ExitNow)
        fault_fail("result %d is no negative errno", first);
    if (first != 0 && fault_report->fired[FAULT_FIRST] + fault_report->fired[FAULT_SECOND] == 0)
        fault_fail("result %d though no call failed", first);
}

static _Noreturn void run(void)
{
    bool before[DESCRIPTORS], after[DESCRIPTORS];

    alarm(PATIENCE);
    look_at_descriptors(before);
    asyncore_set_log(note_log);
    fault_arm(FAULT_FIRST, current.call, current.nth, current.error);
    current.scenario->run();
    expect(asyncore_map_free(NULL) == 0);
    fault_arm(FAULT_FIRST, current.call, 0, 0);
    look_at_descriptors(after);
    for (int fd = 0; fd < DESCRIPTORS; fd++)
        if (before[fd] != after[fd])
            fault_fail("descriptor %d is %s", fd, after[fd] ? "left open" : "closed");
    if (fault_memory_held() > 0)
        fault_fail("%zu pieces of memory are left", fault_memory_held());
    check_told();
    _exit(fault_report->message[0] == '\0' ? 0 : 1); /* another process may have left one */
}

/* Returns whether it went well. */
static bool run_in_child(void)
{
    int status;
    pid_t pid;

    memset(fault_report, 0, offsetof(struct fault_report, sites));
    fflush(NULL);
    pid = fork();
    if (pid < 0)
        abort();
    if (pid == 0)
        run();
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return true;
    if (WIFSIGNALED(status))
        snprintf(fault_report->message, sizeof fault_report->message, "%s",
                 strsignal(WTERMSIG(status)));
    else if (fault_report->message[0] == '\0')
        snprintf(fault_report->message, sizeof fault_report->message, "exit status %d",
                 WEXITSTATUS(status));
    return false;
}

/* ==================================================
 * all of them
 */

static int lines, failures;
static bool quick; /* one error of each call: under valgrind everything takes long */

static void line(bool ok, const char *poller, const char *what)
{
    printf("%s %d %s %s: %s", ok ? "ok" : "not ok", ++lines, poller, current.scenario->name, what);
    failures += !ok;
}

/* With one error: returns whether all went well, *fired is how often the call failed. */
static bool sweep_error(unsigned *fired)
{
    bool ok = true;

    for (current.nth = 1; current.nth <= MANY; current.nth++) {
        const bool well = run_in_child();

        if (!well)
            printf("# %s number %u, %s: %s\n", fault_kinds[current.call].name, current.nth,
                   fault_error_name(current.error), fault_report->message);
        ok = ok && well;
        if (fault_fired(FAULT_FIRST) == 0)
            return ok;
        (*fired)++;
    }
    printf("# no end of calls of %s\n", fault_kinds[current.call].name);
    return false;
}

static void sweep_call(const char *poller)
{
    const int *error = fault_kinds[current.call].errors;
    unsigned fired = 0, errors = 0;
    bool ok = true;

    for (; *error != 0 && !(quick && errors > 0); error++) {
        unsigned before = fired;

        if (quick && *error == FAULT_SHORT)
            continue;
        current.error = *error;
        ok = sweep_error(&fired) && ok;
        errors++;
        if (fired == before) /* it is not called at all */
            break;
    }
    if (fired == 0 && ok)
        return;
    line(ok, poller, fault_kinds[current.call].name);
    printf(" failed %u times, with %u errors\n", fired, errors);
    fflush(stdout);
}

static void sweep_scenario(const char *poller)
{
    bool called[FAULT_CALLS], ok;

    current.nth = 0;
    ok = run_in_child();
    if (ok && fault_report->agains > fault_fired(FAULT_SECOND)) {
        snprintf(fault_report->message, sizeof fault_report->message, "not all came to be");
        ok = false;
    }
    line(ok, poller, ok ? "untouched\n" : "untouched: ");
    if (!ok) {
        printf("%s\n", fault_report->message);
        return;
    }
    memcpy(called, fault_report->called, sizeof called);
    for (current.call = 0; current.call < FAULT_CALLS; current.call++)
        if (called[current.call] || !quick) /* some calls are made after a failure alone */
            sweep_call(poller);
}

static bool is_chosen(const struct scenario *scenario, const char *poller, char *const *names)
{
    if (scenario->poller != NULL && strcmp(scenario->poller, poller) != 0)
        return false;
    if (*names == NULL)
        return true;
    for (; *names != NULL; names++)
        if (strcmp(*names, scenario->name) == 0)
            return true;
    return false;
}

int sweep_main(int argc, char **argv, const struct scenario *scenarios)
{
    const struct rlimit no_core = {0, 0};
    char *const *only = argv + 1;

    (void)argc;
    while (*only != NULL && strcmp(*only, "--only") != 0)
        only++;
    if (*only != NULL)
        only++;
    setrlimit(RLIMIT_CORE, &no_core);
    fault_init();
    quick = getenv("FAULTS_QUICK") != NULL;
    for (char **poller = argv + 1; *poller != NULL && strcmp(*poller, "--only") != 0; poller++) {
        setenv("ASYNCORE_POLLER", *poller, 1);
        for (current.scenario = scenarios; current.scenario->name != NULL; current.scenario++)
            if (is_chosen(current.scenario, *poller, only))
                sweep_scenario(*poller);
    }
    printf("1..%d\n", lines);
    fault_print_sites();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
