/*
 * 4.2 Predict: see 04_2_outcome.txt.
 */
#include "exercise.h"

static int client_handle_connect(struct asyncore_dispatcher *self)
{
    ssize_t n = asyncore_send(self, "hello", 5);

    return n < 0 ? (int)n : 0;
}

static int client_handle_write(struct asyncore_dispatcher *self)
{
    return asyncore_close(self);
}

static int client_handle_error(struct asyncore_dispatcher *self, int error)
{
    (void)error;
    return asyncore_handle_close(self);
}

static int client_handle_close(struct asyncore_dispatcher *self)
{
    return asyncore_close(self);
}

static const struct asyncore_class client_class = {
    .name = "client",
    .super = &asyncore_dispatcher_class,
    .handle_connect = client_handle_connect,
    .handle_write = client_handle_write,
    .handle_error = client_handle_error,
    .handle_close = client_handle_close,
};

/* It waits for an answer before it says more. */
static int patient_handle_connect(struct asyncore_dispatcher *self)
{
    ssize_t n = asyncore_send(self, "hello", 5);

    return n < 0 ? (int)n : asyncore_close(self);
}

static const struct asyncore_class refused_class = {.name = "refused", .super = &client_class};
static const struct asyncore_class heard_class = {.name = "heard", .super = &client_class};
static const struct asyncore_class patient_class = {.name = "patient",
                                                    .super = &client_class,
                                                    .readable = asyncore_never,
                                                    .writable = asyncore_never,
                                                    .handle_connect = patient_handle_connect};

/* One client after the other, each alone with a loop. */
static int run(const struct asyncore_class *cls, int service)
{
    struct asyncore_dispatcher client;
    struct sockaddr_in addr;
    socklen_t size = sizeof addr;

    if (getsockname(service, (struct sockaddr *)&addr, &size) < 0 ||
        asyncore_init(&client, cls, -1, NULL) < 0 ||
        asyncore_create_socket(&client, AF_INET, SOCK_STREAM) < 0 ||
        asyncore_connect(&client, (struct sockaddr *)&addr, sizeof addr) < 0)
        return 1;
    return asyncore_loop(30, NULL, -1) < 0 ? 1 : 0;
}

int main(void)
{
    const int listens = loopback_socket(SOCK_STREAM); /* nobody accepts, but the system connects */
    const int nobody = loopback_socket(SOCK_DGRAM);   /* a port, at which no stream is served */

    return run(&refused_class, nobody) + run(&heard_class, listens) + run(&patient_class, listens);
}
