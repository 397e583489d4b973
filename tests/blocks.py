"""blocks.py - what is between the fences of a page, ```LANGUAGE, and how the commands there are typed anew.
As a program, with pages' names, it writes what they print into them.

```console                       commands, after "$ ", and what they print; each block has shells,
                                 servers and ports of its own, and files that are gone afterwards
```sh                            commands alone, each of which must succeed
<!-- varies: REGEX -->           before a block: what else may vary in what it prints
<!-- not run: REASON -->         before a block that a test cannot run
"""

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

PORT = re.compile(r"\b80\d\d\b")
PATIENCE = 120  # seconds for one command
FENCED = re.compile(r"^(?:<!-- (?:varies: (?P<varies>.*)|not run: (?P<not_run>.*)) -->\n)?"
                    r"```(?P<info>\w.*)\n(?P<text>(?:.*\n)*?)```$", re.MULTILINE)
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
        self.not_run = match["not_run"]
        self.language, _, self.file = match["info"].partition(" ")
        self.text = match["text"]
        self.start, self.end = match.span("text")
        self.number = match.string.count("\n", 0, self.start)

    def __str__(self):
        return f"{os.path.basename(self.page)}:{self.number}"


def contents(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def blocks(page, *languages):
    """Those in these languages, or all."""
    found = [Block(page, match) for match in FENCED.finditer(contents(page))]
    return [block for block in found if not languages or block.language in languages]


# ==================================================
# commands


def environment():
    """A user's.  meson would have malloc() write to all that it gives, which then counts as used."""
    return {name: value for name, value in os.environ.items()
            if name != "MALLOC_PERTURB_" and not name.startswith("ASYNCORE_")}


class Shell:
    """A shell that makes the commands of one block, each when all that went before is at rest."""

    END = re.compile("\x1e(\\d+)\n")  # behind what a command has printed: its status

    def __init__(self, commands, directory, prelude):
        steps = [f"{command}\nprintf '\\036%d\\n' $?\nread -r _ <&9" for command in commands]
        coverage = "--coverage" if os.environ.get("COVERAGE") else ""
        prelude += f'\nexec 2>&1\ncc() {{ command {os.environ.get("CC", "cc")} {coverage} "$@"; }}\n'
        proceeds, self.proceed = os.pipe()
        self.process = subprocess.Popen(
            ["bash", "-c", f"exec 9<&{proceeds} {proceeds}<&-\n" + prelude + "\n".join(steps)], cwd=directory,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
            pass_fds=[proceeds], env=environment())
        os.close(proceeds)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.text = ""
        self.status = None

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
        while not (ended := self.END.search(self.text)):
            self.read_what_there_is()
            assert time.monotonic() < end, f"no end, only {self.text!r}"
            time.sleep(0.01)
        self.rest()
        self.read_what_there_is()
        text, self.text = self.END.sub("", self.text), ""
        self.status = int(ended[1])
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
    """The commands of a console, as they are shown."""
    return re.findall(r"^\$ (.*\n(?:> .*\n)*)", block.text, re.MULTILINE)


def directory_with_the_tree():
    """A place with all that the commands name, where what they write may be thrown away."""
    directory = tempfile.TemporaryDirectory(prefix="page-")
    for name in os.listdir(SOURCE):
        if not name.startswith((".", "build")):
            os.symlink(os.path.join(SOURCE, name), os.path.join(directory.name, name))
    return directory


def translate(text, ports):
    return re.sub(r"\b\d{4,5}\b", lambda match: str(ports.get(int(match[0]), match[0])), text)


def typed(commands, directory, prelude=""):
    """What each of the commands prints there, and its status."""
    ports = {int(port): tap.free_port() for command in commands for port in PORT.findall(command)}
    back = {there: here for here, there in ports.items()}
    shell = Shell([translate(command, ports) for command in commands], directory, prelude)
    try:
        for command in commands:
            if re.search(r"&( \w+=\$!)?\n$", command) and (port := PORT.search(command)):
                wait_for_listener(ports[int(port[0])])
            yield translate(shell.output(), back), shell.status
            shell.go_on()
    finally:
        shell.close()


def carry_out(block):
    """The block's text with what its commands print today."""
    steps = steps_of(block)
    with directory_with_the_tree() as directory:
        os.symlink(BUILD, os.path.join(directory, "build"))
        outputs = typed([re.sub(r"^> ", "", command, flags=re.MULTILINE) for command in steps], directory)
        return "".join(f"$ {command}{text}" for (text, _), command in zip(outputs, steps))


def unvaried(block, text):
    for pattern in VARIES + block.varies:
        text = re.sub(pattern, "<varies>", text)
    return text


def agrees(block, text):
    return without_lines(unvaried(block, text)) == without_lines(unvaried(block, block.text))


def without_lines(text):
    """Which line a call of several lines is in, not all compilers say as the one that the pages were
    written with."""
    return text if "clang" not in os.environ.get("CC", "") else re.sub(r"(\w\.c):\d+", r"\1:N", text)


def why_not():
    """Why commands cannot be typed here."""
    if os.environ.get("VALGRIND") or os.environ.get("CROSS"):
        return "another machine, or valgrind, is not what the pages show"
    if os.environ.get("SANITIZE", "none") != "none":
        return "the attacks that they show do not judge memory under sanitizers"
    if not os.path.exists(os.path.join(BUILD, "examples", "echo_server")):
        return "the examples are not built"
    if subprocess.run(["python3", "-W", "ignore", "-c", "import asyncore, asynchat"],
                      stderr=subprocess.DEVNULL, check=False).returncode != 0:
        return "this python3 has no asyncore"
    missing = [name for name in ("bash", "nc", "ps") if shutil.which(name) is None]
    return f"needs {missing[0]}" if missing else None


def check_console(block):
    if why := why_not():
        raise tap.Skip(why)
    text = carry_out(block)
    assert agrees(block, text), f"{block} (tests/blocks.py {block.page} writes it):\n{text}"


def write(page):
    for block in reversed(blocks(page, "console")):
        text = carry_out(block)
        if not agrees(block, text):
            whole = contents(page)
            with open(page, "w", encoding="utf-8") as file:
                file.write(whole[:block.start] + text + whole[block.end:])


if __name__ == "__main__":
    for name in sys.argv[1:]:
        write(name)
