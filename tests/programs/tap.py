"""tap.py - what the tests of whole programs share: functions named test_... reported as TAP, and
programs that are started, watched and stopped, under valgrind if VALGRIND is set, and by EMULATOR, if
they are of another machine."""

import os
import random
import re
import select
import shlex
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

EMULATOR = shlex.split(os.environ.get("EMULATOR", ""))
PATIENCE = 60 if os.environ.get("VALGRIND") or EMULATOR else 20  # seconds; nothing should take so long
TIME1970 = 2208988800
# For a timed whose limits and files are to be its tester's.
AS_ROOT = ["--user", "root"] if os.geteuid() == 0 else []
# musl's words for errors, and glibc's, which the tests have.
WORDS = {"Address in use": "Address already in use",
         "Address not available": "Cannot assign requested address",
         "Filename too long": "File name too long",
         "Message too large": "Message too long",
         "Network unreachable": "Network is unreachable",
         "No file descriptors available": "Too many open files"}


class Skip(Exception):
    """This test cannot run here; the message says why."""


def main(tests=None):
    """Runs the tests, pairs of name and function; without them, the functions of the calling program
    that are named test_..., in their order."""
    if tests is None:
        named = vars(sys.modules["__main__"]).items()
        tests = [(n, f) for n, f in named if n.startswith("test_") and callable(f)]
    tests = list(tests)
    failures = 0
    # What is started in the background ignores SIGINT, and so would the programs tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    print(f"1..{len(tests)}", flush=True)
    for number, (name, function) in enumerate(tests, 1):
        try:
            function()
            print(f"ok {number} {name}", flush=True)
        except Skip as why:
            print(f"ok {number} {name} # SKIP {why}", flush=True)
        except Exception:
            failures += 1
            print(name, traceback.format_exc(), sep="\n", file=sys.stderr)  # which meson shows
            print(f"not ok {number} {name}", flush=True)
        finally:
            Program.kill_all()
    sys.exit(1 if failures else 0)


def run(*command, tidy=True, patience=PATIENCE, **keywords):
    """Runs a command to its end: (exit status, standard output, standard error)."""
    valgrind = ValgrindLog(command[0], tidy)
    done = subprocess.run([*valgrind.prefix, *command], capture_output=True, text=True,
                          errors="surrogateescape", timeout=patience, stdin=subprocess.DEVNULL, **keywords)
    valgrind.check()
    return done.returncode, done.stdout, in_glibcs_words(done.stderr)


def runnable(program, *arguments):
    """The command line that starts it, which is another if it is one of ours, and of another machine."""
    emulator = EMULATOR if program.startswith(os.environ["BUILD"]) else []
    return [*emulator, program, *arguments]


def in_glibcs_words(text):
    for musl, glibc in WORDS.items():
        text = text.replace(musl, glibc)
    return text


def equal(got, expected):
    assert got == expected, f"got {got!r}, expected {expected!r}"


def matches(text, pattern):
    found = re.fullmatch(pattern, text, re.DOTALL)
    assert found, f"got {text!r}, expected {pattern!r}"
    return found


class ValgrindLog:
    """How to start a program of ours, and what valgrind had to say of it."""

    def __init__(self, program, tidy=True):
        self.file = None
        self.prefix = runnable(program)[:-1]
        self.tidy = tidy  # it closes all that it has opened before it ends
        if os.environ.get("VALGRIND") and program.startswith(os.environ["BUILD"]):
            self.file = tempfile.NamedTemporaryFile(prefix="valgrind-")
            self.prefix = ["valgrind", "--leak-check=full", "--track-fds=yes",
                           f"--log-file={self.file.name}"]

    def check(self):
        if self.file is None:
            return
        with open(self.file.name, encoding="utf-8", errors="replace") as file:
            text = file.read()
        self.file.close()
        self.file = None
        assert "ERROR SUMMARY: 0 errors" in text, text
        # Descriptors that are left open, those apart that the program was started with.
        leaked = re.findall(r"Open \S+ socket|Open file descriptor \d+:(?![^\n]*\n[^\n]*inherited)[^\n]*", text)
        assert not (self.tidy and leaked), text


class Program:
    """A program that runs until it is stopped; its output is read line by line."""

    running = []

    def __init__(self, *command, stream="stderr", tidy=True, **keywords):
        self.valgrind = ValgrindLog(command[0], tidy)
        pipes = {name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr")}
        pipes[stream] = subprocess.PIPE
        pipes.update(keywords)
        self.process = subprocess.Popen([*self.valgrind.prefix, *command], **pipes)
        self.pipe = getattr(self.process, stream)
        self.buffer = b""
        Program.running.append(self)

    def line(self, patience=PATIENCE):
        """The next line of its output."""
        end = time.monotonic() + patience
        while b"\n" not in self.buffer:
            ready, _, _ = select.select([self.pipe], [], [], max(0, end - time.monotonic()))
            data = os.read(self.pipe.fileno(), 65536) if ready else b""
            assert data, f"no line within {patience} s, only {self.buffer!r}"
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return in_glibcs_words(line.decode())

    def rest(self):
        """What it wrote from here to its end."""
        text = self.buffer
        while data := os.read(self.pipe.fileno(), 65536):
            text += data
        self.buffer = b""
        return in_glibcs_words(text.decode())

    def stop(self, number=signal.SIGTERM):
        """Sends a signal, and returns the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        status = self.process.wait(PATIENCE)
        self.valgrind.check()
        return status

    @classmethod
    def kill_all(cls):
        for program in cls.running:
            program.process.kill()
            program.process.wait()
            program.pipe.close()
        cls.running.clear()


class Timed(Program):
    """timed on a port of the loopback that the system chose."""

    def __init__(self, *options, address="127.0.0.1", **keywords):
        super().__init__(timed(), "--port", "0", "--address", address, *options, **keywords)
        self.port = int(matches(self.line(), r"listening on port (\d+)")[1])


def timed():
    return os.path.join(os.environ["BUILD"], "dispatchers", "timed")


def timec():
    return os.path.join(os.environ["BUILD"], "dispatchers", "timec")


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def connect(port, address="127.0.0.1"):
    return socket.create_connection((address, port), timeout=PATIENCE)


def free_port():
    """A port that was free a moment ago, for programs that cannot choose one themselves; none of
    those that the system gives to clients, of which many may be under way."""
    while True:
        port = random.randrange(10000, 32768)
        try:
            with socket.create_server(("0.0.0.0", port)):
                return port
        except OSError:
            pass


def connect_when_up(port):
    """Connects to a server that has just been started and does not say when it listens."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return connect(port)
        except ConnectionRefusedError:
            assert time.monotonic() < end, "nobody listens"
            time.sleep(0.01)


def compile_c(source, program, *options, compiler=None):
    """Compiles a user's program against the build's static library."""
    flags = ["-Wall", "-Wextra", "-Werror"]
    if os.environ.get("SANITIZE", "none") != "none":
        flags.append("-fsanitize=" + os.environ["SANITIZE"])
    if os.environ.get("COVERAGE"):
        flags.append("--coverage")
    command = [*(compiler or os.environ.get("CC", "cc")).split(), *flags, "-o", program, source,
               "-I" + os.path.join(os.environ["SOURCE"], "include"), *options,
               os.path.join(os.environ["BUILD"], "src", "libasyncore.a")]
    status, out, err = run(*command)
    assert status == 0, out + err


def receive(peer):
    """All that comes until the end of the connection."""
    data = b""
    while part := peer.recv(65536):
        data += part
    peer.close()
    return data


def reset(peer):
    """Closes with a reset."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def is_the_time(answer):
    """Are these the protocol's four bytes for about now?"""
    equal(len(answer), 4)
    off = struct.unpack(">I", answer)[0] - (int(time.time()) + TIME1970) % 2**32
    assert abs(off) <= 2, f"off by {off} seconds"


def stat(program):
    """The fields of /proc/PID/stat from the state on."""
    with open(f"/proc/{program.process.pid}/stat", encoding="ascii") as file:
        return file.read().rsplit(")", 1)[1].split()


def descriptors(program):
    """How many it has open once it has done what is in hand, and sleeps."""
    end = time.monotonic() + PATIENCE
    while stat(program)[0] != "S":
        assert time.monotonic() < end, "it never sleeps"
    return len(os.listdir(f"/proc/{program.process.pid}/fd"))


def cpu_seconds(program):
    """What it has used so far."""
    return sum(int(ticks) for ticks in stat(program)[11:13]) / os.sysconf("SC_CLK_TCK")
