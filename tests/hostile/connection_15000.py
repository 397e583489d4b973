"""15,000 silent connections, and 50 others who are served beside them; of the time, many thousands a second."""

import contextlib
import os
import re
import subprocess

from common import frame
from common.protocols import reset

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("BUILD", os.path.join(HERE, "..", "..", "build"))
COUNT = 15000
REQUESTS, LOAD_LIMIT = 50000, 130  # how many, and in how many seconds
FEWEST = {"proxy": 2000}  # whose descriptors are twice as many: as many as it may have
HEAVY = True
SKIP = {"chat": "each guest is told of each: 112,500,000 lines"}


def takes_long(protocol, poller):
    """Why this is left to --all; None if it is not."""
    if protocol == "time" or (protocol, poller) == ("echo", "epoll"):
        return None
    return "accepting n connections takes n passes that look at n each; --all has the time"


def connect_all(target, count):
    """Who closes at once never has more than the few that it is about to answer."""
    peers = []
    while len(peers) < count:
        peers += [target.connect() for _ in range(min(250, count - len(peers)))]
        if target.process is None:
            continue
        if target.lasting:
            target.wait_for_accept(len(peers) - 1000)
        else:
            assert target.held() <= 10, f"it holds {target.held():.0f}"
    return peers


@contextlib.contextmanager
def load(target):
    """Requests as fast as they go; yields a function that waits for their end, and says how many a
    second were answered."""
    program = os.path.join(BUILD, "tests", "bench", "time_load")
    if target.name != "time" or not os.path.exists(program):
        yield lambda: None
        return
    command = [program, "--address", target.host, "--requests", str(REQUESTS), str(target.port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        def end():
            text, _ = process.communicate(timeout=LOAD_LIMIT)
            assert process.returncode == 0, text.strip()
            return int(re.search(r"(\d+) requests/s", text)[1])
        try:
            yield end
        finally:
            process.kill()


def attack(target):
    count = target.most_connections(COUNT)
    if count < FEWEST.get(target.name, COUNT):
        raise frame.Skip(f"RLIMIT_NOFILE, its own or the server's, allows {count} connections")
    with load(target) as end_of_load:
        peers = connect_all(target, count)
        target.wait_for_accept(count)
        yield count
        target.check_neighbours(50)
        rate = end_of_load()
    if target.process is not None and not target.lasting:
        target.check_descriptors()  # while they are all still there
    if target.process is not None:
        target.process.stop()  # or it would look at all that are left for each that goes
    for peer in peers:
        reset(peer)
    if target.process is not None:
        target.process.go_on()
    seen = "held" if target.lasting else "closed at once"
    beside = f", and {rate:,} a second were answered beside them" if rate else ""
    return f"{count:,} connected and said nothing{beside}", \
        seen if count == COUNT else f"{seen}, the {count:,} that its limit allows"


if __name__ == "__main__":
    frame.main(attack)
