#!/usr/bin/env python3
"""victim.py PROTOCOL DEFECT - a server that has one thing wrong with it, for which the attacks must
find out what: tests/programs/test_hostile.py.  With the defect "nothing" it withstands them."""

import collections
import selectors
import socket
import struct
import sys
import time

TIME1970 = 2208988800
DAY = 86400


def now():
    return (int(time.time()) + TIME1970) % 2**32


class Victim:
    def __init__(self, protocol, defect):
        self.protocol, self.defect = protocol, defect
        self.selector = selectors.DefaultSelector()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self.listener.getsockname()[1]
        self.add(self.listener, self.accept)
        if protocol == "time":
            self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            # One that loops hears broadcasts too.
            self.datagrams.bind(("" if defect == "answers all" else "127.0.0.1", self.port))
            self.add(self.datagrams, self.receive)
        self.kept = []
        self.answered = collections.Counter()
        self.begun = time.monotonic()
        self.spins = False

    def add(self, sock, callback):
        sock.setblocking(False)
        self.selector.register(sock, selectors.EVENT_READ, callback)

    def serve(self):
        while True:
            for key, _ in self.selector.select(0 if self.spins else None):
                key.data(key.fileobj)

    # ---- connections ----

    def accept(self, listener):
        try:
            peer, _ = listener.accept()
        except OSError:
            time.sleep(0.05)
            return
        if self.defect == "is slow":
            time.sleep(0.15)
        if self.defect == "grows":
            self.kept.append(bytearray(b"x" * 65536))
        if self.protocol == "time":
            self.tell(peer)
        else:
            self.add(peer, self.echo)

    def tell(self, peer):
        try:
            peer.send(struct.pack(">I", now()))
            peer.shutdown(socket.SHUT_WR)
            peer.recv(65536, socket.MSG_DONTWAIT)
        except OSError:
            pass
        peer.close()

    def echo(self, peer):
        try:
            data = peer.recv(8192)
            if data:
                peer.send(data)
                return
        except BlockingIOError:
            return
        except ConnectionError:
            if self.defect == "dies":
                sys.exit(1)
        self.selector.unregister(peer)
        if self.defect == "leaks":
            self.kept.append(peer)
            return
        self.spins = self.defect == "spins"
        peer.close()

    # ---- datagrams ----

    def receive(self, sock):
        try:
            data, source = sock.recvfrom(2048)
            if self.defect == "answers all" or self.may_answer(data, source):
                sock.sendto(struct.pack(">I", now()), source)
        except OSError:
            pass

    def may_answer(self, data, source):
        """As a time server should that is not to be a part of a loop."""
        host, port = source
        if port < 1024 or port in (2049, self.port) or len(data) > 64:
            return False
        if len(data) == 4 and abs(struct.unpack(">I", data)[0] - now()) < DAY:
            return False
        allowed = 20 + 10 * (time.monotonic() - self.begun)
        self.answered[host] += 1
        return self.answered[host] <= allowed


if __name__ == "__main__":
    victim = Victim(*sys.argv[1:])
    print("listening on port", victim.port, flush=True)
    victim.serve()
