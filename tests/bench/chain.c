/*
 * chain.c - the classic benchmark of libevent's authors: N pipes in a ring.  Some bytes start at
 * once; whoever can read a byte writes one to the next, until so many writes are done.  The reads
 * and writes are these in every contender: what differs is the loop around them.
 */
#include "contender.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int *read_ends, *write_ends;
static size_t pipes, writes_left, in_flight;

static void write_to(size_t pipe)
{
    if (write(write_ends[pipe], "", 1) != 1)
        must(-1, "write");
    in_flight++;
}

void chain_step(size_t pipe)
{
    char byte;

    if (read(read_ends[pipe], &byte, 1) != 1)
        must(-1, "read");
    in_flight--;
    if (writes_left > 0) {
        writes_left--;
        write_to(pipe + 1 < pipes ? pipe + 1 : 0);
    }
}

static void make_pipes(size_t count)
{
    read_ends = allocate(count, sizeof read_ends[0]);
    write_ends = allocate(count, sizeof write_ends[0]);
    for (pipes = 0; pipes < count; pipes++) {
        int fds[2];

        must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), "socketpair");
        read_ends[pipes] = fds[0];
        write_ends[pipes] = fds[1];
    }
}

static void run(size_t active, size_t writes)
{
    for (size_t i = 0; i < active; i++)
        write_to(i * pipes / active);
    writes_left = writes;
    while (in_flight > 0)
        contender.chain_pass();
}

int chain_measure(size_t count, size_t active, size_t writes)
{
    struct timespec before, after;

    if (contender.chain_open == NULL)
        return NOT_HERE;
    make_pipes(count);
    contender.chain_open(read_ends, count);
    run(active, writes / 10); /* so that all memory has been touched */
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    run(active, writes);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    printf("%.1f\n", ((double)(after.tv_sec - before.tv_sec) * 1e9 +
                      (double)(after.tv_nsec - before.tv_nsec)) /
                         (double)(writes + active));
    return EXIT_SUCCESS;
}
