/*
 * http_model.h - what a strict reader of RFC 9112 makes of a stream of requests, and whether what was
 * answered to it will do.
 */
#ifndef HTTP_MODEL_H
#define HTTP_MODEL_H

#include <stddef.h>

/* All that was sent, and all that came back, until the server has nothing left to say.  files: the
 * contents that it may serve, NULL behind the last. */
void http_check(const char *requests, size_t requests_size, const char *answers,
                size_t answers_size, const char *const files[]);

#endif
