"""differences.py: prints docs/differences.md, made from the scenarios that have a NAME.why."""

import difflib
import glob
import os

HERE = os.path.dirname(os.path.abspath(__file__))

HEAD = """# Where the port differs from CPython

Everything that CPython 3.11's `asyncore.poll` and `asynchat` do, this library does, in the same order:
[tests/scenarios](../tests/scenarios/README.md) holds the two against each other. These are all the
differences there are, each a defect of CPython's that is not copied: a scenario, what CPython prints for
it, what this library prints, and why. Lines that only one of them prints are marked.

This page is made by `tests/scenarios/differences.py`, and a test fails when it is not what that prints.
"""


def read(name, ending):
    with open(os.path.join(HERE, f"{name}.{ending}"), encoding="utf-8") as file:
        return file.read().rstrip("\n")


def marked(lines, others):
    """The lines of one trace; those that the other has not, in their order, with a mark."""
    matcher = difflib.SequenceMatcher(None, lines, others, autojunk=False)
    same = {block.a + i for block in matcher.get_matching_blocks() for i in range(block.size)}
    return [("  " if i in same else "* ") + line for i, line in enumerate(lines)]


def side_by_side(left, right):
    cpython, ours = marked(left, right), marked(right, left)
    width = max(len("CPython"), *(len(line) for line in cpython))
    rows = [("CPython".ljust(width), "this library")]
    rows += [("-" * width, "-" * len("this library"))]
    for i in range(max(len(cpython), len(ours))):
        rows.append(((cpython[i] if i < len(cpython) else "").ljust(width),
                     ours[i] if i < len(ours) else ""))
    return "\n".join(f"{a}  {b}".rstrip() for a, b in rows)


def section(name):
    title = name.replace("_", " ").capitalize()
    traces = [read(name, ending).split("\n") for ending in ("cpython", "trace")]
    return f"\n## {title}\n\n{read(name, 'why')}\n\n```text\n{side_by_side(*traces)}\n```\n"


def page():
    names = sorted(os.path.basename(path)[:-4] for path in glob.glob(os.path.join(HERE, "*.why")))
    return HEAD + "".join(section(name) for name in names)


if __name__ == "__main__":
    print(page(), end="")
