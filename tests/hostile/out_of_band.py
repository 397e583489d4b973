"""Out-of-band bytes: alone, many, and amid a request."""

import socket

from common import frame
from common.protocols import reset

COUNT = 50


def send_urgent(peer):
    try:
        peer.send(b"!", socket.MSG_OOB)
    except ConnectionError:
        pass  # who closes at once may have done so


def attack(target):
    peers = target.connect_many(COUNT)
    for peer in peers:
        for _ in range(3):
            send_urgent(peer)
    target.check_rest()  # what nobody reads is no news
    yield COUNT
    asking = target.client()
    speaker = getattr(asking, "speaker", asking.socket)
    middle = len(asking.request) // 2
    if target.lasting:
        send_urgent(speaker)
        asking.send(asking.request[:middle])
        send_urgent(speaker)
        asking.send(asking.request[middle:])
    else:
        send_urgent(speaker)
    asking.receive()
    asking.close()
    for peer in peers:
        reset(peer)
    return f"{COUNT} sent out-of-band bytes", "ignored, and requests answered"


if __name__ == "__main__":
    frame.main(attack)
