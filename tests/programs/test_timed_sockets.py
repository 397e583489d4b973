"""timed and its sockets: which it opens, and which it is given."""

import fcntl
import os
import re
import shlex
import signal
import socket
import subprocess

import tap
from tap import Program, Timed, connect, equal, matches, receive, run, timed

FIRST = 3  # descriptor that a service manager gives


def ask_udp(port, address="127.0.0.1", patience=tap.PATIENCE):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as peer:
        peer.settimeout(patience)
        peer.connect((address, port))
        peer.send(b"")
        return peer.recv(100)


def listener(kind, address="127.0.0.1"):
    peer = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
    peer.bind((address, 0))
    if kind == socket.SOCK_STREAM:
        peer.listen(100)
    return peer


class Activated(Program):
    """timed with descriptors from 3 on, as systemd starts it."""

    def __init__(self, sockets, *options, count=None, pid="$$", names=None):
        high = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 50) for s in sockets]

        def place():
            for i, fd in enumerate(high):
                os.dup2(fd, FIRST + i)
            os.closerange(FIRST + len(high), 200)

        command = shlex.join([timed(), *options])
        environment = dict(os.environ, LISTEN_FDS=str(len(sockets) if count is None else count))
        if names is not None:
            environment["LISTEN_FDNAMES"] = names
        super().__init__("/bin/sh", "-c", f"LISTEN_PID={pid} exec {command}", close_fds=False,
                         preexec_fn=place, env=environment)
        for fd in high:
            os.close(fd)


def port_of(peer):
    return peer.getsockname()[1]


# ---- those that it opens ----

def test_both_transports_have_the_same_port():
    server = Timed()
    tap.is_the_time(receive(connect(server.port)))
    tap.is_the_time(ask_udp(server.port))
    equal(server.stop(), 0)


def test_one_transport():
    server = Timed("--udp")
    tap.is_the_time(ask_udp(server.port))
    try:
        connect(server.port)
        raise AssertionError("TCP is served")
    except ConnectionRefusedError:
        pass
    equal(server.stop(), 0)
    server = Timed("--tcp")
    tap.is_the_time(receive(connect(server.port)))
    try:
        ask_udp(server.port)
        raise AssertionError("UDP is served")
    except (ConnectionRefusedError, TimeoutError):  # the number may be somebody else's over UDP
        pass
    equal(server.stop(), 0)
    server = Timed("--tcp", "--udp")
    tap.is_the_time(receive(connect(server.port)))
    tap.is_the_time(ask_udp(server.port))
    equal(server.stop(), 0)


def test_listen_with_ports_of_their_own():
    server = Timed("--listen", "127.0.0.2", "-v")
    other = tap.free_port()
    for address in "127.0.0.1", "127.0.0.2":
        tap.is_the_time(receive(connect(server.port, address)))
        tap.is_the_time(ask_udp(server.port, address))
    equal(server.stop(), 0)
    server = Program(timed(), "-v", "-l", f"127.0.0.1:{other}")
    equal(server.line(), f"listening on port {other}")
    tap.is_the_time(receive(connect(other)))
    equal(server.stop(), 0)


def test_listen_by_name():
    server = Program(timed(), "--port", "0", "--listen", "localhost")
    port = int(matches(server.line(), r"listening on port (\d+)")[1])
    tap.is_the_time(receive(socket.create_connection(("localhost", port), tap.PATIENCE)))
    equal(server.stop(), 0)


def test_listen_on_an_address_twice():
    server = Program(timed(), "-p", "0", *["-l", "127.0.0.1", "-l", "127.0.0.2"] * 2)
    port = int(matches(server.line(), r"listening on port (\d+)")[1])
    for address in "127.0.0.1", "127.0.0.2":
        tap.is_the_time(receive(connect(port, address)))
        tap.is_the_time(ask_udp(port, address))
    server.process.send_signal(signal.SIGUSR1)
    equal(server.line(), "tcp: 2 answered; udp: 2 answered")
    equal([re.sub(r" fd \d+", "", server.line()) for _ in range(4)],
          [f"<time_server listening 127.0.0.1:{port}>", f"<time_datagram> on 127.0.0.1:{port}",
           f"<time_server listening 127.0.0.2:{port}>", f"<time_datagram> on 127.0.0.2:{port}"])
    equal(server.stop(), 0)


def test_listen_on_ipv6():
    if not tap.has_ipv6():
        raise tap.Skip("no IPv6 here")
    server = Program(timed(), "--port", "0", "--listen", "::1")
    port = int(matches(server.line(), r"listening on port (\d+)")[1])
    tap.is_the_time(receive(connect(port, "::1")))
    tap.is_the_time(ask_udp(port, "::1"))
    equal(server.stop(), 0)
    server = Program(timed(), "-v", "--listen", f"[::1]:{port}")
    equal(server.line(), f"listening on port {port}")
    tap.is_the_time(ask_udp(port, "::1"))
    equal(server.stop(), 0)


def test_answer_comes_from_the_address_that_was_asked():
    # The port is one that was free a moment ago, for it listens on all addresses.
    port = tap.free_port()
    server = Program(timed(), "-v", "-p", str(port))
    equal(server.line(), f"listening on port {port}")
    for address in "127.0.0.1", "127.0.0.2", "127.1.2.3":
        tap.is_the_time(ask_udp(port, address))  # a connected socket hears no other
    if tap.has_ipv6():
        tap.is_the_time(ask_udp(port, "::1"))
    equal(server.stop(), 0)


def test_addresses_that_are_none():
    for text in ("", ":", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "[::1", "[::1]x", "1.2.3.4.5",
                 "::g", "[]:37", "x" * 300):
        status, out, err = run(timed(), "--listen", text)
        equal((status, out), (2, ""))
        matches(err, r"timed: bad address '.*': want .*\n")


def test_name_that_nobody_has():
    status, out, err = run(timed(), "--listen", "no.such.host.invalid")
    assert status in (1, 2) and out == ""
    matches(err, r"timed: (bad )?address '?no\.such\.host\.invalid'?: .*\n")


def test_udp_port_in_use():
    with listener(socket.SOCK_DGRAM) as other:
        port = port_of(other)
        status, out, err = run(timed(), "-l", f"127.0.0.1:{port}")
    equal((status, out), (1, ""))
    matches(err, rf"timed: bind 127\.0\.0\.1:{port}: Address already in use \(.*--port\)\n")


def test_check():
    equal(run(timed(), "--check", "-p", "0", "-l", "127.0.0.1"), (0, "", ""))
    with socket.create_server(("127.0.0.1", 0)) as other:
        status, _, err = run(timed(), "--check", "-l", f"127.0.0.1:{port_of(other)}")
    equal(status, 1)
    matches(err, r"timed: bind .*: Address already in use .*\n")
    equal(run(timed(), "--check", "--rate", "x")[0], 2)


# ---- those that a service manager gives ----

def test_activated_in_any_order():
    kinds = socket.SOCK_STREAM, socket.SOCK_DGRAM
    addresses = ["127.0.0.1", "127.0.0.2"] + (["::1"] if tap.has_ipv6() else [])
    all_kinds = [(kind, address) for kind in kinds for address in addresses]
    for order in all_kinds, all_kinds[::-1], all_kinds[:1], all_kinds[-1:]:
        sockets = [listener(*kind) for kind in order]
        server = Activated(sockets, "--verbose", names=":".join("abcdef"[:len(order)]))
        equal(server.line(), f"listening on port {port_of(sockets[0])}")
        for (kind, address), peer in zip(order, sockets):
            if kind == socket.SOCK_STREAM:
                tap.is_the_time(receive(connect(port_of(peer), address)))
            else:
                tap.is_the_time(ask_udp(port_of(peer), address))
            peer.close()
        equal(server.stop(), 0)


def test_activated_without_a_network():
    # As with PrivateNetwork=yes: the sockets are of another network than the process.
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode != 0:
        raise tap.Skip("no network of one's own to be had here")
    tcp, udp = listener(socket.SOCK_STREAM), listener(socket.SOCK_DGRAM)
    high = [fcntl.fcntl(s.fileno(), fcntl.F_DUPFD, 50) for s in (udp, tcp)]

    def place():
        for i, fd in enumerate(high):
            os.dup2(fd, FIRST + i)

    command = f"LISTEN_PID=$$ LISTEN_FDS=2 exec {shlex.quote(timed())} -v"
    server = Program("unshare", "-n", "/bin/sh", "-c", command, close_fds=False, preexec_fn=place)
    for fd in high:
        os.close(fd)
    equal(server.line(), f"listening on port {port_of(udp)}")
    tap.is_the_time(receive(connect(port_of(tcp))))
    tap.is_the_time(ask_udp(port_of(udp)))
    equal(server.stop(), 0)


def test_the_last_socket_is_shut_down():
    peer = listener(socket.SOCK_STREAM)
    server = Activated([peer])
    tap.is_the_time(receive(connect(port_of(peer))))
    peer.shutdown(socket.SHUT_RDWR)
    equal(server.wait(), 1)
    assert server.rest().endswith("timed: no listening socket is left\n")


def test_not_for_this_process():
    with listener(socket.SOCK_DGRAM) as peer:
        server = Activated([peer], "-p", "0", "-l", "127.0.0.1", pid="1")
        port = int(matches(server.line(), r"listening on port (\d+)")[1])
        assert port != port_of(peer)
        tap.is_the_time(ask_udp(port))
        equal(server.stop(), 0)
        server = Activated([], "-p", "0", "-l", "127.0.0.1", count=0)
        matches(server.line(), r"listening on port \d+")
        equal(server.stop(), 0)


def test_sockets_that_cannot_be_served():
    not_listening = socket.socket()
    not_listening.bind(("127.0.0.1", 0))
    connected, other_end = socket.socketpair()
    raw = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with open(os.devnull, "rb") as file:
        for given, names, message in (
            (file, None, r"descriptor 3: not a socket"),
            (not_listening, "web", r"descriptor 3 web: a TCP socket that does not listen \(.*\)"),
            (connected, "", r"descriptor 3: neither an IPv4 nor an IPv6 socket"),
            (raw, None, r"descriptor 3: a UDP socket without a port"),
        ):
            server = Activated([given], names=names)
            equal(server.line().split(": ", 1)[0], "timed")
            equal(server.wait(), 1)
            server = Activated([listener(socket.SOCK_DGRAM), given], names=f"x:{names or ''}")
            matches(server.line(), "timed: LISTEN_FDS: " + message.replace("3", "4"))
            equal(server.wait(), 1)
    for count in "x", "-1", "257", "99999999999999999999", "1x", "":
        server = Activated([], count=count)
        matches(server.line(), rf"timed: LISTEN_FDS={count}: want a number from 0 to 256")
        equal(server.wait(), 1)
    for peer in not_listening, connected, other_end, raw:
        peer.close()


# ---- the one that inetd gives ----

def inetd(peer, *options):
    """As inetd starts it: the socket is all three standard streams."""
    return subprocess.Popen([timed(), "--inetd", *options], stdin=peer, stdout=peer, stderr=peer)


def test_inetd_tcp():
    with listener(socket.SOCK_STREAM) as peer:
        process = inetd(peer, "--idle", "1")
        for _ in range(3):
            tap.is_the_time(receive(connect(port_of(peer))))
        equal(process.wait(tap.PATIENCE), 0)  # nobody asks any more
        early = connect(port_of(peer))  # the socket is inetd's, and listens still
        process = inetd(peer, "--idle", "1", "--verbose")
        tap.is_the_time(receive(early))
        equal(process.wait(tap.PATIENCE), 0)


def test_inetd_udp():
    with listener(socket.SOCK_DGRAM) as peer:
        process = inetd(peer, "--idle", "1", "--verbose")  # which says nothing to the client
        tap.is_the_time(ask_udp(port_of(peer)))
        equal(process.wait(tap.PATIENCE), 0)


def test_inetd_says_on_standard_error_what_it_can():
    with listener(socket.SOCK_DGRAM) as peer:
        server = Program(timed(), "--inetd", "--verbose", "--idle", "0", stdin=peer)
        equal(server.line(), f"listening on port {port_of(peer)}")
        tap.is_the_time(ask_udp(port_of(peer)))
        matches(server.line(), r"datagram from 127\.0\.0\.1:\d+")
        equal(server.stop(), 0)


def test_inetd_without_a_socket():
    status, out, err = run(timed(), "--inetd")
    equal((status, out, err), (1, "", "timed: --inetd: standard input: not a socket\n"))
    peer, other = socket.socketpair()
    status = subprocess.run([timed(), "--inetd"], stdin=peer, capture_output=True, text=True,
                            check=False)
    equal(status.returncode, 1)
    matches(status.stderr, r"timed: --inetd: standard input: neither an IPv4 nor an IPv6 socket\n")
    peer.close()
    other.close()


tap.main()
