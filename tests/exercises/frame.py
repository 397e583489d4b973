"""frame.py - what the hidden halves of the exercises share: the reader's program, compiled and started,
clients for it, and what was expected of it."""

import glob
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.setdefault("SOURCE", os.path.dirname(os.path.dirname(HERE)))
BUILD = os.environ.setdefault("BUILD", os.path.join(SOURCE, "build"))
sys.path.insert(0, os.path.join(SOURCE, "tests", "programs"))
import tap  # noqa: E402

PATIENCE = 5  # seconds: what has not come by then does not come
REST = 0.5  # seconds for which a program is watched that should do nothing
STRICT = bool(os.environ.get("STRICT"))  # warnings are errors
SANITIZED = os.environ.get("SANITIZE", "none") != "none"
CHECKS = {}


class Wrong(Exception):
    """The program does not do what it should."""

    def __init__(self, expected, came):
        super().__init__(f"expected {expected}; came {came}")


class Unfit(Exception):
    """The program cannot be compiled."""


def expect(condition, expected, came):
    if not condition:
        raise Wrong(expected, came)


def exercise(number, stub, sanitize=False):
    """Makes a function the check of an exercise.  stub: what it says of the exercise as it is given, a
    regular expression; sanitize: AddressSanitizer looks on."""
    def register(function):
        CHECKS[number] = function
        function.stub, function.sanitize = stub, sanitize
        return function
    return register


def prediction(number, stub):
    """The same for what is predicted.  The function makes of the program's trace what should have been
    written, pairs of question and answer."""
    def register(function):
        def check(program, answers):
            for question, truth in function(trace(program)):
                given = answers.get(question, "?")
                expect(given != "?", f"an answer to '{question}'", "none yet")
                expect(given == truth, f"{question}: {truth!r}", repr(given))
        return exercise(number, stub)(check)
    return register


# ==================================================
# the program


def build(source, program, sanitize=False):
    """Compiles the reader's file; what the compiler says is the reader's to see."""
    kinds = {kind for kind in os.environ.get("SANITIZE", "none").split(",") if kind != "none"}
    kinds |= {"address"} if sanitize else set()
    # The library is linked by the compiler that built it, if that put in something of its own.
    foreign = SANITIZED or os.environ.get("COVERAGE")
    command = [*(os.environ.get("CC", "cc") if foreign else "cc").split(),
               "-g", "-O1", "-D_DEFAULT_SOURCE", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2",
               "-Wall", "-Wextra", "-Wshadow", *(["-Werror"] if STRICT else []),
               *(["-fsanitize=" + ",".join(sorted(kinds))] if kinds else []),
               *(["--coverage"] if os.environ.get("COVERAGE") else []),
               "-I" + os.path.join(SOURCE, "include"), "-I" + os.path.join(SOURCE, "examples", "exercises"),
               "-o", program, source, os.path.join(BUILD, "src", "libasyncore.a")]
    os.makedirs(os.path.dirname(program), exist_ok=True)
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Unfit(done.stderr)
    sys.stderr.write(done.stderr)


class Server(tap.Program):
    """The reader's program, which listens on a port of its own."""

    def __init__(self, program, files=None):
        def limit():
            if files:
                resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
        self.errors = tempfile.TemporaryFile()
        # The library is not built with AddressSanitizer: what it finds in freed memory must be no good.
        options = "detect_leaks=0:max_free_fill_size=1048576:free_fill_byte=165"
        super().__init__(program, stream="stdout", stderr=self.errors, preexec_fn=limit,
                         env={**os.environ, "ASAN_OPTIONS": options})
        self.pid = self.process.pid
        self.may_end = False
        self.port = int(tap.matches(self.line(), r"listening on port (\d+)")[1])

    def connect(self, receive_buffer=None):
        peer = socket.socket()
        peer.settimeout(PATIENCE)
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        peer.connect(("127.0.0.1", self.port))
        return peer

    def end(self, patience=0.3):
        """How it has ended, or ends within so many seconds; nothing if it lives."""
        try:
            status = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return None
        how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        self.errors.seek(0)
        text = self.errors.read().decode(errors="replace")
        told = re.search(r"ERROR: (AddressSanitizer: [\w-]+)", text) or re.search(r"^\*\*\* (.*) \*\*\*", text)
        place = told and re.search(r"#\d+ \S+ in (\w+) \S*?(\d\d_\d_\w+\.c:\d+)", text)
        return how + (f", {told[1]}" if told else "") + (f" in {place[1]}, {place[2]}" if place else "")

    def must_live(self, when):
        end = self.end()
        expect(end is None, f"the server to go on {when}", f"its end: {end}")

    def must_rest(self, when):
        """Nobody asks anything of it: it does nothing."""
        for _ in range(3):
            ran, waited, start = *self.scheduled(), time.monotonic()
            time.sleep(REST)
            ran, waited = (now - before for now, before in zip(self.scheduled(), (ran, waited)))
            could = time.monotonic() - start - waited  # have run: others may want the processors, too
            if ran < 0.05 * could:
                return
        raise Wrong(f"the server to sleep {when}",
                    f"{ran * 1000:.0f} ms of processor time in {could * 1000:.0f} ms: the loop spins")

    def scheduled(self):
        """Seconds for which it has run, and for which it has waited for a processor."""
        with open(f"/proc/{self.pid}/schedstat", encoding="ascii") as file:
            ran, waited, _ = file.read().split()
        return int(ran) / 1e9, int(waited) / 1e9

    def settle(self):
        """Returns when it can do no more, having done something since it was started."""
        seen = None
        end = time.monotonic() + PATIENCE
        while (seen != (now := self.scheduled()) or tap.stat(self)[0] != "S") and time.monotonic() < end:
            seen = now
            time.sleep(0.2)

    def memory(self):
        """KiB."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as file:
            found = re.search(r"VmRSS:\s+(\d+)", file.read())
        assert found, "it has died"
        return int(found[1])

    def must_not_grow(self, before, limit, when):
        grown = self.memory() - before
        expect(SANITIZED or grown < limit, f"its memory to grow by less than {limit} KiB {when}", f"{grown} KiB")

    def descriptors(self):
        """Open sockets and files; not what the library wakes itself with."""
        count = 0
        for path in glob.glob(f"/proc/{self.pid}/fd/*"):
            try:
                count += os.readlink(path).startswith(("socket:", "/"))
            except FileNotFoundError:
                pass
        return count

    def must_hold(self, count, when):
        """So many, once it has done what is in hand."""
        end = time.monotonic() + PATIENCE
        while self.descriptors() != count and time.monotonic() < end:
            time.sleep(0.01)
        held = self.descriptors()
        expect(held == count, f"{count} open descriptors {when}", str(held))

    def stop(self, number=signal.SIGSTOP):
        self.process.send_signal(number)
        end = time.monotonic() + PATIENCE
        while tap.stat(self)[0] != "T" and time.monotonic() < end:
            time.sleep(0.01)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)


# ==================================================
# clients


def shown(data):
    """Bytes, for people."""
    if not data:
        return "nothing"
    return repr(data)[1:] if len(data) <= 60 else f"{repr(data[:40])[1:]}... ({len(data)} bytes)"


def ready(peer, patience, event=select.POLLIN):
    """Within so many seconds?  (By select() there is no more of this than 1024.)"""
    poll = select.poll()
    poll.register(peer, event)
    return bool(poll.poll(patience * 1000))


def receive(peer, size, window=None):
    """Up to so many bytes; fewer, if the connection ends or no more come.  window: from now on he has room."""
    if window:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    data = bytearray()
    end = time.monotonic() + 10 * PATIENCE
    while len(data) < size and time.monotonic() < end and ready(peer, PATIENCE):
        try:
            part = peer.recv(min(size - len(data), 65536))
        except ConnectionError:
            break
        if not part:
            break
        data += part
    return bytes(data)


def must_hear(peer, expected, who):
    data = receive(peer, len(expected))
    expect(data == expected, f"{shown(expected)} for {who}", shown(data))


def has_ended(peer, patience=PATIENCE):
    """Does the connection end, and nothing come before?"""
    if not ready(peer, patience):
        return False
    try:
        return peer.recv(1) == b""
    except ConnectionError:
        return True


def must_end(peer, who, patience=PATIENCE):
    expect(has_ended(peer, patience), f"the connection of {who} to be closed",
           "nothing, or more bytes, and it is still open")


def byte_by_byte(peer, data):
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in data:
        peer.send(bytes([byte]))
        time.sleep(0.002)


def flood(peer, most, data=b"x" * 65536, patience=1):
    """Sends, and never reads, until it is made to wait, cut off, or has sent so many bytes; how many it
    has."""
    sent = 0
    while sent < most and ready(peer, patience, select.POLLOUT):
        try:
            sent += peer.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            continue
        except ConnectionError:
            break
    return sent


# ==================================================
# traces


def trace(program):
    """What the program does, to its end: the events of its trace."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "trace.jsonl")
        done = subprocess.run([program], env={**os.environ, "ASYNCORE_TRACE": f"all,stable:{path}"},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=tap.PATIENCE,
                              check=False)
        expect(done.returncode == 0, "the program to end in good order", done.stdout.decode())
        with open(path, encoding="utf-8") as file:
            return [json.loads(line) for line in file][1:]


def sets(event):
    """Those of an ask or a ready: r[1 2] w[1]"""
    return " ".join(f"{kind}[{' '.join(str(d['fd']) for d in event['dispatchers'] if kind in d['events'])}]"
                    for kind in "rw")


def passes(events):
    """The events of each pass, which begins with what is asked."""
    places = [n for n, event in enumerate(events) if event["event"] == "ask"] + [len(events)]
    return [events[begin:end] for begin, end in zip(places, places[1:])]


def calls(events):
    """The methods that were called, in their order, but for destroy: alice.handle_read bob.handle_close"""
    return " ".join(f"{event['class']}.{event['method']}" for event in events
                    if event["event"] == "call" and event["method"] != "destroy")
