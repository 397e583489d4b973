/* chat_model.c - see chat_model.h. */
#include "chat_model.h"

#include "fuzz.h"

#include <string.h>

static void set_terminator(struct chat_model *model, int kind, size_t size)
{
    model->kind = size == 0 ? NONE : kind == STRING ? STRING : NUMBER;
    model->size = size;
    model->changed = true;
}

void model_set_string(struct chat_model *model, const uint8_t *string, size_t size)
{
    set_terminator(model, STRING, size);
    if (size > 0)
        memcpy(model->string, string, size);
}

void model_set_number(struct chat_model *model, size_t number)
{
    set_terminator(model, NUMBER, number);
}

void model_discard(struct chat_model *model)
{
    model->consumed = model->received;
    model->pushed = model->sent;
    model->close_when_done = false;
}

void model_received(struct chat_model *model, const uint8_t *data, size_t size)
{
    expect(size <= sizeof model->in - model->received);
    memcpy(model->in + model->received, data, size);
    model->received += size;
}

/* memcmp() would be watched by the fuzzer. */
static bool is_same(const uint8_t *a, const uint8_t *b, size_t size)
{
    while (size > 0 && a[size - 1] == b[size - 1])
        size--;
    return size == 0;
}

/* The length of the longest end of the input that begins the terminator. */
static size_t held_back(const struct chat_model *model, const uint8_t *input, size_t size)
{
    size_t length = size < model->size ? size : model->size - 1;

    while (length > 0 && !is_same(input + size - length, model->string, length))
        length--;
    return length;
}

/* What is to be collected in one piece, and whether the terminator stands behind it. */
static size_t next_piece(const struct chat_model *model, bool *found)
{
    const uint8_t *input = model->in + model->consumed;
    const size_t size = model->received - model->consumed;

    *found = false;
    if (model->kind == NUMBER)
        *found = size >= model->size;
    if (model->kind == NONE || (model->kind == NUMBER && !*found))
        return size;
    if (model->kind == NUMBER)
        return model->size;
    for (size_t i = 0; i + model->size <= size; i++) {
        *found = is_same(input + i, model->string, model->size);
        if (*found)
            return i;
    }
    return size - held_back(model, input, size);
}

bool model_has_input(const struct chat_model *model)
{
    bool found;

    return next_piece(model, &found) > 0 || found;
}

bool model_is_over_limit(const struct chat_model *model)
{
    bool found;

    return model->kind != NONE && model->max_incoming > 0 &&
           model->unterminated + next_piece(model, &found) > model->max_incoming;
}

void model_collects(struct chat_model *model, const uint8_t *data, size_t size)
{
    bool found;

    expect(!model->found_next);
    expect(!model_is_over_limit(model));
    expect(size > 0 && size == next_piece(model, &found));
    expect(is_same(data, model->in + model->consumed, size));
    model->found_next = found;
    model->found_size = model->kind == STRING ? model->size : 0;
    model->changed = false;
}

void model_collected(struct chat_model *model, size_t size, bool failed)
{
    if (failed) { /* it comes again */
        model->found_next = false;
        return;
    }
    model->unterminated += size;
    if (model->consumed < model->received) /* or it was discarded meanwhile */
        model->consumed += size;
    if (model->kind == NUMBER && !model->changed)
        model_set_number(model, model->size - size);
}

void model_finds(struct chat_model *model)
{
    size_t size = model->found_size;
    bool found = model->found_next;

    if (!found) {
        expect(!model_is_over_limit(model));
        expect(next_piece(model, &found) == 0);
        size = model->size;
    }
    expect(found);
    if (size > model->received - model->consumed) /* it was discarded meanwhile */
        size = model->received - model->consumed;
    model->consumed += size;
    model->found_next = false;
    model->unterminated = 0;
}
