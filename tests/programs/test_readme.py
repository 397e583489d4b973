"""The README's programs and commands do what it says."""

import contextlib
import os
import re
import signal
import sys
import tempfile

import tap
from tap import Program, connect, equal, matches, receive

SOURCE, BUILD = os.environ["SOURCE"], os.environ["BUILD"]
sys.path.append(os.path.join(SOURCE, "tests"))
import blocks  # noqa: E402
import mdoc  # noqa: E402

README_MD = os.path.join(SOURCE, "README.md")
README = blocks.contents(README_MD)


def texts(language):
    return [block.text for block in blocks.blocks(README_MD, language)]


def test_all_blocks_are_known():
    """Each is a test's below."""
    languages = [block.language for block in blocks.blocks(README_MD)]
    equal(sorted(languages), ["c", "cmake", "console", "cpp", "meson", "sh", "sh"])


def test_commands_come_first():
    """They install what is missing, and make all tests: who does that has tried them."""
    matches(texts("sh")[0], r"script/timed +#[^\n]*\nscript/test +#[^\n]*\n")
    for command in ("script/timed", "script/test", "script/bench", "script/lint", "script/analyze",
                    "script/builds", "script/abi", "script/deb"):
        assert command in README
        assert os.access(os.path.join(SOURCE, command), os.X_OK), command


@contextlib.contextmanager
def time_server():
    """A directory with its source, and the port that it is changed to."""
    code, = texts("c")
    port = tap.free_port()
    equal(code.count("8037"), 1)
    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        with open(os.path.join(directory, "time_server.c"), "w", encoding="utf-8") as file:
            file.write(code.replace("8037", str(port)))
        yield directory, port


def test_time_server():
    """The C program: extracted, compiled, run on a free port, and asked."""
    code, = texts("c")
    lines = [line for line in code.splitlines() if line.strip()]
    assert len(lines) <= 28, f"{len(lines)} lines"
    with time_server() as (directory, port):
        program = os.path.join(directory, "time_server")
        tap.compile_c(program + ".c", program)
        server = Program(program, tidy=False)
        for _ in range(3):
            tap.is_the_time(receive(tap.connect_when_up(port)))
        peer = connect(port)
        tap.reset(peer)
        tap.is_the_time(receive(connect(port)))
        equal(server.stop(), -signal.SIGTERM)


def test_time_server_compiled_as_shown():
    """With the library as it is before its installation."""
    if why := blocks.why_not():
        raise tap.Skip(why)
    prelude = f"export PKG_CONFIG_PATH={BUILD}/meson-uninstalled LD_LIBRARY_PATH={BUILD}/src"
    with time_server() as (directory, port):
        commands = [texts("sh")[1], "./time_server &\n", f"{tap.timec()} 127.0.0.1:{port}\n"]
        outputs = blocks.typed(commands, directory, prelude)
        equal(next(outputs), ("", 0))
        equal(next(outputs), ("", 0))
        tap.connect_when_up(port).close()
        text, status = next(outputs)
        outputs.close()
        assert status == 0 and re.search(r"^time difference is -?[01]$", text, re.MULTILINE), text


def test_builds():
    """What it says to meson, CMake and C++ is part of what test_install.py builds."""
    for language, name in ("meson", "meson.build"), ("cmake", "CMakeLists.txt"), ("cpp", "echo_server.cpp"):
        block, = texts(language)
        with open(os.path.join(SOURCE, "tests", "outside", name), encoding="utf-8") as file:
            assert block in file.read(), block


def test_timec_as_shown():
    command, *lines = texts("console")[0].splitlines()
    equal(command, "$ build/dispatchers/timec 127.0.0.1:8037")
    server = tap.Timed()
    _, out, _ = tap.run(tap.timec(), f"127.0.0.1:{server.port}")
    for text in out, "\n".join(lines) + "\n":
        matches(text, r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d UTC \d{4}\ntime difference is -?\d+\n"
                      r"offset -?\d+\.\d \+/- \d+\.\d ms, round trip \d+\.\d{3} ms\n")


def test_links():
    for link in re.findall(r"\]\(([^)]*)\)", README):
        assert os.path.exists(os.path.join(SOURCE, link.partition("#")[0])), link


def test_names():
    """Every function that the README names is in the headers."""
    headers = mdoc.headers()
    for name in set(re.findall(r"\basync(?:ore|hat)_\w+", README)):
        if not re.search(rf"\b{name}\b", headers):
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
