"""The tutorial, docs/tutorial/, says what is so: its listings are parts of the files that they name, and
its commands print what it shows.

```c examples/echo_server.c      lines of that file, in its order; "…" stands for those left out
"""

import functools
import glob
import os
import re

import blocks
from blocks import SOURCE, contents, tap

PAGES = os.path.join(SOURCE, "docs", "tutorial")
ELISION = "…"
PARTS = "The program", "What it prints", "Its trace", "A hostile ", "Exercises"  # of each chapter


def pages():
    return sorted(glob.glob(os.path.join(PAGES, "*.md")))


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


def check_listings(page):
    for block in blocks.blocks(page, "c", "python"):
        check_listing(block)


def check_commands(page):
    for block in blocks.blocks(page, "console"):
        blocks.check_console(block)


def check_parts(page):
    parts = re.findall(r"^## ([\w ]+)", contents(page), re.MULTILINE)
    place = 0
    for part in PARTS:
        places = [n for n in range(place, len(parts)) if parts[n].startswith(part)]
        assert places, f"{page}: no '## {part}...' there, or not in this order"
        place = places[0] + 1
    languages = {block.language for block in blocks.blocks(page, "c", "python", "console")}
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
        yield f"{name} commands", functools.partial(check_commands, page)
        if re.match(r"(?!00)\d\d-", name):
            yield f"{name} parts", functools.partial(check_parts, page)


if __name__ == "__main__":
    tap.main(tests())
