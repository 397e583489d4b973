"""timed and timec with peers that others wrote."""

import os
import re
import shutil
import socket
import sys
import time

import tap
from tap import Program, Timed, equal, run


def rdate(*arguments):
    if shutil.which("rdate") is None:
        raise tap.Skip("rdate is not installed")
    return run("rdate", *arguments)


def is_about_now(text):
    """rdate's line, as "Mon Nov 23 14:39:41 UTC 2026"."""
    told = time.mktime(time.strptime(re.sub(r" [A-Z]+ (\d{4})$", r" \1", text.strip())))
    assert abs(told - time.time()) <= 2, text


def ask_with_rdate(family, address):
    server = Timed(address=address)
    status, out, err = rdate(family, "-p", "-o", str(server.port), address)
    equal((status, err), (0, ""))
    is_about_now(out)
    equal(server.stop(), 0)


def test_rdate():
    ask_with_rdate("-4", "127.0.0.1")


def test_rdate_ipv6():
    if not os.path.exists("/proc/net/if_inet6"):
        raise tap.Skip("no IPv6 here")
    ask_with_rdate("-6", "::1")


def test_rdate_on_port_37():
    if os.getuid() != 0:
        raise tap.Skip("only root may listen on port 37")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", 37))
        except OSError as error:
            raise tap.Skip(f"port 37: {error.strerror}") from error
    server = Program(tap.timed(), "-v", "-a", "127.0.0.1", "-p", "37")
    equal(server.line(), "listening on port 37")
    status, out, err = rdate("-p", "127.0.0.1")
    equal((status, err), (0, ""))
    is_about_now(out)
    status, out, err = run(tap.timec(), "127.0.0.1")  # 37 is its default
    equal((status, err), (0, ""))
    equal(server.stop(), 0)


# The client as one writes it with nothing but sockets.
CLIENT = """
import socket, struct, sys, time
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as peer:
    data = b""
    while part := peer.recv(4):
        data += part
seconds, = struct.unpack(">I", data)
print(seconds - 2208988800 - int(time.time()))
"""


def test_python_sockets():
    server = Timed()
    status, out, err = run(sys.executable, "-c", CLIENT, str(server.port))
    equal((status, err), (0, ""))
    assert abs(int(out)) <= 2, out
    equal(server.stop(), 0)


def test_shell():
    if shutil.which("bash") is None:
        raise tap.Skip("bash is not installed")
    server = Timed()
    status, out, _ = run("bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{server.port}; od -An -tu1 <&3")
    equal(status, 0)
    tap.is_the_time(bytes(int(byte) for byte in out.split()))
    equal(server.stop(), 0)


tap.main()
