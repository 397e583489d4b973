"""Chapter 5: honest writable()."""

import socket

from frame import Server, exercise, must_hear, tap


@exercise("5.1", stub=r"expected the server to sleep while .* is there.*; came \d+ ms of .*the loop spins")
def spin(program):
    server = Server(program)
    held = server.descriptors()
    peers = [server.connect() for _ in range(3)]
    for peer in peers:
        must_hear(peer, b"hello\n", "whoever comes")
    server.must_rest("while a client is there and has been greeted")
    peers[0].send(b"thank you")
    peers[1].shutdown(socket.SHUT_WR)
    tap.reset(peers[2])
    server.must_hold(held + 1, "when one has said something, one has ended, and one was reset")
    server.must_rest("when they have gone")


@exercise("5.2", stub=r"expected b?'tick\\ntick\\ntick\\n' for whoever comes; came nothing")
def ticker(program):
    server = Server(program)
    peer = server.connect()
    must_hear(peer, b"tick\n" * 3, "whoever comes")
    server.must_rest("between two ticks")
    tap.reset(server.connect())
    must_hear(server.connect(), b"tick\n", "the client after one that was reset")
