"""The manual pages are right: each public name of the headers has one, with its prototype and its errors; what
they refer to is there; mandoc finds nothing; and their examples compile, run, and print what they should."""

import functools
import os
import re
import select
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "programs"))
import mdoc  # noqa: E402
import tap  # noqa: E402

TOPICS = {"asyncore", "asynchat", "asyncore_trace"}
PROGRAMS = {"timec", "timed"}
WARNINGS = ("-Wpedantic", "-Wshadow", "-Wconversion", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wvla")
# Of manuals of others, which need not be installed here.
OTHERS = re.compile(r".*: referenced manual not found: Xr .*|mandoc: outdated mandoc\.db .*")

PAGES = mdoc.pages()
DECLARATIONS = {declaration.name: declaration for declaration in mdoc.declarations()}
NAMES = {(name, page.section) for page in PAGES for name in page.names}


def public_names():
    """Each has a page, and only one; and a page has no others."""
    has = [name for page in PAGES for name in page.names]
    public = set(DECLARATIONS) | set(mdoc.types())
    more_than_once = {name for name in has if has.count(name) > 1}
    tap.equal((public - set(has), set(has) - public - TOPICS - PROGRAMS, more_than_once), (set(), set(), set()))


def constants():
    text = "".join(page.text for page in PAGES)
    missing = [name for name in mdoc.constants() if not re.search(rf"\b{name}\b", text)]
    tap.equal(missing, [])


def the_map():
    """asyncore(7) refers to all pages."""
    page, = (page for page in PAGES if page.file == "asyncore.7")
    tap.equal({(page.title, page.section) for page in PAGES} - page.references(), {("asyncore", "7")})


def names(page):
    assert page.title in page.names, page.names
    assert page.text.startswith(".Dd ") and f"\n.Dt {page.title.upper()} {page.section}\n" in page.text


def prototypes(page):
    declared = {name: DECLARATIONS[name].text for name in page.names if name in DECLARATIONS}
    tap.equal(page.prototypes(), declared)
    whole = mdoc.without_comments(mdoc.headers())
    for _, text in page.displays("SYNOPSIS"):
        for part in text.split("\n\n"):
            assert mdoc.one_line(part) in whole, part


def errors(page):
    for name in page.names:
        missing = DECLARATIONS[name].errors() - page.errors() if name in DECLARATIONS else set()
        assert not missing, f"{name} may return {', '.join(sorted(missing))}"


def sections(page):
    """What a reader looks for is where it is on every page."""
    wanted = ["NAME", "SYNOPSIS", "DESCRIPTION", "RETURN VALUES", "EXAMPLES", "PYTHON", "SEE ALSO"]
    tap.equal([title for title in page.sections if title in wanted], wanted)


def references(page):
    ours = {(name, section) for name, section in page.references()
            if name.startswith(("asyncore", "asynchat")) or name in PROGRAMS}
    tap.equal(ours - NAMES, set())


def lint(page):
    if shutil.which("mandoc") is None:
        raise tap.Skip("mandoc is not installed")
    _, out, err = tap.run("mandoc", "-T", "lint", "-W", "style", os.path.join(mdoc.SOURCE, page.path))
    found = [line for line in (out + err).splitlines() if not OTHERS.fullmatch(line)]
    tap.equal(found, [])


def literals(page):
    """Nothing is left in a display that troff makes a typographer's character of."""
    displays = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$", page.text, re.M | re.S)
    for text in displays if page.path.startswith("docs/man/") else []:
        assert not re.search(r"['`^~]", text), text


# --------------------------------------------------------------------------------------------------
# examples


def compiled(directory, page, code):
    program = os.path.join(directory, page.title)
    with open(program + ".c", "w", encoding="ascii") as file:
        file.write(code)
    tap.compile_c(program + ".c", program, *WARNINGS, "-pthread")
    return program


def any_descriptor(text):
    return re.sub(r"\b(descriptor|fd) \d+", r"\1 N", text)


def examples(page):
    """Each program of the page; what it prints is the display behind it."""
    displays = list(page.displays("EXAMPLES"))
    programs = [i for i, (_, text) in enumerate(displays) if "int main(" in text]
    assert programs, "there is none"
    for i in programs:
        intro, expected = displays[i + 1]
        tap.equal(intro, "It prints")
        with tempfile.TemporaryDirectory(dir=os.environ["BUILD"]) as directory:
            program = compiled(directory, page, displays[i][1])
            status, out, _ = tap.run(program, tidy=False)
            out = out.replace(os.path.join(directory, ""), "")
            tap.equal((status, any_descriptor(out)), (0, any_descriptor(expected)))


def echo_server(page):
    """The one that runs until it is stopped: on a free port, it sends back what it is sent."""
    (_, code), = page.displays("EXAMPLES")
    port = tap.free_port()
    tap.equal(code.count("8007"), 1)
    with tempfile.TemporaryDirectory(dir=os.environ["BUILD"]) as directory:
        tap.Program(compiled(directory, page, code.replace("8007", str(port))), tidy=False)
        for data in b"once", bytes(1000000):
            peer = tap.connect_when_up(port)
            peer.setblocking(False)
            tap.equal(exchange(peer, data), data)
            peer.close()


def exchange(peer, data):
    """Sends all of it, and receives as much meanwhile."""
    answer = b""
    sent = 0
    while len(answer) < len(data):
        readable, writable, _ = select.select([peer], [peer] if sent < len(data) else [], [], tap.PATIENCE)
        assert readable or writable, f"{len(answer)} bytes of {len(data)}"
        if writable:
            sent += peer.send(data[sent:])
        if readable:
            part = peer.recv(65536)
            assert part, "it has closed"
            answer += part
    return answer


# --------------------------------------------------------------------------------------------------


def checks(page):
    yield names
    yield references
    yield literals
    yield lint
    if page.section == "3":
        yield from (sections, prototypes, errors, examples)
    if page.file == "asyncore.7":
        yield echo_server


def tests():
    for check in public_names, constants, the_map:
        yield check.__name__, check
    for page in PAGES:
        for check in checks(page):
            yield f"{page.file} {check.__name__}", functools.partial(check, page)


if __name__ == "__main__":
    tap.main(tests())
