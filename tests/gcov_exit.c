/*
 * gcov_exit.c - _exit() writes down what this process has run before it ends it, which the compiler's
 * coverage leaves to exit().  For children of tests, with script/test --coverage alone.
 */
#include <gcov.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

void _exit(int status)
{
    struct rlimit limit;

    /* It takes a descriptor, which a test may have left none of. */
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    __gcov_dump();
    _Exit(status);
}
