"""Clients that read megabytes one byte a second."""

import time

from common import frame

COUNT = {"chat": 1}


def attack(target):
    crowd = [target.greedy() for _ in range(COUNT.get(target.name, 3))]
    for greedy in crowd:
        pieces = 0
        while pieces < 100 and greedy.push():
            pieces += 1
    for second in range(20 if target.long else 3):
        time.sleep(1)
        for greedy in crowd:
            try:
                greedy.socket.recv(1)
            except (BlockingIOError, ConnectionError):
                pass
        if second == 1:
            yield
    yield
    seen = target.fate(crowd, "waited for")
    for greedy in crowd:
        greedy.reset()
    return f"{len(crowd)} read one byte a second", seen


if __name__ == "__main__":
    frame.main(attack)
