"""deploy.py - the files that docs/deploy.md shows, for the tests that run them."""

import os
import re
import sys

from others import tap

sys.path.append(os.path.join(os.environ["SOURCE"], "tests"))
import blocks  # noqa: E402


def shown(path):
    """The file that begins with its name, "# /etc/..."."""
    for block in blocks.blocks(os.path.join(os.environ["SOURCE"], "docs", "deploy.md")):
        name, _, text = block.text.partition("\n")
        if name == f"# {path}":
            return text
    raise AssertionError(f"docs/deploy.md does not show {path}")


def put(text, changes):
    """With what stands there put in the place of what is shown: pairs of a pattern and a text."""
    for pattern, replacement in changes:
        text, count = re.subn(pattern, lambda _: replacement, text, flags=re.MULTILINE)
        assert count > 0, f"nothing in it is {pattern}"
    return text.replace("/usr/local/sbin/timed", tap.timed())
