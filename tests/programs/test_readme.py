"""The README's programs and commands do what it says."""

import os
import re
import signal
import sys
import tempfile

import tap
from tap import Program, connect, equal, matches, receive

SOURCE, BUILD = os.environ["SOURCE"], os.environ["BUILD"]

with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
    README = file.read()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_commands_come_first():
    matches(blocks("sh")[0], r"script/timed +#[^\n]*\nscript/test +#[^\n]*\n")
    for command in ("script/timed", "script/test", "script/bench", "script/lint", "script/analyze",
                    "script/builds", "script/abi", "script/deb"):
        assert command in README
        assert os.access(os.path.join(SOURCE, command), os.X_OK), command


def test_time_server():
    """The C program: extracted, compiled, run on a free port, and asked."""
    code, = blocks("c")
    port = tap.free_port()
    equal(code.count("8037"), 1)
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 28, f"{len(lines)} lines"
    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        source = os.path.join(directory, "time_server.c")
        program = os.path.join(directory, "time_server")
        with open(source, "w", encoding="utf-8") as file:
            file.write(code.replace("8037", str(port)))
        tap.compile_c(source, program)
        server = Program(program, tidy=False)
        for _ in range(3):
            tap.is_the_time(receive(tap.connect_when_up(port)))
        peer = connect(port)
        tap.reset(peer)
        tap.is_the_time(receive(connect(port)))
        equal(server.stop(), -signal.SIGTERM)


def test_builds():
    """What it says to meson, CMake and C++ is part of what test_install.py builds."""
    for language, name in ("meson", "meson.build"), ("cmake", "CMakeLists.txt"), ("cpp", "echo_server.cpp"):
        block, = blocks(language)
        with open(os.path.join(SOURCE, "tests", "outside", name), encoding="utf-8") as file:
            assert block in file.read(), block


def test_timec_as_shown():
    command, *lines = blocks("console")[0].splitlines()
    equal(command, "$ build/dispatchers/timec 127.0.0.1:8037")
    server = tap.Timed()
    _, out, _ = tap.run(tap.timec(), f"127.0.0.1:{server.port}")
    for text in out, "\n".join(lines) + "\n":
        matches(text, r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d UTC \d{4}\ntime difference is -?\d+\n"
                      r"offset -?\d+\.\d \+/- \d+\.\d ms, round trip \d+\.\d{3} ms\n")


def test_links():
    for link in re.findall(r"\]\(([^)]*)\)", README):
        assert os.path.exists(os.path.join(SOURCE, link)), link


def test_names():
    """Every function that the README names is in the headers."""
    header = ""
    for name in "asyncore.h", "asynchat.h":
        with open(os.path.join(SOURCE, "include", name), encoding="utf-8") as file:
            header += file.read()
    for name in set(re.findall(r"\basync(?:ore|hat)_\w+", README)):
        if not re.search(rf"\b{name}\b", header):
            assert os.path.exists(os.path.join(SOURCE, "examples", name + ".c")), name


def test_differences_are_those_of_the_scenarios():
    program = os.path.join(SOURCE, "tests", "scenarios", "differences.py")
    _, out, _ = tap.run(sys.executable, program)
    with open(os.path.join(SOURCE, "docs", "differences.md"), encoding="utf-8") as file:
        equal(file.read(), out)


def test_manual_pages_know_all_options():
    for program, page in (tap.timed(), "timed.8"), (tap.timec(), "timec.1"):
        _, usage, _ = tap.run(program, "--help")
        with open(os.path.join(SOURCE, "docs", page), encoding="utf-8") as file:
            text = file.read()
        for short, long in re.findall(r"^  -(\w), --([\w-]+)", usage, re.MULTILINE):
            assert f"Fl {short}" in text and f"Fl -{long}" in text, (page, long)


tap.main()
