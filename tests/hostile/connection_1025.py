"""The 1,025th connection, with the 1,024 before it still there: no fd_set has a bit for it."""

from common import frame
from common.protocols import reset

COUNT = 1024


def attack(target):
    target.need_descriptors(COUNT + 10)
    peers = target.connect_many(COUNT)
    target.wait_for_accept(COUNT)
    last = target.client()
    last.check()
    yield COUNT
    if target.lasting:
        last.check()
    last.close()
    for peer in peers:
        reset(peer)
    return f"{COUNT} connections were made, and one more", \
        "served" if target.lasting else "served, the others closed at once"


if __name__ == "__main__":
    frame.main(attack)
