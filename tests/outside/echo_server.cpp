/* echo_server.cpp - asyncore from C++17: sends back what comes, on the port that is given. */
#include <asyncore.h>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

namespace
{

/* A dispatcher is a base class here. */
struct echo : asyncore_dispatcher {
    std::string waiting; /* to be sent */
};

std::string &waiting(asyncore_dispatcher *self)
{
    return static_cast<echo *>(self)->waiting;
}

bool echo_readable(asyncore_dispatcher *self)
{
    return waiting(self).size() < 65536;
}

bool echo_writable(asyncore_dispatcher *self)
{
    return !waiting(self).empty();
}

int echo_handle_read(asyncore_dispatcher *self)
try {
    char data[8192];
    const ssize_t size = asyncore_recv(self, data, sizeof data);

    if (size > 0)
        waiting(self).append(data, static_cast<std::size_t>(size));
    return size < 0 ? static_cast<int>(size) : 0;
} catch (const std::bad_alloc &) { /* the loop is C: an exception must not reach it */
    return -ENOMEM;
}

int echo_handle_write(asyncore_dispatcher *self)
{
    const ssize_t size = asyncore_send(self, waiting(self).data(), waiting(self).size());

    if (size > 0)
        waiting(self).erase(0, static_cast<std::size_t>(size));
    return size < 0 ? static_cast<int>(size) : 0;
}

void echo_destroy(asyncore_dispatcher *self)
{
    delete static_cast<echo *>(self);
}

/* C++ has designated initializers from C++20 on; before, a function fills the table. */
const asyncore_class echo_class = [] {
    asyncore_class cls{};
    cls.name = "echo";
    cls.super = &asyncore_dispatcher_class;
    cls.readable = echo_readable;
    cls.writable = echo_writable;
    cls.handle_read = echo_handle_read;
    cls.handle_write = echo_handle_write;
    cls.destroy = echo_destroy;
    return cls;
}();

const asyncore_class echo_server_class = [] {
    asyncore_class cls{};
    cls.name = "echo_server";
    cls.handle_accepted = [](asyncore_dispatcher *self, int fd, const sockaddr *addr,
                             socklen_t addrlen) {
        auto *channel = new (std::nothrow) echo;
        const int rc =
            asyncore_init_accepted(channel, &echo_class, fd, addr, addrlen, asyncore_get_map(self));

        if (rc < 0)
            delete channel;
        return rc;
    };
    return cls;
}();

} // namespace

int main(int argc, char **argv)
{
    sockaddr_in addr{};
    addr.sin_family = AF_INET;
    addr.sin_port = htons(static_cast<in_port_t>(argc > 1 ? std::atoi(argv[1]) : 7));
    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);

    asyncore_dispatcher server{};
    asyncore_init(&server, &echo_server_class, -1, nullptr);
    asyncore_create_socket(&server, AF_INET, SOCK_STREAM);
    asyncore_set_reuse_addr(&server);
    int rc = asyncore_bind(&server, reinterpret_cast<sockaddr *>(&addr), sizeof addr);
    if (rc == 0)
        rc = asyncore_listen(&server, SOMAXCONN);
    if (rc == 0)
        rc = asyncore_loop(30, nullptr, -1);
    std::fprintf(stderr, "echo_server: %s\n", std::strerror(-rc));
    return 1;
}
