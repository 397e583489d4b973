/*
 * gcov_exit.c - _exit() writes down what this process has run before it ends it, which the compiler's
 * coverage leaves to exit().  For children of tests, with script/test --coverage alone.
 */
#include <gcov.h>
#include <stdlib.h>
#include <unistd.h>

void _exit(int status)
{
    __gcov_dump();
    _Exit(status);
}
