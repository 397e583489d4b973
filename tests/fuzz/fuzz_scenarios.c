/*
 * fuzz_scenarios.c - the language of tests/scenarios: a text is read line by line, and what is a command
 * of the language is run.  Nothing must come of it but a trace.
 */
#include "../scenarios/world.h"
#include "fuzz.h"
#include "virtual_time.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINES = 32, MOST = 20, MOST_BYTES = 2000 };

int __wrap_nanosleep(const struct timespec *duration, struct timespec *left);

/* What goes over the loopback is there at once, or comes too late; there is nothing to compare. */
int __wrap_nanosleep(const struct timespec *duration, struct timespec *left)
{
    (void)duration;
    (void)left;
    return 0;
}

/* A scenario may say that it wants to run for ever. */
static bool is_bounded(const struct arguments *given)
{
    return given->number <= MOST && given->text.length <= MOST_BYTES;
}

static bool is_reasonable(const struct command *command)
{
    for (const struct action *action = command->actions; action != NULL; action = action->next)
        if (action->verb != DO_RAISE && !is_bounded(&action->given))
            return false;
    return is_bounded(&command->given);
}

static void run_line(struct world *world, const char *line)
{
    const char *times = strstr(line, "\"*");
    struct command command;

    if (times != NULL && strspn(times + 2, "0123456789") > 3) /* it would be much to parse */
        return;
    if (parse_command(line, &command) && is_reasonable(&command)) {
        if (command.order == LISTENER) /* with less room who dials would wait */
            command.given.number = MOST;
        run_command(world, &command);
        world_print_state(world);
    }
    command_free(&command);
}

static void give_output_away(void)
{
    const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

    expect(fd >= 0 && dup2(fd, STDOUT_FILENO) == STDOUT_FILENO);
    close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool begun;
    char *text = fuzz_text(data, size), *at = text;
    struct world world;

    expect(text != NULL);
    if (!begun)
        give_output_away();
    begun = true;
    virtual_now = SECOND;
    expect(world_open(&world, NULL));
    for (int i = 0; i < LINES && at != NULL; i++) {
        char *line = strdup(strsep(&at, "\n")); /* so that the sanitizer sees who reads beyond it */

        expect(line != NULL);
        run_line(&world, line);
        free(line);
    }
    if (!world_close(&world))
        fuzz_fail("a dispatcher was closed and never destroyed");
    free(text);
    return 0;
}
