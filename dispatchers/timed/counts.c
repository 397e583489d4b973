/* counts.c - see counts.h. */
#include "counts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void timed_counts_add(struct timed_counts *sum, const struct timed_counts *more)
{
    for (int i = 0; i < TIME_OUTCOMES; i++) {
        sum->tcp[i] += more->tcp[i];
        sum->udp[i] += more->udp[i];
    }
    sum->starved += more->starved;
}

/* ==================================================
 * for people
 */

static size_t add(char *text, size_t size, size_t length, const char *transport,
                  const uint64_t counts[TIME_OUTCOMES])
{
    const char *between = "";

    length += (size_t)snprintf(text + length, size - length, "%s:", transport);
    for (enum time_outcome i = 0; i < TIME_OUTCOMES; i++) {
        if ((counts[i] == 0 && i != TIME_ANSWERED) || length >= size)
            continue;
        length += (size_t)snprintf(text + length, size - length, "%s %" PRIu64 " %s", between,
                                   counts[i], time_outcome_name((enum time_outcome)i));
        between = ",";
    }
    return length < size ? length : size;
}

const char *timed_counts_line(const struct timed_counts *counts, char *text, size_t size)
{
    size_t length = add(text, size, 0, "tcp", counts->tcp);

    length = add(text, size, length, "; udp", counts->udp);
    if (counts->starved > 0)
        snprintf(text + length, size - length, "; %" PRIu64 " times no descriptor",
                 counts->starved);
    return text;
}

/* ==================================================
 * for another timed
 */

const char *timed_counts_print(const struct timed_counts *counts, char *text, size_t size)
{
    size_t length = (size_t)snprintf(text, size, "%" PRIu64, counts->starved);

    for (int i = 0; i < TIME_OUTCOMES && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, " %" PRIu64 " %" PRIu64,
                                   counts->tcp[i], counts->udp[i]);
    return text;
}

/* The number that *text begins with, and goes on behind. */
static bool take(const char **text, uint64_t *number)
{
    char *end;

    *number = strtoull(*text, &end, 10);
    if (end == *text)
        return false;
    *text = end;
    return true;
}

bool timed_counts_parse(struct timed_counts *counts, const char *text)
{
    bool good = take(&text, &counts->starved);

    for (int i = 0; good && i < TIME_OUTCOMES; i++)
        good = take(&text, &counts->tcp[i]) && take(&text, &counts->udp[i]);
    return good && *text == '\0';
}
