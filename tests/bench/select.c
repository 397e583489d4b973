/*
 * select.c - the contender written by hand, on select.
 */
#include "contender.h"
#include "serve.h"

#include <errno.h>
#include <gnu/libc-version.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>

static fd_set to_read, to_write, can_read, can_write;
static int max_fd, writers; /* how many are in to_write: mostly none, and then nobody is asked */

static bool open_select(const char *poller)
{
    return poller == NULL || strcmp(poller, "select") == 0;
}

static void about(void)
{
    printf("glibc %s; connection %zu\n", gnu_get_libc_version(), sizeof(struct rest));
}

static void watch(int fd)
{
    if (fd >= FD_SETSIZE) {
        fprintf(stderr, "select: descriptor %d is too high\n", fd);
        exit(EXIT_FAILURE);
    }
    FD_SET(fd, &to_read);
    if (fd > max_fd)
        max_fd = fd;
}

static int wait_for_events(void)
{
    int count;

    can_read = to_read;
    can_write = to_write;
    count = select(max_fd + 1, &can_read, writers > 0 ? &can_write : NULL, NULL, NULL);
    return count < 0 && errno == EINTR ? 0 : must(count, "select");
}

/* ==================================================
 * echo
 */

static struct rest rests[FD_SETSIZE];

static void accept_all(int listener)
{
    int fd;

    while ((fd = accept_one(listener)) >= 0)
        watch(fd);
}

static void read_connection(int fd)
{
    switch (echo(fd, &rests[fd])) {
    case ALL_SENT:
        break;
    case SOME_LEFT:
        FD_CLR(fd, &to_read);
        FD_SET(fd, &to_write);
        writers++;
        break;
    case ENDED:
        FD_CLR(fd, &to_read);
        close(fd);
    }
}

static void write_connection(int fd)
{
    const enum echoed echoed = rest_send(fd, &rests[fd]);

    if (echoed == SOME_LEFT)
        return;
    FD_CLR(fd, &to_write);
    writers--;
    if (echoed == ALL_SENT) {
        FD_SET(fd, &to_read);
    } else {
        rest_drop(&rests[fd]);
        close(fd);
    }
}

static void serve_echo(int listener)
{
    watch(listener);
    for (;;) {
        int left = wait_for_events();

        for (int fd = 0; left > 0 && fd <= max_fd; fd++) {
            if (FD_ISSET(fd, &can_read)) {
                left--;
                if (fd == listener)
                    accept_all(listener);
                else
                    read_connection(fd);
            } else if (writers > 0 && FD_ISSET(fd, &can_write)) {
                left--;
                write_connection(fd);
            }
        }
    }
}

/* ==================================================
 * time
 */

static void serve_time(int listener)
{
    int fd;

    watch(listener);
    for (;;) {
        wait_for_events();
        while ((fd = accept_one(listener)) >= 0) {
            tell_time(fd);
            close(fd);
        }
    }
}

/* ==================================================
 * chain
 */

static size_t pipe_of[FD_SETSIZE];

static void chain_open(const int *fds, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        watch(fds[i]);
        pipe_of[fds[i]] = i;
    }
}

static void chain_pass(void)
{
    int left = wait_for_events();

    for (int fd = 0; left > 0 && fd <= max_fd; fd++) {
        if (FD_ISSET(fd, &can_read)) {
            left--;
            chain_step(pipe_of[fd]);
        }
    }
}

const struct contender contender = {
    .open = open_select,
    .about = about,
    .echo = serve_echo,
    .time = serve_time,
    .chain_open = chain_open,
    .chain_pass = chain_pass,
};
