"""ASYNCORE_TRACE, as whoever runs a program meets it."""

import collections
import json
import os
import pty
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile

import tap
from tap import connect, equal, matches, receive

TIMEC = os.path.join(os.environ["BUILD"], "dispatchers", "timec")
ECHO = os.path.join(os.environ["BUILD"], "examples", "echo_server")
SPIN = os.path.join(os.environ["BUILD"], "examples", "spin")
GREETER = os.path.join(os.environ["BUILD"], "examples", "greeter")
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


def documented():
    """The fields of each type of events, by the table in docs/trace.md."""
    with open(os.path.join(os.environ["SOURCE"], "docs", "trace.md"), encoding="utf-8") as file:
        _, _, table = file.read().partition("\n| field | in | is |\n")
    fields = {name: set() for name in TYPES}
    for names, where in re.findall(r"^\| (`.*?`) \| (.*?) \|", table, re.MULTILINE):
        named = re.findall(r"`(\w+)`", where)
        for name in [name for name in TYPES if name not in named] if where.startswith("all") else named:
            fields[name].update(re.findall(r"`(\w+)`", names))
    return fields


def events_in_file(*command, use=None):
    """What this program traces as JSON until it ends, or has been used."""
    with tempfile.TemporaryDirectory() as directory:
        name = os.path.join(directory, "trace.jsonl")
        program = tap.Program(*command, stdout=subprocess.PIPE, stream="stdout", tidy=False,
                              env={**os.environ, "ASYNCORE_TRACE": f"all:{name}"})
        if use is not None:
            use(program)
            program.process.send_signal(signal.SIGTERM)
        program.wait()
        with open(name, encoding="ascii") as file:
            return [json.loads(line) for line in file][1:]


def use_echo(program):
    port = int(matches(program.line(), r"listening on port (\d+)")[1])
    peer = connect(port)
    peer.sendall(b"hello")
    equal(peer.recv(5), b"hello")
    tap.reset(peer)
    receive(connect_and_end(port))


def connect_and_end(port):
    peer = connect(port)
    peer.shutdown(socket.SHUT_WR)
    return peer


def test_schema():
    """Each event has the fields that docs/trace.md lists, and no others."""
    port = tap.free_port()
    events = events_in_file(ECHO, "--port", "0", use=use_echo)
    events += events_in_file(SPIN)
    events += events_in_file(TIMEC, f"127.0.0.1:{port}")
    events += events_in_file(GREETER, str(port), "1", use=lambda _: receive(tap.connect_when_up(port)))
    seen = collections.defaultdict(set)
    for event in events:
        seen[event["event"]] |= set(event)
    fields = documented()
    rare = {"lint": {"depth", "number"}, "ret": {"error"}, "ask": {"depth"}, "ready": {"depth"}}
    for name in TYPES:
        equal((name, seen[name] - fields[name]), (name, set()))
        equal((name, fields[name] - seen[name] - rare.get(name, set())), (name, set()))


def test_types_are_documented():
    """The page's table of events has those that may be asked for, and each alone is all that comes then."""
    with open(os.path.join(os.environ["SOURCE"], "docs", "trace.md"), encoding="utf-8") as file:
        _, _, table = file.read().partition("\n| type | when | what it says |\n")
    equal(re.findall(r"^\| `(\w+)` \|", table.partition("\n\n")[0], re.MULTILINE), list(TYPES))
    for name in TYPES:
        equal((name, set(events_of(trace(name)))), (name, {name} - {"timer"}))


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


def lent():
    """A copy of timec that runs with another identity than that of who starts it."""
    directory = tempfile.mkdtemp(prefix="set-uid-")
    copy = os.path.join(directory, "timec")
    with open(TIMEC, "rb") as program, open(copy, "wb") as file:
        file.write(program.read())
    os.chmod(directory, 0o755)
    if os.geteuid() == 0:
        os.chown(copy, 1, 1)
        os.chmod(copy, 0o755 | stat.S_ISUID)
        return copy
    groups = [group for group in os.getgroups() if group != os.getegid()]
    if not groups:
        raise tap.Skip("only root, or who is in two groups, may lend its identity")
    os.chown(copy, -1, groups[0])
    os.chmod(copy, 0o755 | stat.S_ISGID)
    return copy


def test_set_uid():
    """Who starts such a program does not have it write files."""
    if tap.EMULATOR:
        raise tap.Skip("an emulator has nobody's identity but its own")
    port = tap.free_port()
    program = lent()
    try:
        if os.statvfs(program).f_flag & os.ST_NOSUID:
            raise tap.Skip("no file here lends an identity")
        with tempfile.TemporaryDirectory() as directory:
            os.chmod(directory, 0o777)
            name = os.path.join(directory, "trace")
            for path, is_traced in (TIMEC, True), (program, False):
                environment = {**os.environ, "ASYNCORE_TRACE": f"all:{name}"}
                err = subprocess.run([path, f"127.0.0.1:{port}"], env=environment, check=False,
                                     capture_output=True, timeout=tap.PATIENCE).stderr
                assert b"timec: " in err, err  # nobody answers
                equal((path, os.path.exists(name)), (path, is_traced))
                if is_traced:
                    os.remove(name)
    finally:
        shutil.rmtree(os.path.dirname(program))


if __name__ == "__main__":
    tap.main()
