/* wrap.h - for the files that stand between: the wrappers are called by the linker's names. */
#ifndef WRAP_H
#define WRAP_H

#include "fault.h"

#define WRAP(result, name, parameters)                                                             \
    result __wrap_##name parameters;                                                               \
    result __wrap_##name parameters

#endif
