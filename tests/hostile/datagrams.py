"""Floods of datagrams, some from ports that answer back: a loop that would go on for ever."""

import itertools
import select
import socket
import time

from common import frame
from common.protocols import judge_time

SOURCES = 2000
MAX_ANSWERS = 30  # to one who sends each back, in a second
# Echo, daytime, chargen, time and NTP; a server's own port, that of another time server, and 2049,
# which is no client's.
ANSWERING = (7, 13, 19, 37, 123, 2049, 8037, 8038, None)
REQUESTS = (b"", b"?", b"\x0b\0\0\0", bytes(48), bytes(1400))


def datagram_socket(target, address, port=0):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    peer.bind((address, port))
    peer.connect((target.host, target.port))
    peer.settimeout(0.3)
    return peer


def ask(target):
    """A well-behaved client; it may have to ask again."""
    with datagram_socket(target, "127.0.9.1") as peer:
        for _ in range(10):
            try:
                peer.send(b"")
                judge_time(peer.recv(100), target)
                return
            except TimeoutError:
                pass
            except ConnectionRefusedError as error:
                raise frame.Skip("no UDP here") from error
    raise AssertionError("no answer to a well-behaved datagram")


def send_back(peer, seconds=1):
    """Sends every answer back to where it came from; returns how many there were."""
    answers, end = 0, time.monotonic() + seconds
    for request in REQUESTS:
        peer.send(request)
    while (left := end - time.monotonic()) > 0 and select.select([peer], [], [], left)[0]:
        try:
            peer.send(peer.recv(2000))
            answers += 1
        except ConnectionRefusedError:
            pass
    return answers


def flood(target, source):
    """All the requests there are, twice, from one more address."""
    with datagram_socket(target, f"127.1.{source // 250}.{source % 250 + 1}") as peer:
        for request in REQUESTS * 2:
            try:
                peer.send(request)
            except ConnectionRefusedError:
                pass


def attack(target):
    if target.name != "time" or ":" in target.host:
        raise frame.Skip("no datagrams in this protocol" if target.name != "time" else "IPv4 alone")
    ask(target)
    for number, port in enumerate(ANSWERING, 10):
        try:
            peer = datagram_socket(target, f"127.0.9.{number}", port or target.port)
        except PermissionError:
            continue  # ports below 1024 are root's
        answers = send_back(peer)
        peer.close()
        assert answers <= MAX_ANSWERS, f"{answers} answers went round to port {port}"
    for source in range(SOURCES):
        flood(target, source)
    sources = itertools.count()
    with frame.Background(lambda: flood(target, next(sources) % SOURCES), 0.001):
        yield
    ask(target)
    return f"datagrams came from {SOURCES} addresses, and from ports that answer back", \
        "no loop, and answers"


if __name__ == "__main__":
    frame.main(attack)
