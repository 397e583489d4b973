"""timed and those who ask too much: limits, floods, loops; and clocks that are not ours."""

import ctypes
import os
import re
import resource
import select
import signal
import socket
import struct
import time

import tap
from tap import Timed, connect, equal, receive, run, timed

WAIT = 0.3  # seconds in which an answer that is not to come would have come


def client(port, source="127.0.0.1", source_port=0):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.bind((source, source_port))
    peer.connect(("127.0.0.1", port))
    peer.settimeout(tap.PATIENCE)
    return peer


def answers(peer, requests):
    """How many of these are answered, one after the other."""
    count = 0
    peer.settimeout(WAIT)
    for request in requests:
        try:
            peer.send(request)
            peer.recv(100)
            count += 1
        except TimeoutError:
            pass
    return count


def counts(server):
    """What SIGUSR1 has it say of UDP: {"answered": 3}."""
    server.process.send_signal(signal.SIGUSR1)
    while True:
        line = server.line()
        if found := re.search(r"udp: (.*)$", line):
            break
    for _ in range(2):
        server.line()  # its dispatchers
    return {name: int(number) for number, name in re.findall(r"(\d+) ([\w-]+)", found[1])}


# ---- limits ----

def test_a_flood_is_held_to_the_rate():
    server = Timed("--rate", "1", "--burst", "5")
    with client(server.port) as peer:
        equal(answers(peer, [b""] * 5), 5)
        assert answers(peer, [b""] * 3) <= 2
    matches = server.line()
    assert re.fullmatch(r"\d+ requests over the limit, the last from 127\.0\.0\.1:\d+", matches), matches
    equal(server.stop(), 0)
    equal(server.rest(), "")  # that was said once


def test_one_source_does_not_hurt_another():
    server = Timed()
    with client(server.port, "127.0.0.2") as flooding, client(server.port) as peer:
        for _ in range(20):
            for _ in range(50):
                flooding.send(b"")
            if answers(peer, [b""]) == 1:  # a flood may fill the kernel's queue, but not for long
                break
        else:
            raise AssertionError("no answer beside a flood")
    found = counts(server) if server.line() else {}
    assert found["limited"] > 0 and found["answered"] >= 21, found
    equal(server.stop(), 0)


def test_no_limit():
    server = Timed("--rate", "0")
    with client(server.port) as peer:
        equal(answers(peer, [b""] * 50), 50)
    equal(server.stop(), 0)


def test_limit_over_tcp():
    server = Timed("--limit-tcp", "--rate", "1", "--burst", "2")
    for _ in range(2):
        tap.is_the_time(receive(connect(server.port)))
    refused = 0
    for _ in range(5):
        try:
            assert receive(connect(server.port))
        except ConnectionResetError:
            refused += 1
    assert refused >= 3, refused
    other = socket.create_connection(("127.0.0.1", server.port), tap.PATIENCE, ("127.0.0.2", 0))
    tap.is_the_time(receive(other))
    equal(server.stop(), 0)


def test_no_limit_over_tcp_by_default():
    server = Timed("--rate", "1", "--burst", "1")
    for _ in range(10):
        tap.is_the_time(receive(connect(server.port)))
    equal(server.stop(), 0)


def burst(peers):
    """One datagram of each, all at once; how many are not answered."""
    poll = select.poll()
    for peer in peers:
        poll.register(peer, select.POLLIN)
        peer.send(b"")
    missing = len(peers)
    while missing and (ready := poll.poll(1000)):
        for fd, _ in ready:
            poll.unregister(fd)
            os.read(fd, 100)
            missing -= 1
    return missing


def test_a_burst_of_1000():
    server = Timed("--rate", "0")
    peers = [client(server.port) for _ in range(100 if os.environ.get("VALGRIND") else 1000)]
    # Another program may have the CPU meanwhile, and the kernel's queue be full.
    missing = next((0 for _ in range(10) if burst(peers) == 0), "some, each time")
    for peer in peers:
        peer.close()
    equal(missing, 0)
    equal(server.stop(), 0)


# ---- loops ----

def forge(source_port, port, data=b""):
    """One datagram that says to be from this port of the same address."""
    header = struct.pack(">HHHH", source_port, port, 8 + len(data), 0)
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
        raw.bind(("127.0.0.1", 0))
        raw.sendto(header + data, ("127.0.0.1", 0))


def may_forge():
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP).close()
    except PermissionError as error:
        raise tap.Skip("forging datagrams is for root alone") from error


def test_no_loop_with_itself():
    may_forge()
    server = Timed()
    forge(server.port, server.port)
    tap.is_the_time(receive(connect(server.port)))
    equal(counts(server), {"answered": 0, "source-port": 1})
    equal(server.stop(), 0)


def test_no_loop_with_another():
    may_forge()
    one, other = Timed(), Timed()
    forge(other.port, one.port)
    with client(one.port) as peer:
        equal(answers(peer, [b""]), 1)  # by then it has been through
    equal(counts(one), {"answered": 2})
    equal(counts(other), {"answered": 0, "is-answer": 1})
    equal(one.stop(), 0)
    equal(other.stop(), 0)


def service(port, answer, seconds=1):
    """Another service on a high port, to which somebody has had the server write: how many answers
    go round."""
    count, end = 0, time.monotonic() + seconds
    with client(port) as peer:
        peer.send(answer(b""))
        while (left := end - time.monotonic()) > 0 and select.select([peer], [], [], left)[0]:
            count += 1
            peer.send(answer(peer.recv(2000)))
    return count


def test_no_loop_with_other_services():
    server = Timed()
    assert service(server.port, lambda data: data, WAIT) <= 1  # echo
    assert service(server.port, lambda data: bytes(range(32, 106)) + b"\r\n", WAIT) == 0  # chargen
    begun = time.monotonic()
    daytime = service(server.port, lambda data: b"Wed Nov 25 22:56:58 2026\r\n")
    assert daytime <= 21 + 10 * (time.monotonic() - begun), daytime  # the limit ends it
    equal(server.stop(), 0)


def test_udp_any_port():
    try:
        with client(9, "127.0.0.1", 1023):
            pass
    except PermissionError as error:
        raise tap.Skip("ports below 1024 are for root alone") from error
    for options, expected in ([], 0), (["--udp-any-port"], 1):
        server = Timed(*options)
        with client(server.port, "127.0.0.3", 1023) as peer:
            equal(answers(peer, [b""]), expected)
        equal(server.stop(), 0)


# ---- descriptors ----

def test_16_descriptors():
    if os.environ.get("VALGRIND"):
        raise tap.Skip("valgrind needs descriptors of its own")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    server = Timed(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, hard)))
    silent = [connect(server.port) for _ in range(100)]
    for peer in silent:
        tap.is_the_time(receive(peer))
    before = tap.cpu_seconds(server)
    time.sleep(1)
    assert tap.cpu_seconds(server) - before <= 0.1, "it spins"
    equal(server.stop(), 0)
    equal(server.rest(), "")


def test_no_descriptor_but_the_spare_one():
    if os.environ.get("VALGRIND"):
        raise tap.Skip("valgrind needs descriptors of its own")
    server = Timed("--tcp", *tap.AS_ROOT)
    tap.is_the_time(receive(connect(server.port)))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (tap.descriptors(server), hard))
    for _ in range(50):
        tap.is_the_time(receive(connect(server.port)))
    tap.matches(server.line(), r"error: accept on <time_server listening .*>: Too many open files; .*")
    server.process.send_signal(signal.SIGUSR1)
    tap.matches(server.line(), r"tcp: 51 answered; udp: 0 answered; \d+ times no descriptor")
    equal(server.stop(), 0)


# ---- clocks ----

def test_the_turn_of_2036_and_2040():
    for date, expected in (2085978495, 2**32 - 1), (2085978496, 0), (2208988800, 123010304):
        server = Timed("--epoch-offset", str(date - int(time.time())))
        with client(server.port) as peer:
            peer.send(b"")
            for answer in peer.recv(100), receive(connect(server.port)):
                equal(len(answer), 4)
                off = (struct.unpack(">I", answer)[0] - expected) % 2**32
                assert off <= 60, f"off by {off}"
        equal(server.stop(), 0)


def synchronised():
    kernel = ctypes.create_string_buffer(1024)  # all zeros: asks, and sets nothing
    return ctypes.CDLL(None).adjtimex(kernel) != 5


def test_require_sync():
    server = Timed("--require-sync")
    with client(server.port) as peer:
        if synchronised():
            tap.is_the_time(receive(connect(server.port)))
            equal(answers(peer, [b""]), 1)
        else:
            equal(receive(connect(server.port)), b"")
            equal(answers(peer, [b""]), 0)
            equal(counts(server), {"answered": 0, "unknown": 1})
    equal(server.stop(), 0)


# ---- the end ----

def test_once():
    server = Timed("--once", "3")
    tap.is_the_time(receive(connect(server.port)))
    with client(server.port) as peer:
        equal(answers(peer, [b"", bytes(65)]), 1)  # the second is not answered, and so no request
    tap.is_the_time(receive(connect(server.port)))
    equal(server.wait(), 0)
    equal(server.rest(), "")


def test_once_is_exact():
    server = Timed("--once", "5")
    server.process.send_signal(signal.SIGSTOP)
    peers = [connect(server.port) for _ in range(10)]
    server.process.send_signal(signal.SIGCONT)
    answered = 0
    for peer in peers:
        try:
            answered += len(receive(peer)) == 4
        except ConnectionResetError:
            pass
    equal(answered, 5)
    equal(server.wait(), 0)


def test_idle():
    server = Timed("--idle", "1")
    tap.is_the_time(receive(connect(server.port)))
    equal(server.wait(), 0)


def test_values_that_cannot_be():
    for arguments, message in (
        (["--rate", "-1"], r"bad rate '-1': want a number from 0 to 1000000"),
        (["--rate", "1000001"], r"bad rate '1000001': .*"),
        (["--burst", "0"], r"bad burst '0': want a number from 1 to 1000000"),
        (["--limit-tcp", "--rate", "0"], r"--limit-tcp and no limit: .*"),
        (["--epoch-offset", "1e9"], r"bad epoch-offset '1e9': want a number from -\d+ to \d+"),
        (["--epoch-offset", "--5"], r"bad epoch-offset '--5': .*"),
        (["--once", "0"], r"bad once '0': want a number from 1 to \d+"),
        (["--idle", "x"], r"bad idle 'x': want a number from 0 to 86400"),
        (["--inetd", "--listen", "::1"], r"--inetd has its socket from inetd: .*"),
        (["--inetd", "--port", "8037"], r"--inetd has its socket from inetd: .*"),
        (["--inetd", "--udp"], r"--inetd has its socket from inetd, be it .*"),
    ):
        status, out, err = run(timed(), *arguments)
        equal((status, out), (2, ""))
        tap.matches(err, rf"timed: {message}\n")


tap.main()
