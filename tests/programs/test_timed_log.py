"""timed and what it says: formats, signals, and the file for Prometheus."""

import json
import os
import re
import signal
import socket
import tempfile
import time

import tap
from tap import Program, Timed, connect, equal, matches, receive, run, timed


def ask_udp(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.settimeout(tap.PATIENCE)
        peer.connect(("127.0.0.1", port))
        peer.send(b"")
        return peer.recv(100)


def test_verbose_over_udp():
    server = Timed("--verbose")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        for data, outcome in (b"", ""), (bytes(65), ": too-long"):
            peer.sendto(data, ("127.0.0.1", server.port))
            line = server.line()
            while line == "still waiting":
                line = server.line()
            equal(line, f"datagram from 127.0.0.1:{peer.getsockname()[1]}{outcome}")
    equal(server.stop(), 0)


def test_json():
    server = Program(timed(), "--log-format", "json", "--verbose", "-p", "0", "-l", "127.0.0.1")
    message = json.loads(server.line())
    port = int(matches(message["message"], r"listening on port (\d+)")[1])
    matches(message["time"], r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    equal(message["priority"], 6)
    tap.is_the_time(receive(connect(port)))
    server.process.send_signal(signal.SIGUSR1)
    texts = []
    while not texts or "time_datagram" not in texts[-1]:
        texts.append(json.loads(server.line())["message"])
    assert any(re.fullmatch(r"connection from 127\.0\.0\.1:\d+", text) for text in texts), texts
    equal(server.stop(), 0)
    status, _, err = run(timed(), "--log-format", "json", "--listen", 'a"\\\x01b')
    equal(status, 2)
    matches(json.loads(err)["message"], r"""bad address 'a"\\\?b': want .*""")


def test_formats_that_are_none():
    for text, message in ("xml", "bad log-format 'xml': want text or json"), ("", "bad log-format ''.*"):
        status, out, err = run(timed(), "--log-format", text)
        equal((status, out), (2, ""))
        matches(err, f"timed: {message}\n")


def test_journal():
    reader, writer = os.pipe()
    status = os.fstat(writer)
    for stream, prefix in (f"{status.st_dev}:{status.st_ino}", "<6>"), ("1:1", ""):
        server = Program(timed(), "-v", "-p", "0", "-l", "127.0.0.1", stderr=writer, stream="stdout",
                         env=dict(os.environ, JOURNAL_STREAM=stream))
        matches(os.read(reader, 1000).decode(), prefix + r"listening on port \d+\n")
        equal(server.stop(), 0)
    os.close(reader)
    os.close(writer)


def test_syslog():
    server = Timed("--verbose")  # a port that is free
    port = server.port
    equal(server.stop(), 0)
    server = Program(timed(), "--syslog", "--verbose", "-p", str(port), "-l", "127.0.0.1")
    tap.is_the_time(receive(tap.connect_when_up(port)))
    equal(server.stop(), 0)
    equal(server.rest(), "")


def test_signals_that_ask():
    server = Timed()
    for _ in range(3):
        tap.is_the_time(receive(connect(server.port)))
    tap.is_the_time(ask_udp(server.port))
    for number in signal.SIGUSR1, signal.SIGHUP:
        server.process.send_signal(number)
        equal(server.line(), "tcp: 3 answered; udp: 1 answered")
        lines = sorted(server.line() for _ in range(3))
        matches(lines[0], r"<time_datagram fd \d+>")
        matches(lines[1], rf"<time_server listening 127\.0\.0\.1:{server.port} fd \d+>")
        matches(lines[2], "sandbox: .*")
    equal(server.stop(), 0)
    equal(server.rest(), "")


def test_errors_after_the_start_are_said():
    with tempfile.TemporaryDirectory() as directory:
        server = Timed(*tap.AS_ROOT, "--metrics-file", os.path.join(directory, "metrics"))
        os.rename(directory, directory + "-moved")  # which it does not notice, having it open
        os.mkdir(directory)
        equal(server.stop(), 0)
        equal(server.rest(), "")
        assert os.path.exists(directory + "-moved/metrics")
        os.remove(directory + "-moved/metrics")
        os.rmdir(directory + "-moved")
        server = Timed(*tap.AS_ROOT, "--metrics-file", os.path.join(directory, "metrics"))
        os.remove(os.path.join(directory, "metrics"))
        os.mkdir(os.path.join(directory, "metrics"))
        equal(server.stop(), 0)
        matches(server.rest(), r"metrics file metrics: (Is a directory|Permission denied)\n")


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


def test_metrics_file():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "timed.prom")
        server = Timed(*tap.AS_ROOT, "--metrics-file", path)
        text = read(path)
        for line in text.splitlines():
            matches(line, r'# (HELP|TYPE) timed_\w+ .+|timed_\w+(\{(\w+="[\w-]+",?)+\})? \d+')
        equal(text.count("timed_requests_total{"), 18)
        for _ in range(2):
            tap.is_the_time(receive(connect(server.port)))
        tap.is_the_time(ask_udp(server.port))
        server.process.send_signal(signal.SIGUSR1)
        equal(server.line(), "tcp: 2 answered; udp: 1 answered")
        end = time.monotonic() + tap.PATIENCE
        while 'timed_requests_total{transport="tcp",outcome="answered"} 2\n' not in read(path):
            assert time.monotonic() < end, read(path)
            time.sleep(0.01)
        assert 'timed_requests_total{transport="udp",outcome="answered"} 1\n' in read(path)
        tap.is_the_time(receive(connect(server.port)))
        equal(server.stop(), 0)
        assert 'timed_requests_total{transport="tcp",outcome="answered"} 3\n' in read(path)
        equal(os.listdir(directory), ["timed.prom"])


def test_metrics_file_in_the_working_directory():
    with tempfile.TemporaryDirectory() as directory:
        server = Timed(*tap.AS_ROOT, "--metrics-file", "here.prom", cwd=directory)
        equal(server.stop(), 0)
        equal(os.listdir(directory), ["here.prom"])


def test_metrics_files_that_cannot_be():
    for path, message in (
        ("/no/such/directory/file", "No such file or directory"),
        ("/proc/file", "(Permission denied|No such file or directory|Operation not permitted)"),
        ("/tmp/", "Is a directory"),
        ("/tmp/" + "x" * 255, "File name too long"),
    ):
        status, out, err = run(timed(), "-p", "0", "-l", "127.0.0.1", "--metrics-file", path)
        equal((status, out), (1, ""))
        matches(err, rf"timed: {path}: ({message})\n")
    long = "/" + "x/" * 3000 + "file"
    equal(run(timed(), "-p", "0", "-l", "127.0.0.1", "--metrics-file", long)[0], 1)


tap.main()
