/* support.c - what the test suites share, see support.h. */
#include "support.h"

#include <dirent.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

/* ==================================================
 * the suite
 */

static int descriptors_before;

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    if (directory == NULL)
        return 0;
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static int nowhere_fd; /* bound, so that nobody else gets the port, and nobody listens */

static void set_up(void)
{
    const struct sockaddr_in addr = loopback(0);

    nowhere_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(nowhere_fd, (const struct sockaddr *)&addr, sizeof addr), 0);
    descriptors_before = count_descriptors();
}

static void tear_down(void)
{
    ck_assert_int_eq(asyncore_map_free(NULL), 0);
    ck_assert_int_eq(count_descriptors(), descriptors_before);
    close(nowhere_fd);
}

TCase *add_case(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 20);
    suite_add_tcase(suite, tcase);
    return tcase;
}

TCase *add_kernel_case(Suite *suite, const char *name)
{
    TCase *tcase = add_case(suite, name);

    tcase_set_tags(tcase, "kernel");
    return tcase;
}

static void skip_if_set(const char *variable, const char *who, const char *why)
{
    if (getenv(variable) == NULL)
        return;
    fprintf(stderr, "skipped: %s %s\n", who, why); /* TAP has no skip in Check */
    exit(EXIT_SUCCESS);
}

void skip_if_emulated(const char *why)
{
    skip_if_set("MESON_EXE_WRAPPER", "the emulator", why);
}

void skip_under_valgrind(const char *why)
{
    skip_if_set("VALGRIND", "valgrind", why);
}

int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* ==================================================
 * the trace
 */

char trace[65536];

void add_to_trace(const char *format, ...)
{
    const size_t length = strlen(trace);
    va_list args;

    va_start(args, format);
    vsnprintf(trace + length, sizeof trace - length, format, args);
    va_end(args);
}

static void write_to_trace(enum asyncore_log_type type, const char *message)
{
    static const char *const names[] = {"log", "info", "warning", "error"};

    (void)message;
    add_to_trace("[%s] ", names[type]);
}

void trace_log(void)
{
    asyncore_set_log(write_to_trace);
}

/* glibc's strerrorname_np() is not everywhere. */
static const char *error_name(int error)
{
    static const struct {
        int error;
        const char *name;
    } names[] = {
        {EAGAIN, "EAGAIN"},         {EBADF, "EBADF"},   {ECONNREFUSED, "ECONNREFUSED"},
        {ECONNRESET, "ECONNRESET"}, {EINVAL, "EINVAL"}, {EIO, "EIO"},
        {EMFILE, "EMFILE"},         {EPIPE, "EPIPE"},   {ETIMEDOUT, "ETIMEDOUT"},
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (names[i].error == -error)
            return names[i].name;
    return strerror(-error);
}

static struct probe *as_probe(struct asyncore_dispatcher *self)
{
    return (struct probe *)self;
}

static bool probe_readable(struct asyncore_dispatcher *self)
{
    struct probe *probe = as_probe(self);

    if (probe->trace_predicates)
        add_to_trace("%s.readable ", probe->name);
    return probe->on_readable != NULL ? probe->on_readable(probe) : probe->wants_read;
}

static bool probe_writable(struct asyncore_dispatcher *self)
{
    struct probe *probe = as_probe(self);

    if (probe->trace_predicates)
        add_to_trace("%s.writable ", probe->name);
    return probe->wants_write;
}

static int act(struct asyncore_dispatcher *self, const char *method, int (*action)(struct probe *))
{
    struct probe *probe = as_probe(self);

    add_to_trace("%s.%s ", probe->name, method);
    return action != NULL ? action(probe) : 0;
}

static int probe_handle_connect(struct asyncore_dispatcher *self)
{
    return act(self, "handle_connect", as_probe(self)->on_connect);
}

static int probe_handle_read(struct asyncore_dispatcher *self)
{
    return act(self, "handle_read", as_probe(self)->on_read);
}

static int probe_handle_write(struct asyncore_dispatcher *self)
{
    return act(self, "handle_write", as_probe(self)->on_write);
}

static int probe_handle_expt(struct asyncore_dispatcher *self)
{
    return act(self, "handle_expt", as_probe(self)->on_expt);
}

static int probe_handle_accept(struct asyncore_dispatcher *self)
{
    act(self, "handle_accept", NULL);
    if (as_probe(self)->on_accept != NULL)
        return as_probe(self)->on_accept(as_probe(self));
    return asyncore_dispatcher_class.handle_accept(self);
}

static int probe_handle_accepted(struct asyncore_dispatcher *self, int fd,
                                 const struct sockaddr *addr, socklen_t addrlen)
{
    struct probe *probe = as_probe(self);

    act(self, "handle_accepted", NULL);
    if (probe->on_accepted != NULL)
        return probe->on_accepted(probe, fd, addr, addrlen);
    probe->fd = fd;
    return 0;
}

static int probe_handle_close(struct asyncore_dispatcher *self)
{
    act(self, "handle_close", NULL);
    if (as_probe(self)->on_close != NULL)
        return as_probe(self)->on_close(as_probe(self));
    return asyncore_dispatcher_class.handle_close(self);
}

static int probe_handle_error(struct asyncore_dispatcher *self, int error)
{
    add_to_trace("%s.handle_error(%s) ", as_probe(self)->name, error_name(error));
    if (as_probe(self)->on_error != NULL)
        return as_probe(self)->on_error(as_probe(self), error);
    return asyncore_handle_close(self);
}

static void probe_destroy(struct asyncore_dispatcher *self)
{
    as_probe(self)->destroyed++;
    if (as_probe(self)->on_destroy != NULL)
        as_probe(self)->on_destroy(as_probe(self));
}

const struct asyncore_class probe_class = {
    .name = "probe",
    .super = &asyncore_dispatcher_class,
    .readable = probe_readable,
    .writable = probe_writable,
    .handle_connect = probe_handle_connect,
    .handle_accept = probe_handle_accept,
    .handle_accepted = probe_handle_accepted,
    .handle_read = probe_handle_read,
    .handle_write = probe_handle_write,
    .handle_expt = probe_handle_expt,
    .handle_close = probe_handle_close,
    .handle_error = probe_handle_error,
    .destroy = probe_destroy,
};

void probe_init(struct probe *self, const char *name, struct asyncore_map *map)
{
    *self = (struct probe){.name = name, .wants_read = true, .fd = -1};
    ck_assert_int_eq(asyncore_init(&self->base, &probe_class, -1, map), 0);
}

int probe_channel(struct probe *self, const char *name, struct asyncore_map *map)
{
    int ends[2];

    tcp_pair(ends);
    probe_init(self, name, map);
    ck_assert_int_eq(asyncore_init(&self->base, &probe_class, ends[0], map), 0);
    ck_assert(asyncore_connected(&self->base));
    return ends[1];
}

void probe_listen(struct probe *self, const char *name, struct asyncore_map *map,
                  struct sockaddr_in *addr)
{
    struct sockaddr_storage bound;
    socklen_t boundlen;

    *addr = loopback(0);
    probe_init(self, name, map);
    ck_assert_int_eq(asyncore_create_socket(&self->base, AF_INET, SOCK_STREAM), 0);
    ck_assert_int_eq(asyncore_set_reuse_addr(&self->base), 0);
    ck_assert_int_eq(asyncore_bind(&self->base, (struct sockaddr *)addr, sizeof *addr), 0);
    ck_assert_int_eq(asyncore_listen(&self->base, 4096), 0); /* musl's SOMAXCONN is 128 */
    ck_assert_int_eq(asyncore_getsockname(&self->base, &bound, &boundlen), 0);
    memcpy(addr, &bound, sizeof *addr);
}

int quiets_closed;

int quiet_handle_close(struct asyncore_dispatcher *self)
{
    quiets_closed++;
    return asyncore_close(self);
}

static int quiet_handle_read(struct asyncore_dispatcher *self)
{
    char byte;

    return (int)asyncore_recv(self, &byte, 1);
}

const struct asyncore_class quiet_class = {
    .writable = asyncore_never,
    .handle_read = quiet_handle_read,
    .handle_close = quiet_handle_close,
};

int quiet_channel(struct asyncore_dispatcher *self, const struct asyncore_class *cls)
{
    int ends[2];

    tcp_pair(ends);
    ck_assert_int_eq(asyncore_init(self, cls, ends[0], NULL), 0);
    return ends[1];
}

int close_self(struct probe *self)
{
    return asyncore_close(&self->base);
}

int close_other(struct probe *self)
{
    return asyncore_close(&self->other->base);
}

int recv_some(struct probe *self)
{
    char buffer[256];
    const ssize_t n = asyncore_recv(&self->base, buffer, sizeof buffer);

    if (n < 0)
        add_to_trace("%s.recv=%s ", self->name, error_name((int)n));
    else
        add_to_trace("%s.recv=%zd ", self->name, n);
    return n < 0 ? (int)n : 0;
}

/* ==================================================
 * sockets on the loopback
 */

struct sockaddr_in loopback(in_port_t port)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = port};

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return addr;
}

static int tcp_socket(void)
{
    const struct timeval patience = {.tv_sec = 20};
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    return fd;
}

int tcp_connect(const struct sockaddr_in *addr)
{
    const int fd = tcp_socket();

    ck_assert_int_eq(connect(fd, (const struct sockaddr *)addr, sizeof *addr), 0);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    return fd;
}

int tcp_listen(struct sockaddr_in *addr)
{
    const int fd = tcp_socket();
    socklen_t size = sizeof *addr;

    *addr = loopback(0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)addr, sizeof *addr), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)addr, &size), 0);
    return fd;
}

void tcp_pair(int ends[2])
{
    struct sockaddr_in addr;
    const int listener = tcp_listen(&addr);

    ends[1] = tcp_connect(&addr);
    ends[0] = accept(listener, NULL, NULL);
    ck_assert_int_ge(ends[0], 0);
    close(listener);
}

struct sockaddr_in nowhere(void)
{
    struct sockaddr_in addr;
    socklen_t addrlen = sizeof addr;

    ck_assert_int_eq(getsockname(nowhere_fd, (struct sockaddr *)&addr, &addrlen), 0);
    return addr;
}

void reset(int fd)
{
    const struct linger at_once = {.l_onoff = 1};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
}

void wait_readable(int fd)
{
    struct pollfd pollfd = {.fd = fd, .events = POLLIN};

    ck_assert_int_eq(poll(&pollfd, 1, 20000), 1);
}

void send_all(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

ssize_t recv_to_end(int fd, void *buffer, size_t size)
{
    size_t got = 0;

    while (got < size) {
        const ssize_t n = recv(fd, (char *)buffer + got, size - got, 0);

        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        got += (size_t)n;
    }
    return (ssize_t)got;
}

void poll_once(struct asyncore_map *map)
{
    ck_assert_int_eq(asyncore_poll(20, map), 0);
}

double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* ==================================================
 * children
 */

static _Noreturn void be_child(int (*function)(void), int output)
{
    int status;

    signal(SIGALRM, SIG_DFL); /* Check's own would kill the parent */
    alarm(15);
    dup2(output, STDERR_FILENO);
    status = function();
    _exit(status);
}

int run_in_child(int (*function)(void), char *output, size_t size)
{
    FILE *const file = tmpfile();
    int status;
    pid_t child;

    ck_assert_ptr_nonnull(file);
    fflush(NULL);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        be_child(function, fileno(file));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    rewind(file);
    output[fread(output, 1, size - 1, file)] = '\0';
    fclose(file);
    return status;
}
