"""The classic examples: each C program and its Python twin do the same, and bear with hostile clients."""

import fcntl
import glob
import os
import re
import resource
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time

import tap
from tap import TIME1970, Skip, connect, cpu_seconds, equal, is_the_time, matches, receive, reset

BUILD = os.path.join(os.environ["BUILD"], "examples")
SOURCE = os.path.join(os.environ["SOURCE"], "examples")
VALGRIND = bool(os.environ.get("VALGRIND"))
PYTHON = [sys.executable, "-W", "ignore", "-u"]
HAVE_ASYNCORE = subprocess.run([*PYTHON, "-c", "import asyncore"], stderr=subprocess.DEVNULL,
                               check=False).returncode == 0
SERVERS = ("select_example_1", "asyncore_example_2")
CLIENT = "asyncore_example_1"


# ==================================================
# programs


def command(name, language):
    if language == "c":
        return [os.path.join(BUILD, name)]
    if name.startswith("asyncore") and not HAVE_ASYNCORE:
        raise Skip("this python3 has no asyncore")
    return [*PYTHON, os.path.join(SOURCE, name + ".py")]


def run(name, language, *arguments):
    return tap.run(*command(name, language), *map(str, arguments), tidy=False)


class Program(tap.Program):
    """An example; both its outputs are read line by line, as one."""

    def __init__(self, name, language, *arguments, **keywords):
        super().__init__(*command(name, language), *map(str, arguments), stream="stdout",
                         stderr=subprocess.STDOUT, tidy=False, **keywords)

    def line_but(self, other):
        """The next line that is not other."""
        line = self.line()
        while line == other:
            line = self.line()
        return line


class Server(Program):
    """A time server on a port that the system chose."""

    def __init__(self, name, language, **keywords):
        super().__init__(name, language, 0, **keywords)
        self.port = int(matches(self.line(), r"listening on port (\d+)")[1])
        assert self.port > 0

    def answers(self):
        is_the_time(receive(connect(self.port)))

    def end(self):
        """Stops it; nothing of what was done to it may have been worth an error."""
        equal(self.stop(), -signal.SIGTERM)
        for line in self.rest().splitlines():
            matches(line, r"still waiting|connection from \('127\.0\.0\.1', \d+\)")


# ==================================================
# helpers


def one_line(text):
    matches(text, r"[^\n]+\n")


def answer_with(offset):
    return struct.pack(">I", (int(time.time()) + TIME1970 + offset) % 2**32)


def wait_until(condition):
    end = time.monotonic() + tap.PATIENCE
    while not condition():
        assert time.monotonic() < end, "it has not come to pass"
        time.sleep(0.005)


def all_read(peer):
    """Has the other side of this loopback connection read all that was sent?"""
    if fcntl.ioctl(peer, termios.TIOCOUTQ, b"\0\0\0\0") != b"\0\0\0\0":
        return False
    here, there = peer.getpeername()[1], peer.getsockname()[1]
    with open("/proc/net/tcp", encoding="ascii") as file:
        fields = [line.split() for line in file][1:]
    return all(f[4].endswith(":00000000") for f in fields
               if f[1].endswith(f":{here:04X}") and f[2].endswith(f":{there:04X}"))


def descriptors(program):
    return sorted(int(number) for number in os.listdir(f"/proc/{program.process.pid}/fd"))


def listener():
    return socket.create_server(("127.0.0.1", 0))


def ask(language, act):
    """Runs the client against a server that does act(connection) for it."""
    with listener() as server:
        server.settimeout(tap.PATIENCE)
        port = server.getsockname()[1]
        client = Program(CLIENT, language, "127.0.0.1", port)
        peer, _ = server.accept()
        with peer:
            act(peer)
        status = client.wait()
        return status, client.rest().replace(f":{port}:", ":PORT:")


def same(function, *arguments):
    """The result of function("c", ...), which must be that of function("py", ...) too."""
    result = function("c", *arguments)
    if HAVE_ASYNCORE:
        equal(function("py", *arguments), result)
    return result


# ==================================================
# the servers


def check_select_transcript(name, language):
    server = Server(name, language)
    equal(server.line(), "still waiting")
    for _ in range(3):
        peer = connect(server.port)
        port = peer.getsockname()[1]
        is_the_time(receive(peer))
        equal(server.line_but("still waiting"), f"connection from ('127.0.0.1', {port})")
    equal(server.line(), "still waiting")
    server.end()


def check_asyncore_transcript(name, language):
    server = Server(name, language)
    for _ in range(3):
        server.answers()
    equal(server.stop(), -signal.SIGTERM)
    equal(server.rest(), "")


def check_asked_by(name, language, client):
    server = Server(name, language)
    status, out, err = run(CLIENT, client, "127.0.0.1", server.port)
    equal((status, err), (0, ""))
    assert abs(int(matches(out, r"time difference is (-?\d+)\n")[1])) <= 2, out
    server.end()


def check_early_bytes(name, language):
    server = Server(name, language)
    for size in (1, 4, 100_000):
        peer = connect(server.port)
        answer = b""
        try:
            peer.sendall(bytes(size))
        except ConnectionError:
            pass
        # A close with input unread is a reset, but what came before it can be read here.
        try:
            while part := peer.recv(65536):
                answer += part
        except ConnectionError:
            pass
        peer.close()
        is_the_time(answer)
    server.answers()
    server.end()


def check_reset(name, language):
    server = Server(name, language)
    for _ in range(30):
        reset(connect(server.port))
    # Stopped, it finds them all reset in the backlog.
    server.process.send_signal(signal.SIGSTOP)
    for _ in range(30):
        reset(connect(server.port))
    server.process.send_signal(signal.SIGCONT)
    server.answers()
    server.end()


def check_half_close(name, language):
    server = Server(name, language)
    peer = connect(server.port)
    peer.shutdown(socket.SHUT_WR)
    is_the_time(receive(peer))
    server.answers()
    server.end()


def check_urgent_data(name, language):
    server = Server(name, language)
    peer = connect(server.port)
    try:
        peer.send(b"!", socket.MSG_OOB)
    except ConnectionError:
        pass
    peer.close()
    server.answers()
    server.end()


def check_silence(name, language):
    server = Server(name, language)
    server.answers()
    before = descriptors(server)
    silent = [connect(server.port) for _ in range(30)]
    for peer in silent:  # it has served and closed them all, though they have not read or closed
        equal(select.select([peer], [], [], tap.PATIENCE)[0], [peer])
    server.answers()
    wait_until(lambda: descriptors(server) == before)
    for peer in silent:
        is_the_time(receive(peer))
    server.end()


def check_stop_and_continue(name, language):
    server = Server(name, language)
    for _ in range(3):
        server.process.send_signal(signal.SIGSTOP)
        server.process.send_signal(signal.SIGCONT)
    server.answers()
    server.end()


def check_interrupt(name, language):
    server = Server(name, language)
    equal(server.stop(signal.SIGINT), -signal.SIGINT)
    matches(server.rest(), r"(still waiting\n)*")


def check_no_descriptors(name, language):
    if VALGRIND and language == "c":
        raise Skip("valgrind has a limit of descriptors of its own")
    server = Server(name, language)
    server.answers()
    wait_until(lambda: descriptors(server)[-1] == len(descriptors(server)) - 1)
    pid = server.process.pid
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (descriptors(server)[-1] + 1, limits[1]))
    peer = connect(server.port)
    line = server.line()
    while re.fullmatch(r"still waiting|connection from .*", line):
        line = server.line()
    matches(line, r"(error: )?accept.*: Too many open files.*")
    # It neither answers nor spins.
    spent = cpu_seconds(server)
    equal(select.select([peer], [], [], 0.7)[0], [])
    assert cpu_seconds(server) - spent < 0.3, "it spins"
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    is_the_time(receive(peer))
    server.answers()
    equal(server.stop(), -signal.SIGTERM)


def check_port_in_use(name, language):
    with socket.create_server(("0.0.0.0", 0)) as other:
        port = other.getsockname()[1]
        status, out, err = run(name, language, port)
    equal((status, out), (1, ""))
    equal(err, f"bind 0.0.0.0:{port}: Address already in use (give another port as argument)\n")


def check_bad_port(name, language):
    for arguments in (["65536"], ["-1"], ["80x"], [""], [" 80"], ["+80"], ["8_0"], ["0x50"], ["٣"],
                      ["9" * 5000], ["80\n"], ["--help"], ["0", "0"]):
        equal(run(name, language, *arguments),
              (2, "", f"usage: {name} [PORT], a number from 0 to 65535\n"))


def check_named_port(name, language):
    port = tap.free_port()
    server = Program(name, language, port)
    equal(server.line(), f"listening on port {port}")
    Server.end(server)


# Takes every descriptor below 1050, then becomes another program.
CROWD = """
import os, resource, sys
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (1100, hard))
while os.dup(0) < 1050:
    pass
for number in range(3, 1051):
    os.set_inheritable(number, True)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def check_high_descriptor(name, language):
    if VALGRIND and language == "c":
        raise Skip("valgrind has a limit of descriptors of its own")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 1100:
        raise Skip(f"descriptors are limited to {hard}")
    done = subprocess.run([sys.executable, "-c", CROWD, *tap.runnable(*command(name, language)), "0"],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=tap.PATIENCE, check=False)
    status, text = done.returncode, done.stdout
    equal(status, 1)
    if language == "c":
        matches(text, r"select: descriptor \d+ is not below 1024\n")
    else:
        assert "filedescriptor out of range in select()" in text, text


# ==================================================
# the client


def test_client_refused():
    with socket.socket() as other:  # bound, it listens not
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        equal(same(lambda language: run(CLIENT, language, "127.0.0.1", port)),
              (1, "", f"no time from 127.0.0.1:{port}: Connection refused\n"))


def test_client_refused_at_once():
    # The broadcast address: no connection is even begun.
    status, out, err = same(lambda language: run(CLIENT, language, "255.255.255.255", 8037))
    equal((status, out), (1, ""))
    matches(err, r"no time from 255\.255\.255\.255:8037: [^\n]+\n")


def test_client_closed_early():
    for size in range(4):
        equal(same(ask, lambda peer, size=size: peer.sendall(bytes(size))),
              (1, f"no time from 127.0.0.1:PORT: closed after {size} of 4 bytes\n"))


def test_client_reset():
    def act(peer):
        peer.sendall(b"\0\0")
        wait_until(lambda: all_read(peer))
        reset(peer)

    equal(same(ask, act), (1, "no time from 127.0.0.1:PORT: closed after 2 of 4 bytes\n"))


def test_client_reset_before_anything():
    for language in ("c", "py") if HAVE_ASYNCORE else ("c",):
        status, text = ask(language, reset)
        equal(status, 1)
        matches(text, r"no time from 127\.0\.0\.1:PORT: (Connection reset by peer|"
                      r"closed after 0 of 4 bytes)\n")


def test_client_collects_pieces():
    def act(peer):
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in answer_with(1000):
            peer.send(bytes([byte]))
            wait_until(lambda: all_read(peer))

    for language in ("c", "py") if HAVE_ASYNCORE else ("c",):
        begun = time.monotonic()
        status, text = ask(language, act)
        equal(status, 0)
        took = time.monotonic() - begun  # a byte at a time may take its time
        assert 0 <= int(matches(text, r"time difference is (-\d+)\n")[1]) + 1000 <= took + 2, text


def test_client_takes_four_bytes():
    for language in ("c", "py") if HAVE_ASYNCORE else ("c",):
        status, text = ask(language, lambda peer: peer.sendall(answer_with(-1000) + b"and more"))
        equal(status, 0)
        assert 1000 <= int(matches(text, r"time difference is (\d+)\n")[1]) <= 1002, text


def test_client_across_2036():
    for offset in (2**31 - 100, -2**31 + 100):
        for language in ("c", "py") if HAVE_ASYNCORE else ("c",):
            status, text = ask(language, lambda peer: peer.sendall(answer_with(offset)))
            equal(status, 0)
            assert abs(int(matches(text, r"time difference is (-?\d+)\n")[1]) + offset) <= 2, text


def test_client_usage_errors():
    for arguments in (["127.0.0.1", "65536"], ["127.0.0.1", "0"], ["127.0.0.1", ""],
                      ["127.0.0.1", " 80"], ["127.0.0.1", "80x"], ["127.0.0.1", "-1"],
                      ["localhost"], ["::1"], [""], ["1.2.3"], ["127.0.0.1", "1", "2"]):
        equal(same(lambda language: run(CLIENT, language, *arguments)),
              (2, "", "usage: asyncore_example_1 [HOST [PORT]], an IPv4 address and a number "
                      "from 1 to 65535\n"))


def test_client_interrupt():
    for language in ("c", "py") if HAVE_ASYNCORE else ("c",):
        for number in (signal.SIGTERM, signal.SIGINT):
            with listener() as server:
                server.settimeout(tap.PATIENCE)
                client = Program(CLIENT, language, "127.0.0.1", server.getsockname()[1])
                peer, _ = server.accept()
                with peer:
                    equal(client.stop(number), -number)
                    equal(client.rest(), "")


# ==================================================
# the sources


def check_compiles(name, compiler):
    if os.environ.get("CROSS"):
        raise Skip("the library is not this machine's compilers'")
    if shutil.which(compiler) is None:
        raise Skip(f"no {compiler}")
    if " " in BUILD:
        raise Skip("no shell would split what pkg-config says of a path with spaces")
    with open(os.path.join(SOURCE, name + ".c"), encoding="utf-8") as file:
        line = re.search(r"^ \* +(cc -o .*)$", file.read(), re.MULTILINE)[1]
    if "pkg-config" in line and shutil.which("pkg-config") is None:
        raise Skip("no pkg-config")
    build = os.path.dirname(BUILD)
    environment = {**os.environ, "PKG_CONFIG_PATH": os.path.join(build, "meson-uninstalled")}
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(os.path.join(SOURCE, name + ".c"), directory)
        line = line.replace("cc ", compiler + " -Wall -Wextra ", 1)
        done = subprocess.run(line, shell=True, cwd=directory, env=environment, timeout=tap.PATIENCE,
                              capture_output=True, text=True, check=False)
        with open(sorted(glob.glob(os.path.join(build, "src", "*.so")))[0], "rb") as file:
            if b"__asan_init" in file.read() and "pkg-config" in line:
                raise Skip("the library wants a sanitizer")
        equal((done.returncode, done.stdout, done.stderr), (0, "", ""))
        environment["LD_LIBRARY_PATH"] = os.path.join(build, "src")
        done = subprocess.run([os.path.join(directory, name), "no", "good"], env=environment,
                              timeout=tap.PATIENCE, capture_output=True, text=True, check=False)
        equal((done.returncode, done.stdout), (2, ""))
        matches(done.stderr, rf"usage: {name}[^\n]*\n")


def check_same_order(name):
    """The functions of a C program and its twin have the same names, in the same order."""
    with open(os.path.join(SOURCE, name + ".py"), encoding="utf-8") as file:
        found = re.findall(r"^class (\w+)|^( *)def (\w+)", file.read(), re.MULTILINE)
    python, prefix = [], ""
    for klass, indent, function in found:
        if klass:
            prefix = re.sub(r"(?<!^)([A-Z])", r"_\1", klass).lower() + "_"
        else:
            python.append((prefix if indent else "") + function.replace("__init__", "init"))
    with open(os.path.join(SOURCE, name + ".c"), encoding="utf-8") as file:
        c = re.findall(r"^(?:static )?(?:\w+ )+\*?(\w+)\([^;]*?\)\n\{", file.read(), re.MULTILINE)
    # What is data in C, or the library's business, or the garbage collector's.
    only_python = {"time_channel_readable", "time_request_writable", "time_server_handle_accept"}
    equal([f for f in python if f not in only_python],
          [f for f in c if f != "time_channel_destroy"])


# ==================================================


def tests():
    for name in SERVERS:
        transcript = check_select_transcript if name.startswith("select") else \
            check_asyncore_transcript
        for language in ("c", "py"):
            for check in (transcript, check_early_bytes, check_reset, check_half_close,
                          check_urgent_data, check_silence, check_stop_and_continue,
                          check_interrupt, check_no_descriptors, check_port_in_use, check_bad_port,
                          check_named_port):
                yield f"{name}.{language} {check.__name__[6:]}", check, (name, language)
            for client in ("c", "py"):
                yield (f"{name}.{language} asked by {CLIENT}.{client}", check_asked_by,
                       (name, language, client))
    for language in ("c", "py"):
        yield (f"select_example_1.{language} high_descriptor", check_high_descriptor,
               ("select_example_1", language))
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            yield name[5:], function, ()
    for name in (os.path.basename(path)[:-2] for path in sorted(glob.glob(SOURCE + "/*.c"))):
        for compiler in ("cc", "gcc", "clang"):
            yield f"{name}.c compiles with {compiler}", check_compiles, (name, compiler)
    for name in (*SERVERS, CLIENT):
        yield f"{name} same_order", check_same_order, (name,)


tap.main((name, lambda function=function, arguments=arguments: function(*arguments))
         for name, function, arguments in tests())
