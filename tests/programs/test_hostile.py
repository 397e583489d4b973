"""The attacks of tests/hostile see what is wrong with a server, and nothing where nothing is."""

import os
import re
import resource
import subprocess
import sys

import tap
from tap import Program, equal

HOSTILE = os.path.join(os.environ["SOURCE"], "tests", "hostile")


def attack(protocol, defect, name, with_pid=True, victim_protocol=None):
    """What the attack says of a server with this defect: its exit status, and its line."""
    server = Program(sys.executable, "-S", os.path.join(HOSTILE, "common", "victim.py"),
                     victim_protocol or protocol, defect, stream="stdout")
    port = re.fullmatch(r"listening on port (\d+)", server.line())[1]
    hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
    pid = ("--pid", str(server.process.pid)) if with_pid else ()
    done = subprocess.run([sys.executable, "-S", os.path.join(HOSTILE, name + ".py"), protocol, port,
                           *pid], capture_output=True, text=True, timeout=120, check=False)
    equal(done.stderr, "")
    return done.returncode, done.stdout


def finds(words, *arguments, **keywords):
    status, line = attack(*arguments, **keywords)
    assert status == 1 and re.search(words, line), line


def finds_nothing(*arguments, **keywords):
    status, line = attack(*arguments, **keywords)
    equal((status, line), (0, line))


def test_nothing():
    for name in ("reset_after_accept", "silent_1000", "no_descriptors"):
        finds_nothing("echo", "nothing", name)


def test_nothing_to_be_seen_without_a_pid():
    finds_nothing("echo", "nothing", "half_close", with_pid=False)


def test_leaks():
    finds(r"descriptors are left behind", "echo", "leaks", "reset_after_accept")


def test_dies():
    finds(r"it has died", "echo", "dies", "reset_after_accept")


def test_spins():
    finds(r"it does not rest", "echo", "spins", "half_close")


def test_is_slow():
    finds(r"a well-behaved client waits \d+ ms", "echo", "is slow", "reset_after_accept")


def test_grows():
    finds(r"memory has grown by \d+ KiB", "echo", "grows", "reset_after_accept")


def test_datagrams():
    finds_nothing("time", "nothing", "datagrams")
    finds_nothing("time-udp", "nothing", "datagrams", victim_protocol="time")


def test_datagrams_go_round():
    finds(r"\d+ datagrams went round to ", "time", "answers all", "datagrams")
    finds(r"\d+ datagrams went round to ", "time-udp", "answers all", "datagrams",
          victim_protocol="time", with_pid=False)


def test_connections_where_there_are_none():
    equal(attack("time-udp", "nothing", "half_close", victim_protocol="time")[0], 77)


if __name__ == "__main__":
    tap.main()
