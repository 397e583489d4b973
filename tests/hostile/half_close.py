"""Clients that send their end at once, and read: some an answer, some nothing, some never."""

import socket

from common import frame
from common.protocols import receive_all, reset

COUNT = 100


def attack(target):
    peers = target.connect_many(COUNT)
    for peer in peers:
        peer.shutdown(socket.SHUT_WR)
    answers = [receive_all(peer) for peer in peers[:COUNT // 2]]
    # A request and its end in one go are answered.
    asking = target.client()
    asking.send(asking.request)
    getattr(asking, "speaker", asking.socket).shutdown(socket.SHUT_WR)
    asking.receive()
    asking.close()
    # Nothing is held for those who have said that they will say no more, and are still there.
    target.check_descriptors()
    yield
    for peer in peers:
        reset(peer)
    seen = "answered" if not target.lasting and all(answers) else "closed, and requests answered"
    return f"{COUNT} connections were half closed at once", seen


if __name__ == "__main__":
    frame.main(attack)
