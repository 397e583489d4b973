"""script/docs makes pages whose links lead somewhere: to another of them, to a place in one, or into the tree."""

import functools
import glob
import html.parser
import os
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(HERE, "programs"))
import mdoc  # noqa: E402
import tap  # noqa: E402

DOCS = os.path.join(SOURCE, "script", "docs")


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.path = path
        self.links, self.places = [], set()
        with open(path, encoding="utf-8") as file:
            self.feed(file.read())

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.links += [attributes[name] for name in ("href", "src") if name in attributes]
        self.places.add(attributes.get("id"))


def made(directory, *what):
    """The pages that are made there, by their paths.  It is as deep in the tree as docs/."""
    status, _, err = tap.run(DOCS, "--output", directory, *what)
    tap.equal((status, err), (0, ""))
    files = [os.path.join(root, name) for root, _, names in os.walk(directory) for name in names]
    return {path: Page(path) for path in files if path.endswith(".html")}


def check_link(pages, page, link):
    path, _, place = link.partition("#")
    target = os.path.normpath(os.path.join(os.path.dirname(page.path), path)) if path else page.path
    assert os.path.exists(target), f"{page.path}: {link}"
    assert not place or place in pages[target].places, f"{page.path}: {link}"


def linked(what, program, expected, others=()):
    """Makes these pages, to which the index leads, and the others."""
    if shutil.which(program) is None:
        raise tap.Skip(f"{program} is not installed")
    with tempfile.TemporaryDirectory(prefix="build-docs-", dir=SOURCE) as directory:
        pages = made(directory, what)
        index = pages[os.path.join(directory, "index.html")]
        tap.equal({os.path.relpath(path, directory) for path in pages}, {*expected, *others, "index.html"})
        tap.equal(set(expected) - set(index.links), set())
        for page in pages.values():
            for link in page.links:
                if ":" not in link:
                    check_link(pages, page, link)


def usage():
    with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as file:
        assert "`script/docs`" in file.read()
    status, out, _ = tap.run(DOCS, "--help")
    assert status == 0 and "[man | text]" in out, out
    status, out, err = tap.run(DOCS, "nonsense")
    assert (status, out) == (2, "") and "[man | text]" in err, err


def tests():
    files = [f"man/{page.file}.html" for page in mdoc.pages()]
    names = [f"man/{name}.{page.section}.html" for page in mdoc.pages() for name in page.names]
    texts = [name[:-3] + ".html" for name in glob.glob("**/*.md", root_dir=os.path.join(SOURCE, "docs"),
                                                       recursive=True)]
    yield "usage", usage
    yield "manual pages", functools.partial(linked, "man", "mandoc", files, names)
    yield "text", functools.partial(linked, "text", "pandoc", texts)


if __name__ == "__main__":
    tap.main(tests())
