/*
 * greeter.c - greets whoever says his name in time, until SIGTERM; greeter.py is its twin.
 *
 *     cc -o greeter greeter.c $(pkg-config --cflags --libs asyncore)
 *     ./greeter [PORT [SECONDS]]
 *
 * Come in with "nc 127.0.0.1 8013", and say your name.  SIGUSR1 has it say how many are here; after
 * SIGTERM nobody is let in any more, and it ends when the last one has gone.
 */
#include <arpa/inet.h>
#include <asynchat.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 8013
#define SECONDS 10  /* in which the whole name must have come */
#define MAX_NAME 64 /* bytes */

static int patience = SECONDS;
static unsigned here; /* guests */

/* class Guest(asynchat.async_chat): */
struct guest {
    struct asynchat_async_chat chat; /* first member: a guest is an async_chat */
    struct asyncore_timer deadline;
};

static const struct asyncore_class guest_class; /* a table, filled in below */

static int guest_part(struct guest *self, const char *words)
{
    int rc = asynchat_push(&self->chat, words, strlen(words));

    if (rc < 0)
        return rc;
    asynchat_set_terminator(&self->chat, NULL, 0); /* what comes now is of no interest */
    return asynchat_close_when_done(&self->chat);
}

static void guest_expired(struct asyncore_timer *deadline)
{
    struct guest *self =
        (struct guest *)(void *)((char *)deadline - offsetof(struct guest, deadline));

    if (guest_part(self, "too slow\n") < 0)
        asyncore_close(&self->chat.base);
}

/* If it fails, also for want of memory, sock is closed, and self, from calloc(), is freed. */
static int guest_init(struct guest *self, int sock, const struct sockaddr *addr, socklen_t addrlen)
{
    int rc =
        asynchat_init((struct asynchat_async_chat *)self, &guest_class, sock, addr, addrlen, NULL);

    if (rc < 0) {
        free(self);
        return rc;
    }
    here++;
    asynchat_set_max_incoming(&self->chat, MAX_NAME);
    if ((rc = asynchat_set_terminator(&self->chat, "\n", 1)) < 0 ||
        (rc = asyncore_call_later(&self->deadline, patience, guest_expired, NULL)) < 0)
        asyncore_close(&self->chat.base);
    return rc;
}

static int guest_collect_incoming_data(struct asyncore_dispatcher *base, const void *data,
                                       size_t size)
{
    const struct guest *self = (struct guest *)base;
    const void *terminator;

    if (asynchat_get_terminator(&self->chat, &terminator) == 0)
        return 0; /* it has been told good-bye */
    return asynchat_collect_incoming_data(base, data, size);
}

static int guest_found_terminator(struct asyncore_dispatcher *base)
{
    struct guest *self = (struct guest *)base;
    char words[MAX_NAME + 16], *name = asynchat_get_data(&self->chat, NULL);

    if (name == NULL)
        return -ENOMEM;
    snprintf(words, sizeof words, "Hello, %s.\n", name);
    free(name);
    return guest_part(self, words);
}

static void guest_destroy(struct asyncore_dispatcher *base)
{
    struct guest *self = (struct guest *)base;

    asyncore_cancel(&self->deadline); /* or it would fire for memory that is freed */
    here--;
    asynchat_async_chat_class.destroy(base);
    free(self);
}

static const struct asyncore_class guest_class = {
    .name = "guest",
    .super = &asynchat_async_chat_class,
    .collect_incoming_data = guest_collect_incoming_data,
    .found_terminator = guest_found_terminator,
    .destroy = guest_destroy,
};

/* class Greeter(asyncore.dispatcher): */
static struct asyncore_dispatcher greeter;
static const struct asyncore_class greeter_class;

static void greeter_init(struct asyncore_dispatcher *self, int port)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int rc;

    asyncore_init(self, &greeter_class, -1, NULL);
    if ((rc = asyncore_create_socket(self, AF_INET, SOCK_STREAM)) < 0 ||
        (rc = asyncore_set_reuse_addr(self)) < 0 ||
        (rc = asyncore_bind(self, (const struct sockaddr *)&addr, sizeof addr)) < 0 ||
        (rc = asyncore_listen(self, SOMAXCONN)) < 0) {
        fprintf(stderr, "bind 0.0.0.0:%d: %s (give another port as argument)\n", port,
                strerror(-rc));
        exit(1);
    }
}

static int greeter_handle_accepted(struct asyncore_dispatcher *self, int sock,
                                   const struct sockaddr *addr, socklen_t addrlen)
{
    (void)self;
    return guest_init(calloc(1, sizeof(struct guest)), sock, addr, addrlen);
}

static const struct asyncore_class greeter_class = {
    .name = "greeter",
    .super = &asyncore_dispatcher_class,
    .handle_accepted = greeter_handle_accepted,
};

/* ---- signals ---- */

static void report(struct asyncore_signal_handler *self)
{
    (void)self;
    printf("%u here\n", here);
}

static void end(struct asyncore_signal_handler *self)
{
    (void)self;
    printf("ending, %u still here\n", here);
    asyncore_close(&greeter); /* and the loop ends when the map is empty */
}

static int parse_number(const char *text, int most)
{
    const size_t digits = strspn(text, "0123456789");

    if (digits < 1 || digits > 5 || text[digits] != '\0' || atoi(text) > most)
        return -1;
    return atoi(text);
}

int main(int argc, char **argv)
{
    static struct asyncore_signal_handler usr1, term;
    const int port = argc > 1 ? parse_number(argv[1], 65535) : PORT;
    struct sockaddr_storage addr;
    socklen_t addrlen;
    int rc;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 2)
        patience = parse_number(argv[2], 3600);
    if (argc > 3 || port < 0 || patience < 1) {
        fprintf(stderr,
                "usage: greeter [PORT [SECONDS]], numbers from 0 to 65535 and from 1 to 3600\n");
        return 2;
    }
    greeter_init(&greeter, port);
    asyncore_add_signal_handler(&usr1, SIGUSR1, report, NULL);
    asyncore_add_signal_handler(&term, SIGTERM, end, NULL);
    asyncore_getsockname(&greeter, &addr, &addrlen);
    printf("listening on port %d\n", ntohs(((struct sockaddr_in *)&addr)->sin_port));
    rc = asyncore_loop(30, NULL, -1);
    if (rc < 0)
        fprintf(stderr, "loop: %s\n", strerror(-rc));
    else
        printf("ended\n");
    return rc < 0 ? 1 : 0;
}
