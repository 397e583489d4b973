/*
 * check_known.c - predicates that the library knows are not asked in each pass: whatever changes their
 * answer must say so.  asyncore_check() sees who is watched for something else than it would answer.
 */
#include "support.h"

#include <asynchat.h>

static struct asyncore_dispatcher d;
static struct asyncore_dispatcher_with_send sender;
static struct asynchat_async_chat chat;
static int peer;

static char big[4 << 20]; /* more than any socket takes */

/* ==================================================
 * plain dispatchers
 */

static int forgive(struct asyncore_dispatcher *self, int error)
{
    (void)self;
    (void)error;
    return 0;
}

static const struct asyncore_class deaf_class = {
    .readable = asyncore_never,
    .writable = asyncore_never,
    .handle_error = forgive,
};

static void make_deaf(void)
{
    ck_assert_int_eq(asyncore_init(&d, &deaf_class, -1, NULL), 0);
    ck_assert_int_eq(asyncore_create_socket(&d, AF_INET, SOCK_STREAM), 0);
}

static void make_bound(void)
{
    const struct sockaddr_in addr = loopback(0);

    ck_assert_int_eq(asyncore_init(&d, &asyncore_dispatcher_class, -1, NULL), 0);
    ck_assert_int_eq(asyncore_create_socket(&d, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_bind(&d, (const struct sockaddr *)&addr, sizeof addr), 0);
}

static void listen_now(void)
{
    ck_assert_int_eq(asyncore_listen(&d, 1), 0);
}

static void connect_now(void)
{
    struct sockaddr_in addr;

    peer = tcp_listen(&addr);
    ck_assert_int_eq(asyncore_connect(&d, (const struct sockaddr *)&addr, sizeof addr), 0);
}

/* Connecting since before the last pass; the outcome comes behind that. */
static void make_connecting(void)
{
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    peer = ends[1];
    while (send(ends[0], big, sizeof big, 0) > 0) /* not writable, and so nothing is known */
        ;
    ck_assert_int_eq(asyncore_init(&d, &deaf_class, ends[0], NULL), 0);
    d.connected = false;
    d.connecting = true;
}

static void succeed(void)
{
    ck_assert_int_eq(asyncore_handle_connect_event(&d), 0);
    ck_assert(asyncore_connected(&d));
}

static void be_reset(void)
{
    reset(peer);
    peer = -1;
    ck_assert_int_eq(asyncore_handle_connect_event(&d), -ECONNRESET);
}

static void be_late(void)
{
    ck_assert_int_eq(asyncore_set_connect_timeout(&d, 1e-9), 0);
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert(!asyncore_connecting(&d));
}

/* ==================================================
 * dispatcher_with_send
 */

static void make_sender(void)
{
    int ends[2];

    tcp_pair(ends);
    peer = ends[1];
    ck_assert_int_eq(asyncore_dispatcher_with_send_init(
                         &sender, &asyncore_dispatcher_with_send_class, ends[0], NULL, 0, NULL),
                     0);
}

static void send_big(void)
{
    ck_assert_int_eq(asyncore_send(&sender.base, big, sizeof big), sizeof big);
    ck_assert_uint_gt(asyncore_out_buffer(&sender), 0);
}

static void make_sending(void)
{
    make_sender();
    ck_assert_int_eq(asyncore_send(&sender.base, big, 100000), 100000); /* more than a piece */
    ck_assert_uint_gt(asyncore_out_buffer(&sender), 0);
}

static void send_rest(void)
{
    while (asyncore_out_buffer(&sender) > 0)
        ck_assert_int_eq(asyncore_initiate_send(&sender), 0);
}

static void close_sender_when_done(void)
{
    ck_assert_int_eq(asyncore_close_when_done(&sender), 0);
}

/* ==================================================
 * async_chat
 */

static void make_chat(void)
{
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    peer = ends[1];
    ck_assert_int_eq(asynchat_init(&chat, &asynchat_async_chat_class, ends[0], NULL, 0, NULL), 0);
}

static void push_big(void)
{
    ck_assert_int_eq(asynchat_push(&chat, big, sizeof big), 0);
    ck_assert_uint_gt(asynchat_queued(&chat), 0);
}

static void make_pushing(void)
{
    make_chat();
    push_big();
    for (int i = 0; i < 20; i++) /* until the socket takes no more */
        ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    ck_assert_uint_gt(asynchat_queued(&chat), 0);
}

static void discard(void)
{
    ck_assert_int_eq(asynchat_discard_buffers(&chat), 0);
}

static void set_high_water(void)
{
    ck_assert_int_eq(asynchat_set_high_water(&chat, 1), 0);
    ck_assert(!asyncore_readable(&chat.base));
}

static void close_chat_when_done(void)
{
    ck_assert_int_eq(asynchat_close_when_done(&chat), 0);
}

static const struct {
    void (*make)(void), (*change)(void);
} rows[] = {
    {make_bound, listen_now},       {make_deaf, connect_now},
    {make_connecting, succeed},     {make_connecting, be_reset},
    {make_connecting, be_late},     {make_sender, send_big},
    {make_sending, send_rest},      {make_sender, close_sender_when_done},
    {make_chat, push_big},          {make_pushing, discard},
    {make_pushing, set_high_water}, {make_chat, close_chat_when_done},
};

START_TEST(test_change)
{
    peer = -1;
    rows[_i].make();
    ck_assert_int_eq(asyncore_poll(0, NULL), 0);
    rows[_i].change();
    ck_assert_int_eq(asyncore_check(NULL), 0);
    ck_assert_int_eq(asyncore_close_all(NULL, false), 0);
    if (peer >= 0)
        close(peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("known");
    TCase *tcase = add_case(suite, "known");

    tcase_add_loop_test(tcase, test_change, 0, sizeof rows / sizeof rows[0]);
    return run_suite(suite);
}
