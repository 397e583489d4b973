"""The works that are measured: each function measures one contender once, and gives its numbers; or, of
those side by side, starts it, and gives a function that measures it.

CPU times are of the contender's process: µs for each message (echo, idle), request (time) or write
(chain), ns for each timer.
"""
import contextlib
import dataclasses
import random
import resource
import statistics

import contenders
import counts
import measure
from measure import Failure, Skip

WARM_UP = 2000
# The machine becomes faster and slower by more than the contenders differ: so all are kept running, and
# have their turns in short slices, so many a round.
SIDE_BY_SIDE = {"echo", "trace", "time", "time udp"}
SLICES = 10
ACTIVE = 50
IDLE = {"epoll": 15000, "select": 900}
# Pipes, bytes that travel at once; those that select can watch, too.
CHAINS = {"epoll": [(100, 1), (1000, 1), (1000, 100)], "select": [(100, 1), (400, 1), (400, 100)]}


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How much is done to measure once."""
    rounds: int
    echo: int = 40000
    time: int = 20000
    udp: int = 100000
    idle: int = 40000
    writes: int = 20000
    timers: int = 1000000
    counted: tuple = (ACTIVE, 1)  # connections


FULL = Sizes(rounds=9)
QUICK = Sizes(rounds=1, echo=10000, time=5000, udp=20000, idle=10000, writes=5000, timers=200000,
              counted=(ACTIVE,))


def window(process, load, messages):
    """CPU µs per message, and what the load has seen."""
    before = measure.cpu_ns(process)
    seen = load.run(messages)
    return (measure.cpu_ns(process) - before) / messages / 1000, seen


class Works:
    def __init__(self, build, sizes):
        self.build = build
        self.sizes = sizes
        self.echo_load = contenders.program(build, "echo_load")
        self.time_load = contenders.program(build, "time_load")

    def groups(self, work):
        return {"echo": contenders.echo, "echo counts": contenders.echo, "idle": contenders.echo,
                "time": contenders.time, "time counts": contenders.time,
                "trace": contenders.trace, "trace counts": contenders.trace,
                "time udp": contenders.time_udp, "time udp counts": contenders.time_udp,
                "chain": contenders.chain, "timers": contenders.timers}[work](self.build)

    @contextlib.contextmanager
    def echo(self, command):
        with measure.server(command) as (process, port):
            with measure.echo_load(self.echo_load, ACTIVE, port) as load:
                load.run(WARM_UP)

                def measured():
                    cpu, (rate, p50, p99) = window(process, load, self.sizes.echo // SLICES)
                    return {"cpu": cpu, "rate": rate, "p50": p50, "p99": p99}
                yield measured

    trace = echo

    @contextlib.contextmanager
    def requests(self, command, count, *options):
        with measure.server(command) as (process, port):
            measure.time_load(self.time_load, port, WARM_UP // 10, *options)

            def measured():
                before = measure.cpu_ns(process)
                rate, p50, p99 = measure.time_load(self.time_load, port, count, *options)
                cpu = (measure.cpu_ns(process) - before) / count / 1000
                return {"cpu": cpu, "rate": rate, "p50": p50, "p99": p99}
            yield measured

    def time(self, command):
        return self.requests(command, self.sizes.time // SLICES)

    def time_udp(self, command):
        return self.requests(command, self.sizes.udp // SLICES, "--udp")

    def idle(self, command, group):
        """Without idle connections, with them, and without again, so that a machine that becomes
        faster or slower meanwhile does not change the comparison."""
        idle = IDLE[group]
        needed = idle + ACTIVE + 30
        if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < needed:
            raise Skip(f"needs {needed} descriptors (ulimit -Hn)")
        with measure.server(command) as (process, port):
            with measure.echo_load(self.echo_load, ACTIVE, port) as load:
                load.run(WARM_UP)
                before, _ = window(process, load, self.sizes.idle)
                kib = measure.resident_kib(process)
                load.idle(idle)
                kib = (measure.resident_kib(process) - kib) / idle
                cpu, _ = window(process, load, self.sizes.idle)
                load.idle(0)
                load.run(WARM_UP)
                after, _ = window(process, load, self.sizes.idle)
        return {"cpu": cpu, "change": 2 * cpu / (before + after) - 1, "kib": kib}

    def chain(self, command, group):
        row = {}
        for pipes, active in CHAINS[group]:
            words = ["chain", str(pipes), str(active), str(self.sizes.writes)]
            row[f"{pipes}/{active}"] = float(measure.output(command + words)) / 1000
        return row

    def timers(self, command, _):
        numbers = measure.output([*command, "timers", str(self.sizes.timers)]).split()
        return dict(zip(("add", "cancel", "fire"), map(float, numbers)))

    def lockstep(self, active):
        def load(port, messages):
            with measure.echo_load(self.echo_load, active, port) as connections:
                connections.run(messages, "lockstep")
        return load

    def echo_counts(self, command, _):
        row = {}
        for active in self.sizes.counted:
            row[f"calls {active}"] = counts.system_calls(command, self.lockstep(active))
            if not contenders.is_script(command):
                row[f"instructions {active}"] = counts.instructions(command, self.lockstep(active))
        if not contenders.is_script(command):
            row["allocations"] = counts.allocations(command, self.lockstep(ACTIVE))
        return row

    def trace_counts(self, command, _):
        """Exactly, for one part in a hundred is what matters."""
        return {f"instructions {active}": counts.instructions(command, self.lockstep(active), 8)
                for active in self.sizes.counted}

    def request_counts(self, command, *options):
        def load(port, requests):
            measure.time_load(self.time_load, port, requests, *options)
        row = {"calls": counts.system_calls(command, load)}
        if not contenders.is_script(command):
            row["instructions"] = counts.instructions(command, load)
            row["allocations"] = counts.allocations(command, load)
        return row

    def time_counts(self, command, _):
        return self.request_counts(command)

    def time_udp_counts(self, command, _):
        return self.request_counts(command, "--udp")

    def described(self):
        """What the contenders say of themselves."""
        for name in contenders.NAMES:
            with contextlib.suppress(Skip):
                yield measure.output(contenders.bench(self.build, name) + ["about"])


@contextlib.contextmanager
def named(who):
    try:
        yield
    except Failure as why:
        raise Failure(f"{who}: {why}") from None


def mean(slices):
    return {key: statistics.fmean(numbers[key] for numbers in slices) for key in slices[0]}


def side_by_side(work, runs):
    """Gives for each run its numbers, or why it was skipped."""
    started, numbers = {}, {}
    with contextlib.ExitStack() as servers:
        for run in runs:
            try:
                with named(run.who):
                    started[run] = servers.enter_context(work(run.command))
                    numbers[run] = []
            except Skip as why:
                numbers[run] = why
        for _ in range(SLICES):
            for run in random.sample(list(started), len(started)):
                with named(run.who):
                    numbers[run].append(started[run]())
    return {run: numbers[run] if run not in started else mean(numbers[run]) for run in runs}


def one_by_one(work, runs):
    """The same."""
    numbers = {}
    for run in random.sample(runs, len(runs)):
        try:
            with named(run.who):
                numbers[run] = work(run.command, run.group)
        except Skip as why:
            numbers[run] = why
    return numbers


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    group: str
    who: str
    command: list


def interleaved(works, name, rounds, progress):
    """Every round measures all contenders, in another order.  Gives for each group and contender
    the numbers of all rounds, or why it was skipped."""
    groups = works.groups(name)
    runs = [Run(group, who, command) for group, commands in groups.items()
            for who, command in commands.items()]
    rows = {group: {who: {} for who in commands} for group, commands in groups.items()}
    measure_all = side_by_side if name in SIDE_BY_SIDE else one_by_one
    for number in range(rounds):
        progress(f"{name}, round {number + 1} of {rounds}")
        for run, numbers in measure_all(getattr(works, name.replace(" ", "_")), runs).items():
            row = rows[run.group][run.who]
            if isinstance(numbers, Skip):
                row["skipped"] = str(numbers)
                runs = [other for other in runs if other is not run]
                continue
            for key, value in numbers.items():
                row.setdefault(key, []).append(value)
    progress("")
    return rows
