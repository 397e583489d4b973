"""mdoc.py - the manual pages, taken apart, and the headers that they are about."""

import glob
import os
import re
import shlex

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEADERS = ("asyncore.h", "asyncore_trace.h", "asynchat.h")
# What is escaped in a literal display, lest troff make another character of it.
ESCAPES = {r"\e": "\\", r"\(aq": "'", r"\(ga": "`", r"\(ha": "^", r"\(ti": "~", r"\&": ""}


def contents(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as file:
        return file.read()


def one_line(text):
    """C, however it was broken into lines."""
    return re.sub(r"\* ", "*", " ".join(text.split()))


# --------------------------------------------------------------------------------------------------
# headers


class Declaration:
    """A function or an object of the library, with the comment that says what it does."""

    def __init__(self, text, comment):
        self.text = one_line(text)
        self.comment = comment
        self.name = re.search(r"(\w+)(?:\(|$)", self.text)[1]
        self.is_function = self.text.endswith(")")

    def errors(self):
        """The errnos that the comment names, with the minus that they are returned with; and what is said
        of all that have an object: it may never have been initialised."""
        has_object = re.match(r"(?:int|ssize_t) \w+\(struct \w+ \*self", self.text)
        return set(re.findall(r"-(E[A-Z0-9]+)\b", self.comment)) | ({"EINVAL"} if has_object else set())


def declarations():
    """All of them.  A comment is about the declarations that follow it, to the next blank line."""
    comment = r"(?P<comment>/\*(?:(?!\*/).)*\*/)\n"
    group = r"(?P<group>(?:(?:#define [^\n]*|ASYNCORE_API [^;]*;)\n)+)"
    for header in HEADERS:
        for match in re.finditer(f"^(?:{comment}\n?)?{group}", contents("include", header), re.M | re.S):
            for text in re.findall(r"ASYNCORE_API ([^;]*);", match["group"]):
                yield Declaration(text, match["comment"] or "")


def headers():
    return "".join(contents("include", header) for header in HEADERS)


def types():
    """The structs that are laid open, the enums, and the maps, which are not."""
    return re.findall(r"^(?:struct|enum) (\w+) \{", headers(), re.M) + ["asyncore_map", "asyncore_ExitNow"]


def constants():
    return re.findall(r"^(?:#define (?=\w+ )|    (?=\w+[ ,\n]))(ASYNC(?:ORE|HAT)_(?!API)\w+)", headers(), re.M)


def without_comments(text):
    return one_line(re.sub(r"/\*.*?\*/", "", text, flags=re.S))


# --------------------------------------------------------------------------------------------------
# pages


class Page:
    def __init__(self, path):
        self.path = path
        self.file = os.path.basename(path)
        self.title, self.section = self.file.rsplit(".", 1)
        self.text = contents(path)
        self.sections = dict(re.findall(r"^\.Sh (.*?)\n(.*?)(?=^\.Sh |\Z)", self.text, re.M | re.S))
        self.names = re.findall(r"^\.Nm (\S+)", self.sections["NAME"], re.M)

    def errors(self):
        """The errnos that the section ERRORS lists."""
        lines = re.findall(r"^\.It Bq Er (.*)", self.sections.get("ERRORS", ""), re.M)
        return set(re.findall(r"\w+", " ".join(lines)))

    def references(self):
        return set(re.findall(r"^\.Xr (\S+) (\d)", self.text, re.M))

    def prototypes(self):
        """What the synopsis declares, by name."""
        found, kind, name, arguments = {}, None, None, []
        for line in re.findall(r"^\..*", self.sections.get("SYNOPSIS", ""), re.M):
            macro, *words = shlex.split(line)
            if macro == ".Ft":
                kind = " ".join(words)
            elif macro == ".Vt" and words[0] == "extern":
                found[words[-2]] = one_line(" ".join(words[:-1]))  # the last one is the semicolon
            elif macro in (".Fo", ".Fn"):
                name, *arguments = words
            elif macro == ".Fa":
                arguments += words
            if macro in (".Fc", ".Fn"):
                found[name] = one_line(f"{kind} {name}({', '.join(arguments)})")
        return found

    def displays(self, section):
        """The literal displays of a section: the line of text before each, and what it shows."""
        for intro, text in re.findall(r"^([^\n]*)\n\.Bd -literal[^\n]*\n(.*?)^\.Ed$",
                                      self.sections.get(section, ""), re.M | re.S):
            yield intro, re.sub(r"\\(?:\(..|.)", lambda escape: ESCAPES[escape[0]], text)


def pages():
    paths = glob.glob("docs/*.[1-8]", root_dir=SOURCE) + glob.glob("docs/man/*.[1-8]", root_dir=SOURCE)
    return [Page(path) for path in sorted(paths)]
