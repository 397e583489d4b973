/*
 * http_server.c - an HTTP/1.1 server of the files below a directory; http_server.py is its twin.
 *
 *     cc -o http_server http_server.c $(pkg-config --cflags --libs asyncore)
 *     ./http_server [PORT [DIRECTORY]]
 *
 * GET and HEAD answer with a file, POST with what was posted.  The terminator is an empty line while
 * the head of a request is awaited, a number while its body is, and none once the connection is to
 * be closed.
 */
#include <arpa/inet.h>
#include <asynchat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORT 8080
#define MAX_HEAD 8192    /* bytes of a request's head */
#define MAX_BODY 1048576 /* bytes of a posted body */
#define MAX_ANSWERS 8    /* that may be under way to a client that does not wait for them */
#define PATIENCE 30      /* seconds that a client may say nothing */

static char *root;

struct session {
    struct asynchat_async_chat chat;
    struct asyncore_timer idle;
    bool head_only, keep_alive, in_body;
    bool asked;  /* for all that it will: its end of the stream has come */
    int answers; /* begun, and not known to be sent */
};

/* ---- answers ---- */

static int session_start(struct session *self, const char *status, const char *type, size_t length)
{
    char head[512];
    const int size = snprintf(head, sizeof head,
                              "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                              "Connection: %s\r\n\r\n",
                              status, type, length, self->keep_alive ? "keep-alive" : "close");

    return asynchat_push(&self->chat, head, (size_t)size);
}

static int session_finish(struct session *self)
{
    self->in_body = false;
    asynchat_set_max_incoming(&self->chat, MAX_HEAD);
    if (self->keep_alive)
        return asynchat_set_terminator(&self->chat, "\r\n\r\n", 4);
    asynchat_set_terminator(&self->chat, NULL, 0);
    return asynchat_close_when_done(&self->chat);
}

static int session_refuse(struct session *self, const char *status)
{
    self->keep_alive = false;
    session_start(self, status, "text/plain", strlen(status) + 1);
    if (!self->head_only) {
        asynchat_push(&self->chat, status, strlen(status));
        asynchat_push(&self->chat, "\n", 1);
    }
    return session_finish(self);
}

/* ---- files ---- */

static const char *guess_type(const char *path)
{
    static const char *const types[][2] = {
        {".html", "text/html"}, {".css", "text/css"},  {".js", "text/javascript"},
        {".txt", "text/plain"}, {".png", "image/png"}, {".jpg", "image/jpeg"},
    };
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(dot, types[i][0]) == 0)
            return types[i][1];
    return "application/octet-stream";
}

static bool unquote(const char *target, char *path, size_t size)
{
    size_t n = 0;
    unsigned byte;

    for (; *target != '\0' && *target != '?'; target++) {
        byte = (unsigned char)*target;
        if (*target == '%' && strspn(target + 1, "0123456789abcdefABCDEF") >= 2) {
            sscanf(target + 1, "%2x", &byte);
            target += 2;
        }
        if (byte == 0 || n + 1 >= size)
            return false;
        path[n++] = (char)byte;
    }
    path[n] = '\0';
    return true;
}

/* The file's real path, which ends below the root whatever links and dots lead there. */
static bool find_file(const char *target, char *path)
{
    char wanted[PATH_MAX], decoded[MAX_HEAD];
    struct stat st;

    if (!unquote(target, decoded, sizeof decoded) ||
        (size_t)snprintf(wanted, sizeof wanted, "%s/%s", root, decoded) >= sizeof wanted)
        return false;
    if (stat(wanted, &st) == 0 && S_ISDIR(st.st_mode))
        strncat(wanted, "/index.html", sizeof wanted - strlen(wanted) - 1);
    return realpath(wanted, path) != NULL && strncmp(path, root, strlen(root)) == 0 &&
           (path[strlen(root)] == '/' || strcmp(root, "/") == 0);
}

static int session_serve_file(struct session *self, const char *target)
{
    char path[PATH_MAX];
    struct stat st;
    int fd;

    errno = 0;
    fd = find_file(target, path) ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
    if (fd < 0 && (errno == EMFILE || errno == ENFILE)) /* the file may well be there */
        return session_refuse(self, "503 Service Unavailable");
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        if (fd >= 0)
            close(fd);
        return session_refuse(self, "404 Not Found");
    }
    session_start(self, "200 OK", guess_type(path), (size_t)st.st_size);
    if (self->head_only)
        close(fd);
    else
        asynchat_push_with_producer(&self->chat, asynchat_file_producer(fd, (size_t)st.st_size));
    return session_finish(self);
}

/* ---- requests ---- */

/* Each line behind the first is "name: value", and nothing else may be taken for the end of a line:
 * what somebody on the way understands in another way is how a request is hidden in another. */
static bool is_well_formed(const char *head, size_t size)
{
    static const char letters[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

    for (const char *c = head; c < head + size; c++) {
        if (c[0] == '\r' && c[1] == '\n') {
            c += 2 + strspn(c + 2, letters);
            if (*c != ':' || c[-1] == '\n')
                return false;
        } else if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f) {
            return false;
        }
    }
    return true;
}

/* The value of a header, which ends with its line; NULL if there is none. */
static const char *header(const char *head, const char *name)
{
    const size_t length = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':')
            return line + length + 1 + strspn(line + length + 1, " \t");
    }
    return NULL;
}

static int session_echo(struct session *self)
{
    size_t size;
    char *body = asynchat_get_data(&self->chat, &size);

    session_start(self, "200 OK", "application/octet-stream", size);
    asynchat_push(&self->chat, body, size);
    free(body);
    return session_finish(self);
}

static int session_read_body(struct session *self, const char *length)
{
    const size_t digits = length != NULL ? strspn(length, "0123456789") : 0;

    if (length == NULL)
        return session_refuse(self, "411 Length Required");
    if (digits == 0 || (length[digits] != '\r' && length[digits] != '\0'))
        return session_refuse(self, "400 Bad Request");
    if (digits > 9 || atol(length) > MAX_BODY)
        return session_refuse(self, "413 Content Too Large");
    if (atol(length) == 0)
        return session_echo(self);
    self->in_body = true;
    asynchat_set_max_incoming(&self->chat, MAX_BODY);
    return asynchat_set_terminator_number(&self->chat, atol(length));
}

static bool is_zero(const char *number)
{
    const size_t digits = strspn(number, "0");

    return digits > 0 && (number[digits] == '\r' || number[digits] == '\0');
}

static int session_handle_head(struct session *self, const char *head, size_t size)
{
    char method[8], target[MAX_HEAD], minor[2];
    const char *connection = header(head, "Connection"), *length = header(head, "Content-Length");
    int end = 0;

    self->head_only = false;
    if (sscanf(head, "%7[A-Z]%*1[ ]%8191[!-~]%*1[ ]HTTP/1.%1[0-9]%n", method, target, minor,
               &end) != 3 ||
        end == 0 || (head[end] != '\r' && head[end] != '\0') || !is_well_formed(head, size) ||
        (length != NULL && header(length, "Content-Length") != NULL))
        return session_refuse(self, "400 Bad Request");
    self->head_only = strcmp(method, "HEAD") == 0;
    self->keep_alive = connection == NULL ? minor[0] > '0'
                       : minor[0] > '0'   ? strncasecmp(connection, "close", 5) != 0
                                          : strncasecmp(connection, "keep-alive", 10) == 0;
    if (header(head, "Transfer-Encoding") != NULL)
        return session_refuse(self, "501 Not Implemented");
    if (strcmp(method, "POST") == 0)
        return session_read_body(self, length);
    if (length != NULL && !is_zero(length)) /* a body would be taken for the next request */
        return session_refuse(self, "400 Bad Request");
    if (strcmp(method, "GET") == 0 || self->head_only)
        return session_serve_file(self, target);
    return session_refuse(self, "405 Method Not Allowed");
}

/* ---- the session ---- */

static void session_expired(struct asyncore_timer *idle)
{
    asyncore_close(
        (struct asyncore_dispatcher *)(void *)((char *)idle - offsetof(struct session, idle)));
}

static int session_collect_incoming_data(struct asyncore_dispatcher *self, const void *data,
                                         size_t size)
{
    struct session *session = (struct session *)self;
    const void *terminator;

    asyncore_call_later(&session->idle, PATIENCE, session_expired, NULL);
    if (asynchat_get_terminator(&session->chat, &terminator) == 0 && !session->in_body)
        return 0; /* it is being closed: what still comes is of no interest */
    return asynchat_collect_incoming_data(self, data, size);
}

static int session_found_terminator(struct asyncore_dispatcher *self)
{
    struct session *session = (struct session *)self;
    size_t size;
    char *head;
    int rc;

    if (session->in_body)
        return session_echo(session);
    head = asynchat_get_data(&session->chat, &size);
    if (head == NULL)
        return -ENOMEM;
    session->answers = asyncore_writable(self) ? session->answers + 1 : 1;
    if (session->answers > MAX_ANSWERS)
        rc = session_refuse(session, "503 Service Unavailable");
    else
        rc = session_handle_head(session, head, size);
    free(head);
    return rc;
}

static int session_handle_error(struct asyncore_dispatcher *self, int error)
{
    if (error != -EMSGSIZE)
        return asyncore_close(self);
    session_refuse((struct session *)self, "431 Request Header Fields Too Large");
    return 0; /* whether it is there to hear that or not */
}

/* Who has asked for the last time still wants to be answered. */
static int session_handle_eof(struct asyncore_dispatcher *base)
{
    struct session *self = (struct session *)base;

    self->asked = true;
    return asynchat_close_when_done(&self->chat);
}

static bool session_readable(struct asyncore_dispatcher *base)
{
    return !((struct session *)base)->asked && asynchat_async_chat_class.readable(base);
}

static void session_destroy(struct asyncore_dispatcher *self)
{
    asyncore_cancel(&((struct session *)self)->idle);
    asynchat_async_chat_class.destroy(self);
    free(self);
}

static const struct asyncore_class session_class = {
    .name = "session",
    .super = &asynchat_async_chat_class,
    .readable = session_readable,
    .handle_eof = session_handle_eof,
    .collect_incoming_data = session_collect_incoming_data,
    .found_terminator = session_found_terminator,
    .handle_error = session_handle_error,
    .destroy = session_destroy,
};

static int session_init(int fd, const struct sockaddr *addr, socklen_t addrlen)
{
    struct session *self = calloc(1, sizeof *self);
    int rc;

    if (self == NULL) {
        close(fd);
        return -ENOMEM;
    }
    rc = asynchat_init(&self->chat, &session_class, fd, addr, addrlen, NULL);
    if (rc < 0) {
        free(self);
        return rc;
    }
    /* The head and the file are two pieces: the second would wait until the first is acknowledged. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    self->keep_alive = true;
    asynchat_set_high_water(&self->chat, 65536);
    asyncore_call_later(&self->idle, PATIENCE, session_expired, NULL);
    return session_finish(self);
}

/* ---- the server ---- */

static int server_handle_accepted(struct asyncore_dispatcher *self, int sock,
                                  const struct sockaddr *addr, socklen_t addrlen)
{
    (void)self;
    return session_init(sock, addr, addrlen);
}

static const struct asyncore_class server_class = {
    .name = "server",
    .super = &asyncore_dispatcher_class,
    .handle_accept = asyncore_accept_many,
    .handle_accepted = server_handle_accepted,
};

static void server_init(struct asyncore_dispatcher *self, int port)
{
    const struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int rc;

    asyncore_init(self, &server_class, -1, NULL);
    if ((rc = asyncore_create_socket(self, AF_INET, SOCK_STREAM)) < 0 ||
        (rc = asyncore_set_reuse_addr(self)) < 0 ||
        (rc = asyncore_bind(self, (const struct sockaddr *)&addr, sizeof addr)) < 0 ||
        (rc = asyncore_listen(self, SOMAXCONN)) < 0) {
        fprintf(stderr, "bind 0.0.0.0:%d: %s (give another port as argument)\n", port,
                strerror(-rc));
        exit(1);
    }
}

static int parse_port(const char *text)
{
    const size_t digits = strspn(text, "0123456789");

    if (digits < 1 || digits > 5 || text[digits] != '\0' || atoi(text) > 65535)
        return -1;
    return atoi(text);
}

int main(int argc, char **argv)
{
    const int port = argc > 1 ? parse_port(argv[1]) : PORT;
    const char *directory = argc > 2 ? argv[2] : ".";
    struct asyncore_dispatcher server;
    struct sockaddr_storage addr;
    socklen_t addrlen;
    int rc;

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 3 || port < 0) {
        fprintf(stderr, "usage: http_server [PORT [DIRECTORY]], a number from 0 to 65535\n");
        return 2;
    }
    root = realpath(directory, NULL);
    if (root == NULL) {
        fprintf(stderr, "%s: %s\n", directory, strerror(errno));
        return 1;
    }
    server_init(&server, port);
    asyncore_getsockname(&server, &addr, &addrlen);
    printf("listening on port %d\n", ntohs(((struct sockaddr_in *)&addr)->sin_port));
    rc = asyncore_loop(30, NULL, -1);
    if (rc < 0)
        fprintf(stderr, "loop: %s\n", strerror(-rc));
    return rc < 0 ? 1 : 0;
}
