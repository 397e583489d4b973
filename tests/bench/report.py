"""The tables."""
from statistics import median

WIDTH = 31


def mad(numbers):
    """The median of the distances from the median."""
    middle = median(numbers)
    return median(abs(number - middle) for number in numbers)


def ratios(row, first, key):
    """To the first contender of the group, in the same round."""
    return [number / other for number, other in zip(row.get(key, []), first.get(key, []))]


def spread(numbers, digits):
    if not numbers:
        return "-"
    text = f"{median(numbers):.{digits}f}"
    return text + (f" ±{mad(numbers):.{digits}f}" if len(numbers) > 1 else "")


def plain(numbers, digits=0):
    return f"{median(numbers):.{digits}f}" if numbers else "-"


def pair(row, keys, digits=0):
    return " / ".join(plain(row.get(key), digits) for key in keys)


def percent(numbers):
    if not numbers:
        return "-"
    text = f"{100 * median(numbers):+.1f}"
    return text + (f" ±{100 * mad(numbers):.1f}" if len(numbers) > 1 else "") + " %"


def column(title, width, text):
    """text makes it of the row and the first row of its group."""
    return title, width, text


def cpu_columns(key, title, digits=2):
    return [column(title, 14, lambda row, _: spread(row.get(key), digits)),
            column("ratio", 12, lambda row, first: spread(ratios(row, first, key), 2))]


SEEN = [column("per s", 8, lambda row, _: plain(row.get("rate"))),
        column("p50/p99 ms", 13, lambda row, _: pair(row, ("p50", "p99"), 2))]

TABLES = {
    "time": ("time: a request is a connection, 64 at once",
             cpu_columns("cpu", "CPU µs/request") + SEEN),
    "echo": ("echo: messages of 64 bytes, 50 connections",
             cpu_columns("cpu", "CPU µs/message") + SEEN),
    "idle": ("idle: the same, with 900 idle connections on select and poll, 15,000 on epoll",
             cpu_columns("cpu", "CPU µs/message") + [
                 column("for the idle", 15, lambda row, _: percent(row.get("change"))),
                 column("KiB/connection", 15, lambda row, _: plain(row.get("kib"), 2)),
             ]),
    "counts": ("counts: per message, with 50 connections in lockstep / with 1", [
        column("system calls", 15, lambda row, _: pair(row, ("syscalls 50", "syscalls 1"), 2)),
        column("user instructions", 20,
               lambda row, _: pair(row, ("instructions 50", "instructions 1"))),
        column("allocations", 13, lambda row, _: plain(row.get("allocations"), 2)),
    ]),
    "timers": ("timers: CPU ns to add, cancel and fire one of many", [
        entry for key in ("add", "cancel", "fire") for entry in cpu_columns(key, key, 0)]),
}


def chain_tables(chains):
    """One for each group: they differ in their numbers of pipes."""
    for group, sizes in chains.items():
        columns = []
        for pipes, active in sizes:
            columns += cpu_columns(f"{pipes}/{active}", f"{pipes} / {active}")
        yield group, ("chain: CPU µs per write, of pipes / bytes that travel at once", columns)


def rows_of(group, columns):
    first = next(iter(group.values()))
    for who, row in group.items():
        if "skipped" in row:
            yield f"{who:{WIDTH}} skipped: {row['skipped']}"
        else:
            yield f"{who:{WIDTH}}" + "".join(f"{text(row, first):>{width}}"
                                             for _, width, text in columns)


def table(title, columns, groups):
    lines = ["", title, f"{'':{WIDTH}}" + "".join(f"{name:>{width}}" for name, width, _ in columns)]
    for group in groups:
        lines += [*rows_of(group, columns), ""]
    return "\n".join(lines[:-1])


def text_of(work, groups, chains):
    if work != "chain":
        return table(*TABLES[work], groups.values())
    return "\n".join(table(*described, [groups[group]]) for group, described in chain_tables(chains))
