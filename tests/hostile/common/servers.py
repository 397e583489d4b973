"""servers.py - the servers of this project, started on a port that the system chooses."""

import os
import re
import resource
import subprocess
import tempfile

from common.measure import Process, set_limit, wait_until

# Name: directory, protocol, arguments.
SERVERS = {
    "timed": ("dispatchers", "time", ("--port", "0", "--address", "127.0.0.1")),
    "select_example_1": ("examples", "time", ("0",)),
    "asyncore_example_2": ("examples", "time", ("0",)),
    "echo_server": ("examples", "echo", ("--port", "0")),
    "chat_server": ("examples", "chat", ("0",)),
    "proxy": ("examples", "proxy", ("0", "127.0.0.1", "{upstream}")),
    "http_server": ("examples", "http", ("0", "{directory}")),
}
OWN_LOOP = "select_example_1"  # has no poller to choose
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|UndefinedBehavior")


def build():
    return os.environ["BUILD"]


def exists(name):
    return os.path.exists(os.path.join(build(), SERVERS[name][0], name))


def preload(program=None):
    """preload.c's object, and before it the program's sanitizer if that wants to be the first."""
    shim = os.path.join(build(), "tests", "hostile", "hostile_preload.so")
    if not os.path.exists(shim):
        return None
    if program:
        with open(program, "rb") as file:
            runtime = re.search(rb"libasan\.so\.\d+", file.read())
        if runtime:  # gcc's; clang's is in the program
            return f"{runtime[0].decode()} {shim}"
    return shim


def site(directory):
    """What http_server serves."""
    with open(os.path.join(directory, "index.html"), "w", encoding="ascii") as file:
        file.write("<p>It is here.\n")
    with open(os.path.join(directory, "big"), "wb") as file:
        file.truncate(16 * 2**20)


class Server:
    """One of them, running; and with the proxy an echo server behind it."""

    def __init__(self, name, poller):
        self.name, self.upstream = name, None
        self.directory = tempfile.TemporaryDirectory(prefix="hostile-")
        self.protocol = SERVERS[name][1]
        if name == "proxy":
            self.upstream = Server("echo_server", poller)
        elif name == "http_server":
            site(self.directory.name)
        self.output = os.path.join(self.directory.name, ".output")
        self.clock = os.path.join(self.directory.name, ".clock")
        with open(self.clock, "wb") as file:
            file.write(bytes(8))
        self.process = self.start(poller)
        self.port = int(wait_until(self.find_port, lambda: f"{name}: {self.text()}"))

    def start(self, poller):
        path = os.path.join(build(), SERVERS[self.name][0], self.name)
        arguments = [a.format(upstream=self.upstream and self.upstream.port,
                              directory=self.directory.name) for a in SERVERS[self.name][2]]
        environment = dict(os.environ, ASYNCORE_POLLER=poller, HOSTILE_CLOCK=self.clock)
        environment.pop("MALLOC_PERTURB_", None)  # meson's: writes to memory that nobody uses yet
        if preload():
            environment["LD_PRELOAD"] = preload(path)
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        with open(self.output, "wb") as output:
            process = subprocess.Popen([path, *arguments], stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=output, env=environment)
        set_limit(process.pid, (hard, hard))
        return process

    def text(self):
        with open(self.output, encoding="utf-8", errors="replace") as file:
            return file.read()

    def find_port(self):
        found = re.search(r"listening on port (\d+)\n", self.text())
        return found and found[1]

    def lives(self):
        return Process(self.process.pid).lives()

    def complaint(self):
        """What a sanitizer had to say, or how it died; nothing if all is well."""
        text = self.text()
        found = SANITIZER.search(text)
        if found:
            return text[found.start():]
        status = self.process.poll()
        return f"died with status {status}: {text[-500:]}" if status is not None else ""

    def stop(self):
        """Ends it; returns the complaint, if there is one."""
        complaint = self.complaint()
        self.process.kill() if complaint else self.process.terminate()
        self.process.wait()
        if self.upstream:
            complaint = complaint or self.upstream.stop()
        if SANITIZER.search(self.text()):  # leaks are found at the end
            complaint = self.complaint()
        self.directory.cleanup()
        return complaint
