"""timed and what it says: formats, signals, and the file for Prometheus."""

import json
import os
import re
import shlex
import signal
import socket
import subprocess
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


class LogDaemon:
    """The system's log, as those find it who have its directory for /dev."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="dev-")
        os.chmod(self.directory.name, 0o755)
        with open(self.path("null"), "wb"):
            pass
        self.start()

    def path(self, name):
        return os.path.join(self.directory.name, name)

    def start(self):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(tap.PATIENCE)
        self.socket.bind(self.path("log"))
        os.chmod(self.path("log"), 0o666)

    def stop(self):
        self.socket.close()
        os.unlink(self.path("log"))

    def command(self, *command):
        if subprocess.run([*UNSHARE, "true"], capture_output=True).returncode != 0:
            raise tap.Skip("no file system of one's own to be had here")
        dev = shlex.quote(self.directory.name)
        return [*UNSHARE, "sh", "-c", f"mount --bind /dev/null {dev}/null && mount --rbind {dev} /dev && "
                f"exec {shlex.join(tap.runnable(*command))}"]

    def line(self):
        return tap.in_glibcs_words(self.socket.recv(4096).decode())


UNSHARE = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]


def test_syslog():
    log = LogDaemon()
    server = Program(*log.command(timed(), "--syslog", "--verbose", "-p", "0", "-l", "127.0.0.1"))
    date = r"\w{3} [ \d]\d \d\d:\d\d:\d\d"
    port = int(matches(log.line(), rf"<30>{date} timed\[\d+\]: listening on port (\d+)")[1])
    for _ in range(2):
        tap.is_the_time(receive(connect(port)))
        while "connection from 127.0.0.1" not in log.line():
            pass
        log.stop()  # it is started anew, as logs are
        tap.is_the_time(receive(connect(port)))
        log.start()
    server.process.send_signal(signal.SIGUSR1)
    while "tcp: 4 answered" not in log.line():
        pass
    equal(server.stop(), 0)
    equal(server.rest(), "")
    log.stop()


def test_signals_that_ask():
    server = Timed()
    for _ in range(3):
        tap.is_the_time(receive(connect(server.port)))
    tap.is_the_time(ask_udp(server.port))
    for number in signal.SIGUSR1, signal.SIGHUP:
        server.process.send_signal(number)
        equal(server.line(), "tcp: 3 answered; udp: 1 answered")
        lines = sorted(server.line() for _ in range(3))
        matches(lines[0], rf"<time_datagram fd \d+> on 127\.0\.0\.1:{server.port}")
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


def test_metrics_file_of_workers():
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "timed.prom")
        server = Timed(*tap.AS_ROOT, "--workers", "3", "--metrics-file", path)

        def wait_for_answers(tcp, udp):
            end = time.monotonic() + tap.PATIENCE
            lines = [f'timed_requests_total{{transport="{transport}",outcome="answered"}} {count}\n'
                     for transport, count in (("tcp", tcp), ("udp", udp))]
            while not all(line in read(path) for line in lines):
                assert time.monotonic() < end, read(path)
                time.sleep(0.01)

        wait_for_answers(0, 0)
        tap.is_the_time(receive(tap.connect_when_up(server.port)))
        for _ in range(29):
            tap.is_the_time(receive(connect(server.port)))
        for _ in range(10):
            tap.is_the_time(ask_udp(server.port))
        server.process.send_signal(signal.SIGUSR1)
        wait_for_answers(30, 10)
        tap.is_the_time(receive(connect(server.port)))
        end = time.monotonic() + tap.PATIENCE
        before = server_children(server)
        server.process.send_signal(signal.SIGUSR2)  # others come, who count from 0
        while set(server_children(server)) & set(before):
            assert time.monotonic() < end, "no upgrade"
            time.sleep(0.01)
        tap.is_the_time(ask_udp(server.port))
        equal(server.stop(), 0)
        wait_for_answers(31, 11)
        equal(os.listdir(directory), ["timed.prom"])


def server_children(server):
    pid = server.process.pid
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return file.read().split()


def test_metrics_file_of_another_user():
    if os.geteuid() != 0:
        raise tap.Skip("only root can become another user")
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        path = os.path.join(directory, "timed.prom")
        for options in [], ["--workers", "2"]:
            status, out, err = run(timed(), "-p", "0", "-l", "127.0.0.1", "--metrics-file", path, *options)
            equal((status, out), (1, ""))
            equal(err, f"timed: --metrics-file {path}: Permission denied (its directory must be one that "
                       "--user may write to)\n")
        os.chmod(directory, 0o777)
        server = Timed("--metrics-file", path)
        equal(server.stop(), 0)
        equal(os.listdir(directory), ["timed.prom"])


def test_metrics_file_in_a_directory_of_others():
    """What they have put where the next one is to be written is neither opened, which might wait for
    ever, nor written over."""
    def link(path):
        os.symlink("victim", path)

    def hard_link(path):
        os.link(os.path.join(os.path.dirname(path), "victim"), path)

    with tempfile.TemporaryDirectory() as directory:
        path, victim = (os.path.join(directory, name) for name in ("timed.prom", "victim"))
        with open(victim, "w", encoding="ascii") as file:
            file.write("precious")
        for trap in os.mkfifo, link, hard_link:
            server = Timed(*tap.AS_ROOT, "--metrics-file", path)
            trap(f"{path}.{server.process.pid}.new")
            server.process.send_signal(signal.SIGUSR1)
            server.line()
            tap.is_the_time(receive(connect(server.port)))
            equal(server.stop(), 0)
            assert os.path.isfile(path) and not os.path.islink(path)
            assert 'outcome="answered"} 1\n' in read(path)
            equal(read(victim), "precious")
            equal(sorted(os.listdir(directory)), ["timed.prom", "victim"])


def test_metrics_files_that_cannot_be():
    for path, message in (
        ("/no/such/directory/file", "No such file or directory"),
        ("/proc/file", "(Permission denied.*|No such file or directory|Operation not permitted)"),
        ("/tmp/", "Is a directory"),
        ("/tmp/" + "x" * 255, "File name too long"),
    ):
        status, out, err = run(timed(), "-p", "0", "-l", "127.0.0.1", "--metrics-file", path)
        equal((status, out), (1, ""))
        matches(err, rf"timed: --metrics-file {path}: ({message})\n")
    long = "/" + "x/" * 3000 + "file"
    equal(run(timed(), "-p", "0", "-l", "127.0.0.1", "--metrics-file", long)[0], 1)


tap.main()
