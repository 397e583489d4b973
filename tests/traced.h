/* traced.h - a trace that can be compared. */
#ifndef TRACED_H
#define TRACED_H

#include "support.h"

#include <asyncore_trace.h>

#define TYPE(name) (1U << ASYNCORE_TRACE_##name)
#define ALL_TYPES (2 * TYPE(LINT) - 1)

/* What the sink, which is asyncore_trace_text() or asyncore_trace_json(), has written. */
extern char traced[65536];

/* A stable one.  end_trace() returns traced. */
void begin_trace(unsigned types,
                 void (*sink)(const struct asyncore_trace_event *event, void *argument));
const char *end_trace(void);

/* Takes out of it what begins so, up to this character, each time. */
void cut_out(const char *begin, char end);

#endif
