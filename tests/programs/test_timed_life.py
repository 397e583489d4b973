"""test_timed_life.py - timed's life as its operator sees it: what it gives up, what it tells, how it
is upgraded, how it ends."""

import multiprocessing
import os
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tap
from tap import Program, Timed, connect, equal, matches, receive, run, timed

INSTRUMENTED = (os.environ.get("VALGRIND") or os.environ.get("COVERAGE")
                or os.environ.get("SANITIZE", "none") != "none")


def need_root():
    if os.geteuid() != 0:
        raise tap.Skip("only root has privileges to give up")


def status(pid, field):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return re.search(rf"^{field}:[ \t]*(.*)$", file.read(), re.MULTILINE)[1].split()


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def wait_for(condition, what):
    end = time.monotonic() + tap.PATIENCE
    while not (result := condition()):
        assert time.monotonic() < end, what
        time.sleep(0.01)
    return result


def files_of(pid):
    return [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]


def is_gone(pid):
    try:
        return status(pid, "State")[0] in "ZX"
    except FileNotFoundError:
        return True


class Installed:
    """A copy of timed where every user can run it, and another can be put in its place."""

    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(prefix="timed-")
        os.chmod(self.directory.name, 0o755)
        self.path = os.path.join(self.directory.name, "timed")
        self.install(timed())

    def install(self, source):
        shutil.copy(source, self.path + ".new")
        os.chmod(self.path + ".new", 0o755)
        os.rename(self.path + ".new", self.path)

    def install_script(self, text):
        with open(self.path + ".script", "w", encoding="ascii") as file:
            file.write("#!/bin/sh\n" + text + "\n")
        self.install(self.path + ".script")


class Manager:
    """What systemd is to a service: it starts timed, and listens to it."""

    def __init__(self, *options, path=None, **environment):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(f"\0asyncore-test-{os.getpid()}-{id(self)}")
        self.socket.settimeout(tap.PATIENCE)
        address = self.socket.getsockname().decode().replace("\0", "@")
        self.port = tap.free_port()
        # The standby is not tidy in valgrind's eyes: it ends with what its parent had opened.
        self.program = Program(path or timed(), "-a", "127.0.0.1", "-p", str(self.port), "--rate", "0", *options,
                               tidy=False, env={**os.environ, "NOTIFY_SOCKET": address, **environment})
        self.pid = self.program.process.pid
        self.hear("READY=1")

    def message(self):
        return self.socket.recv(4096).decode()

    def hear(self, line):
        """Waits until this has been said; returns what else was."""
        said = []
        end = time.monotonic() + tap.PATIENCE
        while time.monotonic() < end:  # and not as long as it says something else
            lines = self.message().split("\n")
            if line in lines:
                return said + lines
            said += lines
        raise AssertionError(f"not {line}, only {said}")

    def upgrade(self):
        self.program.process.send_signal(signal.SIGUSR2)
        self.hear("RELOADING=1")
        self.hear("READY=1")

    def ask(self):
        tap.is_the_time(receive(connect(self.port)))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(tap.PATIENCE)
            peer.connect(("127.0.0.1", self.port))
            peer.send(b"")
            tap.is_the_time(peer.recv(100))

    def stop(self):
        equal(self.program.stop(), 0)
        with socket.create_server(("127.0.0.1", self.port)):
            pass  # its sockets are gone with it


class Load:
    """64 clients at once, all the time, until the end of the block; each must get its answer."""

    def __init__(self, port):
        if INSTRUMENTED:
            raise tap.Skip("too slow for so many clients")
        self.load = os.path.join(os.environ["BUILD"], "tests", "bench", "time_load")
        if not os.path.exists(self.load):
            raise tap.Skip("the load generator is for Linux alone")
        self.port = port

    def ask(self):
        while not self.done:
            result = subprocess.run([self.load, "--requests", "2000", "--concurrency", "64",
                                     str(self.port)], capture_output=True, text=True, timeout=300)
            if result.returncode != 0:
                self.failures.append(result.stdout + result.stderr)

    def __enter__(self):
        self.done = False
        self.failures = []
        self.thread = threading.Thread(target=self.ask)
        self.thread.start()

    def __exit__(self, *_):
        self.done = True
        self.thread.join()
        equal(self.failures, [])


# ---- privileges ----


def test_root_becomes_nobody():
    need_root()
    nobody = pwd.getpwnam("nobody")
    server = Timed()
    for pid in [server.process.pid] + children(server.process.pid):
        equal(set(status(pid, "Uid")), {str(nobody.pw_uid)})
        equal(set(status(pid, "Gid")), {str(nobody.pw_gid)})
        equal(status(pid, "Groups"), [])
        for name in "CapInh", "CapPrm", "CapEff", "CapAmb":
            equal(int(status(pid, name)[0], 16), 0)
        equal(status(pid, "NoNewPrivs"), ["1"])
    equal(server.stop(), 0)


def test_user():
    need_root()
    for user, uid in ("4242", "4242"), ("root", "0"), ("0", "0"):
        server = Timed("--user", user)
        equal(set(status(server.process.pid, "Uid")), {uid})
        equal(int(status(server.process.pid, "CapEff")[0], 16), 0)
        tap.is_the_time(receive(connect(server.port)))
        equal(server.stop(), 0)


def test_bad_user():
    code, _, err = run(timed(), "-p", "0", "-a", "127.0.0.1", "--user", "no such user")
    equal(code, 2)
    matches(err, r"timed: no user 'no such user' on this machine; try another --user\n")


def test_chroot():
    need_root()
    if INSTRUMENTED:
        raise tap.Skip("what runs inside the process needs /proc")
    with tempfile.TemporaryDirectory() as directory:
        server = Timed("--chroot", directory)
        equal(os.readlink(f"/proc/{server.process.pid}/root"), directory)
        tap.is_the_time(receive(connect(server.port)))
        server.process.send_signal(signal.SIGUSR2)
        matches(server.line(), r"SIGUSR2: no process stands by .*")
        equal(server.stop(), 0)


def test_bad_chroot():
    need_root()
    with tempfile.TemporaryDirectory() as directory:
        code, _, err = run(timed(), "--chroot", directory, "--workers", "2")
        equal(code, 2)
        matches(err, r"timed: --workers starts programs, .* leave --chroot out\n")
        with open(os.path.join(directory, "file"), "wb"):
            pass
        code, _, err = run(timed(), "-p", "0", "-a", "127.0.0.1", "--chroot", directory)
        equal(code, 2)
        matches(err, rf"timed: chroot {directory}: want an empty directory\n")


# ---- the sandbox ----


def test_sandbox():
    server = Timed()
    expected = "0" if INSTRUMENTED else "2"
    equal(status(server.process.pid, "Seccomp"), [expected])
    server.process.send_signal(signal.SIGUSR1)
    matches(server.line(), "tcp: 0 answered; udp: 0 answered")
    line = server.line()
    while not line.startswith("sandbox"):
        line = server.line()
    matches(line, "sandbox: none" if INSTRUMENTED else r"sandbox: seccomp(, landlock)?")
    tap.is_the_time(receive(connect(server.port)))
    equal(server.stop(), 0)
    server = Timed("--no-sandbox")
    equal(status(server.process.pid, "Seccomp"), ["0"])
    equal(server.stop(), 0)


# ---- what it tells ----


def test_notifications():
    manager = Manager()
    manager.ask()
    manager.program.process.send_signal(signal.SIGHUP)
    said = manager.hear("RELOADING=1")
    microseconds = int(matches(said[-1], r"MONOTONIC_USEC=(\d+)")[1])
    assert 0 <= time.monotonic() - microseconds / 1e6 < tap.PATIENCE
    manager.hear("READY=1")
    manager.ask()
    manager.program.process.send_signal(signal.SIGTERM)
    manager.hear("STOPPING=1")
    equal(manager.program.wait(), 0)


def test_nobody_to_notify():
    code, _, err = run(timed(), "-p", "0", "-a", "127.0.0.1",
                       env={**os.environ, "NOTIFY_SOCKET": "/nonexistent/socket"})
    equal(code, 1)
    matches(err, r"timed: NOTIFY_SOCKET /nonexistent/socket: No such file or directory\n")


def test_watchdog():
    for options in [], ["--workers", "2"]:
        manager = Manager(*options, WATCHDOG_USEC="100000")
        for _ in range(3):
            manager.hear("WATCHDOG=1")
        manager.upgrade()
        for _ in range(3):
            manager.hear("WATCHDOG=1")
        manager.stop()


def test_watchdog_of_a_loop_that_hangs():
    manager = Manager("--workers", "2", WATCHDOG_USEC="100000")
    manager.hear("WATCHDOG=1")
    worker = children(manager.pid)[0]
    os.kill(worker, signal.SIGSTOP)
    manager.socket.settimeout(1)
    try:
        for _ in range(100):
            manager.hear("WATCHDOG=1")
        raise AssertionError("one of two hangs, and the watchdog was told that all is well")
    except TimeoutError:
        pass
    os.kill(worker, signal.SIGCONT)
    manager.socket.settimeout(tap.PATIENCE)
    manager.hear("WATCHDOG=1")
    manager.stop()


# ---- upgrades ----


def test_six_upgrades_under_load():
    for options in [], ["--workers", "2"]:
        installed = Installed()
        manager = Manager(*options, path=installed.path)
        with Load(manager.port):
            for _ in range(6):
                installed.install(timed())
                manager.upgrade()
        manager.ask()
        equal(manager.program.process.poll(), None)
        manager.stop()
        equal(manager.program.rest(), "")


def test_upgrade_to_another_program():
    installed = Installed()
    manager = Manager(path=installed.path)
    standby, = children(manager.pid)
    equal(children(standby), [])
    manager.upgrade()
    serving, = children(standby)
    equal(os.readlink(f"/proc/{serving}/exe"), installed.path)
    listens = os.readlink(f"/proc/{serving}/fd/3")
    assert listens in files_of(standby)
    wait_for(lambda: listens not in files_of(manager.pid), "the first has not let go of them")
    manager.ask()
    manager.program.process.send_signal(signal.SIGUSR1)  # which is handed on
    equal(manager.program.line(), "tcp: 1 answered; udp: 1 answered")
    for _ in range(3):
        manager.program.line()
    os.kill(serving, signal.SIGUSR2)  # whom the operator finds serving
    wait_for(lambda: children(standby) not in ([], [serving]), "no upgrade")
    wait_for(lambda: len(children(standby)) == 1 and is_gone(serving), "the old one goes on")
    manager.ask()
    manager.stop()
    wait_for(lambda: is_gone(standby), "the standby lives on")


def test_upgrade_to_a_program_that_does_not_start():
    for options in [], ["--workers", "2"]:
        installed = Installed()
        manager = Manager(*options, path=installed.path)
        before = children(manager.pid)
        installed.install_script("exit 3")
        manager.upgrade()
        equal(manager.program.line(),
              f"upgrade: {installed.path}: it ended with status 3; who served goes on")
        manager.ask()
        installed.install_script("kill -SEGV $$")
        manager.upgrade()
        equal(manager.program.line(),
              f"upgrade: {installed.path}: signal 11 ended it; who served goes on")
        manager.ask()
        os.unlink(installed.path)
        manager.upgrade()
        while "ended with status 127" not in manager.program.line():
            pass
        manager.ask()
        wait_for(lambda: children(manager.pid) == before, "somebody is left over")
        installed.install(timed())
        manager.upgrade()
        manager.ask()
        manager.stop()


def test_upgrade_needs_the_standby():
    manager = Manager()
    os.kill(children(manager.pid)[0], signal.SIGKILL)
    equal(manager.program.line(),
          "the process that stands by for SIGUSR2 is gone: there can be no upgrade")
    manager.upgrade()
    equal(manager.program.line(), "SIGUSR2: no process stands by that could start another program")
    manager.ask()
    manager.stop()


def test_the_standby_dies_in_an_upgrade():
    """Who was told that we are not ready now is told that we are: he would wait, and give us up."""
    installed = Installed()
    manager = Manager(path=installed.path)
    standby, = children(manager.pid)
    installed.install_script("exec sleep 1000")
    manager.program.process.send_signal(signal.SIGUSR2)
    manager.hear("RELOADING=1")
    comes, = wait_for(lambda: children(standby), "no other program is started")
    os.kill(standby, signal.SIGKILL)
    manager.hear("READY=1")
    equal(manager.program.line(),
          "the process that stands by for SIGUSR2 is gone: there can be no upgrade")
    wait_for(lambda: is_gone(comes), "the other program lives on")
    manager.ask()
    manager.stop()


def test_the_standby_does_not_hear():
    manager = Manager()
    standby, = children(manager.pid)
    os.kill(standby, signal.SIGSTOP)
    for _ in range(1000):  # which is more than a socket holds
        manager.program.process.send_signal(signal.SIGUSR2)
        manager.hear("RELOADING=1")
        if select.select([manager.program.pipe], [], [], 0)[0]:
            break
    equal(manager.program.line(), "SIGUSR2: no process stands by that could start another program")
    manager.hear("READY=1")
    os.kill(standby, signal.SIGKILL)
    manager.ask()
    manager.stop()


def test_no_upgrade():
    manager = Manager("--no-upgrade")
    equal(children(manager.pid), [])
    manager.upgrade()
    matches(manager.program.line(), r"SIGUSR2: no process stands by .*")
    manager.ask()
    manager.stop()


def test_metrics_file_in_upgrades():
    """It has the last numbers of the old one until the new one writes its own."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "timed.prom")
        manager = Manager(*tap.AS_ROOT, "--metrics-file", path)

        def answers():
            with open(path, encoding="ascii") as file:
                return int(re.search(r'"tcp",outcome="answered"} (\d+)\n', file.read())[1])

        count = 0
        for more in 2, 3, 4:
            for _ in range(more):
                manager.ask()
            count += more
            manager.upgrade()
            wait_for(lambda: answers() == count, "not the last numbers of the old one")
            manager.ask()
            count = 1
            manager.program.process.send_signal(signal.SIGUSR1)
            wait_for(lambda: answers() == count, "the new one does not write")
        manager.stop()
        equal(os.listdir(directory), ["timed.prom"])


def test_killed_with_all_that_it_started():
    for options, upgrades in ([], 0), ([], 1), (["--workers", "2"], 0):
        manager = Manager(*options)
        for _ in range(upgrades):
            manager.upgrade()
        mine = children(manager.pid)
        mine += [child for pid in mine for child in children(pid)]
        manager.program.process.kill()
        manager.program.process.wait()
        wait_for(lambda: all(is_gone(pid) for pid in mine), "somebody lives on")


def test_killed_while_one_hangs_that_it_started():
    for options in [], ["--workers", "2"]:
        installed = Installed()
        manager = Manager(*options, path=installed.path)
        parent = manager.pid if options else children(manager.pid)[0]
        before = children(parent)
        installed.install_script("trap '' TERM; while sleep 0.1; do :; done")
        manager.program.process.send_signal(signal.SIGUSR2)
        wait_for(lambda: len(children(parent)) > len(before), "no other program is started")
        mine = [*before, *children(parent), parent]
        manager.program.process.kill()
        manager.program.process.wait()
        wait_for(lambda: all(is_gone(pid) for pid in mine), "somebody lives on")


def test_the_one_after_an_upgrade_dies():
    manager = Manager()
    manager.upgrade()
    standby, = children(manager.pid)
    serving, = children(standby)
    os.kill(serving, signal.SIGKILL)
    equal(manager.program.line(), f"worker {serving}: signal 9 ended it; another takes its place")
    manager.ask()
    os.kill(standby, signal.SIGKILL)
    equal(manager.program.wait(), 1)
    manager.program.pipe.read()


def test_parent_that_is_none():
    for number in "99", "0":
        code, _, err = run(timed(), "-p", "0", "-a", "127.0.0.1",
                           env={**os.environ, "TIMED_PARENT": number})
        equal(code, 1)
        matches(err, rf"timed: TIMED_PARENT={number}: .*; it is not for users to set\n")
    with socket.create_server(("127.0.0.1", 0)) as peer, connect(
            peer.getsockname()[1]) as client:
        os.set_inheritable(client.fileno(), True)
        number = str(client.fileno())
        code, _, err = run(timed(), "-p", "0", "-a", "127.0.0.1", close_fds=False,
                           env={**os.environ, "TIMED_PARENT": number})
        equal(code, 1)
        matches(err, rf"timed: TIMED_PARENT={number}: .*\n")


def test_what_does_not_go_together():
    for arguments in (["--workers", "2", "--once", "1"], ["--workers", "2", "--idle", "1"],
                      ["--workers", "2", "--inetd"],
                      ["--chroot", "/", "--metrics-file", "x"]):
        code, out, err = run(timed(), *arguments)
        equal((code, out), (2, ""))
        matches(err, r"timed: --.*: leave .* out\n")


# ---- workers ----


def test_workers():
    manager = Manager("--workers", "3")
    workers = children(manager.pid)
    equal(len(workers), 3)
    for _ in range(30):
        manager.ask()
    for _ in range(2):
        os.kill(workers[0], signal.SIGKILL)
        equal(manager.program.line(),
              f"worker {workers[0]}: signal 9 ended it; another takes its place")
        wait_for(lambda: len(children(manager.pid)) == 3, "nobody takes its place")
        assert workers[0] not in children(manager.pid)
        workers = [pid for pid in children(manager.pid) if pid not in workers] + workers[1:]
        for _ in range(10):
            manager.ask()
    for number in signal.SIGHUP, signal.SIGUSR1:
        manager.program.process.send_signal(number)
    for _ in range(10):
        manager.ask()
    equal(sorted(children(manager.pid)), sorted(workers))
    manager.stop()
    wait_for(lambda: all(is_gone(pid) for pid in workers), "a worker lives on")


def test_parents_whose_messages_nobody_reads():
    """Whoever read standard error has gone, and what could be said there is that a worker has died."""
    for options, upgrades in (["--workers", "2"], False), ([], True):
        manager = Manager(*options, stream="stderr")
        parent = manager.pid
        if upgrades:
            parent = children(manager.pid)[0]
            manager.upgrade()
        manager.program.pipe.close()
        worker = children(parent)[0]
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: children(parent) and worker not in children(parent), "nobody takes its place")
        manager.ask()
        manager.stop()


def test_status_of_workers():
    """It is of all of them, also of those who have been told to end."""
    manager = Manager("--workers", "2")
    manager.ask()
    manager.program.process.send_signal(signal.SIGUSR1)
    manager.hear("STATUS=2 workers; tcp: 1 answered; udp: 1 answered")
    manager.upgrade()
    manager.ask()
    manager.program.process.send_signal(signal.SIGUSR1)
    manager.hear("STATUS=2 workers; tcp: 2 answered; udp: 2 answered")
    manager.stop()


def test_workers_that_cannot_start():
    with tempfile.TemporaryDirectory() as directory:
        program = os.path.join(directory, "timed")
        with open(program, "w", encoding="ascii") as file:
            file.write("#!/bin/sh\nexit 7\n")
        os.chmod(directory, 0o755)
        os.chmod(program, 0o755)
        # argv[0] is what a parent runs.
        code = subprocess.run([program, "-p", "0", "-a", "127.0.0.1", "--workers", "2"],
                              executable=timed(), capture_output=True, timeout=tap.PATIENCE).returncode
    equal(code, 7)


# ---- the end ----


def test_end_waits_for_what_is_in_hand():
    manager = Manager()
    peers = [connect(manager.port) for _ in range(20)]
    manager.stop()
    for peer in peers:
        tap.is_the_time(receive(peer))


def test_end_waits_for_who_has_come():
    """They were connected before the signal came, and it has seen neither yet."""
    server = Timed()
    server.process.send_signal(signal.SIGSTOP)
    peers = [connect(server.port) for _ in range(100)]  # more than it accepts in a pass
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGCONT)
    for peer in peers:
        tap.is_the_time(receive(peer))
    equal(server.wait(), 0)


def come_and_go(port, end):
    """Many come, and do not wait for the answer."""
    while not end.is_set():
        peers = [socket.socket() for _ in range(100)]
        for peer in peers:
            peer.setblocking(False)
            peer.connect_ex(("127.0.0.1", port))
        for peer in peers:
            peer.close()


def test_end_does_not_wait_for_who_comes_later():
    """Others come as fast as they are answered: there would be no end."""
    end = multiprocessing.Event()
    server = Timed("--tcp")
    crowd = [multiprocessing.Process(target=come_and_go, args=(server.port, end)) for _ in range(8)]
    for process in crowd:
        process.start()
    try:
        time.sleep(1)
        equal(server.stop(), 0)
    finally:
        end.set()
        for process in crowd:
            process.join()


def test_hang_up_does_not_end_it():
    server = Timed()
    for _ in range(3):
        server.process.send_signal(signal.SIGHUP)
        tap.is_the_time(receive(connect(server.port)))
    equal(server.stop(), 0)


tap.main()
