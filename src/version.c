/* version.c - the version of the library that runs. */
#include "asyncore.h"

const char *asyncore_version(void)
{
    return ASYNCORE_VERSION;
}
