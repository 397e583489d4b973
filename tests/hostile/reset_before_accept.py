"""Connections that are reset while the server sleeps, before it can accept them."""

from common import frame
from common.protocols import reset

COUNT = 300


def attack(target):
    peers = target.connect_many(COUNT)  # it may have accepted some of these
    for peer in peers:
        reset(peer)
    if target.process is not None:
        target.process.stop()
        peers = target.connect_backlog(COUNT)
        for peer in peers:
            reset(peer)
        target.process.go_on()
    yield
    return f"{len(peers)} connections were reset before accept", "goes on"


if __name__ == "__main__":
    frame.main(attack)
