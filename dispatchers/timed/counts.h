/* counts.h - what has become of all requests until now. */
#ifndef TIMED_COUNTS_H
#define TIMED_COUNTS_H

#include "time_service.h"

#include <stddef.h>

struct timed_counts {
    uint64_t tcp[TIME_OUTCOMES], udp[TIME_OUTCOMES];
    uint64_t starved; /* how often there was no descriptor for a client */
};

enum { TIMED_COUNTS_TEXT = 512 }; /* bytes that are enough for either text */

void timed_counts_add(struct timed_counts *sum, const struct timed_counts *more);

/* For people, in one line, as "tcp: 12 answered; udp: 3 answered, 1 limited".  Writes at most size
 * bytes, the NUL included, and returns text. */
const char *timed_counts_line(const struct timed_counts *counts, char *text, size_t size);

/* For another timed: all the numbers. */
const char *timed_counts_print(const struct timed_counts *counts, char *text, size_t size);
bool timed_counts_parse(struct timed_counts *counts, const char *text);

#endif
