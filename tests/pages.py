"""The tests that the pages in docs/ name as proof are there, and each row names one."""

import functools
import glob
import os
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(HERE, "programs"))
import tap  # noqa: E402

PAGES = ("pitfalls.md", "differences.md")
SAME_SOURCE = {"select_limit": "select"}  # built in another way


def contents(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def names_of(suite):
    """The tests of a suite; of one of tests/check_*.c those that are also run."""
    if suite == "scenarios":
        files = glob.glob(os.path.join(HERE, "scenarios", "*.scenario"))
        return {os.path.splitext(os.path.basename(file))[0] for file in files}
    if suite == "hostile":
        files = glob.glob(os.path.join(HERE, "hostile", "*.py"))
        return {os.path.basename(file)[:-3] for file in files} - {"run"}
    if suite == "faults":
        return set(re.findall(r'^    \{"(\w+)", scenario_', contents("tests", "faults",
                                                                      "sweep_library.c"), re.M))
    text = contents("tests", f"check_{SAME_SOURCE.get(suite, suite)}.c")
    written = set(re.findall(r"^START_TEST\(test_(\w+)\)", text, re.M))
    run = set(re.findall(r"tcase_add_(?:loop_)?test\(\w+, test_(\w+)", text))
    return written & run


def rows(page):
    """What is named in the last column of each row of the tables: (suite or file, tests)."""
    lines = contents("docs", page).splitlines()
    for line, following in zip(lines, lines[1:] + [""]):
        cells = line.strip("| ").split(" | ")
        is_head = following.startswith("|--") or line.startswith("|--")
        if line.startswith("|") and len(cells) > 2 and not is_head:
            named = re.findall(r"`([\w./]+)`(?:: ([\w, ]+))?", cells[-1])
            yield cells[0], [(name, re.findall(r"\w+", tests)) for name, tests in named]


def check(named):
    assert named, "no test is named"
    for name, tests in named:
        if "/" in name:
            assert os.path.exists(os.path.join(SOURCE, name)), f"no file {name}"
            continue
        missing = set(tests) - names_of(name)
        assert not missing, f"{name} has no {', '.join(sorted(missing))}"


def tests():
    for page in PAGES:
        for title, named in rows(page):
            yield f"{page} {title}".replace("#", "no. "), functools.partial(check, named)


if __name__ == "__main__":
    tap.main(tests())
