"""timed as its operator meets it: options, messages, signals, and clients that behave badly."""

import fcntl
import os
import resource
import shlex
import signal
import socket
import struct
import subprocess
import time

import tap
from tap import Program, Timed, connect, equal, matches, receive, run, timed


def test_help():
    status, out, err = run(timed(), "--help")
    equal((status, err), (0, ""))
    matches(out, r"usage: timed .*--port.*--address.*--verbose.*--help.*--version.*")
    equal(run(timed(), "-h"), (0, out, ""))


def test_version():
    status, out, err = run(timed(), "--version")
    equal((status, err), (0, ""))
    matches(out, r"timed \d+\.\d+\.\d+\n")
    equal(run(timed(), "-V"), (0, out, ""))


def test_usage_errors():
    for arguments, message in (
        (["--port", "65536"], r"bad port '65536': want a number from 0 to 65535"),
        (["--port", "-1"], r"bad port '-1': .*"),
        (["--port", "80x"], r"bad port '80x': .*"),
        (["--port", ""], r"bad port '': .*"),
        (["--port", "99999999999999999999"], r"bad port '9+': .*"),
        (["-p", " 80"], r"bad port ' 80': .*"),
        (["--address", "nonsense"], r"bad address 'nonsense': want an IPv4 or IPv6 address.*"),
        (["-a", "1.2.3.4.5"], r"bad address '1\.2\.3\.4\.5': .*"),
        (["-a", ""], r"bad address '': .*"),
        (["--prot", "37"], r".*option '--prot'; try 'timed --help'"),
        (["-x"], r"unknown option '-x'; try 'timed --help'"),
        (["--verbose", "-xv"], r"unknown option '-x'; try 'timed --help'"),
        (["--port"], r"option '--port' wants a value; try 'timed --help'"),
        (["--verbose=yes"], r".*option '--verbose=yes'; try 'timed --help'"),
        (["8037"], r"unexpected argument '8037'; try 'timed --help'"),
        (["80\n37\x1b[0m"], r"unexpected argument '80\?37\?\[0m'; .*"),
        (["-a", "a\nb"], r"bad address 'a\?b': .*"),
        (["-a", "127.0.0.1"] * 65, r"more than 64 times --address"),
    ):
        status, out, err = run(timed(), *arguments)
        equal((status, out), (2, ""))
        matches(err, rf"timed: {message}\n")
        equal(err.count("\n"), 1)


def test_no_such_poller():
    env = dict(os.environ, ASYNCORE_POLLER="kpoll")
    pollers = " ".join(os.environ["POLLERS"].split())
    equal(run(timed(), "--port", "0", env=env),
          (2, "", f"error: ASYNCORE_POLLER=kpoll: no such poller; there are: {pollers}\n"))


def test_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        status, out, err = run(timed(), "-a", "127.0.0.1", "-p", str(port))
    equal((status, out), (1, ""))
    matches(err, rf"timed: bind 127\.0\.0\.1:{port}: Address already in use \(.*--port\)\n")


def test_no_permission():
    def give_up_privileges():
        if os.getuid() == 0:
            os.setgroups([])
            os.setresgid(65534, 65534, 65534)
            os.setresuid(65534, 65534, 65534)

    try:
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
            if int(file.read()) <= 37:
                raise tap.Skip("any user may bind port 37 here")
    except FileNotFoundError:
        pass
    if not os.access(timed(), os.X_OK) or os.environ.get("VALGRIND"):
        raise tap.Skip("another user could not run it")
    if os.environ.get("COVERAGE"):
        raise tap.Skip("another user could not write what it counts, and would say so")
    try:
        done = subprocess.run(tap.runnable(timed(), "-a", "127.0.0.1", "-p", "37"),
                              capture_output=True, text=True, timeout=tap.PATIENCE, preexec_fn=give_up_privileges)
    except (PermissionError, subprocess.SubprocessError) as error:
        raise tap.Skip("another user cannot reach the build directory") from error
    equal(done.returncode, 1)
    matches(done.stderr, r"timed: bind 127\.0\.0\.1:37: Permission denied \(ports below 1024 need "
                         r"CAP_NET_BIND_SERVICE; try --port 8037\)\n")


def test_address_of_another_machine():
    status, _, err = run(timed(), "-a", "192.0.2.1", "-p", "0")
    equal(status, 1)
    matches(err, r"timed: bind 192\.0\.2\.1:0: Cannot assign requested address \(.*\)\n")


def test_quiet_and_correct():
    server = Timed()
    for _ in range(5):
        tap.is_the_time(receive(connect(server.port)))
    equal(server.stop(), 0)
    equal(server.rest(), "")


def test_answer_and_end_are_one_segment():
    if not hasattr(socket, "TCP_INFO"):
        raise tap.Skip("the system does not count segments")
    server = Timed("--address", "::1") if tap.has_ipv6() else Timed()
    for address in ["127.0.0.1", "::1"] if tap.has_ipv6() else ["127.0.0.1"]:
        for _ in range(20):
            with connect(server.port, address) as peer:
                equal(len(peer.recv(100)), 4)
                equal(peer.recv(100), b"")
                info = peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 160)
                segments, with_data = struct.unpack_from("I8xI", info, 140)
            equal((segments, with_data), (2, 1))  # the first is that of the handshake
    equal(server.stop(), 0)


def test_verbose():
    server = Timed("--verbose")
    equal(server.line(), "still waiting")
    with connect(server.port) as peer:
        port = peer.getsockname()[1]
        equal(server.line(), f"connection from 127.0.0.1:{port}")
    equal(server.line(), "still waiting")
    equal(server.line(), "still waiting")
    equal(server.stop(signal.SIGINT), 0)


def test_both_families_by_default():
    # The one test that listens on all addresses: the port is one that was free a moment ago.
    port = tap.free_port()
    server = Program(timed(), "-v", "-p", str(port))
    equal(server.line(), f"listening on port {port}")
    tap.is_the_time(receive(connect(port)))
    if socket.has_ipv6 and os.path.exists("/proc/net/if_inet6"):
        tap.is_the_time(receive(connect(port, "::1")))
    equal(server.stop(), 0)


def test_several_addresses():
    server = Timed("-a", "127.0.0.2", "-v")
    tap.is_the_time(receive(connect(server.port)))
    tap.is_the_time(receive(connect(server.port, "127.0.0.2")))
    matches(server.line(), r"connection from 127\.0\.0\.1:\d+")
    equal(server.stop(), 0)


def test_signals_end_it():
    for number in signal.SIGINT, signal.SIGTERM:
        server = Timed()
        equal(server.stop(number), 0)


def test_reader_of_the_messages_goes_away():
    server = Timed("--verbose")
    server.pipe.close()
    for _ in range(3):
        tap.is_the_time(receive(connect(server.port)))
    time.sleep(1.1)  # for a "still waiting" that nobody reads
    tap.is_the_time(receive(connect(server.port)))
    equal(server.process.poll(), None)
    server.pipe = open(os.devnull, "rb")
    equal(server.stop(), 0)


def test_messages_that_nobody_reads():
    # A full pipe: what does not fit is dropped, and nobody waits for it.
    server = Timed("--verbose")
    fcntl.fcntl(server.pipe, fcntl.F_SETPIPE_SZ, 4096)
    for _ in range(300):
        tap.is_the_time(receive(connect(server.port)))
    equal(server.stop(), 0)


def test_closed_standard_streams():
    # A socket must not become standard error: the messages would go to a client.
    port = tap.free_port()
    command = f"exec {shlex.join(tap.runnable(timed()))} -v -a 127.0.0.1 -p {port} <&- >&- 2>&-"
    server = Program("/bin/sh", "-c", command)
    tap.is_the_time(receive(tap.connect_when_up(port)))
    equal(server.stop(), 0)


def test_a_crowd_waits():
    """Those who come while it cannot accept them stand in the backlog, and nobody is turned away."""
    try:
        with open("/proc/sys/net/core/somaxconn", encoding="ascii") as file:
            if int(file.read()) < 300:
                raise tap.Skip("the system lets fewer wait")
    except FileNotFoundError:
        pass
    server = Timed()
    tap.is_the_time(receive(connect(server.port)))
    server.process.send_signal(signal.SIGSTOP)
    crowd = [connect(server.port) for _ in range(300)]
    server.process.send_signal(signal.SIGCONT)
    for peer in crowd:
        equal(len(receive(peer)), 4)
    equal(server.stop(), 0)


def test_clients_that_behave_badly():
    server = Timed()
    tap.is_the_time(receive(connect(server.port)))  # from here on its loop runs
    before = tap.descriptors(server)
    silent = [connect(server.port) for _ in range(300)]
    for _ in range(100):
        tap.reset(connect(server.port))
    for _ in range(20):
        peer = connect(server.port)
        peer.sendall(bytes(100000))
        tap.is_the_time(receive(peer))
    for _ in range(20):
        peer = connect(server.port)
        peer.shutdown(socket.SHUT_WR)
        tap.is_the_time(receive(peer))
    equal(tap.descriptors(server), before)
    for peer in silent:
        tap.is_the_time(receive(peer))
    equal(server.stop(), 0)
    equal(server.rest(), "")


def test_no_descriptors_left():
    def few_descriptors():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))

    if os.environ.get("VALGRIND"):
        raise tap.Skip("valgrind needs descriptors of its own")
    # standard streams, the listener and the wake-up pipe: none is left for a client
    probe = Timed(*tap.AS_ROOT)
    tap.is_the_time(receive(connect(probe.port)))
    limit = tap.descriptors(probe)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    equal(probe.stop(), 0)
    server = Timed(*tap.AS_ROOT, preexec_fn=few_descriptors)
    peer = connect(server.port)
    matches(server.line(), r"error: accept on <time_server listening .*>: Too many open files; .*")
    before = tap.cpu_seconds(server)
    time.sleep(1)
    assert tap.cpu_seconds(server) - before <= 0.1, "it spins"
    resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (limit + 10, hard))
    tap.is_the_time(receive(peer))
    tap.is_the_time(receive(connect(server.port)))
    equal(server.stop(), 0)
    equal(server.rest(), "")


def test_20000_requests_64_at_once():
    load = os.path.join(os.environ["BUILD"], "tests", "bench", "time_load")
    if not os.path.exists(load):
        raise tap.Skip("the load generator is for Linux alone")
    requests = "500" if os.environ.get("VALGRIND") else "20000"
    server = Timed()
    tap.is_the_time(receive(connect(server.port)))
    before = tap.descriptors(server)
    done = subprocess.run(tap.runnable(load, "--requests", requests, "--concurrency", "64",
                                       str(server.port)), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    equal(tap.descriptors(server), before)
    equal(server.stop(), 0)


tap.main()
