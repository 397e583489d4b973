"""15,000 silent connections, and 50 others who are served beside them."""

from common import frame
from common.protocols import reset

COUNT = 15000
HEAVY = True
ON_EPOLL = "accepting n connections takes n passes that look at n each; --all has the time"
SKIP = {"chat": "each guest is told of each: 112,500,000 lines"}


def connect_all(target):
    """Who closes at once never has more than the few that it is about to answer."""
    target.need_descriptors(COUNT)
    peers = []
    while len(peers) < COUNT:
        peers += [target.connect() for _ in range(250)]
        if target.process is None:
            continue
        if target.lasting:
            target.wait_for_accept(len(peers) - 1000)
        else:
            assert target.held() <= 10, f"it holds {target.held():.0f}"
    return peers


def attack(target):
    peers = connect_all(target)
    target.wait_for_accept(COUNT)
    yield COUNT
    target.check_neighbours(50)
    if target.process is not None and not target.lasting:
        target.check_descriptors()  # while they are all still there
    if target.process is not None:
        target.process.stop()  # or it would look at all that are left for each that goes
    for peer in peers:
        reset(peer)
    if target.process is not None:
        target.process.go_on()
    return f"{COUNT} connected and said nothing", "held" if target.lasting else "closed at once"


if __name__ == "__main__":
    frame.main(attack)
