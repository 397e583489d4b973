/* timec_report.c - what timec prints, see timec_report.h. */
#include "timec_report.h"

#include "command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who reads it sees each outcome when it is there. */
static void flush(struct timec_report *report)
{
    /* A line may have been written, and lost, before. */
    if ((ferror(stdout) || fflush(stdout) == EOF) && report->output_error == 0)
        report->output_error = errno;
}

static double middle(const struct time_offset *offset)
{
    return (offset->low + offset->high) / 2;
}

/* How far off the middle may be. */
static double doubt(const struct time_offset *offset)
{
    return (offset->high - offset->low) / 2;
}

static const char *protocol(const struct timec_report *report)
{
    return report->udp ? "udp" : "tcp";
}

/* ==================================================
 * JSON
 */

/* No host has control characters, nor has a message. */
static void print_string(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static void print_error(struct timec_report *report, const char *server, const char *name,
                        const char *message)
{
    printf("{\"server\": ");
    print_string(server);
    printf(", \"protocol\": \"%s\", \"error\": \"%s\", \"message\": ", protocol(report), name);
    print_string(message);
    printf("}\n");
    flush(report);
}

static void print_offset(const struct time_offset *offset)
{
    printf(", \"offset_ms\": %.3f, \"max_error_ms\": %.3f", 1e3 * middle(offset),
           1e3 * doubt(offset));
}

/* ==================================================
 * answers
 */

static void add_up(struct timec_report *report, const struct time_offset *offset, double round_trip)
{
    struct time_offset *common = &report->offset;
    const bool is_first = report->answers++ == 0;

    if (is_first || offset->low > common->low)
        common->low = offset->low;
    if (is_first || offset->high < common->high)
        common->high = offset->high;
    if (is_first || round_trip < report->shortest)
        report->shortest = round_trip;
    if (is_first || round_trip > report->longest)
        report->longest = round_trip;
    report->total += round_trip;
}

static void print_answer(const struct timec_report *report, const struct time_client *client,
                         const char *server, time_t there, const struct time_offset *offset)
{
    const long long difference = (long long)(client->answered_at.tv_sec - there);
    const double round_trip = 1e3 * client->round_trip;
    char text[64];

    if (report->json) {
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", gmtime(&there));
        printf("{\"server\": ");
        print_string(server); /* an interface may have any name */
        printf(", \"protocol\": \"%s\", \"time\": \"%s\", \"unix\": %lld", protocol(report), text,
               (long long)there);
        print_offset(offset);
        printf(", \"round_trip_ms\": %.3f}\n", round_trip);
        return;
    }
    strftime(text, sizeof text, "%a %b %e %H:%M:%S UTC %Y", gmtime(&there));
    if (report->count == 1)
        printf("%s\ntime difference is %lld\n", text, difference);
    else
        printf("%s: %s, ", server, text);
    printf("offset %.1f +/- %.1f ms, round trip %.3f ms\n", 1e3 * middle(offset),
           1e3 * doubt(offset), round_trip);
}

void timec_report_answer(struct timec_report *report, const struct time_client *client,
                         uint32_t seconds, const char *server)
{
    const time_t there = time_client_nearest(seconds, client->answered_at.tv_sec);
    const struct time_offset offset =
        time_client_offset(seconds, &client->answered_at, client->round_trip);

    add_up(report, &offset, client->round_trip);
    print_answer(report, client, server, there, &offset);
    flush(report);
}

/* ==================================================
 * all answers together
 */

static double average(const struct timec_report *report)
{
    return report->total / (double)report->answers;
}

/* By how many seconds there is no offset that all answers allow; above 0 if a clock was set
 * meanwhile, or if one address is several servers. */
static double contradiction(const struct timec_report *report)
{
    return report->offset.low - report->offset.high;
}

static void print_summary(const struct timec_report *report)
{
    const struct time_offset *offset = &report->offset;

    printf("%ld requests, %ld answers", report->requests, report->answers);
    if (report->answers > 0 && contradiction(report) > 0)
        printf("; they contradict each other by %.1f ms", 1e3 * contradiction(report));
    else if (report->answers > 0)
        printf("; offset %.1f +/- %.1f ms", 1e3 * middle(offset), 1e3 * doubt(offset));
    if (report->answers > 0)
        printf("; round trip min/avg/max %.3f/%.3f/%.3f ms", 1e3 * report->shortest,
               1e3 * average(report), 1e3 * report->longest);
    printf("\n");
}

static void print_summary_json(const struct timec_report *report)
{
    printf("{\"requests\": %ld, \"answers\": %ld", report->requests, report->answers);
    if (report->answers > 0 && contradiction(report) > 0)
        printf(", \"contradiction_ms\": %.3f", 1e3 * contradiction(report));
    else if (report->answers > 0)
        print_offset(&report->offset);
    if (report->answers > 0)
        printf(", \"round_trip_min_ms\": %.3f, \"round_trip_avg_ms\": %.3f, "
               "\"round_trip_max_ms\": %.3f",
               1e3 * report->shortest, 1e3 * average(report), 1e3 * report->longest);
    printf("}\n");
}

void timec_report_summary(struct timec_report *report)
{
    (report->json ? print_summary_json : print_summary)(report);
    flush(report);
}

/* ==================================================
 * failures
 */

/* The names are part of the JSON: the manual page lists them. */
static const char *name_of(int error)
{
    switch (error) {
    case EPROTO:
        return "closed";
    case ETIMEDOUT:
        return "timeout";
    case ECONNREFUSED:
        return "refused";
    case ECONNRESET:
        return "reset";
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EHOSTDOWN:
        return "unreachable";
    default:
        return "system";
    }
}

static void describe(char *text, size_t size, const struct timec_report *report,
                     const struct time_client *client, int error)
{
    switch (error) {
    case EPROTO:
        snprintf(text, size, "closed the connection after %zu of 4 bytes", client->received);
        break;
    case ETIMEDOUT:
        if (client->others > 0)
            snprintf(text, size, "no answer of 4 bytes in %g s, but %u of other sizes",
                     report->timeout, client->others);
        else
            snprintf(text, size, "no answer in %g s (see --timeout)", report->timeout);
        break;
    case ECONNREFUSED:
        snprintf(text, size, "%s (no server on this port; timed's own is 8037)", strerror(error));
        break;
    default:
        snprintf(text, size, "%s", strerror(error));
    }
}

void timec_report_failure(struct timec_report *report, const struct time_client *client, int error,
                          const char *server, bool is_last)
{
    char text[256];

    describe(text, sizeof text, report, client, -error);
    fprintf(stderr, "%s: %s: %s\n", command_name, server, text);
    if (report->json && is_last)
        print_error(report, server, name_of(-error), text);
}

void timec_report_unknown(struct timec_report *report, const char *host, const char *why)
{
    fprintf(stderr, "%s: %s: %s\n", command_name, host, why);
    if (report->json)
        print_error(report, host, "unknown-host", why);
}
