"""Chapter 10: time and signals."""

import signal
import socket
import time

from frame import PATIENCE, Server, exercise, expect, must_hear, receive, tap

DEADLINE = 0.5  # seconds; the program's PATIENCE


@exercise("10.1", stub=r"expected who sends a letter now and then to be closed after 0\.5 s; came 25 letters", sanitize=True)
def deadline(program):
    server = Server(program)
    held = server.descriptors()
    must_be_closed_in_time(server, "who sends a letter now and then", "")
    peer = server.connect()
    peer.sendall(b"Ada\n")
    must_hear(peer, b"Hello, Ada.\n", "a guest who is in time")
    tap.reset(server.connect())
    must_be_closed_in_time(server, "who comes when others have gone in time, and sends a letter now and then",
                           " (is a timer still set in memory that is freed?)")
    server.must_hold(held, "when all have gone or were closed")
    server.must_live("when the time of those is over who have gone before")


def must_be_closed_in_time(server, who, hint):
    start = time.monotonic()
    slow, letters = server.connect(), 0
    try:
        while letters < 25:
            slow.send(b"x")
            letters += 1
            time.sleep(0.1)
    except ConnectionError:
        pass
    expect(letters < 25, f"{who} to be closed after {DEADLINE} s",
           f"{letters} letters of his, and he is still there{hint}")
    passed = time.monotonic() - start
    expect(passed >= DEADLINE, f"a guest to have {DEADLINE} s", f"an end after {passed:.3f} s")


@exercise("10.2", stub=r"expected nobody to be let in after SIGTERM; came a connection")
def term(program):
    server = Server(program)
    guest = server.connect()
    guest.sendall(b"good morning\n")
    must_hear(guest, b"good morning\n", "a guest")
    server.may_end = True
    server.process.send_signal(signal.SIGTERM)
    end = time.monotonic() + PATIENCE
    while is_let_in(server):
        expect(time.monotonic() < end, "nobody to be let in after SIGTERM", "a connection")
        time.sleep(0.01)
    guest.sendall(b"still here\n")
    data = receive(guest, 11)
    expect(data == b"still here\n", "who is here to be served after SIGTERM", f"{data!r}")
    guest.close()
    end = server.end(PATIENCE)
    expect(end == "exit status 0", "exit status 0 when the last guest has gone", end or "nothing: it goes on")


def is_let_in(server):
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE).close()
        return True
    except ConnectionError:
        return False
