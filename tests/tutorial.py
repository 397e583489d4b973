#!/usr/bin/env python3
"""The tutorial, docs/tutorial/, says what is so: its listings are parts of the files that they name, and
its commands print what it shows.  With --write PAGE... the outputs are written anew.

```c examples/echo_server.c      lines of that file, in its order; "…" stands for those left out
```console                       commands, after "$ ", and what they print; each block has shells,
                                 servers and ports of its own, and files that are gone afterwards
<!-- varies: REGEX -->           before a block: what else may vary in what it prints
"""

import functools
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.setdefault("SOURCE", os.path.dirname(HERE))
BUILD = os.environ.setdefault("BUILD", os.path.join(SOURCE, "build"))
sys.path.insert(0, os.path.join(HERE, "programs"))
import tap  # noqa: E402

PAGES = os.path.join(SOURCE, "docs", "tutorial")
PORT = re.compile(r"\b80\d\d\b")
ELISION = "…"
PARTS = "The program", "What it prints", "Its trace", "A hostile ", "Exercises"  # of each chapter
PATIENCE = 120  # seconds for one command
VARIES = [
    r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d UTC \d{4}",
    r"time difference is -?[01]\b",
    r"offset -?\d+\.\d \+/- \d+\.\d ms, round trip \d+\.\d{3} ms",
    r"beside it \d+\.\d ms, memory (\+\d+ KiB|not judged \(AddressSanitizer\))",
    r"'127\.0\.0\.1', \d+",
    r"127\.0\.0\.1:[3-6]\d{4}\b",
    r"FAILED: it has died: .*",
    r"chaos: \d+ times",
    r"\(\w+\.py:\d+\)",
]


class Block:
    """What is between two fences."""

    def __init__(self, page, match):
        self.page = page
        self.varies = [match["varies"]] if match["varies"] else []
        self.language, _, self.file = match["info"].partition(" ")
        self.text = match["text"]
        self.start, self.end = match.span("text")
        self.number = match.string.count("\n", 0, self.start)

    def __str__(self):
        return f"{os.path.basename(self.page)}:{self.number}"


def contents(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def pages():
    return sorted(glob.glob(os.path.join(PAGES, "*.md")))


def blocks(page, *languages):
    fenced = re.compile(r"^(?:<!-- varies: (?P<varies>.*) -->\n)?"
                        r"```(?P<info>\w.*)\n(?P<text>(?:.*\n)*?)```$", re.MULTILINE)
    found = [Block(page, match) for match in fenced.finditer(contents(page))]
    return [block for block in found if block.language in languages]


# ==================================================
# listings


def check_listing(block):
    assert block.file, f"{block}: of which file is it?"
    lines = contents(os.path.join(SOURCE, block.file)).splitlines()
    place = 0
    for part in re.split(rf"^\s*{ELISION}\n", block.text, flags=re.MULTILINE):
        part = part.splitlines()
        places = [n for n in range(place, len(lines)) if lines[n:n + len(part)] == part]
        missing = next((line for line in part if line not in lines), part[:1])
        assert places, f"{block}: not in {block.file} in this order: {missing!r}"
        place = places[0] + len(part)


# ==================================================
# commands


def environment():
    """A user's.  meson would have malloc() write to all that it gives, which then counts as used."""
    return {name: value for name, value in os.environ.items()
            if name != "MALLOC_PERTURB_" and not name.startswith("ASYNCORE_")}


class Shell:
    """A shell that makes the commands of one block, each when all that went before is at rest."""

    END = "\x1e"  # behind what a command has printed

    def __init__(self, commands, directory):
        steps = [f"{command}\nprintf '{self.END}'\nread -r _ <&9" for command in commands]
        coverage = "--coverage" if os.environ.get("COVERAGE") else ""
        prelude = f'exec 2>&1\ncc() {{ command {os.environ.get("CC", "cc")} {coverage} "$@"; }}\n'
        proceeds, self.proceed = os.pipe()
        self.process = subprocess.Popen(
            ["bash", "-c", f"exec 9<&{proceeds} {proceeds}<&-\n" + prelude + "\n".join(steps)], cwd=directory,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
            pass_fds=[proceeds], env=environment())
        os.close(proceeds)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = ""

    def read(self):
        while data := os.read(self.process.stdout.fileno(), 65536):
            self.text += data.decode(errors="replace")

    def read_what_there_is(self):
        try:
            self.read()
        except BlockingIOError:
            pass

    def switches(self):
        """How often anybody here has been run so far."""
        seen = {}
        for path in glob.glob("/proc/[0-9]*/stat"):
            try:
                fields = contents(path).rsplit(")", 1)[1].split()
                if int(fields[3]) == self.process.pid:
                    seen[path] = re.findall(r"^voluntary_ctxt.*", contents(path + "us"), re.MULTILINE)
            except (FileNotFoundError, ProcessLookupError):
                pass
        return seen

    def rest(self):
        end = time.monotonic() + 1  # some never rest
        seen = None
        while seen != (now := self.switches()) and time.monotonic() < end:
            seen = now
            time.sleep(0.1)

    def output(self):
        """What the command printed, and those in the background since the one before."""
        end = time.monotonic() + PATIENCE
        while self.END not in self.text:
            self.read_what_there_is()
            assert time.monotonic() < end, f"no end, only {self.text!r}"
            time.sleep(0.01)
        self.rest()
        self.read_what_there_is()
        text, self.text = self.text.replace(self.END, ""), ""
        return text

    def go_on(self):
        os.write(self.proceed, b"\n")

    def close(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()
        os.close(self.proceed)


def listens(port):
    with open("/proc/net/tcp", encoding="ascii") as file:
        next(file)
        for line in file:  # which may be a hundred thousand; those who listen come first
            _, local, _, state, *_ = line.split()
            if state != "0A":
                return False
            if local.endswith(f":{port:04X}"):
                return True
    return False


def wait_for_listener(port):
    end = time.monotonic() + tap.PATIENCE
    while not listens(port):
        assert time.monotonic() < end, f"nobody listens on port {port}"
        time.sleep(0.01)


def steps_of(block):
    """Commands, each with the output that is shown."""
    return re.findall(r"^\$ (.*\n(?:> .*\n)*)((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE)


def make_directory():
    """A place with all that the commands name, where what they write may be thrown away."""
    directory = tempfile.mkdtemp(prefix="tutorial-")
    for name in os.listdir(SOURCE):
        if not name.startswith((".", "build")):
            os.symlink(os.path.join(SOURCE, name), os.path.join(directory, name))
    os.symlink(BUILD, os.path.join(directory, "build"))
    return directory


def translate(text, ports):
    return re.sub(r"\b\d{4,5}\b", lambda match: str(ports.get(int(match[0]), match[0])), text)


def carry_out(block):
    """The block's text with what its commands print today."""
    shown = [re.sub(r"^> ", "", command, flags=re.MULTILINE) for command, _ in steps_of(block)]
    ports = {int(port): tap.free_port() for command in shown for port in PORT.findall(command)}
    back = {there: here for here, there in ports.items()}
    commands = [translate(command, ports) for command in shown]
    directory = make_directory()
    shell = Shell(commands, directory)
    text = ""
    try:
        for (command, _), made in zip(steps_of(block), commands):
            if re.search(r"&( \w+=\$!)?\n$", made) and (port := PORT.search(command)):
                wait_for_listener(ports[int(port[0])])
            text += f"$ {command}{translate(shell.output(), back)}"
            shell.go_on()
    finally:
        shell.close()
        shutil.rmtree(directory)
    return text


def unvaried(block, text):
    for pattern in VARIES + block.varies:
        text = re.sub(pattern, "<varies>", text)
    return text


def agrees(block, text):
    return without_lines(unvaried(block, text)) == without_lines(unvaried(block, block.text))


def without_lines(text):
    """Which line a call of several lines is in, not all compilers say as the one that the tutorial was
    written with."""
    return text if "clang" not in os.environ.get("CC", "") else re.sub(r"(\w\.c):\d+", r"\1:N", text)


def why_not():
    """Why commands cannot be made here."""
    if os.environ.get("VALGRIND") or os.environ.get("CROSS"):
        return "another machine, or valgrind, is not what the tutorial shows"
    if os.environ.get("SANITIZE", "none") != "none":
        return "the attacks that it shows do not judge memory under sanitizers"
    if not os.path.exists(os.path.join(BUILD, "examples", "echo_server")):
        return "the examples are not built"
    if subprocess.run(["python3", "-W", "ignore", "-c", "import asyncore, asynchat"],
                      stderr=subprocess.DEVNULL, check=False).returncode != 0:
        return "this python3 has no asyncore"
    missing = [name for name in ("bash", "nc", "ps") if shutil.which(name) is None]
    return f"needs {missing[0]}" if missing else None


def check_console(page):
    if why := why_not():
        raise tap.Skip(why)
    for block in blocks(page, "console"):
        text = carry_out(block)
        assert agrees(block, text), f"{block} (tests/tutorial.py --write {page} writes it):\n{text}"


def write(page):
    for block in reversed(blocks(page, "console")):
        text = carry_out(block)
        if not agrees(block, text):
            whole = contents(page)
            with open(page, "w", encoding="utf-8") as file:
                file.write(whole[:block.start] + text + whole[block.end:])


# ==================================================


def check_listings(page):
    for block in blocks(page, "c", "python"):
        check_listing(block)


def check_parts(page):
    parts = re.findall(r"^## ([\w ]+)", contents(page), re.MULTILINE)
    place = 0
    for part in PARTS:
        places = [n for n in range(place, len(parts)) if parts[n].startswith(part)]
        assert places, f"{page}: no '## {part}...' there, or not in this order"
        place = places[0] + 1
    languages = {block.language for block in blocks(page, "c", "python", "console")}
    assert len(languages) == 3, f"{page}: only {languages}"


def check_links(page):
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", contents(page)):
        if not link.startswith("http"):
            assert os.path.exists(os.path.join(PAGES, link)), f"{page}: {link}"


def tests():
    for page in pages():
        name = os.path.basename(page)[:-len(".md")]
        yield f"{name} listings", functools.partial(check_listings, page)
        yield f"{name} links", functools.partial(check_links, page)
        yield f"{name} commands", functools.partial(check_console, page)
        if re.match(r"(?!00)\d\d-", name):
            yield f"{name} parts", functools.partial(check_parts, page)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--write"]:
        for name in sys.argv[2:] or pages():
            write(name)
    else:
        tap.main(tests())
