"""Chapter 7: endings."""

import socket

from frame import (Server, calls, exercise, expect, has_ended, must_end, must_hear, passes, prediction, receive,
                   tap)


@exercise("7.1", stub=r"expected 8000000 bytes after the half-close; came \d+ bytes")
def tail(program):
    server = Server(program)
    held = server.descriptors()
    peer = server.connect(receive_buffer=65536)
    peer.sendall(b"x" * 4000)
    peer.shutdown(socket.SHUT_WR)
    server.settle()  # he is slow
    data = receive(peer, 8000001)
    expect(data == b"x" * 8000000, "8000000 bytes after the half-close", f"{len(data)} bytes")
    peer = server.connect(receive_buffer=4096)
    peer.sendall(b"x" * 4000)
    peer.shutdown(socket.SHUT_WR)
    server.must_rest("while one who has half-closed does not read")
    tap.reset(peer)
    server.must_hold(held, "when all have gone, one by a reset in the middle")


def pair(server):
    ada, bob = server.connect(), server.connect()
    ada.sendall(b"good morning\n")
    must_hear(bob, b"good morning\n", "the other of a pair")
    return ada, bob


@exercise("7.2", stub=r"expected the connection of the one who is left to be closed; came nothing", sanitize=True)
def pairs(program):
    server = Server(program)
    held = server.descriptors()
    ada, bob = pair(server)
    ada.sendall(b"good-bye\n")
    ada.close()
    must_hear(bob, b"good-bye\n", "the one who is left")
    must_end(bob, "the one who is left")
    ada, bob = pair(server)
    tap.reset(bob)
    expect(has_ended(ada), "the one whose other was reset to be closed", "nothing")
    ada, bob = pair(server)
    ada.close()
    bob.close()
    server.must_hold(held, "when all pairs have gone")


@prediction("7.3", stub="expected an answer to 'pass 1'; came none yet")
def neighbours(events):
    for number, events_of in enumerate(passes(events), 1):
        yield f"pass {number}", calls(events_of)
