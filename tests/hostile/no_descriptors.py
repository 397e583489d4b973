"""No descriptor is left to the server (RLIMIT_NOFILE), and a client waits to be accepted."""

import itertools

from common import frame


def lowest_free(process):
    held = set(process.descriptors())
    return next(number for number in itertools.count() if number not in held)


def attack(target):
    process = target.need_process()
    old = target.client() if target.lasting else None
    if old:
        old.check()
        old.statuses = (b"200", b"503")  # HTTP: a file needs a descriptor too
    limits = process.limit()
    process.set_limit((lowest_free(process), limits[1]))
    try:
        new = [target.connect() for _ in range(5)]  # a backlog takes them
        passes, cpu = process.passes(3 if target.long else 1)
        rate = passes / (3 if target.long else 1)
        assert rate < 50 and cpu < 0.1, f"it spins: {rate:.0f} passes a second, {cpu:.2f} s of CPU"
        if old:
            old.check()
    finally:
        process.set_limit(limits)
    # Those who waited are served, and so are those who come now.
    for peer in new:
        client = target.adopt(peer)
        if client:
            client.check()
            client.close()
        else:
            peer.close()
    if old:
        old.close()
    target.ask()
    yield
    return "it had no descriptor left, and 5 waited", "goes on, and then serves them"


if __name__ == "__main__":
    frame.main(attack)
