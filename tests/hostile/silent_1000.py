"""A thousand connect at once and say nothing."""

import select

from common import frame
from common.measure import PATIENCE
from common.protocols import reset

COUNT = 1000


def attack(target):
    target.need_descriptors(COUNT)
    peers = [target.connect(blocking=False) for _ in range(COUNT)]
    poll = select.poll()
    for peer in peers:
        poll.register(peer, select.POLLOUT)
        peer.settimeout(PATIENCE)
    waiting = COUNT
    while waiting:
        ready = poll.poll(PATIENCE * 1000)
        assert ready, f"{waiting} of {COUNT} are not connected"
        for fd, _ in ready:
            poll.unregister(fd)
        waiting -= len(ready)
    target.wait_for_accept(COUNT)
    yield COUNT
    if target.process is not None and not target.lasting:
        target.check_descriptors()  # while they are all still there
    for peer in peers:
        reset(peer)
    return f"{COUNT} connected at once and said nothing", \
        "held" if target.lasting else "closed at once"


if __name__ == "__main__":
    frame.main(attack)
