/*
 * workers.c - see workers.h.
 *
 * A place is what a worker serves: one set of sockets.  In each place one worker serves, and
 * perhaps one comes, which takes over once it serves and no other still comes: so of a new
 * program either all take over or none.  Who has been told to end has no place any more.
 */
#include "workers.h"

#include "log.h"
#include "notify.h"
#include "worker.h"

#include <asyncore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

/* Seconds. */
#define PATIENCE 30.0      /* in which a new program must serve */
#define LAST_PATIENCE 4.0  /* in which all must end */
#define SHORTEST_DELAY 0.1 /* before one that died again is replaced; each time twice as many */
#define LONGEST_DELAY 10.0
#define LONG_LIFE 10.0 /* who has served so long has not died at once */

struct place {
    const struct timed_sockets *sockets;
    struct worker *serves, *comes;
    struct asyncore_timer again, calm;
    double delay;
};

static struct {
    char *const *argv;
    struct place places[TIMED_WORKERS];
    size_t count;
    void (*report)(bool success);
    void (*counted)(const struct timed_counts *sum);
    struct asyncore_signal_handler deaths;
    struct asyncore_timer patience;
    bool starting;  /* the first ones: should one of them end, all do */
    bool serving;   /* all of them, at least once */
    bool upgrading; /* those that come are of a new program */
    bool ending;
    int status;
} team;

/* Where its places end. */
static struct place *end_of_places(void)
{
    return team.places + team.count;
}

/* ==================================================
 * one place
 */

static void hear(struct worker *worker, const char *line);
static void start_again(struct asyncore_timer *self);

/* Returns 0 or a negative errno. */
static int start(struct place *place)
{
    const int rc = worker_start(&place->comes, team.argv, place->sockets, hear);

    if (rc == 0)
        place->comes->place = place;
    return rc;
}

/* The first that dies is replaced at once, those that die again and again more and more seldom. */
static void start_later(struct place *place)
{
    if (place->comes != NULL)
        return;
    asyncore_cancel(&place->calm);
    asyncore_call_later(&place->again, place->delay, start_again, NULL);
    place->delay = place->delay < SHORTEST_DELAY ? SHORTEST_DELAY : 2 * place->delay;
    if (place->delay > LONGEST_DELAY)
        place->delay = LONGEST_DELAY;
}

static void start_again(struct asyncore_timer *self)
{
    struct place *place = (struct place *)(void *)((char *)self - offsetof(struct place, again));
    const int rc = start(place);

    if (rc == 0)
        return;
    timed_log(LOG_WARNING, "worker: %s", strerror(-rc));
    start_later(place);
}

/* Whoever comes shall not.  One that serves has clients in hand, and can be told so. */
static void turn_away(struct place *place)
{
    if (place->comes != NULL)
        worker_dismiss(place->comes, place->comes->serves ? SIGTERM : SIGKILL);
    place->comes = NULL;
}

static void calm_down(struct asyncore_timer *self)
{
    struct place *place = (struct place *)(void *)((char *)self - offsetof(struct place, calm));

    place->delay = 0;
}

static void take_over(struct place *place)
{
    if (place->comes == NULL)
        return;
    if (place->serves != NULL)
        worker_dismiss(place->serves, SIGTERM);
    place->serves = place->comes;
    place->comes = NULL;
    asyncore_call_later(&place->calm, LONG_LIFE, calm_down, NULL);
}

/* ==================================================
 * an upgrade
 */

static void take_over_all(void)
{
    const bool news = team.upgrading || !team.serving;

    for (struct place *place = team.places; place < end_of_places(); place++)
        if (place->comes != NULL && !place->comes->serves)
            return;
    for (struct place *place = team.places; place < end_of_places(); place++)
        take_over(place);
    asyncore_cancel(&team.patience);
    team.upgrading = team.starting = false;
    team.serving = true;
    if (news)
        team.report(true);
}

static void give_up(const char *why)
{
    timed_log(LOG_WARNING, "upgrade: %s: %s; %s", team.argv[0], why,
              team.starting ? "nobody has served yet" : "who served goes on");
    asyncore_cancel(&team.patience);
    team.upgrading = false;
    for (struct place *place = team.places; place < end_of_places(); place++) {
        turn_away(place);
        if (team.serving && place->serves == NULL)
            start_later(place);
    }
    if (team.starting)
        timed_workers_end(EXIT_FAILURE);
    else
        team.report(false);
}

static void lose_patience(struct asyncore_timer *self)
{
    (void)self;
    give_up("the new program does not come to serve");
}

void timed_workers_upgrade(void)
{
    int rc;

    if (team.ending || team.upgrading)
        return;
    team.upgrading = true;
    rc = asyncore_call_later(&team.patience, PATIENCE, lose_patience, NULL);
    for (struct place *place = team.places; rc == 0 && place < end_of_places(); place++) {
        asyncore_cancel(&place->again);
        turn_away(place); /* it may be of the program that there was */
        rc = start(place);
    }
    if (rc < 0)
        give_up(strerror(-rc));
}

/* ==================================================
 * what workers say
 */

/* The watchdog hears of it when all that serve have said so. */
static void lives(struct worker *worker)
{
    worker->lives = true;
    for (struct place *place = team.places; place < end_of_places(); place++)
        if (place->serves != NULL && !place->serves->lives)
            return;
    for (struct place *place = team.places; place < end_of_places(); place++)
        if (place->serves != NULL)
            place->serves->lives = false;
    timed_notify("WATCHDOG=1");
}

static void count(struct worker *worker, const char *numbers)
{
    struct timed_counts sum;

    if (!timed_counts_parse(&worker->counts, numbers) || team.counted == NULL)
        return;
    sum = worker_counts();
    team.counted(&sum);
}

static void hear(struct worker *worker, const char *line)
{
    if (strncmp(line, TIMED_COUNTS, strlen(TIMED_COUNTS)) == 0) {
        count(worker, line + strlen(TIMED_COUNTS));
    } else if (worker->place == NULL) { /* it has been told to end, or has */
        return;
    } else if (strcmp(line, "READY=1") == 0) {
        worker->serves = true;
        take_over_all();
    } else if (strcmp(line, "WATCHDOG=1") == 0) {
        lives(worker);
    } else if (strcmp(line, TIMED_UPGRADE) == 0) {
        timed_workers_upgrade();
    } else if (strncmp(line, "STATUS=", strlen("STATUS=")) == 0 && team.counted == NULL) {
        timed_notify(line);
    }
}

/* ==================================================
 * their ends
 */

static void describe(int status, char *text, size_t size)
{
    if (WIFSIGNALED(status))
        snprintf(text, size, "signal %d ended it", WTERMSIG(status));
    else
        snprintf(text, size, "it ended with status %d", WEXITSTATUS(status));
}

static void lost(struct place *place, bool came, long pid, int status)
{
    char how[64];

    describe(status, how, sizeof how);
    if (came && team.upgrading) {
        give_up(how);
    } else if (team.starting) {
        timed_workers_end(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
    } else {
        timed_log(LOG_WARNING, "worker %ld: %s; another takes its place", pid, how);
        start_later(place);
    }
}

static void bury(struct worker *worker, int status)
{
    struct place *place = worker->place;
    const bool came = place != NULL && place->comes == worker;
    const long pid = worker->pid;

    if (came)
        place->comes = NULL;
    else if (place != NULL)
        place->serves = NULL;
    worker_bury(worker);
    if (!team.ending && place != NULL)
        lost(place, came, pid, status);
}

static void bury_the_dead(struct asyncore_signal_handler *self)
{
    int status;
    pid_t pid;

    (void)self;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct worker *const worker = worker_find(pid);

        if (worker != NULL)
            bury(worker, status);
    }
}

/* ==================================================
 * the whole
 */

int timed_workers_begin(char *const *argv, const struct timed_sockets *sets, size_t set_count,
                        size_t count, void (*report)(bool success))
{
    team.argv = argv;
    team.count = count;
    team.report = report;
    for (size_t i = 0; i < count; i++)
        team.places[i] = (struct place){.sockets = &sets[i % set_count]};
    return asyncore_add_signal_handler(&team.deaths, SIGCHLD, bury_the_dead, NULL);
}

void timed_workers_count(void (*counted)(const struct timed_counts *sum))
{
    team.counted = counted;
}

void timed_workers_start(void)
{
    team.starting = true;
    for (struct place *place = team.places; place < end_of_places(); place++) {
        const int rc = start(place);

        if (rc == 0)
            continue;
        timed_log(LOG_WARNING, "worker: %s", strerror(-rc));
        timed_workers_end(EXIT_FAILURE);
        return;
    }
}

void timed_workers_signal(int signum)
{
    for (struct place *place = team.places; place < end_of_places(); place++)
        if (place->serves != NULL)
            kill(place->serves->pid, signum);
}

static void kill_all(struct asyncore_timer *self)
{
    (void)self;
    worker_dismiss_all(SIGKILL);
}

void timed_workers_end(int status)
{
    if (!team.ending) {
        team.status = status;
        asyncore_call_later(&team.patience, LAST_PATIENCE, kill_all, NULL);
    }
    team.ending = true;
    for (struct place *place = team.places; place < end_of_places(); place++) {
        asyncore_cancel(&place->again);
        asyncore_cancel(&place->calm);
        place->serves = place->comes = NULL;
    }
    worker_dismiss_all(SIGTERM);
}

int timed_workers_loop(void)
{
    while (!team.ending || worker_is_left()) {
        const int rc = asyncore_poll(-1, NULL);

        if (rc < 0) {
            timed_log(LOG_WARNING, "loop: %s", strerror(-rc));
            return EXIT_FAILURE;
        }
    }
    asyncore_cancel(&team.patience);
    return team.status;
}
