/*
 * questions.c - two dispatchers that say what they are asked; questions.py is its twin.
 *
 *     cc -o questions questions.c $(pkg-config --cflags --libs asyncore)
 *     ./questions
 */
#include <asyncore.h>
#include <stdio.h>
#include <string.h>

/* class Party(asyncore.dispatcher): */
struct party {
    struct asyncore_dispatcher base; /* first member: a party is a dispatcher */
    const char *name, *message, *answer;
};

static const struct asyncore_class party_class; /* a table, filled in below */

static int party_init(struct party *self, int sock, const char *name, const char *message,
                      const char *answer)
{
    self->name = name;
    self->message = message; /* what it has to say now; NULL: nothing */
    self->answer = answer;   /* what it will say once it has heard something; NULL: it goes */
    return asyncore_init(&self->base, &party_class, sock, NULL);
}

static bool party_readable(struct asyncore_dispatcher *base)
{
    const struct party *self = (struct party *)base;

    printf("  %s: readable? yes\n", self->name);
    return true;
}

static bool party_writable(struct asyncore_dispatcher *base)
{
    const struct party *self = (struct party *)base;

    printf("  %s: writable? %s\n", self->name, self->message != NULL ? "yes" : "no");
    return self->message != NULL;
}

static int party_handle_read(struct asyncore_dispatcher *base)
{
    struct party *self = (struct party *)base;
    char data[64];
    ssize_t n = asyncore_recv(base, data, sizeof data);

    if (n <= 0) /* at the end handle_close has been called */
        return (int)n;
    printf("  %s: handle_read: '%.*s'\n", self->name, (int)n, data);
    if (self->answer == NULL)
        return asyncore_close(base);
    self->message = self->answer;
    return 0;
}

static int party_handle_write(struct asyncore_dispatcher *base)
{
    struct party *self = (struct party *)base;
    ssize_t n = asyncore_send(base, self->message, strlen(self->message));

    printf("  %s: handle_write: %zd bytes\n", self->name, n);
    self->message =
        NULL; /* a new socket takes so few at once; chapter 6 is about those that do not */
    return n < 0 ? (int)n : 0;
}

static int party_handle_close(struct asyncore_dispatcher *base)
{
    const struct party *self = (struct party *)base;

    printf("  %s: handle_close\n", self->name);
    return asyncore_close(base);
}

static const struct asyncore_class party_class = {
    .name = "party",
    .super = &asyncore_dispatcher_class,
    .readable = party_readable,
    .writable = party_writable,
    .handle_read = party_handle_read,
    .handle_write = party_handle_write,
    .handle_close = party_handle_close,
};

int main(int argc, char **argv)
{
    struct party alice, bob;
    int socks[2], rc;

    (void)argv;
    if (argc > 1) {
        fprintf(stderr, "usage: questions, without arguments\n");
        return 2;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, socks) < 0) {
        perror("socketpair");
        return 1;
    }
    if ((rc = party_init(&alice, socks[0], "alice", "hello", NULL)) == 0)
        rc = party_init(&bob, socks[1], "bob", NULL, "hello yourself");
    for (int pass = 1; rc == 0 && asyncore_map_count(NULL) > 0; pass++) {
        printf("pass %d\n", pass);
        rc = asyncore_loop(30, NULL, 1);
    }
    if (rc < 0)
        fprintf(stderr, "loop: %s\n", strerror(-rc));
    return rc < 0 ? 1 : 0;
}
