"""Runs servers and loads, and reads what the kernel knows of them.

The server has one CPU, the load another.  What counts is the CPU time that the kernel has given to
the server's process: it is nanoseconds in its schedstat, and does not grow while others run.
"""
import contextlib
import os
import re
import select
import signal
import subprocess

CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU, LOAD_CPU = CPUS[:2] if len(CPUS) > 1 else (None, None)
NOT_HERE = 77
PATIENCE = 60


class Skip(Exception):
    """A contender does not take part; why."""


class Failure(Exception):
    """Something went wrong that must not."""


def pinned(cpu, patient=False):
    """What a child does before it begins.  A patient one does not take the CPU from whoever runs
    when something wakes it."""
    def pin():
        if cpu is not None:
            os.sched_setaffinity(0, {cpu})
        if patient:
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    return pin


def line_of(process, what):
    if not select.select([process.stdout], [], [], PATIENCE)[0]:
        raise Failure(f"{what}: no word for {PATIENCE} seconds")
    return process.stdout.readline().strip()


def complaint(process, line):
    """What a process has to say that did not do what it should."""
    try:
        line += "\n" + process.communicate(timeout=1)[0]
    except subprocess.TimeoutExpired:
        pass  # it runs on
    return line.strip() or f"no message, exit status {process.returncode}"


def parts(command):
    """The environment that a command begins with, and the command proper, as in the shell."""
    count = 0
    while re.match(r"[A-Z_]+=", command[count]):
        count += 1
    return command[:count], command[count:]


@contextlib.contextmanager
def child(command, cpu, patient=False):
    """A process in a session of its own, which is ended whatever happens, with all its own."""
    environment, command = parts(command)
    if os.path.isabs(command[0]) and not os.path.exists(command[0]):
        raise Skip("its library is not installed")
    with subprocess.Popen(command, text=True, start_new_session=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=dict(os.environ, **dict(word.split("=", 1) for word in environment)),
                          preexec_fn=pinned(cpu, patient)) as process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@contextlib.contextmanager
def server(command, cpu=SERVER_CPU, patient=False):
    """Yields its process and its port."""
    with child(command, cpu, patient) as process:
        line = line_of(process, command[0])
        port = re.search(r"(\d+)$", line)
        if port is None:
            why = complaint(process, line)
            if process.returncode == NOT_HERE:
                raise Skip(why.rsplit(": ", maxsplit=1)[-1])
            raise Failure(f"{' '.join(command)}: {why}")
        yield process, port[1]
        if process.poll() is not None:
            raise Failure(f"{' '.join(command)}: {complaint(process, '')}")
        # A tracer, if there is one, leaves the signal to the server, and reports.
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=PATIENCE)


class EchoLoad:
    """Connections to an echo server, held open between runs."""

    def __init__(self, process):
        self.process = process
        self.expect("ready")

    def expect(self, pattern):
        line = line_of(self.process, "echo_load")
        match = re.fullmatch(pattern, line)
        if match is None:
            raise Failure(f"the echo was not right: {complaint(self.process, line)}")
        return match

    def order(self, order, count, pattern):
        self.process.stdin.write(f"{order} {count}\n")
        self.process.stdin.flush()
        return self.expect(pattern)

    def idle(self, count):
        self.order("idle", count, r"\d+ idle")

    def run(self, count, order="run"):
        """Messages per second, and the latencies p50 and p99 in ms."""
        match = self.order(order, count, r"\d+ messages, (\d+) messages/s, p50 ([\d.]+) ms, "
                                         r"p99 ([\d.]+) ms")
        return [float(number) for number in match.groups()]


@contextlib.contextmanager
def echo_load(program, active, port, cpu=LOAD_CPU):
    with child([program, str(active), port], cpu) as process:
        yield EchoLoad(process)


def time_load(program, port, requests, *options):
    """Requests per second, and the latencies p50 and p99 in ms."""
    result = subprocess.run([program, *options, "--requests", str(requests), port], text=True, timeout=180,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            preexec_fn=pinned(LOAD_CPU))
    if result.returncode != 0:
        raise Failure(f"not every answer was right: {result.stdout.strip()}")
    return [float(number) for number in re.findall(r"([\d.]+)(?: requests/s| ms)", result.stdout)]


def output(command):
    """What a contender prints that needs no load."""
    if not os.path.exists(command[0]):
        raise Skip("its library is not installed")
    result = subprocess.run(command, text=True, timeout=180, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, preexec_fn=pinned(SERVER_CPU))
    if result.returncode == NOT_HERE:
        raise Skip(result.stderr.strip().rsplit(": ", maxsplit=1)[-1])
    if result.returncode != 0:
        raise Failure(f"{' '.join(command)}: {result.stderr.strip()}")
    return result.stdout.strip()


def cpu_ns(process):
    with open(f"/proc/{process.pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[0])


def resident_kib(process):
    with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
        return int(re.search(r"^RssAnon:\s+(\d+) kB$", file.read(), re.MULTILINE)[1])
