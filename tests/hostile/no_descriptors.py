"""No descriptor is left to the server (RLIMIT_NOFILE), and clients wait to be accepted."""

import itertools

from common import frame


def lowest_free(process):
    held = set(process.descriptors())
    return next(number for number in itertools.count() if number not in held)


def attack(target):
    process = target.need_process()
    old = [target.client() for _ in range(5 * target.lasting)]
    for client in old:
        client.check()
        client.statuses = (b"200", b"500", b"503")  # HTTP: a file needs a descriptor too
    limits = process.limit()
    try:
        process.set_limit((lowest_free(process), limits[1]))
        new = target.connect_backlog(5)
        target.check_calm()
        for client in old[:2]:
            client.check()
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
    for client in old:
        client.close()
    target.ask()
    yield
    return "it had no descriptor left, and 5 waited", "goes on, and then serves them"


if __name__ == "__main__":
    frame.main(attack)
