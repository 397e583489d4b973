/* origins.c - how to have each callback of the actor's called: see matrix.h. */
#include "matrix.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>

/* ==================================================
 * what waits for it in the next pass
 */

static struct asyncore_dispatcher *prepare_with_data(const char *data, int flags)
{
    struct asyncore_dispatcher *self = new_channel(ACTOR, &member_class);

    ASSERT_EQ(send(world.peers[ACTOR], data, strlen(data), flags), strlen(data), "send()");
    return self;
}

static void prepare_quiet(void)
{
    new_channel(ACTOR, &member_class);
}

static void prepare_read(void)
{
    wait_readable(asyncore_fileno(prepare_with_data("x", 0)));
}

static void prepare_expt(void)
{
    struct pollfd urgent = {.fd = asyncore_fileno(prepare_with_data("!", MSG_OOB)),
                            .events = POLLPRI};

    ASSERT_EQ(poll(&urgent, 1, 20000), 1, "urgent data");
}

static void prepare_write(void)
{
    struct member *actor;

    new_channel(ACTOR, &member_class);
    actor = world.members[ACTOR];
    actor->wants_read = false;
    actor->wants_write = true;
}

static void prepare_end(void)
{
    prepare_quiet();
    close(world.peers[ACTOR]);
    world.peers[ACTOR] = -1;
    wait_readable(asyncore_fileno(member(ACTOR)));
}

static void prepare_accept(void)
{
    struct asyncore_dispatcher *self = &new_member(ACTOR)->chat.base;
    struct sockaddr_in addr;
    const int fd = tcp_listen(&addr);

    ASSERT_EQ(asyncore_init(self, &member_class, fd, world.map), 0, "asyncore_init()");
    world.peers[ACTOR] = tcp_connect(&addr);
    world.peers[OTHER] = tcp_connect(&addr);
    wait_readable(fd);
}

static void prepare_connect(void)
{
    struct asyncore_dispatcher *self = &new_member(ACTOR)->chat.base;
    struct pollfd connected = {.events = POLLOUT};
    struct sockaddr_in addr;

    world.peers[ACTOR] = tcp_listen(&addr);
    world.members[ACTOR]->wants_write = true;
    ASSERT_EQ(asyncore_init(self, &member_class, -1, world.map), 0, "asyncore_init()");
    ASSERT_EQ(asyncore_create_socket(self, AF_INET, SOCK_STREAM), 0, "asyncore_create_socket()");
    ASSERT_EQ(asyncore_connect(self, (struct sockaddr *)&addr, sizeof addr), 0,
              "asyncore_connect()");
    connected.fd = asyncore_fileno(self);
    ASSERT_EQ(poll(&connected, 1, 20000), 1, "connected");
}

/* Who asks for nothing that tells it hears of it when its time is over. */
static void prepare_connect_unheard(void)
{
    prepare_connect();
    world.members[ACTOR]->wants_write = false;
    ASSERT_EQ(asyncore_set_connect_timeout(member(ACTOR), 1e-9), 0,
              "asyncore_set_connect_timeout()");
}

/* To the library it connects, and cannot be written yet. */
static void prepare_late_connect(void)
{
    struct asyncore_dispatcher *self = &new_member(ACTOR)->chat.base;
    static const char bytes[65536];
    int ends[2];

    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0,
              "socketpair()");
    while (send(ends[0], bytes, sizeof bytes, 0) > 0)
        ;
    world.peers[ACTOR] = ends[1];
    ASSERT_EQ(asyncore_init(self, &member_class, ends[0], world.map), 0, "asyncore_init()");
    self->connecting = true;
    ASSERT_EQ(asyncore_set_connect_timeout(self, 1e-9), 0, "asyncore_set_connect_timeout()");
}

static void prepare_chat(void)
{
    struct member *actor = new_member(ACTOR);
    int ends[2];

    tcp_pair(ends);
    world.peers[ACTOR] = ends[1];
    ASSERT_EQ(asynchat_init(&actor->chat, &chat_class, ends[0], NULL, 0, world.map), 0,
              "asynchat_init()");
    ASSERT_EQ(asynchat_set_terminator(&actor->chat, "\n", 1), 0, "asynchat_set_terminator()");
    send_all(ends[1], "one\ntwo\n");
    wait_readable(ends[0]);
}

/* Its descriptor is closed behind the library's back, and nobody else gets the number. */
static void prepare_dead(void)
{
    struct asyncore_dispatcher *self = &new_member(ACTOR)->chat.base;
    const int fd = fcntl(world.spare[0], F_DUPFD_CLOEXEC, 500);

    ASSERT_EQ(asyncore_init(self, &member_class, fd, world.map), 0, "asyncore_init()");
    close(fd);
}

static void prepare_timeout(void)
{
    ASSERT_EQ(asyncore_set_idle_timeout(new_channel(ACTOR, &member_class), 1e-9), 0,
              "asyncore_set_idle_timeout()");
}

static void prepare_timer(void)
{
    prepare_quiet();
    ASSERT_EQ(asyncore_call_every(&world.timer, 0, timer_fires, world.map), 0,
              "asyncore_call_every()");
}

static void prepare_signal(void)
{
    prepare_quiet();
    ASSERT_EQ(asyncore_add_signal_handler(&world.handler, SIGUSR1, signal_comes, world.map), 0,
              "asyncore_add_signal_handler()");
    raise(SIGUSR1);
}

static void prepare_call(void)
{
    prepare_quiet();
    ASSERT_EQ(asyncore_call_soon_threadsafe(&world.call, call_is_made, world.map), 0,
              "asyncore_call_soon_threadsafe()");
}

/* ==================================================
 * what it does about that
 */

static int receive(struct asyncore_dispatcher *self)
{
    char bytes[16];
    const ssize_t n = asyncore_recv(self, bytes, sizeof bytes);

    return n < 0 ? (int)n : 0;
}

static int send_something(struct asyncore_dispatcher *self)
{
    const ssize_t n = asyncore_send(self, "x", 1);

    return n < 0 ? (int)n : 0;
}

static int fail_with_eio(struct asyncore_dispatcher *self)
{
    (void)self;
    return -EIO;
}

static int close_it(struct asyncore_dispatcher *self)
{
    return asyncore_close(self);
}

static int log_something(struct asyncore_dispatcher *self)
{
    asyncore_log_info(self, "something", ASYNCORE_INFO);
    return 0;
}

static ssize_t more(void *argument, const void **data)
{
    (void)argument;
    *data = NULL;
    return note(ACTOR, MORE);
}

static int push_producer(struct asyncore_dispatcher *self)
{
    return asynchat_push_with_producer((struct asynchat_async_chat *)self,
                                       asynchat_callback_producer(more, NULL));
}

const struct origin origins[] = {
    {"readable", READABLE, ASKING, prepare_quiet, NULL, false},
    {"writable", WRITABLE, ASKING, prepare_quiet, NULL, false},
    {"handle_close of a dead one", CLOSE, FAILING, prepare_dead, NULL, true},
    {"handle_accept", ACCEPT, READING, prepare_accept, NULL, true},
    {"handle_accepted", ACCEPTED, READING, prepare_accept, NULL, true},
    {"handle_accepted of many", ACCEPTED, READING, prepare_accept, asyncore_accept_many, true},
    {"handle_read", READ, READING, prepare_read, NULL, true},
    {"recv", RECV, READING, prepare_read, receive, false},
    {"collect_incoming_data", COLLECT, READING, prepare_chat, NULL, true},
    {"found_terminator", FOUND, READING, prepare_chat, NULL, true},
    {"more", MORE, READING, prepare_chat, push_producer, true},
    {"handle_eof", END, READING, prepare_end, receive, true},
    {"handle_close", CLOSE, READING, prepare_end, receive, true},
    {"handle_error", ERROR, READING, prepare_read, fail_with_eio, true},
    {"log_info", LOG, READING, prepare_read, log_something, false},
    {"handle_connect", CONNECT, WRITING, prepare_connect, NULL, true},
    {"handle_write", WRITE, WRITING, prepare_write, NULL, true},
    {"send", SEND, WRITING, prepare_write, send_something, false},
    {"handle_expt", EXPT, EXCEPTING, prepare_expt, NULL, true},
    {"handle_timeout", TIMEOUT, TIMING, prepare_timeout, NULL, true},
    {"handle_connect, in time", CONNECT, TIMING, prepare_connect_unheard, NULL, true},
    {"handle_error of a late connect", ERROR, TIMING, prepare_late_connect, NULL, true},
    {"a timer", TIMER, TIMING, prepare_timer, NULL, false},
    {"a signal", SIGNAL, SIGNALLING, prepare_signal, NULL, false},
    {"a call", CALL, CALLING, prepare_call, NULL, false},
    {"destroy", DESTROY, DESTROYING, prepare_read, close_it, false},
};
const size_t origin_count = sizeof origins / sizeof origins[0];
