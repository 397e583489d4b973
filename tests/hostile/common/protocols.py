"""protocols.py - what a well-behaved client of each protocol does, and how it judges the answer;
and how megabytes are had from a server that speaks it."""

import itertools
import os
import select
import socket
import struct
import time

from common.measure import PATIENCE

TIME1970 = 2208988800
MIB = 2**20
SERIAL = itertools.count()


class Wrong(AssertionError):
    """An answer that is not the right one."""


class Client:
    """A well-behaved client: says what it has to say, and has its answer judged."""

    lasting = True  # the server keeps a connection that says nothing
    sockets = 1  # that it needs
    request = b""

    def __init__(self, target):
        self.target = target
        self.socket = target.connect()
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)

    def receive(self):
        """Reads the answer, and judges it."""

    def check(self):
        self.send(self.request)
        self.receive()

    def close(self):
        self.socket.close()

    # ---- reading ----

    def more(self):
        data = self.socket.recv(65536)
        if not data:
            raise Wrong(f"closed after {self.buffer[:60]!r}")
        self.buffer += data

    def until(self, end):
        while end not in self.buffer:
            try:
                self.more()
            except TimeoutError as error:
                raise Wrong(f"waited for {end!r}, and had {self.buffer[-60:]!r}") from error
        data, self.buffer = self.buffer.split(end, 1)
        return data

    def exactly(self, size):
        while len(self.buffer) < size:
            self.more()
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data


class TimeClient(Client):
    """RFC 868: four bytes, seconds since 1900, and the end."""

    lasting = False

    def __init__(self, target):
        self.begun = time.time()
        super().__init__(target)

    def receive(self):
        answer = receive_all(self.socket)
        judge_time(answer, self.target, time.time() - self.begun)


class DatagramClient(TimeClient):
    """RFC 868 over UDP: an empty datagram, and four bytes."""

    TRIES = 10

    def __init__(self, target):
        self.begun = time.time()
        self.target = target
        self.socket = target.socket(socket.SOCK_DGRAM)
        self.socket.connect((target.host, target.port))
        self.socket.settimeout(0.3)

    def check(self):
        for _ in range(self.TRIES):  # nobody promises that a datagram arrives
            try:
                self.socket.send(b"")
                judge_time(self.socket.recv(100), self.target, time.time() - self.begun)
                return
            except TimeoutError:
                pass
        raise Wrong(f"no answer to {self.TRIES} datagrams")


class EchoClient(Client):
    """RFC 862: what is sent comes back.  The proxy of an echo server seems to be one."""

    def __init__(self, target):
        super().__init__(target)
        self.request = b"hello %d, are you there?\n" % next(SERIAL)

    def receive(self):
        answer = self.exactly(len(self.request))
        if answer != self.request:
            raise Wrong(f"echo of {self.request!r} is {answer!r}")


class ChatClient(Client):
    """Two guests: each is told that he "NAME has joined", and what one says the other hears as "NAME: LINE"."""

    sockets = 2

    def __init__(self, target):
        super().__init__(target)
        name = self.until(b" has joined\n").rsplit(b"\n", 1)[-1]
        self.speaker, self.socket, self.buffer = self.socket, target.connect(), b""
        self.until(b" has joined\n")
        self.request = b"good morning %d from %d\n" % (next(SERIAL), os.getpid())
        self.heard = name + b": " + self.request

    def send(self, data):
        self.speaker.sendall(data)

    def receive(self):
        self.until(self.heard)

    def close(self):
        self.speaker.close()
        super().close()


class HttpClient(Client):
    """HTTP/1.1, with a connection that lasts."""

    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    statuses = (b"200",)  # that are right

    def receive(self):
        head = self.until(b"\r\n\r\n").split(b"\r\n")
        if not head[0].startswith(b"HTTP/1.") or head[0].split()[1] not in self.statuses:
            raise Wrong(f"HTTP answer {head[0]!r}")
        for line in head:
            if line.lower().startswith(b"content-length:"):
                self.exactly(int(line.split(b":")[1]))


def judge_time(answer, target, age=0):
    """The answer may be as old as the connection."""
    if len(answer) != 4:
        raise Wrong(f"{len(answer)} bytes for the time: {answer[:60]!r}")
    now = int(time.time()) + target.clock_offset + TIME1970
    # In 2036 the protocol counts from 0 again: the difference is the shorter way round.
    off = (struct.unpack(">I", answer)[0] - now + 2**31) % 2**32 - 2**31
    if not -3 - age <= off <= 3:
        raise Wrong(f"the time is off by {off} s")


def receive_all(peer):
    """What comes until the end, orderly or not."""
    data = b""
    try:
        while part := peer.recv(65536):
            data += part
    except ConnectionError:
        pass
    return data


# ==================================================
# megabytes, for who does not read them


class Greedy:
    """Has megabytes sent to itself, and does not read them: push() until it is false."""

    connections = 1  # that it has

    def __init__(self, target):
        self.socket = target.connect(receive_buffer=4096)
        self.socket.setblocking(False)

    def push(self):
        """Has some more sent; false if nothing more is to be had."""
        return False

    def gone(self):
        """Has the server ended this connection?"""
        poll = select.poll()
        poll.register(self.socket, select.POLLRDHUP)
        return bool(poll.poll(0))

    def reset(self):
        reset(self.socket)


class GreedyEcho(Greedy):
    PIECE = bytes(65536)

    def __init__(self, target):
        super().__init__(target)
        self.sent = 0

    def push(self):
        try:
            self.sent += self.socket.send(self.PIECE)
        except BlockingIOError:
            return bool(select.select([], [self.socket], [], 0.3)[1])
        except ConnectionError:
            return False
        return self.sent < 32 * MIB


class GreedyGuest(Greedy):
    """Hears another guest, who talks without end."""

    connections = 2
    PIECE = b"".join(b"x" * 1000 + b"\n" for _ in range(60))

    def __init__(self, target):
        super().__init__(target)
        self.talker = target.connect()
        self.talker.settimeout(PATIENCE)
        self.said = 0

    def push(self):
        # The talker says no more than is heard: it is to be the only one who waits for nobody.
        self.talker.sendall(self.PIECE)
        self.said += len(self.PIECE)
        while select.select([self.talker], [], [], 0)[0]:
            self.talker.recv(65536)
        return not self.gone() and self.said < 32 * MIB

    def reset(self):
        self.talker.close()
        super().reset()


class GreedyBrowser(Greedy):
    def __init__(self, target):
        super().__init__(target)
        self.socket.send(b"GET /big HTTP/1.1\r\nHost: localhost\r\n\r\n" * 8)


class Protocol:
    def __init__(self, client, greedy, per_connection=1, datagrams=False):
        self.client = client
        self.greedy = greedy
        self.per_connection = per_connection  # descriptors of the server
        self.datagrams = datagrams  # has no connections


PROTOCOLS = {
    "time": Protocol(TimeClient, Greedy),
    "time-udp": Protocol(DatagramClient, Greedy, datagrams=True),
    "echo": Protocol(EchoClient, GreedyEcho),
    "proxy": Protocol(EchoClient, GreedyEcho, per_connection=2),  # of an echo server
    "chat": Protocol(ChatClient, GreedyGuest),
    "http": Protocol(HttpClient, GreedyBrowser),
}


def reset(peer):
    """Closes with a reset."""
    try:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    peer.close()
