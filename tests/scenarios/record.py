#!/usr/bin/env python3
"""record.py FILE: runs one scenario under CPython's own asyncore and asynchat, and prints its
trace.

The language and the trace are described in README.md.  Exits 0 when the scenario ran to its end,
and 2, naming the line on standard error, when a line is none of the language.
"""

import errno
import os
import re
import select
import socket
import struct
import sys
import time
import warnings

warnings.simplefilter("ignore")  # Python 3.11 says that both are deprecated
import asynchat
import asyncore

HANDLERS = ["handle_connect", "handle_accept", "handle_accepted", "handle_read", "handle_write",
            "handle_expt", "handle_error", "handle_close", "collect_incoming_data",
            "found_terminator"]
ANSWERS = {"true": True, "false": False, "super": None}
ESCAPES = {"r": "\r", "n": "\n", "\\": "\\", '"': '"'}
# Where it is one, an address that other tests do not use: see world.c.
LOOPBACK = "127.8.6.8" if sys.platform == "linux" else "127.0.0.1"
LATELY = 0.002  # seconds in which the loopback delivers


class BadLine(Exception):
    """This line is none of the language."""


# ---- words ----

STRING = r'"((?:[^"\\]|\\[rn\\"]|\\x[0-9a-fA-F]{2})*)"(?:\*([0-9]+))?'
WORD = re.compile(rf'\s*({STRING}|;|[^\s;"]+)')
DISPATCHER = r"[A-Z][A-Za-z0-9_]*"
PEER = r"[a-z][A-Za-z0-9_]*"


def words(text):
    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = WORD.match(text, at)
        if not match:
            raise BadLine
        found.append(match[1])
        at = match.end()
    return found


def matching(pattern):
    def parse(word):
        if not re.fullmatch(pattern, word):
            raise BadLine
        return word
    return parse


def one_of(choices):
    def parse(word):
        if word not in choices:
            raise BadLine
        return choices[word] if isinstance(choices, dict) else word
    return parse


def number(word):
    if not re.fullmatch("[0-9]{1,9}", word):
        raise BadLine
    return int(word)


def error(word):
    if not re.fullmatch("E[A-Z0-9]+", word) or not hasattr(errno, word):
        raise BadLine
    return getattr(errno, word)


def string(word):
    match = re.fullmatch(STRING, word)
    if not match:
        raise BadLine
    text = re.sub(r"\\(x(..)|.)", lambda m: chr(int(m[2], 16)) if m[2] else ESCAPES[m[1]], match[1])
    return text.encode("latin-1") * int(match[2] or 1)


def terminator(word):
    if word == "none":
        return None
    return string(word) if word.startswith('"') else number(word)


def quoted(data):
    """DATA as the trace shows it."""
    if len(data) > 40:
        return f"<{len(data)} bytes>"
    special = {ord(character): "\\" + letter for letter, character in ESCAPES.items()}
    return '"' + "".join(special.get(b) or (chr(b) if 0x20 <= b <= 0x7e else f"\\x{b:02x}")
                         for b in data) + '"'


def errno_name(problem):
    if isinstance(problem, TimeoutError) and problem.errno is None:  # a peer's patience is over
        return "EAGAIN"
    return errno.errorcode[problem.errno]


# The arguments that follow a word; those behind None may be left out.
dispatcher, peer = matching(DISPATCHER), matching(PEER)
PREDICATE = [one_of(["readable", "writable"]), one_of(ANSWERS)]
ACTIONS = {
    "recv": [number], "send": [string], "accept": [], "adopt": [dispatcher],
    "close": [None, dispatcher], "raise": [error], "exit": [], "super": [], "set": PREDICATE,
    "terminator": [terminator], "push": [string], "produce": [string, None, number],
    "close_when_done": [], "discard_buffers": [], "nothing": [],
}
COMMANDS = {
    "poller": [one_of(["select", "poll"])],
    "listener": [dispatcher, None, number],
    "client": [dispatcher, matching(f"{DISPATCHER}|nowhere")],
    "channel": [dispatcher, peer], "sender": [dispatcher, peer], "chat": [dispatcher, peer],
    "reader": [dispatcher, peer], "writer": [dispatcher, peer],
    "dial": [peer, dispatcher],
    "set": [dispatcher, *PREDICATE],
    "poll": [None, number], "loop": [number], "close_all": [None, one_of(["ignore"])],
}
PEER_COMMANDS = {"send": [string], "recv": [number], "shutdown": [], "oob": [string], "close": [],
                 "reset": []}


def arguments(parsers, given):
    needed = [p for p in parsers if p is not None]
    least = parsers.index(None) if None in parsers else len(needed)
    if not least <= len(given) <= len(needed):
        raise BadLine
    return [parse(word) for parse, word in zip(needed, given)]


def actions(given, method=None):
    """A list of (action, arguments); what needs to be inside a method is an error without one."""
    found, at = [], 0
    while True:
        end = given.index(";", at) if ";" in given[at:] else len(given)
        if at == end or given[at] not in ACTIONS:
            raise BadLine
        if (given[at] == "super" and method is None or
                given[at] == "adopt" and method != "handle_accepted"):
            raise BadLine
        found.append((given[at], arguments(ACTIONS[given[at]], given[at + 1:end])))
        if end == len(given):
            return found
        at = end + 1


# ---- dispatchers ----

class Character:
    """What the scenario has said of a name, which may stand for one dispatcher after another."""

    def __init__(self, name):
        self.name = name
        self.overridden = {}
        self.answers = {"readable": None, "writable": None}
        self.dispatcher = None  # the newest
        self.address = None     # where it listens


class Traced:
    """In front of a class of asyncore, writes down what is called and does what `on` has said."""

    default = {}

    def appear(self, world, character):
        self.world, self.character = world, character
        character.dispatcher = self
        return self

    def trace(self, text):
        print(f"  {self.character.name}.{text}")

    def log_info(self, message, type="info"):
        self.trace(f"log_info {type}")

    def is_open(self):
        return self._fileno is not None

    def perform(self, list_of_actions, method=None, args=()):
        for action, words_ in list_of_actions:
            getattr(self, "do_" + action)(*words_, method=method, args=args)
            if not self.is_open():
                break

    def do_recv(self, size, **_):
        try:
            data = self.recv(size)
        except OSError as problem:
            self.trace(f"recv -> {errno_name(problem)}")
            raise
        self.trace(f"recv -> {quoted(data)}")

    def do_send(self, data, **_):
        try:
            count = self.send(data)
        except OSError as problem:
            self.trace(f"send -> {errno_name(problem)}")
            raise
        if count is None:
            count = "queued"
        elif 0 < count < len(data):
            count = "some"
        self.trace(f"send -> {count}")

    def do_accept(self, **_):
        pair = self.accept()
        if pair:
            pair[0].close()
        self.trace(f"accept -> {'ok' if pair else 'none'}")

    def do_adopt(self, name, args, **_):
        character = self.world.character(name)
        Dispatcher(args[0], self.world.map).appear(self.world, character)

    def do_close(self, name=None, **_):
        other = self.world.character(name).dispatcher if name else self
        if other:
            other.close()

    def do_raise(self, number_, **_):
        raise OSError(number_, os.strerror(number_))

    def do_exit(self, **_):
        raise asyncore.ExitNow

    def do_super(self, method, args):
        self.base_class_method(method)(*args)

    def do_set(self, predicate, answer, **_):
        self.character.answers[predicate] = answer

    def do_terminator(self, value, **_):
        self.set_terminator(value)

    def do_push(self, data, **_):
        self.push(data)

    def do_produce(self, data, size=512, **_):
        self.push_with_producer(asynchat.simple_producer(data, size))

    def do_close_when_done(self, **_):
        self.close_when_done()

    def do_discard_buffers(self, **_):
        self.discard_buffers()

    def do_nothing(self, **_):
        pass

    def base_class_method(self, method):
        return self.default.get(method) or getattr(super(Traced, self), method)


def overridable(method):
    def call(self, *args):
        self.world.stirred = True
        self.trace(f"{method} {quoted(args[0])}" if method == "collect_incoming_data" else method)
        if method in self.character.overridden:
            self.perform(self.character.overridden[method], method, args)
        else:
            self.base_class_method(method)(*args)
    return call


def predicate(name):
    def call(self):
        self.world.settle()
        answer = self.character.answers[name]
        if answer is None:
            answer = bool(self.base_class_method(name)())
        self.trace(f"{name} -> {str(answer).lower()}")
        return answer
    return call


for method_ in HANDLERS:
    setattr(Traced, method_, overridable(method_))
for name_ in ["readable", "writable"]:
    setattr(Traced, name_, predicate(name_))


class Dispatcher(Traced, asyncore.dispatcher):
    pass


class Sender(Traced, asyncore.dispatcher_with_send):
    pass


class File(Traced, asyncore.file_dispatcher):
    pass


class Chat(Traced, asynchat.async_chat):
    terminator = None
    default = {"collect_incoming_data": lambda data: None, "found_terminator": lambda: None}


# ---- peers ----

class Peer:
    """A blocking socket."""

    def __init__(self, name, sock):
        self.name, self.socket = name, sock

    def send(self, data):
        self.socket.settimeout(0.2)
        self.socket.sendall(data)

    def recv(self, size):
        data, end = b"", ""
        try:
            self.socket.settimeout(0.1)
            while len(data) < size and not end:
                part = self.socket.recv(size - len(data))
                data += part
                if not part:
                    end = " eof"
        except TimeoutError as problem:
            end = " timeout" if problem.errno is None else " " + errno_name(problem)
        except OSError as problem:
            end = " " + errno_name(problem)
        print(f"  {self.name} got {quoted(data)}{end}")

    def shutdown(self):
        self.socket.shutdown(socket.SHUT_WR)

    def oob(self, data):
        self.socket.send(data, socket.MSG_OOB)

    def close(self):
        self.socket.close()

    def reset(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()


class PipeEnd(Peer):
    """The other end of a file_dispatcher's pipe."""

    def __init__(self, name, fd):
        super().__init__(name, None)
        self.fd = fd

    def open_fd(self):
        if self.fd < 0:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self.fd

    def send(self, data):
        os.set_blocking(self.open_fd(), False)
        end = time.monotonic() + 0.2
        while data:
            try:
                data = data[os.write(self.fd, data):]
            except BlockingIOError:
                if time.monotonic() > end:
                    raise
                select.select([], [self.fd], [], 0.2)

    def recv(self, size):
        ready, _, _ = select.select([self.open_fd()], [], [], 0.1)
        print(f"  {self.name} got {quoted(os.read(self.fd, size) if ready else b'')}")

    def shutdown(self, *_):
        raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))

    oob = reset = shutdown

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


# ---- the scenario ----

class World:
    def __init__(self):
        self.map = {}
        self.use_poll = False
        self.characters = {}
        self.peers = {}
        self.stirred = False
        self.nowhere = socket.socket()  # bound, and nobody listens
        self.nowhere.bind((LOOPBACK, 0))

    def character(self, name):
        return self.characters.setdefault(name, Character(name))

    def settle(self):
        """What has been sent is there before the next pass looks."""
        if self.stirred:
            time.sleep(LATELY)
            self.stirred = False

    def listener(self, name, backlog=5):
        listener = Dispatcher(map=self.map).appear(self, self.character(name))
        listener.create_socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.set_reuse_addr()
        listener.bind((LOOPBACK, 0))
        listener.listen(backlog)
        listener.character.address = without_delay(listener.socket).getsockname()

    def client(self, name, where):
        address = self.nowhere.getsockname() if where == "nowhere" else self.address_of(where)
        client = Dispatcher(map=self.map).appear(self, self.character(name))
        client.create_socket(socket.AF_INET, socket.SOCK_STREAM)
        without_delay(client.socket)
        client.connect(address)

    def address_of(self, name):
        address = self.character(name).address
        if address is None:
            raise BadLine
        return address

    def on_connection(self, class_, name, peer_name):
        with socket.create_server((LOOPBACK, 0)) as server:
            end = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
        self.peers[peer_name] = Peer(peer_name, without_delay(end))
        class_(without_delay(accepted), self.map).appear(self, self.character(name))

    def channel(self, name, peer_name):
        self.on_connection(Dispatcher, name, peer_name)

    def sender(self, name, peer_name):
        self.on_connection(Sender, name, peer_name)

    def chat(self, name, peer_name):
        self.on_connection(Chat, name, peer_name)

    def on_pipe(self, name, fd, peer_name, other):
        File(fd, self.map).appear(self, self.character(name))
        os.close(fd)  # file_dispatcher has made a dup() of it
        self.peers[peer_name] = PipeEnd(peer_name, other)

    def reader(self, name, peer_name):
        fd, other = os.pipe()
        self.on_pipe(name, fd, peer_name, other)

    def writer(self, name, peer_name):
        other, fd = os.pipe()
        self.on_pipe(name, fd, peer_name, other)

    def dial(self, peer_name, name):
        address = self.address_of(name)
        sock = without_delay(socket.socket())
        self.peers[peer_name] = Peer(peer_name, sock)
        sock.settimeout(0.2)
        try:
            sock.connect(address)
        except TimeoutError:
            sock.close()
            raise OSError(errno.ETIMEDOUT, "") from None
        except OSError:
            sock.close()
            raise

    def set(self, name, predicate_, answer):
        self.character(name).answers[predicate_] = answer

    def on(self, name, method, list_of_actions):
        self.character(name).overridden[method] = list_of_actions

    def poller(self, name):
        self.use_poll = name == "poll"

    def poll(self, passes=1):
        for _ in range(passes):
            (asyncore.poll2 if self.use_poll else asyncore.poll)(0, self.map)

    def loop(self, count):
        asyncore.loop(0, self.use_poll, self.map, count)

    def close_all(self, ignore=None):
        asyncore.close_all(self.map, ignore is not None)

    def act(self, name, list_of_actions):
        actor = self.character(name).dispatcher
        if actor and actor.is_open():
            actor.perform(list_of_actions)

    def parse(self, line):
        """What the line does, as a function to call."""
        head, *rest = words(line)
        if head == "on":
            match = re.fullmatch(rf"on\s+({DISPATCHER})\s+([a-z_]+)\s*:\s*(.*)", line)
            if not match or match[2] not in HANDLERS:
                raise BadLine
            parsed = actions(words(match[3]), match[2])
            return lambda: self.on(match[1], match[2], parsed)
        if head in COMMANDS:
            given = arguments(COMMANDS[head], rest)
            return lambda: getattr(self, head)(*given)
        if re.fullmatch(DISPATCHER, head):
            parsed = actions(rest)
            return lambda: self.act(head, parsed)
        if head in self.peers and rest and rest[0] in PEER_COMMANDS:
            given = arguments(PEER_COMMANDS[rest[0]], rest[1:])
            return lambda: getattr(self.peers[head], rest[0])(*given)
        raise BadLine

    def state(self):
        flags = [("c", "connected"), ("a", "accepting"), ("g", "connecting")]
        shown = [f"{d.character.name}[{''.join(f for f, name in flags if getattr(d, name))}]"
                 for d in self.map.values()]
        return " ".join(shown) or "empty"

    def run(self, line):
        command = self.parse(line)
        print(f"> {line}")
        self.settle()
        try:
            command()
        except asyncore.ExitNow:
            print("  exit")
        except OSError as problem:
            print(f"  error {errno_name(problem)}")
        self.stirred = True
        print(f"= {self.state()}")


def without_delay(sock):
    """What it sends goes out at once, however little."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: record.py FILE")
    sys.stdout.reconfigure(encoding="latin-1")
    world = World()
    with open(sys.argv[1], encoding="latin-1", newline="\n") as file:
        for count, line in enumerate(file, 1):
            line = line.strip()
            if not line or line.startswith("#"):
                continue
            try:
                world.run(line)
            except BadLine:
                print(f"{sys.argv[1]}:{count}: no command: {line}", file=sys.stderr)
                sys.exit(2)


if __name__ == "__main__":
    main()
