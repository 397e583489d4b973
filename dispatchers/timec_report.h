/* timec_report.h - what timec prints: lines for people, or with --json an object a line. */
#ifndef TIMEC_REPORT_H
#define TIMEC_REPORT_H

#include "time_client.h"

#include <stdbool.h>

struct timec_report {
    /* options */
    bool json, udp;
    long count;     /* requests to be made */
    double timeout; /* seconds, for each address */

    /* what has come so far; at first zero */
    long requests, answers;
    int output_error;                /* standard output could not be written, why */
    struct time_offset offset;       /* that all answers allow; low above high: none */
    double shortest, longest, total; /* round trips, in seconds */
};

/* The name that the user has given could not be looked up, and why. */
void timec_report_unknown(struct timec_report *report, const char *host, const char *why);

/* What became of one address, whose text is server.  With --json, of a request that failed, the last
 * address is what is printed; standard error is told of each. */
void timec_report_answer(struct timec_report *report, const struct time_client *client,
                         uint32_t seconds, const char *server);
void timec_report_failure(struct timec_report *report, const struct time_client *client, int error,
                          const char *server, bool is_last);

/* After the last of several requests: what the answers say together. */
void timec_report_summary(struct timec_report *report);

#endif
