"""Connections that are reset once the server has them: silent, served, and in mid-word."""

from common import frame
from common.protocols import reset

COUNT = 100


def attack(target):
    peers = target.connect_many(COUNT)
    target.wait_for_accept(COUNT)
    for number, peer in enumerate(peers):
        try:
            if number % 2:
                peer.send(b"G")  # nobody's whole request
        except ConnectionError:
            pass  # who closes at once may have done so
        reset(peer)
    for _ in range(COUNT // 10):
        client = target.client()
        client.check()
        for peer in {client.socket, getattr(client, "speaker", client.socket)}:
            reset(peer)
    yield
    return f"{COUNT} connections were reset after accept", "goes on"


if __name__ == "__main__":
    frame.main(attack)
