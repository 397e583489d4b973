"""sweep.py PROGRAM OBJECT POLLER... [--within PATH...] [--only SCENARIO...]: runs the sweep with every poller, and then
says whether it has reached everything:

  * whatever OBJECT, the library behind the wrappers, calls beside them is in cannot_fail.txt;
  * every call of a wrapper in PROGRAM was made to fail at least once, but for those that
    cannot_be_reached.txt gives reasons for.  Calls are told apart by their lines, for the compiler may
    make several of one.  With --within this is asked of these files and directories alone, with --only
    not at all.
"""

import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.join(HERE, "..", "..")
VALGRIND = ["valgrind", "-q", "--error-exitcode=99"] if os.environ.get("VALGRIND") else []
# What is gone with its function's frame is looked for too.
ENVIRONMENT = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")
               + ":detect_stack_use_after_return=1"}
if VALGRIND:
    ENVIRONMENT["FAULTS_QUICK"] = "1"
# What sanitizers, coverage and the compiler itself put in.
INSTRUMENTS = re.compile(r"__(asan|ubsan|tsan|msan|lsan|sanitizer|gcov|llvm|stack_chk)|_GLOBAL_OFFSET_")
OWN = re.compile(r"(asyncore|asynchat|time|rate_limit)_")
# timed keeps out of its sandbox under a sanitizer, and so does not call what it would.
KEPT_OUT = () if os.environ.get("SANITIZE", "none") == "none" else (
    "dispatchers/timed/landlock.c", "dispatchers/timed/sandbox.c", "dispatchers/timed/seccomp.c")
# Wrapped for other reasons.
NEVER_FAIL = {"exit", "free", "freeaddrinfo", "geteuid"}

number = 0
failures = 0


def line(ok, text):
    global number, failures
    number += 1
    failures += not ok
    print(f"{'ok' if ok else 'not ok'} {number} {text}", flush=True)


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def sweep(program, poller, only):
    done = subprocess.run([*VALGRIND, program, poller, *only], capture_output=True, text=True,
                          env=ENVIRONMENT)
    return poller, done


def relay(poller, done):
    """The program's lines, numbered anew.  Returns where it made calls fail."""
    sites = set()
    complete = False
    for text in done.stdout.splitlines():
        result = re.match(r"(not )?ok \d+ (.*)", text)
        if result:
            line(not result[1], result[2])
        elif text.startswith("# site "):
            sites.add(int(text.split()[2], 16))
        elif text.startswith("1.."):
            complete = True
        else:
            print(text)
            print(f"{poller}: {text}", file=sys.stderr)  # which meson shows
    sys.stderr.write(done.stderr)
    if not complete or (done.returncode != 0 and not failures):
        line(False, f"{poller}: the sweep ended with status {done.returncode}")
    return sites


def known_to_be_unable_to_fail():
    with open(os.path.join(HERE, "cannot_fail.txt"), encoding="utf-8") as file:
        return {text.split()[0] for text in file if text.strip() and not text.startswith("#")}


def check_symbols(program_object):
    undefined = set(output("nm", "-u", "--format=posix", program_object).split())
    symbols = {s.split("@")[0] for s in undefined if len(s) > 1}
    unknown = sorted(s for s in symbols - known_to_be_unable_to_fail()
                     if not s.startswith("__wrap_") and not INSTRUMENTS.match(s) and not OWN.match(s))
    for symbol in unknown:
        print(f"{symbol}(): wrap it (meson.build, wrap_*.c, calls.h), or say in cannot_fail.txt why not",
              file=sys.stderr)
    line(not unknown, "every function that may fail is wrapped")


def all_sites(program):
    """{address that a call returns to: name of what is called}, as the program is linked."""
    sites = {}
    called = None
    for text in output("objdump", "-d", "--no-show-raw-insn", program).splitlines():
        instruction = re.match(r"\s*([0-9a-f]+):\t(\S+)(.*)", text)
        if not instruction:
            continue
        if called:
            sites[int(instruction[1], 16)] = called
        target = re.search(r"<__wrap_(\w+)>$", instruction[3])
        called = target[1] if target and re.match(r"call|bl", instruction[2]) else None
    return {address: name for address, name in sites.items() if name not in NEVER_FAIL}


def base_of(program):
    for text in output("nm", program).splitlines():
        if text.endswith(" __executable_start"):
            return int(text.split()[0], 16)
    return 0


def lines_of(program, addresses):
    texts = output("addr2line", "-e", program, *(hex(a - 1) for a in addresses)).splitlines()
    short = (re.sub(r" \(.*\)$", "", os.path.relpath(t)) for t in texts)
    return dict(zip(addresses, (re.sub(r"^(\.\./)*", "", s) for s in short)))


def unreachable(place):
    """The reason why this line cannot be reached, if there is one."""
    name, number = place.split(":")
    try:
        with open(os.path.join(SOURCE, name), encoding="utf-8") as file:
            text = file.read().splitlines()[int(number) - 1].strip()
    except (OSError, ValueError, IndexError):
        return None
    with open(os.path.join(HERE, "cannot_be_reached.txt"), encoding="utf-8") as file:
        entries = (entry.split("|") for entry in file if entry.count("|") == 2)
        return next((why.strip() for where, what, why in entries
                     if where.strip() == name and what.strip() == text), None)


def check_sites(program, reached, files):
    sites = all_sites(program)
    reached = {address + base_of(program) for address in reached}
    lines = lines_of(program, sorted(sites))
    calls = {(lines[a], name) for a, name in sites.items()
             if (not files or lines[a].startswith(tuple(files))) and not lines[a].startswith(KEPT_OUT)}
    missed = calls - {(lines[a], name) for a, name in sites.items() if a in reached}
    for place, name in sorted(missed):
        why = unreachable(place)
        if why:
            missed.remove((place, name))
            calls.remove((place, name))
            print(f"# {place}: {name}(): {why}")
            continue
        print(f"{place}: {name}() was never made to fail", file=sys.stderr)
    line(calls and not missed,
         f"every call was made to fail: {len(calls) - len(missed)} of {len(calls)}")


def cut(arguments, option):
    """What stands before the option, and what behind it."""
    end = arguments.index(option) if option in arguments else len(arguments)
    return arguments[:end], arguments[end + 1:]


def main(program, program_object, *arguments):
    arguments, names = cut(arguments, "--only")
    pollers, files = cut(arguments, "--within")
    only = ["--only", *names] if names else []
    reached = set()
    if VALGRIND: # which takes its time: memory is used in the same way with all of them
        pollers = pollers[-1:]
    with ThreadPoolExecutor(max_workers=len(pollers)) as pool:
        for poller, done in pool.map(lambda p: sweep(program, p, only), pollers):
            reached |= relay(poller, done)
    check_symbols(program_object)
    # Where coverage is counted timed keeps out of its sandbox, and so does not call all that it might.
    if not only and not VALGRIND and not os.environ.get("COVERAGE"):
        check_sites(program, reached, files)
    print(f"1..{number}")
    sys.exit(1 if failures else 0)


main(*sys.argv[1:])
