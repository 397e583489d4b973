"""Chapter 1: bare select()."""

import socket
import time

from frame import Server, exercise, expect, must_hear, tap

TIMEOUT = 0.2  # seconds


@exercise("1.1", stub=r"expected b?'hello\\n' for a client that comes after a time-out; came nothing")
def asks_once(program):
    start = time.monotonic()
    server = Server(program)
    must_hear(server.connect(), b"hello\n", "a client that comes at once")
    tap.equal(server.line(), "still waiting")
    must_hear(server.connect(), b"hello\n", "a client that comes after a time-out")
    for _ in range(4):
        tap.equal(server.line(), "still waiting")
    passed = time.monotonic() - start
    expect(passed > 5 * TIMEOUT, "'still waiting' five times in a second or more", f"as often in {passed:.3f} s")


@exercise("1.2", stub=r"expected the server to go on.*; came its end: signal SIGPIPE")
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
