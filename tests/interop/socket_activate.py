"""timed given its sockets by systemd, as systemd-socket-activate does it."""

import contextlib

from others import empty_network, is_about_now_text, needs_option, program, run

import tap
from tap import Program, equal


@contextlib.contextmanager
def activated(*words, behind=()):
    """Runs until it is ended; timed has the process that began as systemd-socket-activate."""
    needs_option("--udp")
    activate = program("systemd-socket-activate")
    port = tap.free_port()
    sockets = [f"--listen={address}:{port}" for address in ("127.0.0.1", "127.0.0.2")]
    server = Program(activate, *sockets, *words, *behind, tap.timed())
    for address in "127.0.0.1", "127.0.0.2":
        assert server.line().startswith(f"Listening on {address}:{port} as "), address
    yield server, port
    equal(server.stop(), 0)


def ask(port, *options):
    for address in "127.0.0.1", "127.0.0.2":
        status, out, err = tap.run(tap.timec(), *options, f"{address}:{port}")
        assert status == 0, out + err


def test_tcp():
    with activated() as (_, port):
        ask(port)
        ask(port, "--count", "20", "--interval", "0.01")


def test_udp():
    with activated("--datagram") as (_, port):
        ask(port, "--udp")
        ask(port, "--udp", "--count", "5", "--interval", "0.01")


def test_in_an_empty_network():
    """As with PrivateNetwork=: it can open no socket that leads anywhere, and serves."""
    with activated(behind=empty_network()) as (_, port):
        ask(port)


def test_udp_in_an_empty_network():
    with activated("--datagram", behind=empty_network()) as (_, port):
        ask(port, "--udp")


def test_rdate():
    program("rdate")
    with activated() as (_, port):
        is_about_now_text(run("rdate", "-p", "-o", str(port), "127.0.0.1")[1])


tap.main()
