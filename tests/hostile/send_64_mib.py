"""64 MiB that nobody asked for, from one who reads nothing."""

import select
import time

from common import frame
from common.measure import PATIENCE
from common.protocols import reset

SIZE = 64 * 2**20
PIECE = bytes(65536)


def flood(peer):
    """Sends until all is sent or nobody takes any more; returns what happened."""
    sent, end = 0, time.monotonic() + PATIENCE
    peer.setblocking(False)
    while sent < SIZE and time.monotonic() < end:
        try:
            sent += peer.send(PIECE)
        except BlockingIOError:
            if not select.select([], [peer], [], 0.5)[1]:
                return "made to wait"
        except ConnectionError:
            return "closed"
    return "taken and forgotten" if sent >= SIZE else "taken slowly"


def attack(target):
    peer = target.connect()
    seen = flood(peer)
    yield
    reset(peer)
    return "64 MiB were sent to it", seen


if __name__ == "__main__":
    frame.main(attack)
