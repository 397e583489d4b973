/*
 * spin.c - counts the passes of a loop in which nothing happens; spin.py is its twin.
 *
 *     cc -o spin spin.c $(pkg-config --cflags --libs asyncore)
 *     ./spin
 */
#include <asyncore.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECONDS 0.5

/* class Talker(asyncore.dispatcher): */
struct talker {
    struct asyncore_dispatcher base; /* first member: a talker is a dispatcher */
    const char *message;             /* what is left to be said */
    unsigned long writes;
};

static int talker_handle_write(struct asyncore_dispatcher *base)
{
    struct talker *self = (struct talker *)base;
    ssize_t n = asyncore_send(base, self->message, strlen(self->message));

    self->writes++;
    if (n < 0)
        return (int)n;
    self->message += n;
    return 0;
}

static const struct asyncore_class talker_class = {
    .name = "talker",
    .super = &asyncore_dispatcher_class,
    .handle_write = talker_handle_write,
};

/* class HonestTalker(Talker): */
static bool honest_talker_writable(struct asyncore_dispatcher *base)
{
    return *((struct talker *)base)->message != '\0';
}

static const struct asyncore_class honest_talker_class = {
    .name = "honest_talker",
    .super = &talker_class,
    .writable = honest_talker_writable,
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int count_passes(const struct asyncore_class *cls)
{
    struct talker talker = {.message = "hello"};
    const double end = now() + SECONDS;
    unsigned long passes = 0;
    int socks[2], rc;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, socks) < 0) {
        perror("socketpair");
        return 1;
    }
    rc = asyncore_init(&talker.base, cls, socks[0], NULL);
    for (double left; rc == 0 && (left = end - now()) > 0; passes++)
        rc = asyncore_loop(left, NULL, 1);
    if (rc < 0)
        fprintf(stderr, "loop: %s\n", strerror(-rc));
    printf("%s: %lu passes in %.1f s, %lu of them called handle_write\n", cls->name, passes,
           SECONDS, talker.writes);
    asyncore_close(&talker.base);
    close(socks[1]);
    return rc < 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        fprintf(stderr, "usage: spin, without arguments\n");
        return 2;
    }
    return count_passes(&talker_class) + count_passes(&honest_talker_class);
}
