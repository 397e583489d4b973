"""RLIMIT_NOFILE is set to less than the server has open."""

from common import frame


def attack(target):
    process = target.need_process()
    old = [target.client() for _ in range(5 * target.lasting)]
    for client in old:
        client.check()
        client.statuses = (b"200", b"500", b"503")  # HTTP: a file needs a descriptor too
    limits = process.limit()
    process.set_limit((3, limits[1]))
    new = target.connect_backlog(1)
    try:
        target.check_calm()
        for client in old[:2]:
            client.check()
    finally:
        if process.lives():
            process.set_limit(limits)
    for peer in new:
        peer.close()
    for client in old:
        client.close()
    target.ask()
    yield
    return "its limit of descriptors was set to 3", "goes on"


if __name__ == "__main__":
    frame.main(attack)
