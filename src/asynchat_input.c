/*
 * asynchat_input.c - grab some more data from the socket, throw it to the collector method, check
 * for the terminator, if found, transition to the next state.
 *
 * A string is looked for by Knuth, Morris and Pratt's method: failure[i] is the length of the
 * longest beginning of the terminator that also ends its first i + 1 bytes.  So no byte is looked
 * at twice, however the input is split, and the end of the input that may begin a terminator, which
 * is held back, is as long as what is matched.
 */
#include "asynchat_internal.h"

#include <errno.h>
#include <stdlib.h>

/* ==================================================
 * the terminator
 */

static void forget_terminator(struct asynchat_async_chat *self)
{
    free(self->failure); /* and the string, which lies behind */
    self->failure = NULL;
    self->terminator = NULL;
    self->terminator_size = 0;
    self->scanned = self->matched = 0;
    self->counting = false;
}

static void fill_failure(size_t *failure, const char *terminator, size_t size)
{
    failure[0] = 0;
    for (size_t i = 1, k = 0; i < size; i++) {
        while (k > 0 && terminator[i] != terminator[k])
            k = failure[k - 1];
        if (terminator[i] == terminator[k])
            k++;
        failure[i] = k;
    }
}

int asynchat_set_terminator(struct asynchat_async_chat *self, const void *terminator, size_t size)
{
    size_t *failure;
    char *copy;
    const int rc = asynchat__check(self);

    if (rc < 0)
        return rc;
    if (terminator == NULL || size == 0) {
        forget_terminator(self);
        return 0;
    }
    if (size == self->terminator_size && self->terminator != NULL &&
        memcmp(terminator, self->terminator, size) == 0)
        return 0;
    if (size > SIZE_MAX / (sizeof *failure + 1))
        return -ENOMEM;
    failure = malloc(size * (sizeof *failure + 1));
    if (failure == NULL)
        return -ENOMEM;
    copy = (char *)(failure + size);
    memcpy(copy, terminator, size); /* which may be the old one's */
    fill_failure(failure, copy, size);
    forget_terminator(self);
    self->failure = failure;
    self->terminator = copy;
    self->terminator_size = size;
    return 0;
}

int asynchat_set_terminator_number(struct asynchat_async_chat *self, ssize_t number)
{
    const int rc = asynchat__check(self);

    if (rc < 0 || number < 0)
        return rc < 0 ? rc : -EINVAL;
    forget_terminator(self);
    self->terminator_size = (size_t)number;
    return 0;
}

size_t asynchat_get_terminator(const struct asynchat_async_chat *self, const void **terminator)
{
    const bool valid = asynchat__check(self) == 0;

    *terminator = valid ? self->terminator : NULL;
    return valid ? self->terminator_size : 0;
}

/* Goes on where it stopped.  Returns whether the terminator ends at self->scanned. */
static bool find_terminator(struct asynchat_async_chat *self)
{
    const char *input = self->in_buffer + self->in_start, *terminator = self->terminator;
    size_t k = self->matched, i = self->scanned;

    while (i < self->in_length && k < self->terminator_size) {
        if (k == 0) { /* the usual case: to the next first byte in one leap */
            const char *first = memchr(input + i, terminator[0], self->in_length - i);

            i = first != NULL ? (size_t)(first - input) : self->in_length;
            if (first == NULL)
                break;
        }
        while (k > 0 && input[i] != terminator[k])
            k = self->failure[k - 1];
        if (input[i] == terminator[k])
            k++;
        i++;
    }
    self->scanned = i;
    self->matched = k;
    return k == self->terminator_size;
}

size_t asynchat_find_prefix_at_end(const void *haystack, size_t haystack_size, const void *needle,
                                   size_t needle_size)
{
    size_t length = needle_size > 0 ? needle_size - 1 : 0;

    if (length > haystack_size)
        length = haystack_size;
    while (length > 0 &&
           memcmp((const char *)haystack + haystack_size - length, needle, length) != 0)
        length--;
    return length;
}

/* ==================================================
 * the buffer
 */

/* Room for one recv() behind what is there. */
static char *make_room(struct asynchat_async_chat *self)
{
    const size_t need = self->in_length + self->ac_in_buffer_size;

    if (self->in_start > 0)
        memmove(self->in_buffer, self->in_buffer + self->in_start, self->in_length);
    self->in_start = 0;
    if (need < self->in_length)
        return NULL;
    if (need > self->in_size) {
        char *buffer = realloc(self->in_buffer, need);

        if (buffer == NULL)
            return NULL;
        self->in_buffer = buffer;
        self->in_size = need;
    }
    return self->in_buffer + self->in_length;
}

/* A channel at rest holds no buffer; one that holds the beginning of a terminator, a small one. */
static void give_room_back(struct asynchat_async_chat *self)
{
    enum { SMALL = 1024 };

    if (self->in_length == 0) {
        free(self->in_buffer);
        self->in_buffer = NULL;
        self->in_start = self->in_size = 0;
    } else if (self->in_length <= SMALL && self->in_size > SMALL) {
        char *buffer;

        memmove(self->in_buffer, self->in_buffer + self->in_start, self->in_length);
        self->in_start = 0;
        buffer = realloc(self->in_buffer, SMALL);
        if (buffer != NULL) {
            self->in_buffer = buffer;
            self->in_size = SMALL;
        }
    }
}

static void consume(struct asynchat_async_chat *self, size_t size)
{
    if (size > self->in_length) /* asynchat_discard_buffers() in a handler */
        size = self->in_length;
    self->in_start += size;
    self->in_length -= size;
    self->scanned -= size < self->scanned ? size : self->scanned;
}

void asynchat__discard_input(struct asynchat_async_chat *self)
{
    self->in_length = self->in_start = self->scanned = self->matched = 0;
    self->incoming_length = 0;
    if (!self->handling) /* a handler may still read in it */
        give_room_back(self);
}

void asynchat__free_input(struct asynchat_async_chat *self)
{
    forget_terminator(self);
    free(self->in_buffer);
    free(self->incoming);
    self->in_buffer = self->incoming = NULL;
    self->in_start = self->in_length = self->in_size = 0;
    self->incoming_length = self->incoming_size = 0;
}

/* ==================================================
 * from the buffer to the handlers
 */

/* Whether a handler's result ends the work on the input: an error, or the channel is closed. */
static bool is_over(const struct asynchat_async_chat *self, uint32_t generation, int rc)
{
    return asyncore__is_error(rc) || rc == asyncore_ExitNow || self->base.generation != generation;
}

static int call_collect(struct asynchat_async_chat *self, size_t size)
{
    struct asyncore_dispatcher *base = &self->base;
    struct asyncore__frame frame;
    int rc;

    asyncore__calls(&frame, base->map, base, "collect_incoming_data");
    rc = ASYNCORE__CLASS_WITH(base, collect_incoming_data)
             ->collect_incoming_data(base, self->in_buffer + self->in_start, size);
    asyncore__returned(&frame, rc);
    return rc;
}

static int call_found(struct asyncore_dispatcher *base)
{
    struct asyncore__frame frame;
    int rc;

    asyncore__calls(&frame, base->map, base, "found_terminator");
    rc = ASYNCORE__CLASS_WITH(base, found_terminator)->found_terminator(base);
    asyncore__returned(&frame, rc);
    return rc;
}

static int collect(struct asynchat_async_chat *self, size_t size)
{
    struct asyncore_dispatcher *base = &self->base;
    const uint32_t generation = base->generation;
    int rc = 0;

    if (size > 0)
        rc = call_collect(self, size);
    if (!is_over(self, generation, rc)) {
        consume(self, size);
        self->unterminated += size;
        if (self->counting)
            self->terminator_size -= size;
    }
    return rc;
}

static int found(struct asynchat_async_chat *self, size_t terminator_size)
{
    consume(self, terminator_size);
    self->scanned = self->matched = 0;
    self->unterminated = 0;
    return call_found(&self->base);
}

/* One step: what can be collected in one piece, and the terminator behind it.  *more: there may be
 * another. */
static int step(struct asynchat_async_chat *self, bool *more)
{
    const uint32_t generation = self->base.generation;
    const bool is_string = self->terminator != NULL;
    const size_t number = is_string ? 0 : self->terminator_size;
    size_t size = self->in_length, terminator_size = 0;
    bool is_found = false;
    int rc;

    if (is_string) {
        is_found = find_terminator(self);
        terminator_size = is_found ? self->terminator_size : 0;
        size = self->scanned - self->matched;
    } else if (number > 0) {
        is_found = number <= self->in_length;
        size = is_found ? number : self->in_length;
    }
    self->counting = number > 0;
    if ((is_string || number > 0) && self->max_incoming > 0 &&
        self->unterminated + size > self->max_incoming)
        return -EMSGSIZE;
    rc = collect(self, size);
    *more = is_found;
    if (is_over(self, generation, rc))
        return rc;
    return is_found ? found(self, terminator_size) : 0;
}

static int process(struct asynchat_async_chat *self)
{
    const uint32_t generation = self->base.generation;
    bool more = true;

    while (more && self->in_length > 0) {
        const int rc = step(self, &more);

        if (is_over(self, generation, rc))
            return rc;
    }
    return 0;
}

static int handle_input(struct asyncore_dispatcher *base);

/* Nothing needs to come for what is left: the next pass goes on with it.  If the channel has left the
 * map, it is called no more; what is left is seen to with what comes next. */
static void resume(struct asyncore_timer *timer)
{
    struct asynchat_async_chat *self =
        (struct asynchat_async_chat *)(void *)((char *)timer -
                                               offsetof(struct asynchat_async_chat, resume));

    if (self->base.channel != NULL && self->base.map == timer->map)
        asyncore__raise(timer->map, asyncore__serve(&self->base, handle_input));
}

static int handle_input(struct asyncore_dispatcher *base)
{
    struct asynchat_async_chat *self = asynchat__chat(base);
    struct asyncore_map *map = base->map;
    int rc;

    asyncore__enter(map);
    self->handling = true;
    rc = process(self);
    self->handling = false;
    if (asyncore__check_socket(base) == 0) {
        give_room_back(self);
        if (rc < 0 && self->in_length > 0)
            asyncore_call_later(&self->resume, 0, resume, map);
    }
    asyncore__leave(map);
    return rc;
}

int asynchat__handle_read(struct asyncore_dispatcher *base)
{
    struct asynchat_async_chat *self = asynchat__chat(base);
    struct asyncore_map *map;
    char *room;
    ssize_t n;
    int rc = asyncore__check_socket(base);

    if (rc < 0 || self->handling) /* a handler that reads would have its data moved */
        return rc;
    room = make_room(self);
    if (room == NULL)
        return -ENOMEM;
    map = base->map;
    asyncore__enter(map);
    n = asyncore_recv(base, room, self->ac_in_buffer_size);
    if (n > 0) {
        self->in_length += (size_t)n;
        rc = handle_input(base);
    } else if (asyncore__is_error((int)n)) {
        rc = asyncore_handle_error(base, (int)n);
    } else {
        rc = (int)n;
    }
    if (n <= 0)
        give_room_back(self);
    asyncore__leave(map);
    return rc;
}

/* ==================================================
 * _collect_incoming_data, _get_data
 */

int asynchat_collect_incoming_data(struct asyncore_dispatcher *base, const void *data, size_t size)
{
    struct asynchat_async_chat *self = asynchat__chat(base);
    const int rc = asynchat__check(self);
    size_t need;

    if (rc < 0)
        return rc;
    need = self->incoming_length + size + 1;
    if (need <= size)
        return -ENOMEM;
    if (need > self->incoming_size) {
        const size_t larger = need > 2 * self->incoming_size ? need : 2 * self->incoming_size;
        char *incoming = realloc(self->incoming, larger);

        if (incoming == NULL)
            return -ENOMEM;
        self->incoming = incoming;
        self->incoming_size = larger;
    }
    if (size > 0)
        memcpy(self->incoming + self->incoming_length, data, size);
    self->incoming_length += size;
    return 0;
}

char *asynchat_get_data(struct asynchat_async_chat *self, size_t *size)
{
    char *data;

    if (asynchat__check(self) == -EINVAL)
        return NULL;
    data = self->incoming != NULL ? self->incoming : malloc(1);
    if (size != NULL)
        *size = self->incoming_length;
    if (data != NULL)
        data[self->incoming_length] = '\0';
    self->incoming = NULL;
    self->incoming_length = self->incoming_size = 0;
    return data;
}
