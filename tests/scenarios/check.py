"""check.py: holds the traces of all scenarios against this library and, where it is there,
CPython's own asyncore."""

import difflib
import functools
import glob
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "programs"))
import tap

REPLAY = os.path.join(os.environ["BUILD"], "tests", "scenarios", "replay")
POLLERS = os.environ["POLLERS"].split()
RECORD = os.path.join(HERE, "record.py")


def contents(file):
    with open(file, encoding="latin-1") as opened:
        return opened.read()


def same(scenario, expected, *command):
    status, trace, errors = tap.run(*command, scenario, encoding="latin-1")
    tap.equal((status, errors), (0, ""))
    if trace != contents(expected):
        raise AssertionError("\n".join(difflib.unified_diff(
            contents(expected).splitlines(), trace.splitlines(), os.path.basename(expected),
            "now", lineterm="")))


def replayed(base, *options):
    same(base + ".scenario", base + ".trace", REPLAY, *options)


def recorded(base):
    # The modules are gone from Python 3.12 on; before, they only complain.
    if not (3, 6) <= sys.version_info < (3, 12):
        raise tap.Skip("this Python has no asyncore")
    exception = base + ".cpython"
    same(base + ".scenario", exception if os.path.exists(exception) else base + ".trace",
         sys.executable, RECORD)


def test_every_exception_is_explained():
    bases = {os.path.splitext(file)[0] for file in glob.glob(os.path.join(HERE, "*.cpython"))}
    tap.equal({os.path.splitext(file)[0] for file in glob.glob(os.path.join(HERE, "*.why"))}, bases)
    for base in bases:
        assert contents(base + ".cpython") != contents(base + ".trace"), base
        assert contents(base + ".why").count("\n") == 1, base


def refuses(line):
    """A line that is none of the language is named, by both."""
    with tempfile.NamedTemporaryFile("w", suffix=".scenario") as file:
        file.write(f"channel C p\n{line}\n")
        file.flush()
        for command in [[REPLAY], [sys.executable, RECORD]]:
            if command[0] != REPLAY and sys.version_info >= (3, 12):
                continue
            status, _, errors = tap.run(*command, file.name)
            tap.equal(status, 2)
            assert f":2: no command: {line}\n" in errors, (line, errors)


def test_what_is_no_command():
    for line in ["frobnicate", "poll x", "poll 1 2", "channel d p", "channel D P", "listener",
                 "q close", "client D M", "dial r C", "on C handle_reed: nothing",
                 "on C handle_read:", "on C handle_read: nothing;", "on C handle_read nothing",
                 "on C handle_read: adopt D", "C", "C super", "C raise ENOTHING", "C recv",
                 "C recv -1", 'C send "a', 'C send "\\q"', 'C send "a"*', "C set readable maybe",
                 "set C reedable true", "close_all now", "poller kqueue", "p send", "p sing",
                 'p send "a" "b"', "loop"]:
        refuses(line)


def test_no_such_poller():
    scenario = os.path.join(HERE, "loop_counts.scenario")
    status, _, errors = tap.run(REPLAY, "--poller", "nonesuch", scenario)
    tap.equal(status, 2)
    tap.equal(errors, f"error: nonesuch: no such poller; there are: {' '.join(POLLERS)}\n")


def tests():
    for file in sorted(glob.glob(os.path.join(HERE, "*.scenario"))):
        base = os.path.splitext(file)[0]
        name = os.path.basename(base)
        yield f"replay {name}", functools.partial(replayed, base)
        for poller in POLLERS:
            yield f"{poller} {name}", functools.partial(replayed, base, "--poller", poller)
        yield f"cpython {name}", functools.partial(recorded, base)
    for name, function in list(globals().items()):
        if name.startswith("test_"):
            yield name, function


if __name__ == "__main__":
    tap.main(tests())
