"""timed started by the inetds that others wrote, for TCP and for UDP, as docs/deploy.md has it."""

import contextlib
import os
import signal
import time

from deploy import put, shown
from others import configuration, needs_option, needs_root, program

import tap
from tap import Program, equal


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def wait_for(condition):
    end = time.monotonic() + tap.PATIENCE
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)


def ask(port, *options):
    status, out, err = tap.run(tap.timec(), *options, f"127.0.0.1:{port}")
    assert status == 0, out + err


def served(port, *options):
    return tap.run(tap.timec(), "-t", "1", *options, f"127.0.0.1:{port}")[0] == 0


@contextlib.contextmanager
def running(*command):
    """An inetd.  What it has started lives on when it is ended, and is ended too."""
    inetd = Program(*command)
    started = []
    try:
        yield inetd
    finally:
        started = children(inetd.process.pid)
        inetd.process.terminate()
        for pid in started:
            os.kill(pid, signal.SIGTERM)
        inetd.process.wait(tap.PATIENCE)


def serves(port, *command):
    """Both protocols, each by one process, which may be ended: another one serves then."""
    with running(*command) as inetd:
        wait_for(lambda: served(port))
        wait_for(lambda: served(port, "--udp"))
        first = children(inetd.process.pid)
        equal(len(first), 2)
        ask(port, "--count", "5", "--interval", "0.01")
        ask(port, "--udp", "--count", "5", "--interval", "0.01")
        equal(children(inetd.process.pid), first)
        for pid in first:
            os.kill(pid, signal.SIGTERM)
        wait_for(lambda: not set(first) & set(children(inetd.process.pid)))
        ask(port)
        ask(port, "--udp")
        equal(len(children(inetd.process.pid)), 2)


def needs(name):
    needs_option("--inetd")
    needs_root("start services for others")
    return program(name)


# Another user than root may not be able to reach the build directory: timed gives up what root may.
AS_ROOT = (r"\bnobody\b", "root")


def test_xinetd():
    xinetd = needs("xinetd")
    port = tap.free_port()
    text = put(shown("/etc/xinetd.d/timed"), [
        AS_ROOT,
        (r"^service time$", "service timed"),
        (r"^    id ", f"    type = UNLISTED\n    port = {port}\n    bind = 127.0.0.1\n    id "),
    ])
    with configuration("defaults\n{\n}\n" + text) as file:
        serves(port, xinetd, "-dontfork", "-filelog", "/dev/null", "-f", file.name)


def test_openbsd_inetd():
    inetd = needs("inetd")
    port = tap.free_port()
    lines = put(shown("/etc/inetd.conf"), [AS_ROOT, (r"^time ", f"127.0.0.1:{port} ")])
    with configuration(lines) as file:
        serves(port, inetd, "-i", file.name)


def test_inetutils_inetd():
    inetd = needs("inetutils-inetd")
    port = tap.free_port()
    lines = put(shown("/etc/inetd.conf"), [AS_ROOT, (r"^time ", f"127.0.0.1:{port} ")])
    with configuration(lines) as file:
        serves(port, inetd, "--debug", "--pidfile=/dev/null", file.name)


tap.main()
