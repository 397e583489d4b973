/* program.c - see program.h. */
#define _GNU_SOURCE /* memfd_create */
#include "program.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NOT_RUN = 127 }; /* a process that was to run a program could not */

static jmp_buf back;
static int exit_status;

static void come_back(int status)
{
    exit_status = status;
    longjmp(back, 1);
}

static void redirect(int fd)
{
    const int file = memfd_create("output", MFD_CLOEXEC);

    expect(file >= 0 && dup2(file, fd) == fd);
    close(file);
}

static const char *contents(int fd)
{
    static char text[4096];
    const ssize_t n = pread(fd, text, sizeof text - 1, 0);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static int count(char **argv)
{
    int argc = 0;

    while (argv[argc] != NULL)
        argc++;
    return argc;
}

static int run_to_the_end(int (*program)(int argc, char **argv), char **argv)
{
    if (setjmp(back) == 0)
        exit_status = program(count(argv), argv);
    return exit_status;
}

int run_program(int (*program)(int argc, char **argv), char **argv, const char *output)
{
    int status;

    redirect(STDOUT_FILENO);
    redirect(STDERR_FILENO);
    asyncore_set_log(NULL); /* as it is in a program */
    fault_exit = come_back;
    status = run_to_the_end(program, argv);
    fault_exit = NULL;
    fflush(NULL);
    if (status == 0) {
        expect(strstr(contents(STDOUT_FILENO), output) != NULL);
        if (strstr(contents(STDERR_FILENO), "error: ") != NULL)
            told_otherwise();
        return 0;
    }
    expect((status == EXIT_FAILURE || status == NOT_RUN) && contents(STDERR_FILENO)[0] != '\0');
    told_otherwise();
    return status;
}
