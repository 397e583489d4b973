"""Clients that do anything, in any order: connect, send, read, out-of-band bytes, half-close, reset."""

import random
import socket
import time

from common import frame
from common.protocols import reset
from garbage import WORDS

CROWD = 200


def send(peer, chance, target):
    word = chance.choice((*WORDS, target.protocol.client.request or b"?"))
    peer.send(word[:chance.randint(1, len(word))])


def send_urgent(peer, chance, _):
    peer.send(b"!" * chance.randint(1, 3), socket.MSG_OOB)


def receive(peer, chance, _):
    peer.recv(chance.choice((1, 10, 65536)))


def half_close(peer, chance, _):
    peer.shutdown(chance.choice((socket.SHUT_RD, socket.SHUT_WR, socket.SHUT_RDWR)))


DEEDS = (send, send, send, receive, receive, send_urgent, half_close)


def act(crowd, chance, target):
    """One of them does something, or goes, or another comes."""
    if len(crowd) < CROWD and chance.random() < 0.3:
        buffer = 2048 if chance.random() < 0.3 else None
        crowd.append(target.connect(receive_buffer=buffer, blocking=False))
    elif crowd:
        peer = chance.choice(crowd)
        try:
            chance.choice(DEEDS)(peer, chance, target)
        except OSError:
            pass  # it has gone, or would wait
        if chance.random() < 0.15:
            crowd.remove(peer)
            chance.choice((reset, socket.socket.close))(peer)


def attack(target):
    target.need_descriptors(CROWD)
    chance = random.Random(868)
    crowd, deeds = [], 0
    for _ in range(20 if target.long else 3):
        end = time.monotonic() + 1
        while time.monotonic() < end:
            act(crowd, chance, target)
            deeds += 1
        yield len(crowd)
    for peer in crowd:
        reset(peer)
    return f"{deeds} times somebody did something", "goes on"


if __name__ == "__main__":
    frame.main(attack)
