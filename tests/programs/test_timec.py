"""timec as its user meets it."""

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import tap
from tap import Timed, equal, matches, run, timec

TIME = r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d UTC \d{4}"
OFFSET = r"offset (-?\d+\.\d) \+/- (\d+\.\d) ms"
ANSWER = rf"{TIME}\ntime difference is (-?\d+)\n{OFFSET}, round trip (\d+\.\d{{3}}) ms\n"


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


class UdpServer:
    """Answers each datagram with what answers() gives for it, a list of datagrams."""

    def __init__(self, answers):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.questions = []
        self.thread = threading.Thread(target=self.serve, args=(answers,), daemon=True)
        self.thread.start()

    def serve(self, answers):
        while True:
            question, peer = self.socket.recvfrom(1500)
            if peer[1] == self.port:  # close() has sent it
                return
            self.questions.append(question)
            for answer in answers(len(self.questions)):
                self.socket.sendto(answer, peer)

    def close(self):
        self.socket.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join(tap.PATIENCE)
        self.socket.close()


def the_time(ahead=0):
    return struct.pack(">I", (int(time.time() + ahead) + tap.TIME1970) % 2**32)


def objects(out):
    return [json.loads(line) for line in out.splitlines()]


def test_help_and_version():
    status, out, err = run(timec(), "--help")
    equal((status, err), (0, ""))
    matches(out, r"usage: timec .*--udp.*--count.*--interval.*--timeout.*--json.*")
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
        (["--interval", "-1", "127.0.0.1"], r"bad interval '-1': .*"),
        (["--count", "0", "127.0.0.1"], r"bad count '0': .*"),
        (["--count", "1000001", "127.0.0.1"], r"bad count '1000001': .*"),
        (["--count", "99999999999999999999", "127.0.0.1"], r"bad count '9+': .*"),
        (["-c", "", "127.0.0.1"], r"bad count '': .*"),
        (["-c", "2x", "127.0.0.1"], r"bad count '2x': .*"),
        (["--udp=yes", "127.0.0.1"], r".*option '--udp=yes'; .*"),
        (["--timeout"], r"option '--timeout' wants a value; .*"),
        (["--nonsense", "127.0.0.1"], r".*option '--nonsense'; .*"),
        (["a" * 300], r"bad host 'a+': .*"),
        (["a\nb"], r"bad host 'a\?b': .*"),
        (["\udc80"], r"bad host '.*': .*"),
        (["-t", "1\n2", "127.0.0.1"], r"bad timeout '1\?2': .*"),
    ):
        status, out, err = run(timec(), *arguments)
        equal((status, out), (2, ""))
        matches(err, rf"timec: {message}\n")
        equal(err.count("\n"), 1)


def test_timed():
    server = Timed()
    status, out, err = run(timec(), f"127.0.0.1:{server.port}")
    equal((status, err), (0, ""))
    difference, offset, error, round_trip = map(float, matches(out, ANSWER).groups())
    assert abs(difference) <= 2 and abs(offset) <= 2000, out
    # Half a second, and half of the round trip.
    assert abs(error - (500 + round_trip / 2)) <= 0.1, out
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
    matches(out, r"Thu Feb  7 06:28:16 UTC 2036\ntime difference is -\d+\noffset \d{9,}.*\n")


def test_refused():
    port = tap.free_port()
    status, out, err = run(timec(), f"127.0.0.1:{port}")
    equal((status, out), (1, ""))
    matches(err, rf"timec: 127\.0\.0\.1:{port}: Connection refused \(.*\)\n")


def test_closed_early():
    for answer in b"", b"\x83\xaa":
        server = Server(answer)
        status, out, err = run(timec(), f"127.0.0.1:{server.port}")
        server.close()
        equal((status, out), (1, ""))
        equal(err, f"timec: 127.0.0.1:{server.port}: closed the connection after {len(answer)} of 4 bytes\n")


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
        done = subprocess.run(tap.runnable(timec(), f"127.0.0.1:{server.port}"), stdout=full, text=True,
                              stderr=subprocess.PIPE, timeout=tap.PATIENCE)
    equal(done.returncode, 1)
    matches(done.stderr, r"timec: standard output: No space left on device\n")
    equal(server.stop(), 0)


def test_output_is_full_before_the_last_request():
    server = Timed()
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(tap.runnable(timec(), "-c", "1000000", f"127.0.0.1:{server.port}"),
                              stdout=full, text=True, stderr=subprocess.PIPE, timeout=tap.PATIENCE)
    equal(done.returncode, 1)
    matches(done.stderr, r"timec: standard output: No space left on device\n")
    equal(server.stop(), 0)


def test_udp():
    server = UdpServer(lambda n: [the_time()])
    status, out, err = run(timec(), "--udp", f"127.0.0.1:{server.port}")
    server.close()
    equal((status, err, server.questions), (0, "", [b""]))
    assert abs(int(matches(out, ANSWER)[1])) <= 2, out


def test_udp_first_question_is_lost():
    server = UdpServer(lambda n: [the_time()] if n > 1 else [])
    status, out, err = run(timec(), "-u", "-t", "1.5", f"127.0.0.1:{server.port}")
    server.close()
    equal((status, err), (0, ""))
    assert float(matches(out, ANSWER)[4]) >= 500, out  # from the first question on


def test_udp_no_answer():
    server = UdpServer(lambda n: [])
    status, out, err = run(timec(), "-u", "-t", "0.3", f"127.0.0.1:{server.port}")
    server.close()
    equal((status, out), (1, ""))
    equal(err, f"timec: 127.0.0.1:{server.port}: no answer in 0.3 s (see --timeout)\n")
    assert 2 <= len(server.questions) <= 3, server.questions


def test_udp_answers_of_other_sizes():
    server = UdpServer(lambda n: [b"", bytes(8)] if n == 1 else [])
    status, out, err = run(timec(), "-u", "-t", "0.3", f"127.0.0.1:{server.port}")
    server.close()
    equal((status, out), (1, ""))
    equal(err, f"timec: 127.0.0.1:{server.port}: no answer of 4 bytes in 0.3 s, but 2 of other sizes\n")


def test_udp_refused():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.connect(taken.getsockname())  # it takes nothing from others
        port = taken.getsockname()[1]
        status, out, err = run(timec(), "-u", f"127.0.0.1:{port}")
    equal((status, out), (1, ""))
    matches(err, rf"timec: 127\.0\.0\.1:{port}: Connection refused \(.*\)\n")


def test_count():
    server = Timed()
    status, out, err = run(timec(), "--count", "3", "--interval", "0.01", f"127.0.0.1:{server.port}")
    equal((status, err), (0, ""))
    lines = out.splitlines()
    equal(len(lines), 4)
    ranges = []
    for line in lines[:3]:
        found = matches(line, rf"127\.0\.0\.1:{server.port}: {TIME}, {OFFSET}, round trip \d+\.\d{{3}} ms")
        middle, error = float(found[1]), float(found[2])
        ranges.append((middle - error, middle + error))
    number = r"\d+\.\d{3}"
    found = matches(lines[3], rf"3 requests, 3 answers; {OFFSET}; round trip min/avg/max "
                              rf"({number})/({number})/({number}) ms")
    middle, error, shortest, average, longest = map(float, found.groups())
    # What all three allow.
    assert abs(middle - error - max(low for low, _ in ranges)) <= 0.3, out
    assert abs(middle + error - min(high for _, high in ranges)) <= 0.3, out
    assert shortest <= average <= longest, out
    equal(server.stop(), 0)


def test_count_is_paced():
    server = UdpServer(lambda n: [the_time()])
    begun = time.monotonic()
    status, _, _ = run(timec(), "-u", "-c", "4", "-i", "0.2", f"127.0.0.1:{server.port}")
    took = time.monotonic() - begun
    server.close()
    equal((status, len(server.questions)), (0, 4))
    assert took >= 0.6, took


def test_count_goes_on_after_a_failure():
    # One that does not answer the second request, however often it is asked.
    server = UdpServer(lambda n: [the_time()] if n == 1 or n > 4 else [])
    status, out, err = run(timec(), "-u", "-c", "3", "-i", "0.01", "-t", "0.3",
                           f"127.0.0.1:{server.port}")
    server.close()
    equal(status, 1)
    matches(out.splitlines()[-1], r"3 requests, [12] answers; .*")
    matches(err, rf"(timec: 127\.0\.0\.1:{server.port}: no answer in 0\.3 s \(see --timeout\)\n)+")


def test_answers_that_contradict_each_other():
    server = UdpServer(lambda n: [the_time(60 if n == 2 else 0)])
    status, out, err = run(timec(), "-u", "-c", "2", "-i", "0.01", f"127.0.0.1:{server.port}")
    server.close()
    equal((status, err), (0, ""))
    found = matches(out.splitlines()[-1], r"2 requests, 2 answers; they contradict each other by "
                                          r"(\d+\.\d) ms; round trip .*")
    assert 50000 <= float(found[1]) <= 60000, out
    server = UdpServer(lambda n: [the_time(60 if n == 2 else 0)])
    status, out, err = run(timec(), "-ju", "-c", "2", "-i", "0.01", f"127.0.0.1:{server.port}")
    server.close()
    equal((status, err), (0, ""))
    assert 50000 <= objects(out)[-1]["contradiction_ms"] <= 60000, out


def test_json():
    server = Timed()
    name = f"127.0.0.1:{server.port}"
    status, out, err = run(timec(), "--json", name)
    equal((status, err), (0, ""))
    answer, = objects(out)
    equal(list(answer), ["server", "protocol", "time", "unix", "offset_ms", "max_error_ms",
                         "round_trip_ms"])
    equal((answer["server"], answer["protocol"]), (name, "tcp"))
    equal(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(answer["unix"])), answer["time"])
    assert abs(answer["unix"] - time.time()) <= tap.PATIENCE, answer
    equal(server.stop(), 0)


def test_json_of_an_interface_with_a_quote():
    """It is part of a link-local address.  In a network namespace, where all can be renamed."""
    inside = ["unshare", "--net", "sh", "-c"]
    set_up = """ip link set lo name 'l"o' && ip link set 'l"o' up && ip address add fe80::1/64 dev 'l"o' nodad"""
    if (tap.EMULATOR or os.geteuid() != 0
            or subprocess.run([*inside, set_up], capture_output=True).returncode != 0):
        raise tap.Skip("no network namespace, or no IPv6 in it, or nobody to set it up")
    ask = """%s >/dev/null 2>&1 & until %s --json '[fe80::1%%l"o]:8037' 2>/dev/null; do sleep 0.1; done; wait"""
    server = f"{tap.timed()} --no-upgrade --once 1 --idle 20"
    status, out, err = run(*inside, set_up + " && " + ask % (server, timec()))
    equal((status, err), (0, ""))
    equal(json.loads(out.splitlines()[-1])["server"], '[fe80::1%l"o]:8037')


def test_json_of_several():
    server = UdpServer(lambda n: [the_time()])
    status, out, err = run(timec(), "-ju", "-c", "2", "-i", "0.01", f"127.0.0.1:{server.port}")
    server.close()
    equal((status, err), (0, ""))
    *answers, summary = objects(out)
    equal([answer["protocol"] for answer in answers], ["udp", "udp"])
    equal(list(summary), ["requests", "answers", "offset_ms", "max_error_ms", "round_trip_min_ms",
                          "round_trip_avg_ms", "round_trip_max_ms"])
    equal((summary["requests"], summary["answers"]), (2, 2))


def test_json_errors():
    port = tap.free_port()
    slow, short = Server(b"\x83", hold=True), Server(b"\x83")
    for arguments, name, server in (
        ([f"127.0.0.1:{port}"], "refused", f"127.0.0.1:{port}"),
        (["-t", "0.2", f"127.0.0.1:{slow.port}"], "timeout", f"127.0.0.1:{slow.port}"),
        ([f"127.0.0.1:{short.port}"], "closed", f"127.0.0.1:{short.port}"),
        (['no "such host\\'], "unknown-host", 'no "such host\\'),
    ):
        status, out, err = run(timec(), "-j", *arguments)
        equal(status, 1)
        answer, = objects(out)
        equal((answer["server"], answer["error"]), (server, name))
        equal(err, f"timec: {server}: {answer['message']}\n")
    slow.close()
    short.close()


def test_json_without_an_answer():
    port = tap.free_port()
    status, out, _ = run(timec(), "-j", "-c", "2", "-i", "0.01", f"127.0.0.1:{port}")
    equal(status, 1)
    equal([answer.get("error") for answer in objects(out)], ["refused", "refused", None])
    equal(objects(out)[-1], {"requests": 2, "answers": 0})


def test_other_eras():
    """The client's clock and the server's answer, where the protocol's numbers begin anew."""
    sys.path.insert(0, os.path.join(os.environ["SOURCE"], "tests", "hostile"))
    from common.servers import preload
    if preload() is None or os.environ.get("VALGRIND") or tap.EMULATOR:
        raise tap.Skip("needs the attacks' preload.c between it and its clock")
    for here, seconds, shown in (
        (2085978490, 0, "Thu Feb  7 06:28:16 UTC 2036"),  # the server is in the next era already
        (2085978500, 2**32 - 1, "Thu Feb  7 06:28:15 UTC 2036"),  # the client is
        (2208988800, 123010304, "Sun Jan  1 00:00:00 UTC 2040"),
    ):
        with tempfile.NamedTemporaryFile() as clock:
            clock.write(struct.pack("=q", here - int(time.time())))
            clock.flush()
            server = Server(struct.pack(">I", seconds))
            env = dict(os.environ, LD_PRELOAD=preload(timec()), HOSTILE_CLOCK=clock.name)
            status, out, err = run(timec(), f"127.0.0.1:{server.port}", env=env)
            server.close()
        equal((status, err), (0, ""))
        equal(out.splitlines()[0], shown)
        assert abs(int(matches(out, ANSWER)[1])) <= 10 + tap.PATIENCE, out


tap.main()
