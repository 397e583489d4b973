"""Chapter 1: bare select()."""

import socket

from frame import Server, exercise, must_hear, tap


@exercise("1.1", stub=r"expected b?'hello\\n' for a client that comes after a time-out; came nothing")
def asks_once(program):
    server = Server(program)
    must_hear(server.connect(), b"hello\n", "a client that comes at once")
    tap.equal(server.line(), "still waiting")
    must_hear(server.connect(), b"hello\n", "a client that comes after a time-out")
    server.must_rest("while nobody comes")


@exercise("1.2", stub=r"expected the server to go on .*; came its end: signal SIGPIPE")
def door(program):
    server = Server(program)
    for _ in range(3):
        server.stop()
        peer = server.connect()
        peer.shutdown(socket.SHUT_WR)
        tap.reset(peer)
        server.go_on()
    server.must_live("when a client has said good-bye and is then reset")
    must_hear(server.connect(), b"hello\n", "the client after those")
