"""Clients to which megabytes are being sent, and who never read."""

import time

from common import frame
from common.measure import PATIENCE

COUNT = {"chat": 1}  # who are given more than one send buffer, and whose talker must be heard


def attack(target):
    count = COUNT.get(target.name, 3)
    crowd = [target.greedy() for _ in range(count)]
    for greedy in crowd:
        end = time.monotonic() + PATIENCE
        while greedy.push():
            assert time.monotonic() < end, "it takes all"
    yield
    seen = target.fate(crowd, "made to wait")
    for greedy in crowd:
        greedy.reset()
    return f"{count} had megabytes sent to them and never read", seen


if __name__ == "__main__":
    frame.main(attack)
