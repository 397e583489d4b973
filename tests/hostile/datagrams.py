"""Floods of datagrams, some from ports that answer back: a loop that would go on for ever."""

import collections
import itertools
import os
import select
import socket
import struct
import time

from common import frame, spoof
from common.protocols import TIME1970, DatagramClient

SOURCES = 2000
MOST_ANSWERS = 40  # to one who answers each, in a second: more is a loop that nothing stops
REQUESTS = (b"", b"?", b"\x0b\0\0\0", bytes(48), bytes(1400))


def echo(data):
    return data


def tell_time(_):
    return struct.pack(">I", (int(time.time()) + TIME1970) % 2**32)


# Those who answer a datagram that is none of their clients': port, answer.  None is the server's own
# port, 0 one that the system chooses.
SERVICES = {
    "echo": (7, echo),
    "active users": (11, lambda _: b""),
    "daytime": (13, lambda _: time.ctime().encode() + b"\r\n"),
    "quote of the day": (17, lambda _: b"All's well that ends well.\r\n"),
    "chargen": (19, lambda _: os.urandom(72)),
    "time": (37, tell_time),
    "NTP": (123, lambda _: bytes(48)),
    "NFS": (2049, echo),
    "its own port": (None, echo),
    "another time server": (8038, tell_time),
    "a time server on some port": (0, tell_time),
    "echo on some port": (0, echo),
}


def datagram_socket(target, address, port=0):
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    peer.bind((address, port))
    peer.connect((target.host, target.port))
    return peer


def ask(target):
    """A well-behaved client, who may have to ask again."""
    try:
        client = DatagramClient(target)
        client.check()
        client.close()
    except ConnectionRefusedError as error:
        raise frame.Skip("no UDP here") from error


def receive(peers, seconds, answers=None):
    """Counts what comes to each, in so many seconds, and answers it."""
    counts = collections.Counter()
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        for peer in select.select(peers, [], [], left)[0]:
            try:
                data = peer.recv(2000)
                counts[peer] += 1
                if answers:
                    peer.send(answers[peer](data))
            except ConnectionRefusedError:
                pass
    return counts


def meet_services(target):
    names, answers = {}, {}
    for number, (name, (port, answer)) in enumerate(SERVICES.items(), 10):
        try:
            peer = datagram_socket(target, f"127.0.9.{number}", target.port if port is None else port)
        except OSError:  # ports below 1024 are root's, and the server may have its own everywhere
            continue
        names[peer], answers[peer] = name, answer
        for request in REQUESTS:
            peer.send(request)
    for peer, count in receive(list(names), 1, answers).items():
        assert count <= MOST_ANSWERS, f"{count} datagrams went round to {names[peer]} in a second"
    receive(list(names), 0.2)  # they have stopped, and so must it
    for peer, count in receive(list(names), 0.2).items():
        assert count == 0, f"{count} datagrams came to {names[peer]} that it had not asked for"
    for peer in names:
        peer.close()


def meet_itself(target):
    """It gets a datagram that says it is from its own address and port."""
    sent = spoof.send(target.host, target.port, (target.host, target.port))
    if not sent:
        return
    if target.process is not None:
        target.check_rest()
        return
    rate = spoof.datagrams_in(0.5)
    assert rate < spoof.STORM, f"{rate} datagrams went round to itself in half a second"


def meet_everybody(target):
    """Sent to all hosts at once, of whom each would answer."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        peer.bind(("127.0.9.9", 0))
        for request in REQUESTS[:3]:
            peer.sendto(request, ("127.255.255.255", target.port))
        answers = receive([peer], 0.3)[peer]
        assert answers == 0, f"{answers} answers to a broadcast"


def flood(target, source):
    """All the requests there are, twice, from one more address."""
    with datagram_socket(target, f"127.1.{source // 250}.{source % 250 + 1}") as peer:
        for request in REQUESTS * 2:
            try:
                peer.send(request)
            except ConnectionRefusedError:
                pass


def attack(target):
    if not target.name.startswith("time") or ":" in target.host:
        raise frame.Skip("IPv4 alone" if ":" in target.host else "no datagrams in this protocol")
    ask(target)
    meet_services(target)
    meet_itself(target)
    meet_everybody(target)
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
