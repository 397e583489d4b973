/*
 * language.c - the parser.  What may stand behind a first word is said by a pattern, one letter an
 * argument:
 *   D  a dispatcher's name          n  a number
 *   p  a peer's name                s  a string
 *   W  a listener, or nowhere       e  an errno's name
 *   P  readable or writable         A  true, false or super
 *   t  a terminator                 I  ignore
 *   L  a poller                     ?  what follows may be left out
 */
#include "language.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct word {
    const char *name;
    int meaning;
    const char *pattern;
};

static const struct word actions[] = {
    {"recv", DO_RECV, "n"},
    {"send", DO_SEND, "s"},
    {"accept", DO_ACCEPT, ""},
    {"adopt", DO_ADOPT, "D"},
    {"close", DO_CLOSE, "?D"},
    {"raise", DO_RAISE, "e"},
    {"exit", DO_EXIT, ""},
    {"super", DO_SUPER, ""},
    {"set", DO_SET, "PA"},
    {"terminator", DO_TERMINATOR, "t"},
    {"push", DO_PUSH, "s"},
    {"produce", DO_PRODUCE, "s?n"},
    {"close_when_done", DO_CLOSE_WHEN_DONE, ""},
    {"discard_buffers", DO_DISCARD_BUFFERS, ""},
    {"nothing", DO_NOTHING, ""},
    {NULL, 0, NULL},
};

static const struct word commands[] = {
    {"poller", POLLER, "L"},  {"listener", LISTENER, "D?n"},
    {"client", CLIENT, "DW"}, {"channel", CHANNEL, "Dp"},
    {"sender", SENDER, "Dp"}, {"chat", CHAT, "Dp"},
    {"reader", READER, "Dp"}, {"writer", WRITER, "Dp"},
    {"dial", DIAL, "pD"},     {"on", ON, "D"},
    {"set", SET, "DPA"},      {"poll", POLL, "?n"},
    {"loop", LOOP, "n"},      {"close_all", CLOSE_ALL, "?I"},
    {NULL, 0, NULL},
};

static const struct word peer_commands[] = {
    {"send", PEER_SEND, "s"}, {"recv", PEER_RECV, "n"},  {"shutdown", PEER_SHUTDOWN, ""},
    {"oob", PEER_OOB, "s"},   {"close", PEER_CLOSE, ""}, {"reset", PEER_RESET, ""},
    {NULL, 0, NULL},
};

const char *const method_names[METHODS] = {
    "handle_connect",        "handle_accept",    "handle_accepted", "handle_read",
    "handle_write",          "handle_expt",      "handle_error",    "handle_close",
    "collect_incoming_data", "found_terminator",
};

/* ==================================================
 * words
 */

static void skip_blanks(const char **at)
{
    while (isspace((unsigned char)**at))
        (*at)++;
}

static bool at_end(const char **at)
{
    skip_blanks(at);
    return **at == '\0' || **at == ';';
}

static bool take_word(const char **at, char word[NAME_SIZE])
{
    size_t length = 0;

    skip_blanks(at);
    while ((*at)[length] != '\0' && !isspace((unsigned char)(*at)[length]) &&
           strchr(";:\"", (*at)[length]) == NULL)
        length++;
    if (length == 0 || length >= NAME_SIZE)
        return false;
    memcpy(word, *at, length);
    word[length] = '\0';
    *at += length;
    return true;
}

static bool is_name(const char *word, int (*first)(int))
{
    if (!first((unsigned char)*word))
        return false;
    while (isalnum((unsigned char)*word) || *word == '_')
        word++;
    return *word == '\0';
}

static const struct word *find_word(const struct word *words, const char *name)
{
    while (words->name != NULL && strcmp(words->name, name) != 0)
        words++;
    return words->name != NULL ? words : NULL;
}

/* Which of these words it is, -1 if none. */
static int one_of(const char *word, const char *const choices[], int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(word, choices[i]) == 0)
            return i;
    return -1;
}

static bool take_number(const char **at, int *number)
{
    char word[NAME_SIZE];
    const size_t length = take_word(at, word) ? strlen(word) : 0;

    if (length == 0 || length > 9 || strspn(word, "0123456789") != length)
        return false;
    *number = atoi(word);
    return true;
}

/* ==================================================
 * strings
 */

/* One character of a string, escaped or not: 0 to 255, or -1. */
static int take_character(const char **at)
{
    const char c = *(*at)++;
    char hex[3] = "";

    if (c == '\0')
        return -1;
    if (c != '\\')
        return (unsigned char)c;
    switch (*(*at)++) {
    case 'r':
        return '\r';
    case 'n':
        return '\n';
    case '\\':
        return '\\';
    case '"':
        return '"';
    case 'x':
        if (!isxdigit((unsigned char)(*at)[0]) || !isxdigit((unsigned char)(*at)[1]))
            return -1;
        memcpy(hex, *at, 2);
        *at += 2;
        return (int)strtol(hex, NULL, 16);
    default:
        return -1;
    }
}

static bool repeat(struct text *text, int times)
{
    const size_t once = text->length;
    unsigned char *bytes;

    if (once > 0 && (size_t)times > ((size_t)1 << 28) / once)
        return false;
    bytes = realloc(text->bytes, once * (size_t)times + 1);
    if (bytes == NULL)
        return false;
    for (int i = 1; i < times; i++)
        memcpy(bytes + (size_t)i * once, bytes, once);
    text->bytes = bytes;
    text->length = once * (size_t)times;
    return true;
}

static bool take_string(const char **at, struct text *text)
{
    int c = 0, times;

    skip_blanks(at);
    if (*(*at)++ != '"')
        return false;
    text->bytes = malloc(strlen(*at) + 1);
    text->length = 0;
    while (text->bytes != NULL && **at != '"' && (c = take_character(at)) >= 0)
        text->bytes[text->length++] = (unsigned char)c;
    if (text->bytes == NULL || c < 0)
        return false;
    (*at)++;
    if (**at != '*')
        return true;
    (*at)++;
    return isdigit((unsigned char)**at) && take_number(at, &times) && repeat(text, times);
}

/* ==================================================
 * arguments
 */

static bool take_name(const char **at, struct arguments *given, char letter)
{
    char *name = given->names[given->names[0][0] != '\0'];

    if (!take_word(at, name))
        return false;
    return is_name(name, letter == 'p' ? islower : isupper) ||
           (letter == 'W' && strcmp(name, "nowhere") == 0);
}

static bool take_terminator(const char **at, struct arguments *given)
{
    char word[NAME_SIZE];
    const char *start;

    skip_blanks(at);
    if (**at == '"')
        return take_string(at, &given->text);
    start = *at;
    if (take_word(at, word) && strcmp(word, "none") == 0)
        return true;
    *at = start;
    return take_number(at, &given->number);
}

static bool take_choice(const char **at, struct arguments *given, char letter)
{
    char word[NAME_SIZE];
    int choice;

    if (!take_word(at, word))
        return false;
    switch (letter) {
    case 'P':
        choice = one_of(word, (const char *const[]){"readable", "writable"}, 2);
        given->predicate = choice == 1 ? WRITABLE : READABLE;
        return choice >= 0;
    case 'A':
        choice = one_of(word, (const char *const[]){"super", "true", "false"}, 3);
        given->answer = choice >= 0 ? (enum answer)choice : ANSWER_SUPER;
        return choice >= 0;
    case 'e':
        given->number = errno_number(word);
        return given->number != 0;
    case 'I':
        given->ignore = strcmp(word, "ignore") == 0;
        return given->ignore;
    default:
        strcpy(given->names[0], word);
        return one_of(word, (const char *const[]){"select", "poll"}, 2) >= 0;
    }
}

static bool take_arguments(const char **at, struct arguments *given, const char *pattern)
{
    for (; *pattern != '\0'; pattern++) {
        bool good;

        if (*pattern == '?' && at_end(at))
            return true;
        switch (*pattern) {
        case '?':
            continue;
        case 'D':
        case 'p':
        case 'W':
            good = take_name(at, given, *pattern);
            break;
        case 'n':
            good = take_number(at, &given->number);
            break;
        case 's':
            good = take_string(at, &given->text);
            break;
        case 't':
            good = take_terminator(at, given);
            break;
        default:
            good = take_choice(at, given, *pattern);
        }
        if (!good)
            return false;
    }
    return true;
}

/* ==================================================
 * actions and commands
 */

static bool take_actions(const char **at, enum method method, struct action **actions_)
{
    for (;; actions_ = &(*actions_)->next) {
        char name[NAME_SIZE];
        const struct word *word = take_word(at, name) ? find_word(actions, name) : NULL;

        if (word == NULL)
            return false;
        /* These two need to be inside a method. */
        if ((word->meaning == DO_SUPER && method == NO_METHOD) ||
            (word->meaning == DO_ADOPT && method != HANDLE_ACCEPTED))
            return false;
        *actions_ = calloc(1, sizeof **actions_);
        if (*actions_ == NULL)
            return false;
        (*actions_)->verb = (enum verb)word->meaning;
        (*actions_)->given.number = NO_NUMBER;
        if (!take_arguments(at, &(*actions_)->given, word->pattern) || !at_end(at))
            return false;
        if (*(*at)++ == '\0')
            return true;
    }
}

static bool take_overriding(const char **at, struct command *command)
{
    char name[NAME_SIZE];
    int method;

    if (!take_word(at, name))
        return false;
    method = one_of(name, method_names, METHODS);
    skip_blanks(at);
    if (method < 0 || *(*at)++ != ':')
        return false;
    command->method = (enum method)method;
    return take_actions(at, command->method, &command->actions);
}

static bool take_peer_command(const char **at, const char *peer, struct command *command)
{
    char name[NAME_SIZE];
    const struct word *word = take_word(at, name) ? find_word(peer_commands, name) : NULL;

    if (word == NULL || !is_name(peer, islower))
        return false;
    strcpy(command->given.names[0], peer);
    command->order = (enum order)word->meaning;
    return take_arguments(at, &command->given, word->pattern) && at_end(at) && **at == '\0';
}

bool parse_command(const char *line, struct command *command)
{
    char name[NAME_SIZE];
    const struct word *word;

    memset(command, 0, sizeof *command);
    command->given.number = NO_NUMBER;
    if (!take_word(&line, name))
        return false;
    word = find_word(commands, name);
    if (word == NULL && is_name(name, isupper)) {
        command->order = ACT;
        strcpy(command->given.names[0], name);
        return take_actions(&line, NO_METHOD, &command->actions);
    }
    if (word == NULL)
        return take_peer_command(&line, name, command);
    command->order = (enum order)word->meaning;
    if (!take_arguments(&line, &command->given, word->pattern))
        return false;
    if (command->order == ON)
        return take_overriding(&line, command);
    return at_end(&line) && *line == '\0';
}

void actions_free(struct action *list)
{
    while (list != NULL) {
        struct action *next = list->next;

        free(list->given.text.bytes);
        free(list);
        list = next;
    }
}

void command_free(struct command *command)
{
    actions_free(command->actions);
    free(command->given.text.bytes);
}
