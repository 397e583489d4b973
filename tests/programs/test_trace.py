"""ASYNCORE_TRACE, as whoever runs a program meets it."""

import json
import os
import pty
import re
import signal
import socket
import subprocess
import tempfile

import tap
from tap import connect, equal, matches, receive

TIMEC = os.path.join(os.environ["BUILD"], "dispatchers", "timec")
ECHO = os.path.join(os.environ["BUILD"], "examples", "echo_server")
TYPES = "open", "ask", "ready", "call", "ret", "io", "timer", "close", "lint"


def trace(value, **environment):
    """Runs an echo server with this trace, and one client; gives what it wrote on standard error."""
    variables = {**os.environ, **environment, "ASYNCORE_TRACE": value}
    with subprocess.Popen([ECHO, "--port", "0"], env=variables, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as server:
        try:
            port = int(matches(server.stdout.readline(), r"listening on port (\d+)\n")[1])
            peer = connect(port)
            peer.sendall(b"hello")
            peer.shutdown(socket.SHUT_WR)
            equal(receive(peer), b"hello")
            connect(port).close()  # so that the loop has been waiting again
        finally:
            server.send_signal(signal.SIGTERM)
        return server.communicate(timeout=tap.PATIENCE)[1]


def events_of(text):
    return [line.split()[1] for line in text.splitlines()]


def test_all():
    text = trace("1")
    for line in text.splitlines():
        matches(line, r" *\d+\.\d{6} +(open|ask|ready|call|ret|io|close|lint) .*")
    for part in (r"open  \d+ echo_server \(.*echo_server\.c:\d+\)", r"io    \d+ listen 0\.0\.0\.0:\d+ = 0",
                 r"call  (\d+) echo_server\.handle_accept\n.*  io    \1 accept = \d+",
                 r"open  \d+ echo_channel 127\.0\.0\.1:\d+", r"io    \d+ send 5 = 5",
                 r"close \d+ echo_channel: close", r"lint  no deadline: echo_channel fd \d+, created at"):
        assert re.search(part, text), f"no {part} in {text!r}"
    assert "\033" not in text


def test_some():
    equal(set(events_of(trace("open,call"))), {"open", "call"})
    equal(trace("0"), "")
    equal(trace(""), "")


def test_stable():
    one, other = trace("open,call,io,close,stable"), trace("open,call,io,close,stable")
    equal(one.partition("echo_channel: close")[0], other.partition("echo_channel: close")[0])
    matches(one.splitlines()[0], r"  0\.000000 open  1 echo_server .*")


def test_json():
    with tempfile.TemporaryDirectory() as directory:
        name = os.path.join(directory, "trace.jsonl")
        equal(trace(f"all:{name}"), "")
        with open(name, encoding="ascii") as file:
            first, *events = [json.loads(line) for line in file]
    equal((first["event"], first["version"]), ("trace", 1))
    assert {event["event"] for event in events} <= set(TYPES)
    ask = next(event for event in events if event["event"] == "ask")
    equal([(d["class"], d["events"]) for d in ask["dispatchers"]], [("echo_server", "re")])
    equal(ask["timeout"], 30)
    io = next(event for event in events if event.get("op") == "send")
    equal((io["wanted"], io["result"], io["class"], io["depth"]), (5, 5, "echo_channel", 1))
    times = [event["time"] for event in events]
    equal(times, sorted(times))


def test_text_in_a_file():
    with tempfile.TemporaryDirectory() as directory:
        name = os.path.join(directory, "a:b.txt")
        equal(trace(f"open:{name}"), "")
        with open(name, encoding="ascii") as file:
            assert events_of(file.read())[:1] == ["open"]


def test_bad():
    matches(trace("asks"), r"error: ASYNCORE_TRACE: no events 'asks'; nothing is traced; there are: all "
                           r"stable open ask ready call ret io timer close lint\n")
    matches(trace("ask,"), r"error: ASYNCORE_TRACE: no events ''; .*\n")
    matches(trace("ask:/nowhere/file"), r"error: ASYNCORE_TRACE: /nowhere/file: No such file or "
                                        r"directory; nothing is traced\n")
    matches(trace("x" * 1000), r"error: ASYNCORE_TRACE: no events 'x+'; .*\n")


def on_a_terminal(**environment):
    """What a client writes there whom nobody answers."""
    variables = {**os.environ, "TERM": "xterm", "NO_COLOR": "", **environment, "ASYNCORE_TRACE": "1"}
    master, slave = pty.openpty()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        subprocess.run([TIMEC, f"127.0.0.1:{nobody.getsockname()[1]}"], env=variables, stderr=slave,
                       timeout=tap.PATIENCE, check=False)
    os.close(slave)
    text = b""
    while data := read_terminal(master):
        text += data
    os.close(master)
    return text.decode()


def read_terminal(master):
    try:
        return os.read(master, 65536)
    except OSError:  # nobody has the other end any more
        return b""


def test_colours():
    assert "\033[" not in on_a_terminal(NO_COLOR="1")
    assert "\033[" not in on_a_terminal(TERM="dumb")
    text = on_a_terminal()
    for part in (r"\033\[36m  0\.\d+ ask   r\[\d+\] [^\n]*\033\[0m\r\n", r"^  0\.\d+ open  ",
                 r"\033\[1m  0\.\d+ call  ", r"\033\[33m  0\.\d+ io    \d+ connect [^\n]* = -EINPROGRESS"):
        assert re.search(part, text), f"no {part} in {text!r}"


if __name__ == "__main__":
    tap.main()
