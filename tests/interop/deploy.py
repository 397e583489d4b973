"""deploy.py - the files that docs/deploy.md shows, for the tests that run them."""

import os
import re

from others import tap


def shown(path):
    """The file that begins with its name, "# /etc/..."."""
    with open(os.path.join(os.environ["SOURCE"], "docs", "deploy.md"), encoding="utf-8") as file:
        found = re.search(rf"^```\w+\n# {re.escape(path)}\n(.*?)^```$", file.read(),
                          re.DOTALL | re.MULTILINE)
    assert found, f"docs/deploy.md does not show {path}"
    return found[1]


def put(text, changes):
    """With what stands there put in the place of what is shown: pairs of a pattern and a text."""
    for pattern, replacement in changes:
        text, count = re.subn(pattern, lambda _: replacement, text, flags=re.MULTILINE)
        assert count > 0, f"nothing in it is {pattern}"
    return text.replace("/usr/local/sbin/timed", tap.timed())
