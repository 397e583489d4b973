/* replay [--poller NAME] FILE: runs one scenario on this library, and prints its trace. */
#include "world.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int usage(void)
{
    fputs("usage: replay [--poller NAME] FILE\n", stderr);
    return 2;
}

/* The line without the blanks around it. */
static char *strip(char *line)
{
    char *end = line + strlen(line);

    while (end > line && isspace((unsigned char)end[-1]))
        *--end = '\0';
    while (isspace((unsigned char)*line))
        line++;
    return line;
}

static bool run_line(struct world *world, const char *line)
{
    struct command command;
    bool good;

    if (*line == '\0' || *line == '#')
        return true;
    good = parse_command(line, &command);
    if (good) {
        printf("> %s\n", line);
        good = run_command(world, &command);
    }
    if (good)
        world_print_state(world);
    command_free(&command);
    return good;
}

static bool run_file(struct world *world, FILE *file, const char *name)
{
    char *buffer = NULL;
    size_t size = 0;
    ssize_t length;
    bool good = true;

    for (int number = 1; good && (length = getline(&buffer, &size, file)) >= 0; number++) {
        const bool is_text = strlen(buffer) == (size_t)length;
        const char *line = strip(buffer);

        good = is_text && run_line(world, line);
        if (!good)
            fprintf(stderr, "%s:%d: no command: %s\n", name, number, line);
    }
    free(buffer);
    return good;
}

int main(int argc, char *argv[])
{
    const char *poller = NULL;
    struct world world;
    FILE *file;
    bool good;

    if (argc > 1 && strcmp(argv[1], "--poller") == 0) {
        if (argc < 3)
            return usage();
        poller = argv[2];
        argv += 2;
        argc -= 2;
    }
    if (argc != 2 || argv[1][0] == '-')
        return usage();
    file = fopen(argv[1], "re");
    if (file == NULL)
        give_up(argv[1]);
    setvbuf(stdout, NULL, _IOLBF, 0); /* a crash takes no line along */
    if (!world_open(&world, poller)) {
        fclose(file);
        return 2;
    }
    good = run_file(&world, file, argv[1]);
    fclose(file);
    if (!world_close(&world)) {
        fputs("replay: a dispatcher was closed and never destroyed\n", stderr);
        return 1;
    }
    return good ? 0 : 2;
}
