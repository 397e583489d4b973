/* wrap_memory.c - memory runs out, and what is held is counted. */
#include "wrap.h"

#include <errno.h>
#include <stdlib.h>

WRAP(void *, malloc, (size_t size))
{
    return FAULT_CHECK(malloc) != 0 ? NULL : counted(malloc(size), size);
}

WRAP(void *, calloc, (size_t count, size_t size))
{
    return FAULT_CHECK(calloc) != 0 ? NULL : counted(calloc(count, size), count * size);
}

WRAP(void *, realloc, (void *memory, size_t size))
{
    void *larger;

    if (FAULT_CHECK(realloc) != 0)
        return NULL;
    uncounted(memory);
    larger = realloc(memory, size);
    return counted(larger, size);
}

WRAP(void *, aligned_alloc, (size_t alignment, size_t size))
{
    return FAULT_CHECK(aligned_alloc) != 0 ? NULL : counted(aligned_alloc(alignment, size), size);
}

WRAP(void, free, (void *memory))
{
    uncounted(memory);
    free(memory);
}
