"""Signals every 5 ms, caught ones and such as nobody asks for."""

import itertools
import signal
import time

from common import frame

UNASKED = (signal.SIGCONT, signal.SIGWINCH, signal.SIGURG, signal.SIGCHLD)


def attack(target):
    process = target.need_process()
    numbers = list(UNASKED)
    if process.catches(signal.SIGUSR1):
        numbers = [n for other in UNASKED for n in (signal.SIGUSR1, other)]
    numbers = itertools.cycle(numbers)
    old = target.client()
    with frame.Background(lambda: process.send(next(numbers)), 0.005) as sender:
        yield
        time.sleep(10 if target.long else 1)
        for _ in range(20):
            target.ask()
    assert sender.count > 20, f"only {sender.count} signals were sent"
    old.check()  # nothing was taken for the end of it
    old.close()
    return "a signal came every 5 ms", "goes on"


if __name__ == "__main__":
    frame.main(attack)
