/*
 * chat_model.h - what an async_chat must do, so simple that it is plainly right: all input is kept,
 * and the terminator looked for from the beginning, byte by byte; all output is kept, and must come
 * out as it was pushed.
 */
#ifndef CHAT_MODEL_H
#define CHAT_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CHAT_STREAM = 4096, CHAT_TERMINATOR = 32 };

struct chat_model {
    /* input: what recv() has given, and how much of it the handlers have had */
    uint8_t in[CHAT_STREAM];
    size_t received, consumed;
    enum { NONE, NUMBER, STRING } kind;
    uint8_t string[CHAT_TERMINATOR];
    size_t size;         /* of the string; or what is left of the number */
    bool changed;        /* the terminator was set in the handler that runs */
    bool found_next;     /* what was collected had its terminator behind it, */
    size_t found_size;   /* of so many bytes */
    size_t unterminated; /* bytes collected since the last terminator */
    size_t max_incoming;

    /* output: what was pushed, and how much of it send() has had */
    uint8_t out[CHAT_STREAM];
    size_t pushed, sent;
    bool close_when_done;
};

void model_set_string(struct chat_model *model, const uint8_t *string, size_t size);
void model_set_number(struct chat_model *model, size_t number);
void model_discard(struct chat_model *model);

void model_received(struct chat_model *model, const uint8_t *data, size_t size);
/* Is there something that collect_incoming_data() or found_terminator() must be called for? */
bool model_has_input(const struct chat_model *model);
/* Would that be more than max_incoming allows? */
bool model_is_over_limit(const struct chat_model *model);

/* What the handlers are called with must be what comes next; they begin and end with these. */
void model_collects(struct chat_model *model, const uint8_t *data, size_t size);
void model_collected(struct chat_model *model, size_t size, bool failed);
void model_finds(struct chat_model *model);

#endif
