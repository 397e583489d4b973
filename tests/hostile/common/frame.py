"""frame.py - the frame of an attack: before, at its height, and after.

An attack is a generator.  It makes its connections and yields, at its height, how many of them the
server holds; then the frame looks at the server and at a well-behaved client beside the attack.  It
ends by giving back all it has, and returns two phrases: what it did, and what it saw."""

import argparse
import collections
import ipaddress
import os
import select
import socket
import statistics
import struct
import sys
import threading
import time

from common import measure, protocols
from common.measure import PATIENCE, wait_until

MIB = 2**20
PROMPT = 0.1  # seconds in which a well-behaved client is served
PER_CONNECTION = 4096  # bytes that a server may need for each that it holds
SKIPPED = 77  # exit status


class Skip(Exception):
    """This attack cannot be made here; the message says why."""


class NotServed(Exception):
    """Nobody is there to be attacked."""


class Target:
    """A server, and how to get at it."""

    def __init__(self, options):
        self.host, self.port = options.host, options.port
        self.name = options.protocol
        self.protocol = protocols.PROTOCOLS[options.protocol]
        self.lasting = self.protocol.client.lasting
        self.process = measure.Process(options.pid) if options.pid else None
        self.processes = [measure.Process(pid) for pid in (options.pid, options.behind) if pid]
        self.clock = options.clock
        self.clock_offset = 0
        self.long = options.long
        self.sources = 0
        self.slowest = 0.0
        self.most_memory = 0
        if self.clock:
            self.step_clock(0)

    # ---- connections ----

    def socket(self, kind):
        """One that has a source of its own, as far as that goes."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        peer = socket.socket(family, kind)
        peer.settimeout(PATIENCE)
        if family == socket.AF_INET:
            # One source address has no more than 28,000 ports, many of which have just been used.
            self.sources += 1
            peer.bind((f"127.0.{os.getpid() % 250 + 1}.{self.sources % 250 + 1}", 0))
        return peer

    def connect(self, receive_buffer=None, blocking=True):
        if self.protocol.datagrams:
            raise Skip("no connections in this protocol")
        peer = self.socket(socket.SOCK_STREAM)
        if receive_buffer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        if blocking:
            peer.connect((self.host, self.port))
        else:
            peer.setblocking(False)
            peer.connect_ex((self.host, self.port))
        return peer

    def connect_many(self, count):
        """Connections that say nothing."""
        self.need_descriptors(count)
        return [self.connect() for _ in range(count)]

    def connect_backlog(self, count):
        """Connections to a server that does nothing, and need not have descriptors for them: so many, or
        as many as its backlog takes."""
        if measure.raise_limit(os.getpid(), count + 100) < count:
            raise Skip(f"RLIMIT_NOFILE, its own, does not allow {count} connections")
        waiting = {peer.fileno(): peer
                   for peer in (self.connect(blocking=False) for _ in range(count))}
        poll = select.poll()
        for number in waiting:
            poll.register(number, select.POLLOUT)
        peers = []
        while waiting and (ready := poll.poll(500)):
            for number, _ in ready:
                poll.unregister(number)
                peers.append(waiting.pop(number))
        for peer in waiting.values():
            peer.close()
        for peer in peers:
            peer.settimeout(PATIENCE)
        return peers

    def most_connections(self, wanted):
        """So many, or fewer if this process or the server may not have the descriptors."""
        spare = 100  # what they need besides
        count = min(wanted, measure.raise_limit(os.getpid(), wanted + spare) - spare)
        if self.process is not None and self.lasting:
            per_connection = self.protocol.per_connection
            have = self.process.raise_limit(count * per_connection + spare)
            count = min(count, (have - spare) // per_connection)
        return count

    def need_descriptors(self, count):
        """This process may have so many connections, and the server too."""
        have = self.most_connections(count)
        if have < count:
            raise Skip(f"RLIMIT_NOFILE, its own or the server's, allows {have} connections")

    def need_process(self):
        if self.process is None:
            raise Skip("needs the server's --pid")
        return self.process

    # ---- the well-behaved client ----

    def client(self):
        return self.protocol.client(self)

    def adopt(self, peer):
        """The well-behaved client on a connection that is there already, if one is enough."""
        if self.protocol.client.sockets > 1:
            return None
        self.connect, connect = lambda: peer, self.connect
        try:
            return self.client()
        finally:
            self.connect = connect

    def greedy(self):
        return self.protocol.greedy(self)

    def queued(self):
        """How long the server and we have waited for processors that others had."""
        return measure.queued() + sum(process.queued() for process in self.processes)

    def ask(self):
        """One well-behaved client, from its connection to its end: seconds, without those for
        which the machine was busy with other things."""
        start, queued = time.monotonic(), self.queued()
        client = self.client()
        client.check()
        client.close()
        return max(0, time.monotonic() - start - (self.queued() - queued))

    def check_neighbours(self, count=5):
        for _ in range(5):
            median = statistics.median(self.ask() for _ in range(count))
            if median < PROMPT:
                break
            time.sleep(0.5)
        self.slowest = max(self.slowest, median)
        assert median < PROMPT, f"a well-behaved client waits {median * 1000:.0f} ms"

    # ---- the server ----

    def held(self):
        """Connections that it has, by its descriptors; None if nobody knows."""
        if self.process is None:
            return None
        if self.process.children():  # which have them
            return measure.accepted(self.port)
        return (self.process.count_descriptors() - self.descriptors) / self.protocol.per_connection

    def fate(self, crowd, word):
        """What has become of those who do not read: the word, if they are still there."""
        if all(greedy.gone() for greedy in crowd):
            return "closed"
        end = time.monotonic() + 1  # a neighbour who has just gone may still be counted
        while self.process is not None and time.monotonic() < end:
            if self.held() <= len(crowd) * (crowd[0].connections - 1):
                return "dropped"
            time.sleep(0.01)
        return word

    def wait_for_accept(self, count):
        """Returns once the server has accepted so many, if it keeps them."""
        while self.process is not None and self.lasting and (held := self.held()) < count:
            wait_until(lambda: self.held() > held, f"it accepts no more than {held:.0f} of {count}")

    def step_clock(self, seconds):
        """What preload.c adds to the server's clock."""
        with open(self.clock, "r+b") as file:
            file.write(struct.pack("q", seconds))
        self.clock_offset = seconds

    def check_memory(self, held=0):
        if self.process is None or self.process.is_sanitized():
            return
        growth = self.process.memory() - self.memory
        self.most_memory = max(self.most_memory, growth)
        assert growth < MIB + held * PER_CONNECTION, \
            f"memory has grown by {growth // 1024} KiB" + f" for {held} connections" * bool(held)

    def check_rest(self):
        """Nobody asks: no pass is made.  (select_example_1 looks up once a second.)"""
        if self.process is None:
            return
        for _ in range(6):
            passes, cpu = self.process.passes(2 if self.long else 0.5)
            if passes <= (2 if self.long else 1) and cpu < 0.005:
                return
        raise AssertionError(f"it does not rest: woken {passes} times, {cpu * 1000:.0f} ms of CPU")

    def check_calm(self):
        """It may look up from time to time, but does not spin."""
        passes, cpu = self.process.passes(3 if self.long else 1)
        assert self.process.lives(), "it has died"
        assert passes < 150 and cpu < 0.1, f"it spins: woken {passes} times, {cpu:.2f} s of CPU"

    def check_descriptors(self):
        if self.process is None:
            return
        wait_until(lambda: self.process.count_descriptors() <= self.descriptors,
                   lambda: f"{self.process.count_descriptors() - self.descriptors} descriptors are "
                           "left behind")

    def before(self):
        try:
            for _ in range(3):
                self.ask()
        except (AssertionError, OSError) as error:
            raise NotServed(f"no {self.name} is served at {self.host} port {self.port}: "
                            f"{error}") from error
        if self.process is None:
            return
        # Those who have just been served may not be gone yet.
        counts = collections.deque(maxlen=5)
        while len(counts) < 5 or len(set(counts)) > 1:
            counts.append(self.process.count_descriptors())
            time.sleep(0.01)
        self.descriptors = counts[0]
        self.memory = self.process.memory()

    def after(self):
        assert self.process is None or self.process.lives(), "it has died"
        self.check_neighbours()
        self.check_descriptors()
        self.check_rest()

    def seen(self):
        """The numbers, in one phrase."""
        words = [f"beside it {self.slowest * 1000:.1f} ms"]
        if self.process is not None:
            words += ["memory not judged (AddressSanitizer)" if self.process.is_sanitized() else
                      f"memory +{max(0, self.most_memory) // 1024} KiB",
                      "no descriptor left behind", "at rest"]
        return ", ".join(words)


class Background(threading.Thread):
    """Does something again and again, every so many seconds, while the attack lasts."""

    def __init__(self, function, seconds):
        super().__init__(daemon=True)
        self.function, self.seconds = function, seconds
        self.ended = threading.Event()
        self.count = 0

    def run(self):
        while not self.ended.wait(self.seconds):
            self.function()
            self.count += 1

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()


def once(attack, target):
    """One attack, looked at at its height; returns its two phrases."""
    steps = attack(target)
    while True:
        try:
            held = next(steps) or 0
        except StopIteration as end:
            return end.value
        assert target.process is None or target.process.lives(), "it has died"
        target.check_neighbours()
        target.check_memory(held)


def carry_out(attack, target):
    target.before()
    phrases = once(attack, target)
    target.after()
    try:
        target.check_memory()
    except AssertionError:
        # An allocator keeps what a crowd has needed; what leaks would be more with the next one.
        target.memory = target.process.memory()
        target.most_memory = 0
        once(attack, target)
        target.after()
        target.check_memory()
    return phrases


def parse(description):
    parser = argparse.ArgumentParser(description=description,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("protocol", choices=sorted(protocols.PROTOCOLS))
    parser.add_argument("port", type=int)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (%(default)s)")
    parser.add_argument("--pid", type=int, help="the server's: it is judged too by what it holds")
    parser.add_argument("--behind", type=int, metavar="PID", help="of a server that it needs itself")
    parser.add_argument("--clock", help="the file from which preload.c takes its offset")
    parser.add_argument("--long", action="store_true", help="take more time")
    options = parser.parse_args()
    if not ipaddress.ip_address(options.host).is_loopback:
        parser.error("loopback addresses alone: this is an attack")
    return options


def main(attack):
    """The main program of an attack: one line; exit status 0, 1 if it failed, 2 if there is no
    server, 77 if skipped."""
    module = sys.modules["__main__"]
    options = parse(module.__doc__)
    name = os.path.basename(sys.argv[0])[:-len(".py")]
    status = 0
    try:
        why = getattr(module, "SKIP", {}).get(options.protocol)
        if why:
            raise Skip(why)
        target = Target(options)
        did, seen = carry_out(attack, target)
        print(f"{name}: {did} -> {seen} [{target.seen()}]")
    except Skip as why:
        print(f"{name}: skipped: {why}")
        status = SKIPPED
    except NotServed as why:
        print(f"{name}: {why}", file=sys.stderr)
        status = 2
    except (AssertionError, OSError) as error:
        place = error.__traceback__
        while place.tb_next is not None:
            place = place.tb_next
        died = options.pid and measure.Process(options.pid).dies_within(0.5)
        print(f"{name}: FAILED: {'it has died: ' * bool(died)}{type(error).__name__}: {error} "
              f"({os.path.basename(place.tb_frame.f_code.co_filename)}:{place.tb_lineno})")
        status = 1
    finally:
        if options.pid and measure.Process(options.pid).state() == "T":
            measure.Process(options.pid).go_on()
    sys.stdout.flush()
    os._exit(status)  # without the threads that may still wait
