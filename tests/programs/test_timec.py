"""timec as its user meets it."""

import socket
import subprocess
import threading

import tap
from tap import Timed, equal, matches, run, timec

ANSWER = r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d UTC \d{4}\ntime difference is -?\d+\n"


class Server:
    """Accepts one connection, sends this, and closes; or keeps it if hold is set."""

    def __init__(self, answer=b"", hold=False):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.answer = answer
        self.hold = hold
        self.peer = None
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        self.peer, _ = self.socket.accept()
        self.peer.sendall(self.answer)
        if not self.hold:
            self.peer.close()

    def close(self):
        self.thread.join(tap.PATIENCE)
        self.peer.close()
        self.socket.close()


def test_help_and_version():
    status, out, err = run(timec(), "--help")
    equal((status, err), (0, ""))
    matches(out, r"usage: timec .*--timeout.*")
    equal(run(timec(), "-h"), (0, out, ""))
    matches(run(timec(), "--version")[1], r"timec \d+\.\d+\.\d+\n")


def test_usage_errors():
    for arguments, message in (
        ([], r"want one HOST\[:PORT\]; .*"),
        (["a", "b"], r"want one HOST\[:PORT\]; .*"),
        ([""], r"bad host '': .*"),
        ([":37"], r"bad host ':37': .*"),
        (["[::1"], r"bad host '\[::1': .*"),
        (["[::1]37"], r"bad host '\[::1\]37': .*"),
        (["127.0.0.1:"], r"bad port '': .*"),
        (["127.0.0.1:0"], r"bad port '0': .*"),
        (["127.0.0.1:65536"], r"bad port '65536': .*"),
        (["--timeout", "0", "127.0.0.1"], r"bad timeout '0': .*"),
        (["--timeout", "nan", "127.0.0.1"], r"bad timeout 'nan': .*"),
        (["--timeout", "1s", "127.0.0.1"], r"bad timeout '1s': .*"),
        (["--timeout"], r"option '--timeout' wants a value; .*"),
        (["--nonsense", "127.0.0.1"], r".*option '--nonsense'; .*"),
        (["a" * 300], r"bad host 'a+': .*"),
    ):
        status, out, err = run(timec(), *arguments)
        equal((status, out), (2, ""))
        matches(err, rf"timec: {message}\n")
        equal(err.count("\n"), 1)


def test_timed():
    server = Timed()
    status, out, err = run(timec(), f"127.0.0.1:{server.port}")
    equal((status, err), (0, ""))
    matches(out, ANSWER)
    assert abs(int(out.split()[-1])) <= 2, out
    equal(run(timec(), f"localhost:{server.port}")[0], 0)
    equal(server.stop(), 0)


def test_ipv6():
    try:
        server = Timed(address="::1")
    except AssertionError as error:
        raise tap.Skip("no IPv6 here") from error
    status, out, _ = run(timec(), f"[::1]:{server.port}")
    equal(status, 0)
    matches(out, ANSWER)
    equal(server.stop(), 0)


def test_difference():
    server = Server(b"\0\0\0\0")  # 1900, or 2036
    status, out, _ = run(timec(), f"127.0.0.1:{server.port}")
    server.close()
    equal(status, 0)
    matches(out, r"Thu Feb  7 06:28:16 UTC 2036\ntime difference is -\d+\n")


def test_refused():
    port = tap.free_port()
    status, out, err = run(timec(), f"127.0.0.1:{port}")
    equal((status, out), (1, ""))
    matches(err, rf"timec: connect 127\.0\.0\.1:{port}: Connection refused \(.*\)\n")


def test_closed_early():
    for answer in b"", b"\x83\xaa":
        server = Server(answer)
        status, out, err = run(timec(), f"127.0.0.1:{server.port}")
        server.close()
        equal((status, out), (1, ""))
        equal(err, f"timec: 127.0.0.1:{server.port} closed the connection after {len(answer)} of 4 bytes\n")


def test_timeout():
    server = Server(b"\x83", hold=True)
    status, out, err = run(timec(), "--timeout", "0.2", f"127.0.0.1:{server.port}")
    server.close()
    equal((status, out), (1, ""))
    equal(err, f"timec: 127.0.0.1:{server.port}: no answer in 0.2 s (see --timeout)\n")


def test_unknown_host():
    status, out, err = run(timec(), "no-such-host.invalid")
    equal((status, out), (1, ""))
    matches(err, r"timec: no-such-host\.invalid: .+\n")


def test_full_output():
    server = Timed()
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([timec(), f"127.0.0.1:{server.port}"], stdout=full, text=True,
                              stderr=subprocess.PIPE, timeout=tap.PATIENCE)
    equal(done.returncode, 1)
    matches(done.stderr, r"timec: standard output: No space left on device\n")
    equal(server.stop(), 0)


tap.main()
