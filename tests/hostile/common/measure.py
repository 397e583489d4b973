"""measure.py - what /proc says of a server: is it there, what does it hold, does it rest."""

import os
import re
import resource
import shutil
import signal
import subprocess
import time

PATIENCE = 20  # seconds; nothing should take so long


def wait_until(condition, why, patience=PATIENCE):
    """Returns what the condition gives once it is true."""
    end = time.monotonic() + patience
    while not (value := condition()):
        assert time.monotonic() < end, why() if callable(why) else why
        time.sleep(0.01)
    return value


class Process:
    """A server, by its process id."""

    def __init__(self, pid):
        self.pid = pid

    def read(self, name):
        with open(f"/proc/{self.pid}/{name}", encoding="ascii", errors="replace") as file:
            return file.read()

    def field(self, name):
        """A number of /proc/PID/status."""
        return int(re.search(rf"^{name}:\s+(\S+)", self.read("status"), re.MULTILINE)[1],
                   16 if name.startswith("Sig") else 10)

    def state(self):
        """A letter; Z, or nothing, if it has died."""
        try:
            return self.read("stat").rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return ""

    def lives(self):
        return self.state() not in ("", "Z", "X")

    def dies_within(self, seconds):
        end = time.monotonic() + seconds
        while self.lives() and time.monotonic() < end:
            time.sleep(0.01)
        return not self.lives()

    def send(self, number):
        os.kill(self.pid, number)

    def stop(self):
        """Stops it, and returns when it does nothing any more."""
        self.send(signal.SIGSTOP)
        wait_until(lambda: self.state() in ("T", ""), "it does not stop")

    def go_on(self):
        self.send(signal.SIGCONT)

    # ---- what it holds ----

    def descriptors(self):
        return sorted(int(number) for number in os.listdir(f"/proc/{self.pid}/fd"))

    def count_descriptors(self):
        """How many they are: Linux 6.2 and later say so at once."""
        return os.stat(f"/proc/{self.pid}/fd").st_size or len(self.descriptors())

    def memory(self):
        """What it has written to, in bytes; files that are mapped do not count."""
        return self.field("RssAnon") * 1024

    def is_sanitized(self):
        """AddressSanitizer maps terabytes, and keeps what has been freed."""
        return self.field("VmSize") > 2**30  # kB

    def catches(self, number):
        return bool(self.field("SigCgt") >> (number - 1) & 1)

    def children(self):
        """Processes that it has started."""
        return self.read(f"task/{self.pid}/children").split()

    # ---- its limit of descriptors ----

    def limit(self):
        """The soft and the hard one, which everybody may read here."""
        found = re.search(r"^Max open files +(\w+) +(\w+)", self.read("limits"), re.MULTILINE)
        return tuple(resource.RLIM_INFINITY if n == "unlimited" else int(n) for n in found.groups())

    def set_limit(self, limits):
        set_limit(self.pid, limits)

    def raise_limit(self, count):
        """Lets it have so many descriptors, if that is allowed; returns how many it may have."""
        return raise_limit(self.pid, count)


    # ---- what it does ----

    def cpu(self):
        """Seconds that it has run."""
        try:
            return int(self.read("schedstat").split()[0]) / 1e9
        except FileNotFoundError:
            ticks = self.read("stat").rsplit(")", 1)[1].split()[11:13]
            return sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")

    def queued(self):
        """Seconds for which it was ready to run, and the processors had others to run."""
        return queued(f"/proc/{self.pid}/schedstat")

    def passes(self, seconds):
        """How often it woke in so many seconds, and how long it ran."""
        woken, cpu = self.field("voluntary_ctxt_switches"), self.cpu()
        time.sleep(seconds)  # what is not to happen has no event
        return self.field("voluntary_ctxt_switches") - woken, self.cpu() - cpu


def accepted(port):
    """Connections to this port that its server has taken from the backlog, in whatever process."""
    count = 0
    for name in ("tcp", "tcp6"):
        if not os.path.exists(f"/proc/net/{name}"):
            continue
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            for line in list(file)[1:]:
                fields = line.split()
                is_open = fields[3] in ("01", "08") and fields[9] != "0"  # with an inode
                count += is_open and int(fields[1].split(":")[1], 16) == port
    return count


def queued(path="/proc/thread-self/schedstat"):
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read().split()[1]) / 1e9
    except FileNotFoundError:  # this kernel does not count it, or there is nobody any more
        return 0


def set_limit(pid, limits):
    try:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    except PermissionError:
        # Root may not always limit what is another user's; that user may.
        process = Process(pid)
        user, group = process.field("Uid"), process.field("Gid")
        if os.geteuid() != 0 or user == 0 or shutil.which("prlimit") is None:
            raise
        subprocess.run(["prlimit", "--pid", str(pid), f"--nofile={limits[0]}:{limits[1]}"],
                       user=user, group=group, extra_groups=[], check=True)


def raise_limit(pid, count):
    soft, hard = Process(pid).limit()
    # Beyond the hard limit only who may raise that gets.
    for wanted in (max(count, hard), hard):
        if soft >= count:
            break
        try:
            set_limit(pid, (wanted, wanted))
            soft = wanted
        except (PermissionError, ValueError, subprocess.CalledProcessError):
            pass
    return soft
