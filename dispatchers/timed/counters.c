/* counters.c - what timed has done, see counters.h. */
#include "counters.h"

#include "log.h"
#include "serve.h"
#include "sockets.h"

#include <asyncore.h>
#include <inttypes.h>
#include <stdio.h>

static size_t add(char *line, size_t size, size_t length, const char *transport,
                  const uint64_t counts[TIME_OUTCOMES])
{
    const char *between = "";

    length += (size_t)snprintf(line + length, size - length, "%s:", transport);
    for (enum time_outcome i = 0; i < TIME_OUTCOMES; i++) {
        if ((counts[i] == 0 && i != TIME_ANSWERED) || length >= size)
            continue;
        length += (size_t)snprintf(line + length, size - length, "%s %" PRIu64 " %s", between,
                                   counts[i], time_outcome_name((enum time_outcome)i));
        between = ",";
    }
    return length < size ? length : size;
}

const char *timed_counters_line(char *line, size_t size)
{
    const struct timed_counts counts = timed_serve_counts();
    size_t length = add(line, size, 0, "tcp", counts.tcp);

    length = add(line, size, length, "; udp", counts.udp);
    if (counts.starved > 0)
        snprintf(line + length, size - length, "; %" PRIu64 " times no descriptor", counts.starved);
    return line;
}

void timed_counters_log(void)
{
    char line[TIMED_COUNTERS_LINE];
    size_t left = asyncore_map_count(NULL);

    timed_log(LOG_NOTICE, "%s", timed_counters_line(line, sizeof line));
    for (int fd = 0; left > 0; fd++) {
        const struct asyncore_dispatcher *dispatcher = asyncore_map_get(NULL, fd);

        if (dispatcher == NULL)
            continue;
        left--;
        if (timed_port_of(fd) < 0) /* leads to another process of ours */
            continue;
        asyncore_repr(dispatcher, line, sizeof line);
        timed_log(LOG_NOTICE, "%s", line);
    }
}
