/* traced.c - see traced.h. */
#include "traced.h"

#include <string.h>

char traced[65536];

static FILE *file;

void begin_trace(unsigned types,
                 void (*sink)(const struct asyncore_trace_event *event, void *argument))
{
    file = fmemopen(traced, sizeof traced, "w");
    ck_assert_ptr_nonnull(file);
    asyncore_set_trace_stable(true);
    asyncore_set_trace(types, sink, file);
}

const char *end_trace(void)
{
    asyncore_set_trace(0, NULL, NULL);
    asyncore_set_trace_stable(false);
    fclose(file);
    return traced;
}

void cut_out(const char *begin, char end)
{
    char *at = traced;

    while ((at = strstr(at, begin)) != NULL) {
        const char *rest = strchr(at, end);

        ck_assert_ptr_nonnull(rest);
        if (rest == NULL) /* the analyzers do not know that one */
            return;
        memmove(at, rest, strlen(rest) + 1);
    }
}
