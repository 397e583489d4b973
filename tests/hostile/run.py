#!/usr/bin/env python3
"""Starts every server of this project on every poller, makes every attack on each, and says in one
line of TAP each what was seen."""

import argparse
import concurrent.futures
import glob
import importlib
import itertools
import os
import re
import subprocess
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from common import frame, servers  # noqa: E402
from common.servers import OWN_LOOP, SERVERS, Server  # noqa: E402

SOURCE = os.path.dirname(os.path.dirname(HERE))
PAGE = os.path.join(SOURCE, "docs", "hostile.md")
AT_ONCE = 8  # servers that are attacked at the same time
LIMIT, LONG_LIMIT = 400, 3600  # seconds for one attack


def attacks():
    """Their names: all programs beside this one."""
    names = [os.path.basename(path)[:-3] for path in glob.glob(os.path.join(HERE, "*.py"))]
    return sorted(name for name in names if name != "run")


def description(attack):
    return " ".join(importlib.import_module(attack).__doc__.split())


def is_heavy(attack):
    """It keeps a processor busy by itself: one at a time."""
    return getattr(importlib.import_module(attack), "HEAVY", False)


def takes_long(attack, protocol, poller):
    """Why it is not made when there is little time; None if it is."""
    judge = getattr(importlib.import_module(attack), "takes_long", None)
    return judge and judge(protocol, poller)


class Result:
    def __init__(self, server, poller, attack, status, line):
        self.server, self.poller, self.attack = server, poller, attack
        self.status, self.line = status, line

    def seen(self):
        """What the table says of it."""
        if self.status == frame.SKIPPED:
            return "–"
        if self.status != 0:
            return "**FAILED**"
        return re.search(r" -> (.*) \[", self.line)[1]


class Tap:
    """Lines in the order in which the attacks end."""

    def __init__(self):
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)
        self.failures = 0
        self.results = []

    def add(self, result, details=""):
        with self.lock:
            self.results.append(result)
            passed = result.status in (0, frame.SKIPPED)
            self.failures += not passed
            text = result.line.split(": ", 1)[-1].replace("#", "no. ")
            if result.status == frame.SKIPPED:
                text = "# SKIP " + text.removeprefix("skipped: ")
            print(f"{'ok' if passed else 'not ok'} {next(self.numbers)} "
                  f"{result.server} {result.poller} {result.attack}: {text}", flush=True)
            if not passed:
                print(result.server, result.poller, result.line, details, file=sys.stderr,
                      flush=True)


class Sweep:
    """All attacks, one after the other, on one server with one poller."""

    heavy = threading.Semaphore(1)

    def __init__(self, tap, options, name, poller):
        self.tap, self.options, self.name, self.poller = tap, options, name, poller
        self.server = None

    def run(self):
        for attack in self.options.attacks:
            if self.server is None:
                self.server = Server(self.name, self.poller)
            if is_heavy(attack):
                with self.heavy:
                    status, line = self.attack(attack)
            else:
                status, line = self.attack(attack)
            complaint = self.server.complaint()
            if complaint or status not in (0, frame.SKIPPED):
                status = status or 1
                complaint = self.stop() or complaint
            self.tap.add(Result(self.name, self.poller, attack, status, line), complaint)
        complaint = self.stop()
        line = "end: " + (complaint or "ended when told to").replace("\n", " ")
        self.tap.add(Result(self.name, self.poller, "end", 1 if complaint else 0, line))

    def attack(self, attack):
        why = takes_long(attack, self.server.protocol, self.poller)
        if why and not self.options.all:
            return frame.SKIPPED, f"{attack}: skipped: {why}"
        command = [sys.executable, "-S", os.path.join(HERE, attack + ".py"), self.server.protocol,
                   str(self.server.port), "--pid", str(self.server.process.pid)]
        if self.server.upstream:
            command += ["--behind", str(self.server.upstream.process.pid)]
        if servers.preload():
            command += ["--clock", self.server.clock]
        limit = LIMIT
        if self.options.all:
            command += ["--long"]
            limit = LONG_LIMIT
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit, check=False)
        except subprocess.TimeoutExpired:
            return 1, f"{attack}: FAILED: no end within {limit} s"
        if done.returncode not in (0, 1, frame.SKIPPED) or done.stderr:
            return 1, f"{attack}: FAILED: {done.stdout}{done.stderr}"
        return done.returncode, done.stdout.strip()

    def stop(self):
        if self.server is None:
            return ""
        server, self.server = self.server, None
        return server.stop()


# ==================================================
# the page


def cell(results):
    """What was seen, on all pollers or on each."""
    seen = {result.poller: result.seen() for result in results}
    if len(set(seen.values())) == 1:
        return next(iter(seen.values()))
    return "; ".join(f"{poller}: {words}" for poller, words in sorted(seen.items()))


def page(results):
    names = [name for name in SERVERS if any(r.server == name for r in results)]
    lines = [PREFACE, "| attack | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for attack in attacks():
        cells = [cell([r for r in results if (r.attack, r.server) == (attack, name)])
                 for name in names]
        lines.append(f"| {attack} | " + " | ".join(cells) + " |")
    lines += ["", "## The attacks", ""]
    lines += [f"- **{attack}**: {description(attack)}" for attack in attacks()]
    skipped = {}
    for r in results:
        if r.status == frame.SKIPPED:
            skipped.setdefault((r.attack, r.line.split("skipped: ", 1)[1]), set()).add(r.server)
    lines += ["", "## Not made", ""]
    for (attack, why), those in sorted(skipped.items()):
        lines.append(f"- {attack} on {', '.join(n for n in names if n in those)}: {why}.")
    return "\n".join(lines) + "\n"


PREFACE = """\
# Hostile clients

What the servers of this project do under attack.  `tests/hostile/run.py --all --table` starts each of
them on each poller, makes each attack on each, and writes this page; `script/test hostile` makes the
same attacks for shorter, and under AddressSanitizer with `--sanitize`, as CI does.

In every cell the same is asserted, whatever the word in it says:

- the server lives;
- a well-behaved client beside the attack is served within 100 ms, by the median of several, and
  without the time for which the machine ran other programs instead of these;
- memory grows by less than 1 MiB, and by less than 4 KiB for each connection that is held (not judged
  under AddressSanitizer, which keeps what is freed); what a crowd needed and the allocator kept may
  be no more after a second crowd;
- afterwards the server rests: no pass is made and no CPU time used (but select_example_1, which looks
  up once a second by itself);
- afterwards it has no descriptor more than before.

Each attack is a program of its own, for any server on a loopback address, ours or not:

```console
$ build/dispatchers/timed --port 8037 --address 127.0.0.1 2>log & server=$!
$ python3 tests/hostile/half_close.py time 8037 --pid $server
half_close: 100 connections were half closed at once -> answered [beside it 0.1 ms, memory +0 KiB, no descriptor left behind, at rest]
```

The protocols are `time`, `echo`, `chat`, `http` and `proxy`, which is one before an echo server.
Without `--pid` only what a client can see is judged.  asyncore_example_1 is a client, and
[tests/programs](../tests/programs) has servers that treat it badly; cat has no clients.

A word in a cell is what the attacker saw: **held**, its connections are kept; **closed**, they are not;
**dropped**, the server has closed one that does not read; **made to wait** and **waited for**, its
connection and no memory is kept for it until it reads; **–**, see [Not made](#not-made).

## What was seen
"""


def check_page():
    """The page lists the attacks and the programs that there are."""
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    rows = re.findall(r"^\| (\w+) \|", text, re.MULTILINE)
    header = re.search(r"^\| attack \| (.*) \|$", text, re.MULTILINE)[1].split(" | ")
    tests = [("the table has the attacks", rows[1:] == attacks()),
             ("the table has the programs", header == list(SERVERS)),
             ("what the attacks are is told as they tell it",
              all(f"- **{a}**: {description(a)}\n" in text for a in attacks())),
             ("nothing failed", "FAILED" not in text)]
    print(f"1..{len(tests)}")
    for number, (name, passed) in enumerate(tests, 1):
        print("ok" if passed else "not ok", number, name)
    if not all(passed for _, passed in tests):
        sys.exit("docs/hostile.md is old: tests/hostile/run.py --all --table writes it")


# ==================================================


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--all", action="store_true",
                        help="for longer, and what takes long too")
    parser.add_argument("--table", action="store_true", help="write docs/hostile.md")
    parser.add_argument("--check", action="store_true", help="only see whether it is up to date")
    parser.add_argument("--build", default=os.environ.get("BUILD", os.path.join(SOURCE, "build")))
    parser.add_argument("--server", action="append", dest="servers", choices=SERVERS)
    parser.add_argument("--poller", action="append", dest="pollers")
    parser.add_argument("--jobs", type=int, default=AT_ONCE)
    parser.add_argument("attacks", nargs="*", metavar="ATTACK", help="(all)")
    options = parser.parse_args()
    unknown = set(options.attacks) - set(attacks())
    if unknown:
        parser.error(f"no such attack: {' '.join(unknown)}; there are: {' '.join(attacks())}")
    os.environ["BUILD"] = os.path.abspath(options.build)
    there = os.environ.get("POLLERS", "select poll epoll").split()
    options.pollers = options.pollers or there
    options.servers = options.servers or [name for name in SERVERS if servers.exists(name)]
    options.attacks = options.attacks or attacks()
    return options


def main():
    options = parse()
    if options.check:
        check_page()
        return
    if os.environ.get("VALGRIND"):
        print("1..0 # SKIP under valgrind nobody is served within 100 ms")
        return
    pairs = [(name, poller) for name in options.servers
             for poller in (options.pollers if name != OWN_LOOP else ["select"])]
    print(f"1..{len(pairs) * (len(options.attacks) + 1)}", flush=True)
    tap = Tap()
    sweeps = [Sweep(tap, options, *pair) for pair in pairs]
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for future in [pool.submit(sweep.run) for sweep in sweeps]:
            future.result()
    if options.table:
        with open(PAGE, "w", encoding="utf-8") as file:
            file.write(page(tap.results))
    sys.exit(1 if tap.failures else 0)


if __name__ == "__main__":
    main()
