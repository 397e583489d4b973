/*
 * fuzz_chat.c - async_chat's input, split anywhere, with terminators that change, and its output, taken
 * piece by piece: against chat_model.h.
 *
 * The descriptor is /dev/null, which is always ready, and recv() and send() are the class's own, so
 * that the input of the fuzzer says what comes and what is taken.
 */
#include "chat_model.h"
#include "checked.h"
#include "fuzz.h"

#include <asynchat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STEPS = 400, DEPTH = 3 };

struct session {
    struct asynchat_async_chat chat;
    struct chat_model model;
    struct bytes bytes;
    struct asyncore_map *map;
    int depth;         /* of handlers that act */
    bool closed;       /* asyncore_close() was called: nobody may call a handler any more */
    bool gone;         /* recv() or send() has failed, or called handle_close */
    bool failed;       /* a handler "raised" in this pass */
    bool reads, sends; /* recv(), send() was called in this pass */
    bool finding;      /* in found_terminator */
    bool waits;        /* a terminator was set that is not looked for until more comes */
    size_t high_water;
    int destroyed, producers;
};

static struct session *session_of(struct asyncore_dispatcher *self)
{
    return (struct session *)self;
}

/* ==================================================
 * a producer of so many bytes
 */

struct producer {
    struct asynchat_producer base;
    struct session *session;
    uint8_t data[64];
    size_t at, size;
};

static void act(struct session *session);
static int result(struct session *session);

static ssize_t producer_more(struct asynchat_producer *self, const void **data)
{
    struct producer *producer = (struct producer *)self;
    const size_t left = producer->size - producer->at;
    size_t size = 1 + choose(&producer->session->bytes, 16);
    int rc;

    act(producer->session);
    rc = result(producer->session);
    if (rc < 0) {
        producer->session->failed = true;
        return rc;
    }
    if (size > left)
        size = left;
    *data = producer->data + producer->at;
    producer->at += size;
    return (ssize_t)size;
}

static void producer_destroy(struct asynchat_producer *self)
{
    ((struct producer *)self)->session->producers--;
    free(self);
}

static const struct asynchat_producer_class producer_class = {
    .name = "producer",
    .more = producer_more,
    .destroy = producer_destroy,
};

static struct asynchat_producer *producer_new(struct session *session, const uint8_t *data,
                                              size_t size)
{
    struct producer *producer = calloc(1, sizeof *producer);

    expect(producer != NULL && size <= sizeof producer->data);
    producer->base.cls = &producer_class;
    producer->session = session;
    producer->size = size;
    if (size > 0)
        memcpy(producer->data, data, size);
    session->producers++;
    return &producer->base;
}

/* ==================================================
 * what a program may do, in a handler or outside
 */

static void close_it(struct session *session)
{
    session->closed = true;
    expect(asyncore_close(&session->chat.base) == 0);
}

/* As in Python input is looked at when it comes, and again behind a terminator that was found. */
static void terminator_is_set(struct session *session)
{
    if (!session->finding && !session->model.found_next)
        session->waits = true;
}

static void set_string(struct session *session)
{
    size_t size;
    const uint8_t *string = take_some(&session->bytes, choose(&session->bytes, 9), &size);

    model_set_string(&session->model, string, size);
    terminator_is_set(session);
    expect(asynchat_set_terminator(&session->chat, string, size) == 0);
}

static void set_number(struct session *session)
{
    const unsigned number = choose(&session->bytes, 100);

    model_set_number(&session->model, number);
    terminator_is_set(session);
    expect(asynchat_set_terminator_number(&session->chat, (ssize_t)number) == 0);
}

/* Data or a producer; of a push that a handler's failure has ended, nobody knows what was kept. */
static void push(struct session *session, bool produced)
{
    struct chat_model *model = &session->model;
    const bool refused = model->close_when_done;
    uint8_t data[64];
    const size_t size = 1 + choose(&session->bytes, sizeof data);
    int rc;

    if (size > sizeof model->out - model->pushed)
        return;
    for (size_t i = 0; i < size; i++)
        data[i] = (uint8_t)((model->pushed + i) * 7);
    if (!refused) {
        memcpy(model->out + model->pushed, data, size);
        model->pushed += size;
    }
    rc = produced ? asynchat_push_with_producer(&session->chat, producer_new(session, data, size))
                  : asynchat_push(&session->chat, data, size);
    expect(session->closed || rc <= 0);
    if (session->closed)
        return;
    expect(!refused || rc < 0);
    if (rc < 0 && rc != -ESHUTDOWN)
        close_it(session);
}

static void set_limits(struct session *session)
{
    const unsigned bytes = choose(&session->bytes, 64);

    switch (choose(&session->bytes, 4)) {
    case 0:
        session->model.max_incoming = bytes;
        expect(asynchat_set_max_incoming(&session->chat, bytes) == 0);
        break;
    case 1:
        session->high_water = bytes;
        expect(asynchat_set_high_water(&session->chat, bytes) == 0);
        break;
    case 2:
        expect(asynchat_set_ac_in_buffer_size(&session->chat, bytes) == (bytes > 0 ? 0 : -EINVAL));
        break;
    default:
        expect(asynchat_set_ac_out_buffer_size(&session->chat, bytes) == (bytes > 0 ? 0 : -EINVAL));
    }
}

static void do_one_thing(struct session *session, unsigned which)
{
    switch (which) {
    case 1:
    case 2:
    case 3:
        set_string(session);
        break;
    case 4:
        set_number(session);
        break;
    case 5:
    case 6:
        push(session, which == 6);
        break;
    case 7:
        set_limits(session);
        break;
    case 8:
        model_discard(&session->model);
        expect(asynchat_discard_buffers(&session->chat) == 0);
        break;
    case 9:
        session->model.close_when_done = true;
        expect(asynchat_close_when_done(&session->chat) == 0);
        break;
    case 10:
        close_it(session);
        break;
    case 11:
        if (session->depth > 0)
            expect(asyncore_poll(0, session->map) == -EBUSY);
        break;
    default:
        break;
    }
}

static void act(struct session *session)
{
    if (session->depth == DEPTH)
        return;
    session->depth++;
    do {
        const unsigned which = choose(&session->bytes, 32);

        if (!session->closed)
            do_one_thing(session, which);
    } while (!session->closed && choose(&session->bytes, 8) == 7);
    session->depth--;
}

/* What a handler returns. */
static int result(struct session *session)
{
    static const int results[] = {-EIO, asyncore_ExitNow, -EAGAIN, 1};
    const unsigned which = choose(&session->bytes, 32);
    const int rc = which >= 28 ? results[which - 28] : 0;

    if (rc < 0 && rc != -EAGAIN)
        session->failed = true;
    return rc;
}

/* ==================================================
 * the class
 */

static ssize_t breaks(struct session *session, bool by_error)
{
    int rc = -EIO;

    session->gone = true;
    if (!by_error)
        rc = asyncore_handle_close(&session->chat.base);
    return rc < 0 ? rc : 0;
}

static ssize_t session_recv(struct asyncore_dispatcher *self, void *buffer, size_t size)
{
    struct session *session = session_of(self);
    const unsigned what = take(&session->bytes);
    size_t room = sizeof session->model.in - session->model.received;
    const uint8_t *data;
    size_t n;

    expect(!session->closed);
    session->reads = true;
    room = room < size ? room : size;
    if (what == 0 || room == 0)
        return -EAGAIN;
    if (what >= 254)
        return breaks(session, what == 254);
    if (what >= 224) { /* one byte again and again */
        n = what - 220 < room ? what - 220 : room;
        memset(buffer, (int)take(&session->bytes), n);
    } else {
        data = take_some(&session->bytes, what < room ? what : room, &n);
        memcpy(buffer, data, n);
    }
    if (n == 0)
        return -EAGAIN;
    model_received(&session->model, buffer, n);
    session->waits = false;
    return (ssize_t)n;
}

static ssize_t session_send(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    struct session *session = session_of(self);
    struct chat_model *model = &session->model;
    const unsigned what = take(&session->bytes);

    expect(!session->closed);
    expect(size > 0 && size <= model->pushed - model->sent);
    expect(memcmp(data, model->out + model->sent, size) == 0);
    session->sends = true;
    if (what >= 250)
        return breaks(session, what >= 253);
    size = what > 0 && what < size ? what : size;
    if (what >= 240)
        return 0;
    model->sent += size;
    return (ssize_t)size;
}

static int session_collect(struct asyncore_dispatcher *self, const void *data, size_t size)
{
    struct session *session = session_of(self);
    int rc;

    expect(!session->closed);
    model_collects(&session->model, data, size);
    act(session);
    rc = result(session);
    if (!session->closed)
        model_collected(&session->model, size, rc < 0 && rc != -EAGAIN);
    return rc;
}

static int session_found(struct asyncore_dispatcher *self)
{
    struct session *session = session_of(self);

    expect(!session->closed);
    model_finds(&session->model);
    session->finding = true;
    act(session);
    session->finding = false;
    return result(session);
}

static int session_handle_close(struct asyncore_dispatcher *self)
{
    struct session *session = session_of(self);
    const struct chat_model *model = &session->model;

    expect(!session->closed);
    expect(session->gone || session->failed ||
           (model->close_when_done && model->sent == model->pushed));
    session->model.close_when_done = false;
    act(session);
    if (!session->closed)
        close_it(session);
    return result(session);
}

static int session_handle_error(struct asyncore_dispatcher *self, int error)
{
    struct session *session = session_of(self);

    expect(!session->closed);
    expect(session->gone || session->failed ||
           (error == -EMSGSIZE && model_is_over_limit(&session->model)));
    session->failed = true;
    act(session);
    if (!session->closed && choose(&session->bytes, 2) == 0)
        close_it(session);
    return result(session);
}

static void session_destroy(struct asyncore_dispatcher *self)
{
    expect(session_of(self)->closed);
    session_of(self)->destroyed++;
    asynchat_async_chat_class.destroy(self);
}

static const struct asyncore_class session_class = {
    .name = "session",
    .super = &asynchat_async_chat_class,
    .handle_close = session_handle_close,
    .handle_error = session_handle_error,
    .destroy = session_destroy,
    .recv = session_recv,
    .send = session_send,
    .collect_incoming_data = session_collect,
    .found_terminator = session_found,
};

/* ==================================================
 * the run
 */

/* Nothing that can be done may be left undone. */
static void pass(struct session *session)
{
    const struct chat_model *model = &session->model;
    const bool output = model->sent < model->pushed, end = model->close_when_done && !output;
    const size_t queued = asynchat_queued(&session->chat);
    const bool listens = session->high_water == 0 || queued <= session->high_water;
    int rc;

    session->failed = session->gone = session->reads = session->sends = false;
    rc = asyncore_poll(0, session->map);
    check_map(session->map);
    expect(rc == 0 || session->failed);
    expect(session->reads == listens);
    if (session->closed || session->failed || session->gone)
        return;
    expect(session->waits || !model_has_input(model));
    expect(!output || session->sends || model->sent == model->pushed);
    expect(!end || !model->close_when_done);
}

static void begin(struct session *session)
{
    const struct sockaddr addr = {.sa_family = AF_UNIX};

    keep_quiet();
    session->map = asyncore_map_new();
    expect(session->map != NULL);
    expect(asynchat_init(&session->chat, &session_class, open("/dev/null", O_RDWR | O_CLOEXEC),
                         &addr, sizeof addr, session->map) == 0);
    expect(asynchat_set_ac_in_buffer_size(&session->chat, 1500) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct session session;

    memset(&session, 0, sizeof session);
    session.bytes = (struct bytes){data, size};
    begin(&session);
    for (int i = 0; i < STEPS && session.bytes.left > 0 && !session.closed; i++) {
        do_one_thing(&session, choose(&session.bytes, 32));
        if (!session.closed)
            pass(&session);
    }
    for (int i = 0; i < 3 && !session.closed; i++) /* what has failed is seen to */
        pass(&session);
    if (!session.closed)
        close_it(&session);
    expect(session.destroyed == 1 && session.producers == 0);
    expect(asyncore_map_count(session.map) == 0);
    expect(asyncore_map_free(session.map) == 0);
    return 0;
}
