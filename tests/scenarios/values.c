/* values.c - the names of errors, and data as the trace shows them. */
#include "language.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* Where two names have one number, the first is printed. */
#define E(name)                                                                                    \
    {                                                                                              \
#name, name                                                                                \
    }
static const struct {
    const char *name;
    int number;
} errors[] = {
    E(EPERM),        E(ENOENT),       E(EINTR),       E(EIO),           E(ENXIO),
    E(EBADF),        E(EAGAIN),       E(EWOULDBLOCK), E(ENOMEM),        E(EACCES),
    E(EFAULT),       E(EBUSY),        E(EEXIST),      E(ENODEV),        E(ENOTDIR),
    E(EISDIR),       E(EINVAL),       E(ENFILE),      E(EMFILE),        E(ENOTTY),
    E(EFBIG),        E(ENOSPC),       E(ESPIPE),      E(EROFS),         E(EPIPE),
    E(EDOM),         E(ERANGE),       E(EDEADLK),     E(ENOSYS),        E(EPROTO),
    E(EBADMSG),      E(EOVERFLOW),    E(EILSEQ),      E(ENOTSOCK),      E(EDESTADDRREQ),
    E(EMSGSIZE),     E(EPROTOTYPE),   E(ENOPROTOOPT), E(ENOTSUP),       E(EOPNOTSUPP),
    E(EAFNOSUPPORT), E(EADDRINUSE),   E(ENETDOWN),    E(EADDRNOTAVAIL), E(ENETUNREACH),
    E(ENETRESET),    E(ECONNABORTED), E(ECONNRESET),  E(ENOBUFS),       E(EISCONN),
    E(ENOTCONN),     E(ESHUTDOWN),    E(ETIMEDOUT),   E(ECONNREFUSED),  E(EHOSTDOWN),
    E(EHOSTUNREACH), E(EALREADY),     E(EINPROGRESS), E(ECANCELED),
};

const char *errno_name(int error)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (errors[i].number == error)
            return errors[i].name;
    return strerror(error);
}

int errno_number(const char *name)
{
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++)
        if (strcmp(errors[i].name, name) == 0)
            return errors[i].number;
    return 0;
}

void print_data(const unsigned char *bytes, size_t length)
{
    if (length > 40) {
        printf("<%zu bytes>", length);
        return;
    }
    putchar('"');
    for (size_t i = 0; i < length; i++) {
        switch (bytes[i]) {
        case '\r':
            fputs("\\r", stdout);
            break;
        case '\n':
            fputs("\\n", stdout);
            break;
        case '\\':
        case '"':
            printf("\\%c", bytes[i]);
            break;
        default:
            printf(bytes[i] >= 0x20 && bytes[i] <= 0x7e ? "%c" : "\\x%02x", bytes[i]);
        }
    }
    putchar('"');
}
