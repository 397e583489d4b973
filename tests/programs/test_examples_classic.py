"""The classic examples, echo_server, chat_server, proxy and cat: each C program and its Python twin
do the same, and bear with hostile clients."""

import glob
import itertools
import os
import random
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import tap
from tap import Skip, connect, cpu_seconds, equal, matches, receive, reset

BUILD = os.path.join(os.environ["BUILD"], "examples")
SOURCE = os.path.join(os.environ["SOURCE"], "examples")
VALGRIND = bool(os.environ.get("VALGRIND"))
SANITIZED = os.environ.get("SANITIZE", "none") != "none"
PYTHON = [sys.executable, "-W", "ignore", "-u"]
HAVE_ASYNCORE = subprocess.run([*PYTHON, "-c", "import asyncore, asynchat"],
                               stderr=subprocess.DEVNULL, check=False).returncode == 0
NAMES = ("echo_server", "chat_server", "proxy", "cat")
MIB = 2**20
NOISE = random.Random(1).randbytes(MIB)  # the same in every run
USAGE = {
    "echo_server": "usage: echo_server [--port N] [--poller NAME], N from 0 to 65535\n",
    "chat_server": "usage: chat_server [PORT], a number from 0 to 65535\n",
    "proxy": "usage: proxy LISTEN_PORT HOST PORT, an IPv4 address and numbers up to 65535\n",
    "cat": "usage: cat, without arguments\n",
}


# ==================================================
# programs


def command(name, language):
    if language == "c":
        return [os.path.join(BUILD, name)]
    if not HAVE_ASYNCORE:
        raise Skip("this python3 has no asyncore")
    return [*PYTHON, os.path.join(SOURCE, name + ".py")]


def run(name, language, *arguments):
    return tap.run(*command(name, language), *map(str, arguments), tidy=False)


class Server(tap.Program):
    """A server on a port that the system chose; both its outputs are read line by line, as one."""

    def __init__(self, name, language, *arguments, upstream=None):
        if name == "echo_server":
            arguments = ("--port", 0, *arguments)
        elif name == "chat_server":
            arguments = (0,)
        else:
            arguments = (0, "127.0.0.1", upstream)
        super().__init__(*command(name, language), *map(str, arguments), stream="stdout",
                         stderr=subprocess.STDOUT, tidy=False)
        self.port = int(matches(self.line(), r"listening on port (\d+)")[1])
        assert self.port > 0

    def echoes(self):
        """It, or what is behind it, sends back what is sent, and has closed the connection."""
        peer = connect(self.port)
        peer.sendall(b"hello")
        peer.shutdown(socket.SHUT_WR)
        equal(receive(peer), b"hello")

    def end(self, output=""):
        """Stops it; nothing else may have been worth a word."""
        equal(self.stop(), -signal.SIGTERM)
        equal(self.rest(), output)


class Guest:
    """Who has come into a chat_server, and reads line by line."""

    def __init__(self, server, *options):
        self.socket = socket.socket()
        for level, option, value in options:
            self.socket.setsockopt(level, option, value)
        self.socket.settimeout(tap.PATIENCE)
        self.socket.connect(("127.0.0.1", server.port))
        self.file = self.socket.makefile("rb")
        self.name = matches(self.line(), r"(guest\d+) has joined")[1]

    def say(self, line):
        self.socket.sendall(line + b"\n")

    def line(self):
        return self.file.readline().decode("latin-1").rstrip("\n")

    def hears(self, *lines):
        for line in lines:
            equal(self.line(), line)

    def leave(self):
        self.file.close()
        self.socket.close()


class Cat(tap.Program):
    """cat between two files of ours; its messages are read."""

    def __init__(self, language, stdin, stdout):
        # Not tap.Program's, whose standard input is empty.
        self.valgrind = tap.ValgrindLog(command("cat", language)[0], tidy=False)
        self.process = subprocess.Popen([*self.valgrind.prefix, *command("cat", language)],
                                        stdin=stdin, stdout=stdout, stderr=subprocess.PIPE)
        self.pipe = self.process.stderr
        self.buffer = b""
        tap.Program.running.append(self)

    def ends(self, status, messages):
        equal(self.rest(), messages)
        equal(self.wait(), status)


# ==================================================
# helpers


def wait_until(condition):
    end = time.monotonic() + tap.PATIENCE
    while not condition():
        assert time.monotonic() < end, "it has not come to pass"
        time.sleep(0.005)


def receive_exactly(peer, size):
    data = b""
    while len(data) < size:
        part = peer.recv(size - len(data))
        assert part, f"closed after {data[:100]!r}..., {len(data)} bytes"
        data += part
    return data


def is_closed(peer):
    """Waits for the end of this connection, orderly or not."""
    try:
        while peer.recv(65536):
            pass
    except ConnectionError:
        pass
    peer.close()


def odd_pieces(data):
    sizes = itertools.cycle((1, 7, 1000, 4099, 1, 65537, 8191, 8193, 13))
    while data:
        size = next(sizes)
        yield data[:size]
        data = data[size:]


def exchange(peer, data):
    """Sends data in odd pieces, then the end; and returns all that comes meanwhile and after."""
    pieces = odd_pieces(data)
    waiting, received = next(pieces), []
    peer.setblocking(False)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        r, w, _ = select.select([peer], [peer] if waiting else [], [], tap.PATIENCE)
        assert r or w, "it does nothing any more"
        if w:
            waiting = waiting[peer.send(waiting):] or next(pieces, b"")
            if not waiting:
                peer.shutdown(socket.SHUT_WR)
        if r:
            part = peer.recv(100_000)
            if not part:
                peer.close()
                return b"".join(received)
            received.append(part)


def asleep(program):
    return tap.stat(program)[0] == "S"


def flood(peer, programs, limit=32 * MIB):
    """Sends until nobody takes any more, 32 MiB at most; returns how much it was."""
    piece, sent = bytes(65536), 0
    peer.setblocking(False)
    while sent < limit:
        try:
            sent += peer.send(piece)
        except BlockingIOError:
            if not select.select([], [peer], [], 0.2)[1] and all(map(asleep, programs)):
                break
    peer.settimeout(tap.PATIENCE)
    return sent


def resident(program):
    """Its memory, in bytes."""
    with open(f"/proc/{program.process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"^VmRSS:\s+(\d+) kB$", file.read(), re.MULTILINE)[1]) * 1024


def check_growth(program, before):
    growth = resident(program) - before
    assert growth < MIB or VALGRIND or SANITIZED, f"{growth} bytes more"


def check_idle(program):
    before = cpu_seconds(program)
    time.sleep(0.3)  # what is not to happen has no event
    assert cpu_seconds(program) - before < 0.15, "it spins"


def descriptors(program):
    return sorted(int(number) for number in os.listdir(f"/proc/{program.process.pid}/fd"))


def listener():
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(tap.PATIENCE)
    return server


def accept(server):
    peer, _ = server.accept()
    peer.settimeout(tap.PATIENCE)
    return peer


def crowd_of_resets(server, count=30):
    """Connections that are all reset while the server sleeps."""
    for _ in range(count):
        reset(connect(server.port))
    server.process.send_signal(signal.SIGSTOP)
    for _ in range(count):
        reset(connect(server.port))
    server.process.send_signal(signal.SIGCONT)


class NoDescriptors:
    """While this lasts, the program has no descriptor left to accept with."""

    def __init__(self, program):
        if VALGRIND:
            raise Skip("valgrind has a limit of descriptors of its own")
        self.pid = program.process.pid
        self.limits = resource.prlimit(self.pid, resource.RLIMIT_NOFILE)
        # Descriptors are taken from below: those that are free below the highest stay so.
        held = descriptors(program)
        assert held == list(range(len(held))), held
        self.limit = len(held)

    def __enter__(self):
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, (self.limit, self.limits[1]))

    def __exit__(self, *_):
        resource.prlimit(self.pid, resource.RLIMIT_NOFILE, self.limits)


# ==================================================
# echo_server


def check_echo_odd_pieces(language):
    server = Server("echo_server", language)
    for _ in range(2):
        assert exchange(connect(server.port), NOISE) == NOISE
    server.end()


def check_echo_half_close(language):
    server = Server("echo_server", language)
    for size in (0, 1, 8192, 200_000):
        peer = connect(server.port)
        peer.sendall(NOISE[:size])
        peer.shutdown(socket.SHUT_WR)
        assert receive(peer) == NOISE[:size]
    server.end()


def check_echo_flood(language):
    server = Server("echo_server", language, "--poller", "select")
    exchange(connect(server.port), NOISE)
    before = resident(server)
    peer = connect(server.port)
    sent = flood(peer, [server])
    assert sent < 32 * MIB, "it takes all"
    server.echoes()
    check_idle(server)
    check_growth(server, before)
    # Nothing is lost for it, should it come to read.
    peer.shutdown(socket.SHUT_WR)
    equal(len(receive(peer)), sent)
    # And one that never does: its reset ends it.
    held = descriptors(server)
    peers = [connect(server.port) for _ in range(3)]
    for peer in peers:
        flood(peer, [server])
    check_growth(server, before)
    server.echoes()
    for peer in peers:
        reset(peer)
    wait_until(lambda: descriptors(server) == held)
    server.end()


def check_echo_reset(language):
    server = Server("echo_server", language)
    server.echoes()
    held = descriptors(server)
    crowd_of_resets(server)
    server.echoes()
    wait_until(lambda: descriptors(server) == held)
    server.end()


def check_echo_urgent_data(language):
    server = Server("echo_server", language)
    peer = connect(server.port)
    peer.send(b"!", socket.MSG_OOB)
    check_idle(server)
    for _ in range(20):
        peer.sendall(b"ab")
        peer.send(b"!", socket.MSG_OOB)
        peer.sendall(b"cd")
        equal(receive_exactly(peer, 4), b"abcd")
    peer.close()
    server.echoes()
    server.end()


def check_echo_no_descriptors(language):
    server = Server("echo_server", language)
    old = connect(server.port)
    old.sendall(b"1")
    equal(receive_exactly(old, 1), b"1")
    with NoDescriptors(server):
        new = connect(server.port)
        new.sendall(b"hello")
        matches(server.line(), r"(error|log): accept.*: Too many open files.*")
        old.sendall(b"2")
        equal(receive_exactly(old, 1), b"2")
        check_idle(server)
    equal(receive_exactly(new, 5), b"hello")
    server.echoes()
    equal(server.stop(), -signal.SIGTERM)


def check_echo_poller(language):
    pollers = os.environ["POLLERS"].split() if language == "c" else ["select", "poll"]
    for poller in pollers:
        server = Server("echo_server", language, "--poller", poller)
        exchange(connect(server.port), NOISE)
        server.end()
    for name in ("kpoll", "", "SELECT", "select "):
        equal(run("echo_server", language, "--poller", name),
              (2, "", f"error: {name}: no such poller; there are: {' '.join(pollers)}\n"))


# ==================================================
# chat_server


def check_chat_broadcast(language):
    server = Server("chat_server", language)
    one = Guest(server)
    two = Guest(server)
    one.hears("guest2 has joined")
    three = Guest(server)
    for guest in (one, two):
        guest.hears("guest3 has joined")
    one.say(b"good morning")
    for guest in (two, three):
        guest.hears("guest1: good morning")
    # Bytes are bytes, an empty line is a line, and several may come at once, or one in pieces.
    two.say(b"\xff\0\r")
    two.say(b"")
    two.socket.sendall(b"a\nb\nc")
    for guest in (one, three):
        guest.hears("guest2: \xff\0\r", "guest2: ", "guest2: a", "guest2: b")
    two.say(b"d")
    for guest in (one, three):
        guest.hears("guest2: cd")
    two.leave()
    for guest in (one, three):
        guest.hears("guest2 has left")
    # What came before the end is heard; what has no end is not.
    three.socket.sendall(b"goodbye\nnot a li")
    three.socket.shutdown(socket.SHUT_WR)
    one.hears("guest3: goodbye", "guest3 has left")
    equal(three.line(), "")
    equal(Guest(server).name, "guest4")
    one.hears("guest4 has joined", "guest4 has left")
    server.end()


def check_chat_long_line(language):
    server = Server("chat_server", language)
    one, two = Guest(server), Guest(server)
    one.hears("guest2 has joined")
    two.say(b"x" * 1024)
    one.hears("guest2: " + "x" * 1024)
    for number, text in enumerate((b"x" * 1025 + b"\n", b"x" * 1025, b"ok\n" + b"x" * 100_000,
                                   b"x" * 100_000 + b"\nok\n"), 3):
        guest = Guest(server)
        guest.socket.sendall(text)
        one.hears(f"guest{number} has joined",
                  *[f"guest{number}: ok"] * text.startswith(b"ok"), f"guest{number} has left")
        is_closed(guest.socket)
    # A byte at a time, it is no shorter.
    guest = Guest(server)
    one.hears("guest7 has joined")
    guest.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for _ in range(1024):
        guest.socket.send(b"x")
    guest.socket.sendall(b"x\n")
    one.hears("guest7 has left")
    server.end("".join(f"log: guest{n} dropped: Message too long\n" for n in range(3, 8)))


def check_chat_never_reading(language):
    server = Server("chat_server", language)
    one = Guest(server)
    two = Guest(server, (socket.SOL_SOCKET, socket.SO_RCVBUF, 4096))
    three = Guest(server)
    one.hears("guest2 has joined", "guest3 has joined")
    before = resident(server)
    line, said, heard = "x" * 1000, 0, []
    while not select.select([one.socket], [], [], 0)[0]:
        one.say(line.encode())
        said += 1
        heard.append(three.line())
        assert said < 30_000, "it is never dropped"
    one.hears("guest2 has left")
    one.say(b"the end")
    while heard[-1] != "guest1: the end":
        heard.append(three.line())
    equal(heard.count("guest1: " + line), said)
    equal(heard.count("guest2 has left"), 1)
    equal(len(heard), said + 2)
    is_closed(two.socket)
    growth = resident(server) - before
    assert growth < 2 * MIB or VALGRIND or SANITIZED, f"{growth} bytes more"
    server.end("log: guest2 dropped: it does not read\n")


def check_chat_reset(language):
    server = Server("chat_server", language)
    one = Guest(server)
    names = [f"guest{n}" for n in range(2, 302)]
    guests = [connect(server.port) for _ in names]
    one.hears(*(f"{name} has joined" for name in names))
    # All at once, so that to tell the others of one is to find that the next has gone.
    server.process.send_signal(signal.SIGSTOP)
    for guest in guests:
        reset(guest)
    server.process.send_signal(signal.SIGCONT)
    equal(sorted(one.line() for _ in names), sorted(f"{name} has left" for name in names))
    two = Guest(server)
    one.hears("guest302 has joined")
    two.say(b"still here")
    one.hears("guest302: still here")
    server.end()


def check_chat_urgent_data(language):
    server = Server("chat_server", language)
    one, two = Guest(server), Guest(server)
    one.hears("guest2 has joined")
    two.socket.send(b"!", socket.MSG_OOB)
    check_idle(server)
    for _ in range(20):
        two.socket.sendall(b"ab")
        two.socket.send(b"!", socket.MSG_OOB)
        two.socket.sendall(b"cd\n")
        one.hears("guest2: abcd")
    server.end()


def check_chat_no_descriptors(language):
    server = Server("chat_server", language)
    one, two = Guest(server), Guest(server)
    one.hears("guest2 has joined")
    with NoDescriptors(server):
        peer = connect(server.port)
        matches(server.line(), r"(error|log): accept.*: Too many open files.*")
        two.say(b"hello")
        one.hears("guest2: hello")
        check_idle(server)
    one.hears("guest3 has joined")
    peer.close()
    one.hears("guest3 has left")
    equal(server.stop(), -signal.SIGTERM)


# ==================================================
# proxy


class Between:
    """A proxy between a client of ours and an upstream of ours."""

    def __init__(self, language):
        self.listener = listener()
        self.proxy = Server("proxy", language, upstream=self.listener.getsockname()[1])
        self.client, self.upstream = self.connect()
        self.at_rest = len(descriptors(self.proxy)) - 2

    def connect(self):
        client = connect(self.proxy.port)
        return client, accept(self.listener)

    def both_closed(self):
        wait_until(lambda: len(descriptors(self.proxy)) == self.at_rest)

    def end(self):
        self.client.close()
        self.upstream.close()
        self.both_closed()
        self.listener.close()
        self.proxy.end()


def check_proxy_before_echo_server(language):
    echo = Server("echo_server", language)
    proxy = Server("proxy", language, upstream=echo.port)
    for _ in range(2):
        assert exchange(connect(proxy.port), NOISE) == NOISE
    crowd_of_resets(proxy)
    proxy.echoes()
    proxy.end()
    echo.end()


def check_proxy_reset_unread(language):
    # The echo server hears no more until what it has sent is read; but there is nobody to read it.
    echo = Server("echo_server", language)
    proxy = Server("proxy", language, upstream=echo.port)
    proxy.echoes()
    time.sleep(0.2)  # until both have closed that
    held = len(descriptors(proxy)), len(descriptors(echo))
    for _ in range(3):
        peer = connect(proxy.port)
        flood(peer, [proxy, echo])
        reset(peer)
    wait_until(lambda: len(descriptors(proxy)) <= held[0] and len(descriptors(echo)) <= held[1])
    proxy.end()
    echo.end()


def check_proxy_half_close(language):
    for first, second in (("client", "upstream"), ("upstream", "client")):
        between = Between(language)
        first, second = getattr(between, first), getattr(between, second)
        first.sendall(NOISE[:100_000])
        first.shutdown(socket.SHUT_WR)
        data = b""
        while part := second.recv(65536):
            data += part
        assert data == NOISE[:100_000]
        # The other way is still open.
        for _ in range(3):
            second.sendall(b"answer")
            equal(receive_exactly(first, 6), b"answer")
        second.shutdown(socket.SHUT_WR)
        equal(first.recv(1), b"")
        between.both_closed()
        between.end()


def check_proxy_reset(language):
    for first, second in (("client", "upstream"), ("upstream", "client")):
        between = Between(language)
        first, second = getattr(between, first), getattr(between, second)
        second.sendall(b"hello")
        equal(receive_exactly(first, 5), b"hello")
        reset(first)
        is_closed(second)
        between.end()


def check_proxy_flood(language):
    for first, second in (("client", "upstream"), ("upstream", "client")):
        between = Between(language)
        before = resident(between.proxy)
        first, second = getattr(between, first), getattr(between, second)
        sent = flood(first, [between.proxy])
        assert sent < 32 * MIB, "it takes all"
        check_growth(between.proxy, before)
        check_idle(between.proxy)
        client, upstream = between.connect()
        client.sendall(b"another")
        equal(receive_exactly(upstream, 7), b"another")
        client.close()
        equal(upstream.recv(1), b"")
        upstream.close()
        # Who has said all, and is gone, is still heard to the end.
        first.close()
        size = 0
        while part := second.recv(65536):
            size += len(part)
        equal(size, sent)
        between.end()


def check_proxy_refused(language):
    with socket.socket() as other:  # bound, it listens not
        other.bind(("127.0.0.1", 0))
        proxy = Server("proxy", language, upstream=other.getsockname()[1])
        for _ in range(3):
            is_closed(connect(proxy.port))
            equal(proxy.line(), "log: connection dropped: Connection refused")
        proxy.end()


def check_proxy_refused_at_once(language):
    # The broadcast address: no connection is even begun.
    proxy = tap.Program(*command("proxy", language), "0", "255.255.255.255", "80",
                        stream="stdout", stderr=subprocess.STDOUT, tidy=False)
    port = int(matches(proxy.line(), r"listening on port (\d+)")[1])
    for _ in range(3):
        is_closed(connect(port))
        matches(proxy.line(), r"log: connection dropped: [^\n]+")
    equal(proxy.stop(), -signal.SIGTERM)


def check_proxy_urgent_data(language):
    between = Between(language)
    for first, second in ((between.client, between.upstream), (between.upstream, between.client)):
        first.send(b"!", socket.MSG_OOB)
        check_idle(between.proxy)
        first.sendall(b"after")
        equal(receive_exactly(second, 5), b"after")
    between.end()


def check_proxy_no_descriptors(language):
    between = Between(language)
    with NoDescriptors(between.proxy):
        peer = connect(between.proxy.port)
        matches(between.proxy.line(), r"(error|log): accept.*: Too many open files.*")
        between.client.sendall(b"hello")
        equal(receive_exactly(between.upstream, 5), b"hello")
        check_idle(between.proxy)
    other = accept(between.listener)
    peer.sendall(b"hello")
    equal(receive_exactly(other, 5), b"hello")
    peer.close()
    equal(other.recv(1), b"")
    other.close()
    equal(between.proxy.stop(), -signal.SIGTERM)


# ==================================================
# cat


def check_cat_pipes(language):
    stdin, feed = os.pipe()
    take, stdout = os.pipe()
    cat = Cat(language, stdin, stdout)
    os.close(stdout)
    os.set_blocking(feed, False)
    pieces, waiting, received = odd_pieces(NOISE), b"", b""
    while True:
        waiting = waiting or next(pieces, b"")
        if not waiting and feed is not None:
            os.close(feed)
            feed = None
        r, w, _ = select.select([take], [feed] if feed is not None else [], [], tap.PATIENCE)
        assert r or w, "it does nothing any more"
        if w:
            waiting = waiting[os.write(feed, waiting):]
        if r:
            part = os.read(take, 3000)
            if not part:
                break
            received += part
    os.close(take)
    assert received == NOISE
    cat.ends(0, "")
    assert os.get_blocking(stdin), "it leaves what it shares with others non-blocking"
    os.close(stdin)


def check_cat_files(language):
    for size in (0, 1, 65536, MIB):
        with tempfile.TemporaryFile() as stdin, tempfile.TemporaryFile() as stdout:
            stdin.write(NOISE[:size])
            stdin.seek(0)
            Cat(language, stdin, stdout).ends(0, "")
            stdout.seek(0)
            assert stdout.read() == NOISE[:size]


def check_cat_slow_reader(language):
    take, stdout = os.pipe()
    stdin, feed = os.pipe()
    cat = Cat(language, stdin, stdout)
    os.close(stdout)
    os.close(stdin)
    os.set_blocking(feed, False)
    sent = 0
    while True:  # until pipes and buffer are full
        try:
            sent += os.write(feed, NOISE[sent:sent + 65536])
        except BlockingIOError:
            if not select.select([], [feed], [], 0.2)[1] and asleep(cat):
                break
    assert sent < MIB // 2, "it takes all"
    check_idle(cat)
    os.close(feed)
    received = b""
    while part := os.read(take, 1000):
        received += part
    os.close(take)
    assert received == NOISE[:sent]
    cat.ends(0, "")


def check_cat_broken_pipe(language):
    take, stdout = os.pipe()
    stdin, feed = os.pipe()
    cat = Cat(language, stdin, stdout)
    os.close(stdout)
    os.write(feed, b"1")
    equal(os.read(take, 1), b"1")
    os.close(take)
    os.write(feed, b"2")
    cat.ends(1, "cat: standard output: Broken pipe\n")
    os.close(stdin)
    os.close(feed)


def check_cat_errors(language):
    with open("/dev/full", "wb") as full, tempfile.TemporaryFile() as stdin:
        stdin.write(NOISE)
        stdin.seek(0)
        Cat(language, stdin, full).ends(1, "cat: standard output: No space left on device\n")
    for redirection, name in (("<&-", "standard input"), (">&-", "standard output")):
        equal(tap.run("sh", "-c", f'exec "$@" {redirection}', "sh", *tap.runnable(*command("cat", language))),
              (1, "", f"cat: {name}: Bad file descriptor\n"))


# ==================================================
# all of them


def check_bad_arguments(name, language):
    bad = {
        "echo_server": [["8007"], ["--port"], ["--help"], ["--port", "0", "--poller"]],
        "chat_server": [["0", "0"], ["--help"]],
        "proxy": [[], ["0"], ["0", "127.0.0.1"], ["0", "localhost", "80"], ["0", "127.0.0.1", "0"],
                  ["0", "127.0.0.1", "80", "80"], ["0", "::1", "80"]],
        "cat": [["-"], ["no", "good"]],
    }[name]
    for port in ("65536", "-1", "80x", "", " 80", "+80", "8_0", "0x50", "٣", "9" * 5000, "80\n"):
        bad += {
            "echo_server": [["--port", port]],
            "chat_server": [[port]],
            "proxy": [[port, "127.0.0.1", "80"], ["0", "127.0.0.1", port]],
            "cat": [],
        }[name]
    for arguments in bad:
        equal(run(name, language, *arguments), (2, "", USAGE[name]))


def check_port_in_use(name, language):
    with socket.create_server(("0.0.0.0", 0)) as other:
        port = other.getsockname()[1]
        arguments = {"echo_server": ["--port", port], "chat_server": [port],
                     "proxy": [port, "127.0.0.1", 80]}[name]
        status, out, err = run(name, language, *arguments)
    equal((status, out), (1, ""))
    matches(err, rf"bind 0\.0\.0\.0:{port}: Address already in use \(give another [a-z -]+\)\n")


def check_interrupt(name, language):
    server = Server(name, language, upstream=80)
    equal(server.stop(signal.SIGINT), -signal.SIGINT)
    equal(server.rest(), "")


# ==================================================
# the sources


def check_compiles(name, compiler):
    if os.environ.get("CROSS"):
        raise Skip("the library is not this machine's compilers'")
    if shutil.which(compiler) is None or shutil.which("pkg-config") is None:
        raise Skip(f"no {compiler}, or no pkg-config")
    with open(os.path.join(SOURCE, name + ".c"), encoding="utf-8") as file:
        line = re.search(r"^ \* +(cc -o .*)$", file.read(), re.MULTILINE)[1]
    build = os.path.dirname(BUILD)
    environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(build, "meson-uninstalled")}
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(os.path.join(SOURCE, name + ".c"), directory)
        line = line.replace("cc ", compiler + " -Wall -Wextra ", 1)
        done = subprocess.run(line, shell=True, cwd=directory, env=environment,
                              timeout=tap.PATIENCE, capture_output=True, text=True, check=False)
        with open(sorted(glob.glob(os.path.join(build, "src", "*.so")))[0], "rb") as file:
            if b"__asan_init" in file.read():
                raise Skip("the library wants a sanitizer")
        equal((done.returncode, done.stdout, done.stderr), (0, "", ""))
        environment["LD_LIBRARY_PATH"] = os.path.join(build, "src")
        done = subprocess.run([os.path.join(directory, name), "no", "good"], env=environment,
                              timeout=tap.PATIENCE, capture_output=True, text=True, check=False)
        equal((done.returncode, done.stdout, done.stderr), (2, "", USAGE[name]))


# What is data in C, or the library's business; see the comments there.
ONLY_PYTHON = {"output": {"readable"}, "input": {"writable"},
               "echo_channel": {"recv", "handle_write", "handle_expt"},
               "chat_session": {"collect_incoming_data", "push", "send", "handle_expt"},
               "proxy_channel": {"recv", "close_when_done", "handle_expt"},
               **{name: {"readable", "handle_accept"}
                  for name in ("echo_server", "chat_server", "proxy_server")}}


def check_same_order(name):
    """The functions of a C program and its twin have the same names, in the same order."""
    with open(os.path.join(SOURCE, name + ".py"), encoding="utf-8") as file:
        found = re.findall(r"^class (\w+)|^( *)def (\w+)", file.read(), re.MULTILINE)
    python, klass = [], ""
    for new, indent, function in found:
        if new:
            klass = re.sub(r"(?<!^)([A-Z])", r"_\1", new).lower()
        elif function not in ONLY_PYTHON.get(klass, ()):
            python.append((klass + "_" if indent else "") + function.replace("__init__", "init"))
    with open(os.path.join(SOURCE, name + ".c"), encoding="utf-8") as file:
        c = re.findall(r"^(?:static )?(?:\w+ )+\*?(\w+)\([^;]*?\)\n\{", file.read(), re.MULTILINE)
    equal([f for f in c if not f.endswith("_destroy")], python)


# ==================================================


def tests():
    checks = [(name[6:], function) for name, function in globals().items()
              if re.match("check_(echo|chat|proxy|cat)_", name)]
    for name, function in checks:
        for language in ("c", "py"):
            yield f"{name}.{language}", function, (language,)
    for name in NAMES:
        for language in ("c", "py"):
            yield f"{name}.{language} bad_arguments", check_bad_arguments, (name, language)
            if name != "cat":
                yield f"{name}.{language} port_in_use", check_port_in_use, (name, language)
                yield f"{name}.{language} interrupt", check_interrupt, (name, language)
        for compiler in ("cc", "gcc", "clang"):
            yield f"{name}.c compiles with {compiler}", check_compiles, (name, compiler)
        yield f"{name} same_order", check_same_order, (name,)


tap.main((name, lambda function=function, arguments=arguments: function(*arguments))
         for name, function, arguments in tests())
