"""Every block of every page is run by some test, those of the pages that are neither the tutorial nor README.md
by this one:

```console      its commands print what it shows
```sh           its commands succeed; those of docs/deploy.md where its first ones have installed timed
```c            compiles, and prints what is in the ```text behind it
# /etc/...      the first line of a file: a test asks for it by that name

Where a comment before it says that a block is not run, the options in it are at least those of the programs,
and systemd knows the units.  All of script/ says with --help what it does."""

import functools
import glob
import os
import re
import shlex
import sys
import tempfile

import blocks
from blocks import BUILD, SOURCE, contents, tap

sys.path.append(os.path.join(blocks.HERE, "interop"))
import others  # noqa: E402

DEPLOY = os.path.join(SOURCE, "docs", "deploy.md")
# By a test that makes the whole page anew: tests/programs/test_readme.py.
GENERATED = {os.path.join(SOURCE, "docs", "differences.md"): "text"}
TUTORIAL = ("c", "python", "console")  # what tests/tutorial.py sees to
NOT_OURS = ("README.md", "CHANGELOG.md")  # tests/programs/test_readme.py


def pages():
    found = [name for pattern in ("*.md", "*/*.md", "*/*/*.md") for name in glob.glob(pattern, root_dir=SOURCE)]
    return sorted(os.path.join(SOURCE, name) for name in found if not name.startswith("build"))


def is_tutorial(page):
    return os.path.basename(os.path.dirname(page)) == "tutorial"


def blocks_of(page):
    """Those that are this test's."""
    others_do = TUTORIAL if is_tutorial(page) else GENERATED.get(page, ())
    return [block for block in blocks.blocks(page) if block.language not in others_do]


# ==================================================
# each is somebody's
# ==================================================

def check_fences(page):
    """None is overlooked: all are fenced as tests know them."""
    fences = re.findall(r"^\s*(?:```|~~~).*$", contents(page), re.MULTILINE)
    tap.equal(len(fences), 2 * len(blocks.blocks(page)))


def check_file(block, path):
    tests = [contents(name) for name in glob.glob(os.path.join(SOURCE, "tests", "interop", "*.py"))]
    # Those are all read by tests/programs/test_packaging.py.
    is_drop_in = re.fullmatch(r"/etc/systemd/system/timed\.\w+\.d/\S+", path) and block.language == "ini"
    assert is_drop_in or any(f'shown("{path}")' in text for text in tests), f"{block}: no test runs {path}"


def check_tested(page):
    before = None
    for block in blocks_of(page):
        if path := re.match(r"# (/etc/\S+)\n", block.text):
            check_file(block, path[1])
        else:
            printed = block.language == "text" and before and before.language == "c"
            assert printed or block.language in CHECKS, f"{block}: no test runs {block.language}"
        before = block


# ==================================================
# shells
# ==================================================

def needs(*programs):
    """Those that the commands begin with must be there."""
    if why := blocks.why_not():
        raise tap.Skip(why)
    for name in programs:
        others.program(name)


def succeed(text, directory, prelude):
    commands = OTHER_MACHINE if ELSEWHERE in text else []
    commands = commands + [line + "\n" for line in text.splitlines()]
    for (output, status), command in zip(blocks.typed(commands, directory, prelude), commands):
        assert status == 0, f"{command}{output}"


# What is installed is so below root/, without the tests and examples, which would take minutes, and the other
# machine is this one.
PRELUDE = """
export DESTDIR=$PWD/root PATH=$PWD/root/usr/local/bin:$PWD/root/usr/local/sbin:$PATH:/usr/lib/nagios/plugins
sudo() { "$@"; }
systemctl() { echo "that is this machine's"; false; }
meson() {
    [ "$1" != setup ] || set -- "$@" -Dtests=disabled -Dexamples=disabled
    command meson "$@"
}
"""
ELSEWHERE = "time.example.net"
OTHER_MACHINE = [
    f'check_time() {{ command check_time "${{@/{ELSEWHERE}/127.0.0.1}}" -p 8037; }}\n',
    f'timec() {{ command timec "${{@/{ELSEWHERE}/127.0.0.1:8037}}"; }}\n',
    "timed --port 8037 --address 127.0.0.1 &\n",
]


@functools.cache
def installed():
    """A directory with what the first commands of docs/deploy.md make, once for all tests."""
    needs("meson", "ninja")
    directory = blocks.directory_with_the_tree()
    block = next(block for block in blocks.blocks(DEPLOY, "sh") if "meson install" in block.text)
    succeed(block.text, directory.name, PRELUDE)
    return directory


def check_sh(block):
    if block.not_run:
        check_not_run(block)
    elif block.page != DEPLOY:
        raise AssertionError(f"{block}: where is it to be run?")
    else:
        needs(*programs_of(block))
        succeed(block.text, installed().name, PRELUDE)


# ==================================================
# what is not run
# ==================================================

def words_of(block):
    """The commands, each as its words, without sudo."""
    for line in block.text.splitlines():
        words = shlex.split(line, comments=True)
        while words and (words[0] == "sudo" or re.match(r"\w+=", words[0])):
            words = words[1:]
        if words:
            yield words


def programs_of(block):
    return [words[0] for words in words_of(block) if words[0] not in ("timed", "timec")]


def path_of(name):
    """Of a program of ours, or in the tree, or another's."""
    ours = {"timed": tap.timed(), "timec": tap.timec()}
    if name in ours:
        return ours[name]
    path = os.path.join(SOURCE, name)
    return path if os.path.exists(path) else others.program(name)


def check_not_run(block):
    status, _, err = tap.run("sh", "-nc", block.text)
    tap.equal((status, err), (0, ""))
    for program, *arguments in words_of(block):
        options = {word.split("=")[0] for word in arguments if word.startswith("-")}
        path = path_of(program)
        usage = contents(os.path.join(SOURCE, "meson_options.txt")).replace("option('", " -D")
        if options - set(re.findall(r"-D\w+", usage)):
            _, *output = tap.run(path, "--help")
            usage += "".join(output)
        for option in options:
            assert re.search(rf"(?<![\w-]){option}\b", usage), f"{block}: {program} has no {option}"
        if program == "systemctl":
            check_systemctl(*arguments)


def check_systemctl(verb, *arguments):
    """It enables the units that are installed, below a root of their own."""
    units = [name for name in arguments if "." in name]
    for name in units:
        assert os.path.exists(os.path.join(SOURCE, "packaging", name + (".in" if "service" in name else ""))), name
    if verb == "enable":
        status, _, err = tap.run("systemctl", "--root", os.path.join(installed().name, "root"), verb, *units)
        assert status == 0, err


# ==================================================
# programs
# ==================================================

def check_c(block):
    """What it prints is in the block behind it."""
    following = next((other for other in blocks.blocks(block.page) if other.start > block.end), None)
    assert following and following.language == "text", f"{block}: what does it print?"
    with tempfile.TemporaryDirectory(dir=BUILD) as directory:
        program = os.path.join(directory, "program")
        port = tap.free_port()
        with open(program + ".c", "w", encoding="utf-8") as file:
            file.write(blocks.PORT.sub(str(port), block.text))
        tap.compile_c(program + ".c", program)
        status, out, err = tap.run(program, tidy=False)
        out = out.replace(directory + "/", "").replace(str(port), blocks.PORT.search(following.text)[0])
    tap.equal((status, err), (0, ""))
    assert blocks.agrees(following, out), f"{following}: it prints\n{out}"


CHECKS = {"c": check_c, "console": blocks.check_console, "sh": check_sh}


# ==================================================

def check_paths(page):
    """The files that the text names are there."""
    for path in re.findall(r"`((?:\.ci|dispatchers|docs|examples|include|packaging|script|src|tests)/[\w./-]+)",
                           contents(page)):
        assert glob.glob(os.path.join(SOURCE, path.replace("NAME", "*"))), f"{page}: {path}"


def check_help(script):
    """It says what it does, and does nothing."""
    status, out, err = tap.run(script, "--help")
    tap.equal((status, err), (0, ""))
    assert re.match(rf"(?:usage: )?{os.path.basename(script)}\b", out), out


def tests():
    for script in sorted(glob.glob(os.path.join(SOURCE, "script", "*"))):
        if os.path.isfile(script) and not script.endswith("/timed"):  # that one is to be built first
            yield f"{os.path.relpath(script, SOURCE)} --help", functools.partial(check_help, script)
    for page in pages():
        name = os.path.relpath(page, SOURCE)
        yield f"{name} fences", functools.partial(check_fences, page)
        yield f"{name} paths", functools.partial(check_paths, page)
        if name in NOT_OURS:
            continue
        yield f"{name} all have a test", functools.partial(check_tested, page)
        for block in blocks_of(page):
            if block.language in CHECKS:
                first = block.text.splitlines()[0].replace("#", "")
                yield f"{name} {block.language}: {first}", functools.partial(CHECKS[block.language], block)


if __name__ == "__main__":
    tap.main(tests())
