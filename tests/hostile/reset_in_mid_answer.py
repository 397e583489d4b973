"""Connections that are reset while an answer is under way, one byte of which was read."""

import select

from common import frame
from common.protocols import reset

COUNT = 20


def attack(target):
    for number in range(COUNT):
        greedy = target.greedy()
        pieces = 0
        while pieces < 10 and greedy.push():
            pieces += 1
        if select.select([greedy.socket], [], [], 1)[0]:
            greedy.socket.recv(1)
        greedy.reset()
        if number == COUNT // 2:
            yield
    for _ in range(COUNT):  # nor does the time's answer find anybody
        peer = target.connect()
        reset(peer)
    yield
    return f"{COUNT} connections were reset in mid-answer", "goes on"


if __name__ == "__main__":
    frame.main(attack)
