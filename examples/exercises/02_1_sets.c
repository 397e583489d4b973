/*
 * 2.1 Predict: see 02_1_sets.txt.
 */
#include "exercise.h"

struct party {
    struct asyncore_dispatcher base;
    const char *message; /* what it has to say, two bytes at a time */
    int heard;           /* bytes */
};

static bool party_writable(struct asyncore_dispatcher *base)
{
    return *((struct party *)base)->message != '\0';
}

static int party_handle_write(struct asyncore_dispatcher *base)
{
    struct party *self = (struct party *)base;
    ssize_t n = asyncore_send(base, self->message, 2);

    if (n > 0)
        self->message += n;
    return n < 0 ? (int)n : 0;
}

/* alice goes once she is answered. */
static int alice_handle_read(struct asyncore_dispatcher *self)
{
    return asyncore_close(self);
}

/* bob answers once he has heard four bytes. */
static int bob_handle_read(struct asyncore_dispatcher *base)
{
    struct party *self = (struct party *)base;
    char data[16];
    ssize_t n = asyncore_recv(base, data, sizeof data); /* 0, the end, closes him */

    if (n <= 0)
        return (int)n;
    self->heard += (int)n;
    if (self->heard == 4)
        self->message = "ok";
    return 0;
}

static const struct asyncore_class party_class = {
    .name = "party",
    .super = &asyncore_dispatcher_class,
    .writable = party_writable,
    .handle_write = party_handle_write,
};

static const struct asyncore_class alice_class = {
    .name = "alice", .super = &party_class, .handle_read = alice_handle_read};
static const struct asyncore_class bob_class = {
    .name = "bob", .super = &party_class, .handle_read = bob_handle_read};

int main(void)
{
    struct party alice = {.message = "ping"}, bob = {.message = ""};
    int socks[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, socks) < 0 ||
        asyncore_init(&alice.base, &alice_class, socks[0], NULL) < 0 ||
        asyncore_init(&bob.base, &bob_class, socks[1], NULL) < 0)
        return 1;
    return asyncore_loop(30, NULL, -1) < 0 ? 1 : 0;
}
