/* http_model.c - see http_model.h. */
#include "http_model.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_HEAD = 8192, MAX_BODY = 1048576 };

struct text {
    const char *at;
    size_t size;
};

struct request {
    bool is_good; /* nobody can understand it in two ways */
    struct text method;
    int minor;
    bool has_length, has_encoding, has_connection, wants_close;
    size_t length;
    const char *body;
};

struct answer {
    int status;
    bool closes;
    size_t length;
};

static bool is(struct text text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.at, word, text.size) == 0;
}

static bool is_exactly(struct text text, const char *word)
{
    return is(text, word) && memcmp(text.at, word, text.size) == 0;
}

static struct text until(struct text *text, const char *end)
{
    const size_t length = strlen(end);
    struct text piece = {text->at, 0};

    while (piece.size < text->size &&
           (text->size - piece.size < length || memcmp(piece.at + piece.size, end, length) != 0))
        piece.size++;
    text->at += piece.size;
    text->size -= piece.size;
    if (text->size > 0) {
        text->at += length;
        text->size -= length;
    }
    return piece;
}

static struct text strip(struct text text)
{
    while (text.size > 0 && strchr(" \t", text.at[0]) != NULL)
        text = (struct text){text.at + 1, text.size - 1};
    while (text.size > 0 && strchr(" \t", text.at[text.size - 1]) != NULL)
        text.size--;
    return text;
}

static bool is_made_of(struct text text, const char *characters)
{
    for (size_t i = 0; i < text.size; i++)
        if (text.at[i] == '\0' || strchr(characters, text.at[i]) == NULL)
            return false;
    return text.size > 0;
}

static bool is_token(struct text text)
{
    return is_made_of(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

static bool is_printable(struct text text)
{
    for (size_t i = 0; i < text.size; i++)
        if (((unsigned char)text.at[i] < ' ' && text.at[i] != '\t') || text.at[i] == 0x7f)
            return false;
    return true;
}

/* Decimal digits; SIZE_MAX if it is none, or far too large. */
static size_t number(struct text text)
{
    size_t value = 0;

    if (!is_made_of(text, "0123456789"))
        return SIZE_MAX;
    for (size_t i = 0; i < text.size; i++)
        value = value > MAX_BODY ? value : value * 10 + (size_t)(text.at[i] - '0');
    return value;
}

/* ==================================================
 * a request
 */

static bool parse_request_line(struct request *request, struct text line)
{
    struct text target;

    request->method = until(&line, " ");
    target = until(&line, " ");
    if (line.size != 8 || memcmp(line.at, "HTTP/1.", 7) != 0 || line.at[7] < '0' ||
        line.at[7] > '9')
        return false;
    request->minor = line.at[7] - '0';
    for (size_t i = 0; i < target.size; i++)
        if (target.at[i] <= ' ' || target.at[i] > '~')
            return false;
    return is_token(request->method) && target.size > 0;
}

static bool parse_header(struct request *request, struct text line)
{
    const struct text name = until(&line, ":"), value = strip(line);

    if (!is_token(name) || name.at + name.size == line.at || !is_printable(line))
        return false;
    if (is(name, "Transfer-Encoding"))
        request->has_encoding = true;
    if (is(name, "Connection")) {
        request->wants_close = is(value, "close") && !request->has_connection;
        request->has_connection = true;
    }
    if (!is(name, "Content-Length"))
        return true;
    if (request->has_length)
        return false;
    request->has_length = true;
    request->length = number(value);
    return request->length != SIZE_MAX;
}

static struct request parse_request(struct text head)
{
    struct request request = {.is_good = true};

    request.is_good = parse_request_line(&request, until(&head, "\r\n"));
    while (request.is_good && head.size > 0)
        request.is_good = parse_header(&request, until(&head, "\r\n"));
    return request;
}

/* ==================================================
 * an answer
 */

/* Returns false if there is none; what is there must be whole. */
static bool parse_answer(struct answer *answer, struct text *answers)
{
    struct text head, line, length = {NULL, 0}, connection = {NULL, 0};

    if (answers->size == 0)
        return false;
    head = until(answers, "\r\n\r\n");
    line = until(&head, "\r\n");
    expect(line.size > 13 && memcmp(line.at, "HTTP/1.1 ", 9) == 0 && line.at[12] == ' ');
    answer->status = (int)number((struct text){line.at + 9, 3});
    expect(answer->status >= 200 && answer->status <= 599 && is_printable(line));
    while (head.size > 0) {
        struct text value = until(&head, "\r\n"), name = until(&value, ":");

        expect(is_token(name) && is_printable(value));
        if (is(name, "Content-Length"))
            length = strip(value);
        else if (is(name, "Connection"))
            connection = strip(value);
    }
    answer->length = number(length);
    expect(answer->length != SIZE_MAX);
    expect(is(connection, "close") || is(connection, "keep-alive"));
    answer->closes = is(connection, "close");
    return true;
}

static bool is_known(struct text body, const char *const files[])
{
    for (; *files != NULL; files++)
        if (strlen(*files) == body.size && memcmp(body.at, *files, body.size) == 0)
            return true;
    return false;
}

/* Of an answer to HEAD there is none; and who was not understood may have meant that. */
static struct text take_body(struct text *answers, const struct request *request,
                             const struct answer *answer)
{
    struct text body = {answers->at, answer->length};

    if (is_exactly(request->method, "HEAD") && (request->is_good || answers->size == 0))
        return (struct text){answers->at, 0};
    expect(answers->size >= body.size);
    answers->at += body.size;
    answers->size -= body.size;
    return body;
}

/* ==================================================
 * what was answered to what
 */

static bool is_among(int status, const int statuses[])
{
    while (*statuses != 0 && *statuses != status)
        statuses++;
    return *statuses != 0;
}

/* The statuses that will do; 503: there are too many at once. */
static const int *statuses_for(const struct request *request)
{
    static const int files[] = {200, 404, 503, 0}, with_body[] = {400, 413, 503, 0};
    static const int post[] = {200, 400, 413, 503, 0}, no_length[] = {411, 503, 0};
    static const int encoded[] = {400, 501, 503, 0}, others[] = {405, 400, 413, 501, 503, 0};

    if (request->has_encoding)
        return encoded;
    if (is_exactly(request->method, "POST"))
        return request->has_length ? post : no_length;
    if (!is_exactly(request->method, "GET") && !is_exactly(request->method, "HEAD"))
        return others;
    return request->has_length && request->length > 0 ? with_body : files;
}

static void check_answer(const struct request *request, const struct answer *answer,
                         struct text body, const char *const files[])
{
    if (!request->is_good) {
        expect(answer->status >= 400 && answer->closes);
        return;
    }
    expect(is_among(answer->status, statuses_for(request)));
    expect(answer->status != 200 || !is_exactly(request->method, "GET") || is_known(body, files));
    if (answer->status == 200 && is_exactly(request->method, "POST"))
        expect(body.size == request->length &&
               memcmp(body.at, request->body, request->length) == 0);
    expect(answer->closes || (!request->wants_close && answer->status < 400));
}

/* What has no end yet: nothing is answered, unless it is too long. */
static void check_rest(struct text rest, struct text answers)
{
    const struct request none = {.is_good = false};
    struct answer answer;

    if (!parse_answer(&answer, &answers)) {
        expect(rest.size <= MAX_HEAD + 3);
        return;
    }
    expect(answer.status == 431 && answer.closes && rest.size > MAX_HEAD);
    take_body(&answers, &none, &answer);
    expect(answers.size == 0);
}

void http_check(const char *requests, size_t requests_size, const char *answers_,
                size_t answers_size, const char *const files[])
{
    struct text rest = {requests, requests_size}, answers = {answers_, answers_size};

    for (;;) {
        struct text before = rest, head = until(&rest, "\r\n\r\n");
        struct request request;
        struct answer answer;

        if (head.size == before.size || head.size > MAX_HEAD) {
            check_rest(before, answers);
            return;
        }
        request = parse_request(head);
        request.body = rest.at;
        if (!parse_answer(&answer, &answers)) { /* then its body has not come yet */
            expect(request.is_good && request.has_length && rest.size < request.length);
            return;
        }
        check_answer(&request, &answer, take_body(&answers, &request, &answer), files);
        if (answer.closes) {
            expect(answers.size == 0);
            return;
        }
        expect(rest.size >= request.length);
        rest.at += request.length;
        rest.size -= request.length;
    }
}
