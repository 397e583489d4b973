"""Clients that send their request one byte a second, and then the rest."""

import time

from common import frame

COUNT = 50


def attack(target):
    target.need_descriptors(COUNT * target.protocol.client.sockets)
    crowd = [target.client() for _ in range(COUNT)]
    seconds = 15 if target.long else 3
    for second in range(seconds):
        for client in crowd:
            try:
                client.send(client.request[second:second + 1] or b"?")
            except ConnectionError:
                assert not target.lasting
        if second == 1:
            yield COUNT * target.protocol.client.sockets
        time.sleep(1)
    for client in crowd:
        if target.lasting:
            client.send(client.request[seconds:])
        client.receive()
        client.close()
    return f"{COUNT} sent one byte a second", "answered"


if __name__ == "__main__":
    frame.main(attack)
