# spin.py - counts the passes of a loop in which nothing happens; spin.c is its twin.
#
#     python3 -W ignore spin.py
#
# From Python 3.12 on, "pip install pyasyncore" first.

import asyncore
import socket
import time

SECONDS = 0.5


class Talker(asyncore.dispatcher):

    def __init__(self, sock):
        asyncore.dispatcher.__init__(self, sock)
        self.message = b"hello"  # what is left to be said
        self.writes = 0

    def handle_write(self):
        self.writes += 1
        num_sent = self.send(self.message)
        self.message = self.message[num_sent:]


class HonestTalker(Talker):

    def writable(self):
        return self.message != b""


def count_passes(cls, name):
    sock, peer = socket.socketpair()
    talker = cls(sock)
    end = time.monotonic() + SECONDS
    passes = 0
    while (left := end - time.monotonic()) > 0:
        asyncore.loop(left, count=1)
        passes += 1
    print(f"{name}: {passes} passes in {SECONDS} s, {talker.writes} of them called handle_write")
    talker.close()
    peer.close()


def main():
    count_passes(Talker, "talker")
    count_passes(HonestTalker, "honest_talker")


main()
