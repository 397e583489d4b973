/*
 * fuzz_http.c - what the HTTP example makes of anything that a client may send, against http_model.h.
 *
 * The input is what the client sends.  At a byte of 0xff the server gets what there is so far; 0xfe, n:
 * the byte before it is repeated 256 times n.
 */
#include "checked.h"
#include "fuzz.h"
#include "http_model.h"
#include "virtual_time.h"

int http_server_main(int argc, char **argv);
#define main http_server_main
#include "../../examples/http_server.c" /* NOLINT(bugprone-suspicious-include): a program, whole */
#undef main

enum { SPLIT = 0xff, REPEAT = 0xfe, PASSES = 200 };

static const char *const files[] = {
    "hello\n", "below\n", "a text of some length, so that it may be sent in pieces\n", NULL};

static char requests[65536], answers[262144];
static size_t sent, requests_size, answers_size;
static int client;

/* Returns whether something came. */
static bool receive(void)
{
    const ssize_t n =
        recv(client, answers + answers_size, sizeof answers - answers_size, MSG_DONTWAIT);

    if (n > 0)
        answers_size += (size_t)n;
    return n > 0;
}

/* Passes, until nothing comes of them any more. */
static void serve(void)
{
    int passes = PASSES, idle = 0;

    while (idle < 3 && asyncore_map_count(NULL) > 0) {
        expect(passes-- > 0);
        expect(asyncore_poll(0, NULL) == 0);
        check_map(NULL);
        idle = receive() ? 0 : idle + 1;
    }
    while (receive())
        ;
}

static void send_rest(void)
{
    while (sent < requests_size) {
        const ssize_t n =
            send(client, requests + sent, requests_size - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n <= 0) /* it has closed */
            return;
        sent += (size_t)n;
        serve();
    }
}

static void add(char c, size_t times)
{
    while (times-- > 0 && requests_size < sizeof requests)
        requests[requests_size++] = c;
}

static void talk(struct bytes bytes)
{
    while (bytes.left > 0) {
        const unsigned byte = take(&bytes);

        if (byte == SPLIT)
            send_rest();
        else if (byte == REPEAT && requests_size > 0)
            add(requests[requests_size - 1], choose(&bytes, 64) * 256);
        else
            add((char)byte, 1);
    }
    send_rest();
}

static void begin(void)
{
    const struct sockaddr addr = {.sa_family = AF_UNIX};
    int ends[2];

    if (root == NULL)
        root = realpath(WWW, NULL);
    expect(root != NULL);
    keep_quiet();
    sent = requests_size = answers_size = 0;
    virtual_now = SECOND;
    expect(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    client = ends[1];
    expect(session_init(ends[0], &addr, sizeof addr) == 0);
}

/* The client says that it is done, or says nothing more for longer than it may. */
static void end(bool by_silence)
{
    if (by_silence)
        virtual_now += (PATIENCE + 1) * SECOND;
    else
        shutdown(client, SHUT_WR);
    serve();
    expect(asyncore_map_count(NULL) == 0);
    close(client);
    expect(asyncore_map_free(NULL) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    begin();
    talk((struct bytes){data, size});
    http_check(requests, sent, answers, answers_size, files);
    end(size % 2 == 1);
    return 0;
}
