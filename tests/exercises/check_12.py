"""Chapter 12: production."""

import signal
import socket
import struct
import time

from frame import PATIENCE, Server, byte_by_byte, exercise, expect, flood, must_end, must_hear, ready, tap

MIB = 2**20
LINE = b"x" * 999 + b"\n"


def refuses(server):
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE).close()
        return False
    except ConnectionError:
        return True


@exercise("12.1", stub=r"expected who sends a line without end to be closed; came 64 MiB that were taken")
def board(program):
    server = Server(program)
    ada, bob = server.connect(), server.connect()
    byte_by_byte(ada, b"good morning\n")
    must_hear(bob, b"good morning\n", "the other guest")
    before = server.memory()
    sent = flood(server.connect(), 64 * MIB)
    expect(sent < 64 * MIB, "who sends a line without end to be closed", "64 MiB that were taken")
    deaf, talker = server.connect(receive_buffer=4096), server.connect()
    end = time.monotonic() + PATIENCE
    sent = 0
    while sent < 32 * MIB and time.monotonic() < end:  # and neither ada nor bob reads
        sent += flood(talker, 64 * 1000, data=LINE * 64)
    server.must_not_grow(before, 8192, f"for those who do not read, when another has said {sent // MIB} MiB")
    expect(has_ended_by_and_by(deaf), "who does not read to be dropped", "more to read, and no end")
    server.must_live("when those who did not read were dropped")
    silent = server.connect()
    must_end(silent, "who says and hears nothing for two seconds")
    term(server)


def has_ended_by_and_by(peer):
    """It still has what was sent before."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and ready(peer, 1):
        try:
            if not peer.recv(65536):
                return True
        except ConnectionError:
            return True
    return False


def term(server):
    guest, other = server.connect(), server.connect()
    guest.sendall(b"here\n")
    must_hear(other, b"here\n", "one of two who are there")
    server.may_end = True
    server.process.send_signal(signal.SIGTERM)
    end = time.monotonic() + PATIENCE
    while not refuses(server):
        expect(time.monotonic() < end, "nobody to be let in after SIGTERM", "a connection")
        time.sleep(0.01)
    guest.sendall(b"still here\n")
    must_hear(other, b"still here\n", "who is there after SIGTERM")
    guest.close()
    tap.reset(other)
    end = server.end(PATIENCE)
    expect(end == "exit status 0", "exit status 0 when the last has gone", end or "nothing: it goes on")


def ask(peer, question):
    """How many answers there are to a question, and to one that any server answers."""
    peer.send(question)
    peer.send(b"")
    answers = 0
    while ready(peer, PATIENCE if answers == 0 else 0.2):
        answers += len(peer.recv(64)) == 4
    return answers - 1


@exercise("12.2", stub=r"expected no answer to a datagram that is itself an answer, .*; came an answer")
def datagrams(program):
    server = Server(program)
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.connect(("127.0.0.1", server.port))
    for question in (b"", b"what time is it?", b"abcd", b"\0" * 4, b"x" * 64, b"abc"):
        expect(ask(peer, question) == 1, f"an answer to {question!r}", "none, or more than one")
    now = int(time.time()) + tap.TIME1970
    for moment in (now, now - 3600, now + 3600):
        answer = struct.pack(">I", moment % 2**32)
        expect(ask(peer, answer) == 0,
               f"no answer to a datagram that is itself an answer, {answer!r}, {moment - now} seconds from now",
               "an answer")
    for moment in (now - 3 * 86400, now + 3 * 86400):
        answer = struct.pack(">I", moment % 2**32)
        expect(ask(peer, answer) == 1, "an answer to four bytes that are a time three days away", "none")
    peer.close()
    server.must_rest("when nobody asks")
