"""What is no request, or far too long a one, from clients who are gone when it is read."""

import random
import socket

from common import frame
from common.protocols import reset

RANDOM = random.Random(868)
WORDS = (
    b"\0" * 1000,
    b"\n" * 500,
    b"\r\n" * 500,
    b"a" * 9000,  # longer than any line or head
    b"a" * 100000,
    b"GET " + b"/" * 9000 + b" HTTP/1.1\r\n\r\n",
    b"GET /../../../../../etc/passwd HTTP/1.1\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n" * 100,
    b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n",
    b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf",
    b"\xff\xfb\x01\xff\xfd\x03",  # a telnet client's greeting
    b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",  # TLS
    *(RANDOM.randbytes(size) for size in (1, 10, 100, 1000, 10000)),
)


def send(peer, word):
    """As much of it as is taken."""
    try:
        peer.send(word, socket.MSG_DONTWAIT)
    except (BlockingIOError, ConnectionError):
        pass  # who closes at once may have done so


def half_close(peer):
    try:
        peer.shutdown(socket.SHUT_WR)
    except OSError:
        pass


ENDS = (reset, socket.socket.close, half_close)


def attack(target):
    if target.process is not None:
        target.process.stop()  # so that it meets all of them at once
    peers = target.connect_backlog(len(WORDS) * len(ENDS))
    for number, peer in enumerate(peers):
        send(peer, WORDS[number // len(ENDS)])
    for number, peer in enumerate(peers):
        ENDS[number % len(ENDS)](peer)
    if target.process is not None:
        target.process.go_on()
    yield len(peers)
    for peer in peers:
        reset(peer)
    return f"{len(peers)} sent garbage, and were gone", "goes on"


if __name__ == "__main__":
    frame.main(attack)
