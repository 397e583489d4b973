"""What was measured, as tables and as JSON.

The results: {"machine": ..., "rounds": N, "works": {work: {group: {contender: row}}}}, where a row
is {quantity: [of each round]}, or {"skipped": why}.
"""
import json
from statistics import median

LABEL = 30


def mad(numbers):
    """The median of the distances from the median."""
    middle = median(numbers)
    return median(abs(number - middle) for number in numbers)


def ratios(row, first, key):
    """To the first contender of the group, in the same round."""
    return [number / other for number, other in zip(row.get(key, []), first.get(key, []))]


# ==================================================
# columns: a title, a width, and what makes the text of a row and the first row of its group
# ==================================================

def spread(numbers, digits=2, scale=1):
    if not numbers:
        return "-"
    text = f"{scale * median(numbers):.{digits}f}"
    return text + (f" ±{scale * mad(numbers):.{digits}f}" if len(numbers) > 1 else "")


def cpu(key, title, digits=2):
    return [(title, 13, lambda row, _: spread(row.get(key), digits)),
            ("ratio", 12, lambda row, first: spread(ratios(row, first, key)))]


def plain(title, width, digits, *keys):
    def text(row, _):
        numbers = [row.get(key) for key in keys]
        return "/".join(f"{median(n):.{digits}f}" if n else "-" for n in numbers)
    return title, width, text


SEEN = [plain("per s", 8, 0, "rate"), plain("p50/p99 ms", 12, 2, "p50", "p99")]
TIME_COUNTS = [plain("calls", 7, 2, "calls"), plain("instr.", 8, 0, "instructions"),
               plain("malloc", 8, 2, "allocations")]
ECHO_COUNTS = [plain("calls", 10, 2, "calls 50", "calls 1"),
               plain("instr.", 10, 0, "instructions 50", "instructions 1"),
               plain("malloc", 8, 2, "allocations")]
KIB = [plain("KiB", 7, 2, "kib")]
INSTRUCTIONS = [column for key in ("instructions 50", "instructions 1")
                for column in (plain(key, 18, 1, key),
                               ("ratio", 8, lambda row, first, key=key: spread(ratios(row, first, key), 3)))]
IDLE = [("for the idle, %", 17, lambda row, _: spread(row.get("change"), 1, 100))]

TIME = [("time", cpu("cpu", "CPU µs") + SEEN), ("time counts", TIME_COUNTS)]
UDP = [("time udp", cpu("cpu", "CPU µs") + SEEN), ("time udp counts", TIME_COUNTS)]
ECHO = [("echo", cpu("cpu", "CPU µs") + SEEN), ("echo counts", ECHO_COUNTS), ("idle", KIB)]


TRACE = [("trace", cpu("cpu", "CPU µs")), ("trace counts", INSTRUCTIONS)]
TRACE_LIMIT = 1.01  # of the instructions, while nobody looks


# ==================================================
# tables: a title, columns, and groups of rows
# ==================================================

def combined(title, parts, works):
    """All that was measured of the same servers, beside each other."""
    columns, groups = [], {}
    for work, more in parts:
        if work not in works:
            continue
        columns += more
        for group, rows in works[work].items():
            for who, row in rows.items():
                mine = groups.setdefault(group, {}).setdefault(who, {})
                # Of the idle work the memory alone: its times have a table of their own.
                mine.update({key: row[key] for key in row if work != "idle" or key == "kib"})
    if columns:
        yield title, columns, groups


def tables(results):
    works = results["works"]
    yield from combined("Time: requests by RFC 868, 64 at once", TIME, works)
    yield from combined("Time over UDP: the same, from 64 sockets", UDP, works)
    yield from combined("Echo: messages of 64 bytes, 50 connections", ECHO, works)
    yield from combined("The trace: echo by a dispatcher, and by a dispatcher_with_send", TRACE, works)
    for group, rows in works.get("idle", {}).items():
        yield (f"The same echo, and {results['idle'][group]:,} idle connections",
               cpu("cpu", "CPU µs") + IDLE, {group: rows})
    for group, rows in works.get("chain", {}).items():
        keys = [f"{pipes}/{active}" for pipes, active in results["chains"][group]]
        yield ("Chain: one write to the next pipe, of pipes/bytes that travel at once, CPU µs",
               [column for key in keys for column in cpu(key, key)], {group: rows})
    if "timers" in works:
        yield (f"Timers: one of {results['timers']:,}, CPU ns",
               [column for key in ("add", "cancel", "fire") for column in cpu(key, key, 0)],
               works["timers"])


NOTES = """\
ratio: to the first of its group, in the same round.
per s, p50/p99: mostly the load's own limit.
calls, instr., malloc: system calls, user-space instructions and allocations for each message;
the echo's are of 50 connections in lockstep / of 1.
KiB: resident, for each idle connection.

Versions, and bytes of what their users keep:"""


def lines_of(columns, rows):
    first = next(iter(rows.values()))
    for who, row in rows.items():
        if "skipped" in row:
            yield f"{who:{LABEL}} skipped: {row['skipped']}"
        else:
            yield f"{who:{LABEL}}" + "".join(f"{text(row, first):>{width}}"
                                             for _, width, text in columns)


def text_of(results):
    lines = []
    for title, columns, groups in tables(results):
        lines += [title, " " * LABEL + "".join(f"{name:>{width}}" for name, width, _ in columns)]
        for rows in groups.values():
            lines += [*lines_of(columns, rows), ""]
    if results["rounds"] > 1:
        lines.append(f"Medians of {results['rounds']} rounds, ± the median absolute deviation.")
    return "\n".join([*lines, NOTES, *results["contenders"]])


def trace_costs_too_much(results):
    """Where the trace that is off has more instructions than it may, as text."""
    for group, rows in results["works"].get("trace counts", {}).items():
        off = rows["off"]
        for key in off:
            ratio = median(ratios(off, rows["not built in"], key))
            if ratio > TRACE_LIMIT:
                return f"{group}, {key}: the trace costs {ratio:.3f} while it is off; {TRACE_LIMIT} is the limit"
    return None


# ==================================================
# JSON
# ==================================================

def row_json(row):
    return {key: value if key == "skipped" else [float(f"{number:.4g}") for number in value]
            for key, value in row.items()}


def json_of(results):
    """Indented, but for the rows, which have a line each."""
    rows = []

    def mark(row):
        rows.append(json.dumps(row_json(row)))
        return f"row {len(rows) - 1}"

    works = {work: {group: {who: mark(row) for who, row in members.items()}
                    for group, members in groups.items()}
             for work, groups in results["works"].items()}
    text = json.dumps({**results, "works": works}, indent=1, ensure_ascii=False)
    for number, row in enumerate(rows):
        text = text.replace(f'"row {number}"', row, 1)
    return text + "\n"
