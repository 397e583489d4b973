"""SIGSTOP and SIGCONT: long enough for clients to wait, and many times."""

import time

from common import frame


def attack(target):
    process = target.need_process()
    old = target.client()
    process.stop()
    peers = target.connect_backlog(50)
    time.sleep(3 if target.long else 0.5)
    process.go_on()
    for peer in peers:
        client = target.adopt(peer)
        if client:
            client.check()
            client.close()
        else:
            peer.close()
    yield
    for _ in range(100 if target.long else 20):
        process.stop()
        time.sleep(0.005)
        process.go_on()
        time.sleep(0.005)
    old.check()
    old.close()
    yield
    return "it was stopped and went on, 21 times", "those who waited were served"


if __name__ == "__main__":
    frame.main(attack)
