"""The examples that the tutorial alone has: each C program and its Python twin do the same."""

import functools
import os
import re
import signal
import socket
import subprocess
import sys
import time

import tap
from tap import Skip, connect, equal, matches, receive, reset

BUILD = os.path.join(os.environ["BUILD"], "examples")
SOURCE = os.path.join(os.environ["SOURCE"], "examples")
PYTHON = [sys.executable, "-W", "ignore", "-u"]
HAVE_ASYNCORE = subprocess.run([*PYTHON, "-c", "import asyncore, asynchat"], stderr=subprocess.DEVNULL,
                               check=False).returncode == 0
USAGE = "usage: greeter [PORT [SECONDS]], numbers from 0 to 65535 and from 1 to 3600\n"


def command(name, language):
    if language == "c":
        return [os.path.join(BUILD, name)]
    if not HAVE_ASYNCORE:
        raise Skip("this python3 has no asyncore")
    return [*PYTHON, os.path.join(SOURCE, name + ".py")]


class Greeter(tap.Program):
    def __init__(self, language, seconds):
        super().__init__(*command("greeter", language), "0", str(seconds), stream="stdout",
                         stderr=subprocess.STDOUT, tidy=False)
        self.port = int(matches(self.line(), r"listening on port (\d+)")[1])

    def greets(self, name=b"Ada"):
        peer = connect(self.port)
        peer.sendall(name + b"\n")
        equal(receive(peer), b"Hello, " + name + b".\n")

    def here(self, count):
        """It says that so many are here."""
        end = time.monotonic() + tap.PATIENCE
        while True:
            self.process.send_signal(signal.SIGUSR1)
            line = self.line()
            if line == f"{count} here":
                return
            matches(line, r"\d+ here")
            assert time.monotonic() < end, line

    def end(self):
        equal(self.stop(), 0)
        matches(self.rest(), r"ending, \d+ still here\nended\n")


def greets(language):
    greeter = Greeter(language, 100)
    greeter.greets()
    peer = connect(greeter.port)
    for letter in b"Grace\n":
        peer.sendall(bytes([letter]))
    equal(receive(peer), b"Hello, Grace.\n")
    greeter.greets(b"x" * 64)
    greeter.here(0)
    greeter.end()


def refuses_long_names(language):
    greeter = Greeter(language, 100)
    peer = connect(greeter.port)
    peer.sendall(b"x" * 65)
    try:
        equal(receive(peer), b"")
    except ConnectionResetError:
        pass
    greeter.greets()
    greeter.stop()


def has_a_deadline(language):
    """Which no byte puts off."""
    greeter = Greeter(language, 1)
    peer = connect(greeter.port)
    begun = time.monotonic()
    for letter in b"Ada":
        peer.sendall(bytes([letter]))
        time.sleep(0.2)
    equal(receive(peer), b"too slow\n")
    assert time.monotonic() - begun >= 1
    greeter.here(0)
    greeter.end()


def ends_in_good_order(language):
    greeter = Greeter(language, 100)
    peer = connect(greeter.port)
    greeter.here(1)
    greeter.process.send_signal(signal.SIGTERM)
    equal(greeter.line(), "ending, 1 still here")
    while True:  # a listener that is just being closed may take one more
        try:
            connect(greeter.port).close()
        except (ConnectionRefusedError, ConnectionResetError):
            break
    peer.sendall(b"Ada\n")
    equal(receive(peer), b"Hello, Ada.\n")
    equal(greeter.line(), "ended")
    equal(greeter.wait(), 0)


def bears_with_those_who_go(language):
    greeter = Greeter(language, 1)
    for _ in range(20):
        peer = connect(greeter.port)
        peer.sendall(b"A")
        reset(peer)
        peer = connect(greeter.port)
        peer.sendall(b"Ada\nBob\n")
        reset(peer)
        peer = connect(greeter.port)
        peer.shutdown(socket.SHUT_WR)
        receive(peer)
    greeter.here(0)
    greeter.greets()
    greeter.end()


def knows_its_arguments(language):
    for arguments in ["x"], ["65536"], ["1", "0"], ["1", "2", "3"], ["-1"]:
        status, out, err = tap.run(*command("greeter", language), *arguments, tidy=False)
        equal((status, out, err), (2, "", USAGE))


def questions(language):
    status, out, err = tap.run(*command("questions", language), tidy=False)
    equal((status, err), (0, ""))
    equal(re.findall(r"(\w+): (handle_\w+)", out),
          [("alice", "handle_write"), ("bob", "handle_read"), ("bob", "handle_write"),
           ("alice", "handle_read"), ("bob", "handle_close")])
    equal(out.count("pass"), 5)
    return out


def spin(language):
    status, out, err = tap.run(*command("spin", language), tidy=False)
    equal((status, err), (0, ""))
    found = matches(out, r"talker: (\d+) passes in 0\.5 s, (\d+) of them called handle_write\n"
                         r"honest_talker: 2 passes in 0\.5 s, 1 of them called handle_write\n")
    assert int(found[1]) == int(found[2]) > 100, out


def test_questions_are_the_same():
    equal(questions("c"), questions("py"))


def tests():
    for language in "c", "py":
        for function in (greets, refuses_long_names, has_a_deadline, ends_in_good_order,
                         bears_with_those_who_go, knows_its_arguments, spin):
            yield f"{function.__name__}_{language}", functools.partial(function, language)
    yield "questions_are_the_same", test_questions_are_the_same


tap.main(tests())
