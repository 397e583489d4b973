"""What programs rely on that were built with the library is as it was, by script/abi; and what that
says of changes."""

import functools
import os
import re
import shutil
import tempfile

import tap
from tap import run

SOURCE = os.environ["SOURCE"]
RECORD = os.path.join("tests", "abi", "asyncore-0.1.xml")


def contents(*path):
    with open(os.path.join(*path), encoding="utf-8") as file:
        return file.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def abi(directory, *arguments):
    if shutil.which("abidiff") is None:
        raise tap.Skip("abidiff is not installed")
    status, out, err = run(os.path.join(directory, "script", "abi"), *arguments, patience=10 * tap.PATIENCE)
    return status, out + err


def test_what_is_recorded_is_there():
    status, said = abi(SOURCE)
    assert status == 0, said


@functools.cache
def copy():
    """Of the tree, to be changed; what it has is recorded there."""
    directory = tempfile.TemporaryDirectory(prefix="asyncore-abi-")
    tree = os.path.join(directory.name, "tree")
    shutil.copytree(SOURCE, tree, symlinks=True, ignore=shutil.ignore_patterns("build*", ".git", "__pycache__"))
    status, said = abi(tree, "--record")
    assert status == 0, said
    return directory, tree


def changed(*changes):
    """What script/abi says of the copy with these changes: file, pattern, replacement."""
    _, tree = copy()
    before = {}
    try:
        for name, pattern, replacement in changes:
            path = os.path.join(tree, name)
            text = contents(path)
            before.setdefault(path, text)
            after, count = re.subn(pattern, replacement, text, flags=re.MULTILINE)
            assert count == 1, f"{count} times {pattern} in {name}"
            write(path, after)
        return abi(tree)
    finally:
        for path, text in before.items():
            write(path, text)


def test_recorded_anew_it_is_the_same():
    _, tree = copy()
    before = contents(tree, RECORD)
    abi(tree, "--record")
    assert contents(tree, RECORD) == before
    assert tree not in before, "it names a path"


def test_a_new_function_is_fine():
    status, said = changed(
        ("include/asyncore.h", r"^(?=ASYNCORE_API int asyncore_close\()",
         "ASYNCORE_API int asyncore_new(struct asyncore_dispatcher *self);\n"),
        ("src/version.c", r"\Z",
         "int asyncore_new(struct asyncore_dispatcher *self)\n{\n    return self == NULL;\n}\n"))
    assert status == 0, said


def is_told(said_of, *what):
    status, said = said_of
    assert status == 1 and "script/abi --record" in said, said
    for pattern in what:
        assert re.search(pattern, said, re.DOTALL), f"no {pattern} in {said}"


def test_a_function_that_is_gone():
    is_told(changed(("src/libasyncore.map", r"^local:", "local:\n    asyncore_version;")),
            "Removed function.*asyncore_version")


def test_another_argument():
    is_told(changed(("include/asyncore.h", r"asyncore_poller_name\(size_t n\)", "asyncore_poller_name(int n)"),
                    ("src/poller.c", r"asyncore_poller_name\(size_t n\)", "asyncore_poller_name(int n)")),
            "asyncore_poller_name.*size_t.*int")


def test_another_member_and_another_slot():
    is_told(changed(("include/asyncore.h", r"^(?=    bool connected, accepting,)", "    int others;\n"),
                    ("include/asyncore.h", r"^(?=    int \(\*handle_connect\))", "    int (*handle_others)(void);\n")),
            "struct asyncore_dispatcher.*others", "struct asyncore_class.*handle_others")


tap.main()
