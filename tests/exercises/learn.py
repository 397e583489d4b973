#!/usr/bin/env python3
"""learn.py [check [--solution] N...]: what script/learn runs once all is there.

A chapter's exercises are its files in examples/exercises/, and their hidden halves functions in
check_NN.py; see frame.py."""

import functools
import glob
import hashlib
import importlib
import os
import re
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import frame  # noqa: E402
from frame import BUILD, CHECKS, SOURCE, tap  # noqa: E402

DIRECTORY = os.path.join(SOURCE, "examples", "exercises")
SOLVED = os.path.join(BUILD, "exercises", "solved")  # the files that have passed, by their contents


class Exercise:
    """What the reader opens: a program, or the questions about one."""

    def __init__(self, path):
        self.path = path
        self.name = os.path.basename(path)
        chapter, number, _ = self.name.split("_", 2)
        self.chapter, self.number = int(chapter), f"{int(chapter)}.{number}"
        self.predicted = path.endswith(".txt")

    @property
    def title(self):
        return re.search(rf"^(?: \* )?{re.escape(self.number)} (.*)\.$", contents(self.path), re.M)[1]

    @property
    def check(self):
        return CHECKS[self.number]

    def file(self, solution):
        return os.path.join(DIRECTORY, "solutions", self.name) if solution else self.path

    def fingerprint(self):
        return hashlib.sha256(contents(self.path).encode()).hexdigest()

    def solved(self):
        return os.path.exists(SOLVED) and f"{self.number} {self.fingerprint()}\n" in contents(SOLVED)

    def remember(self):
        if not self.solved():
            with open(SOLVED, "a", encoding="ascii") as file:
                file.write(f"{self.number} {self.fingerprint()}\n")


def contents(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def answers(path):
    """What stands behind the colons of a page of questions."""
    given = re.findall(r"^(\w[\w ]*): +(.*\S)", contents(path), re.MULTILINE)
    return {question: " ".join(answer.split()) for question, answer in given}


@functools.cache
def exercises():
    paths = glob.glob(os.path.join(DIRECTORY, "[01]*.[ct]*"))
    predicted = {path[:-len(".txt")] + ".c" for path in paths if path.endswith(".txt")}
    for path in glob.glob(os.path.join(HERE, "check_*.py")):
        importlib.import_module(os.path.basename(path)[:-len(".py")])
    return [Exercise(path) for path in sorted(set(paths) - predicted)]


def chapters():
    """Their numbers, pages and titles."""
    for path in sorted(glob.glob(os.path.join(SOURCE, "docs", "tutorial", "[01]*.md"))):
        if not path.endswith("00-two-doors.md"):
            yield int(os.path.basename(path)[:2]), path, contents(path).split("\n", 1)[0].strip("# ")


def page(exercise):
    return next(os.path.relpath(path, SOURCE) for number, path, _ in chapters() if number == exercise.chapter)


def list_all():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # script/learn | head
    print(f"in {os.path.relpath(DIRECTORY, SOURCE)}/:")
    for number, _, title in chapters():
        print(title)
        for exercise in exercises():
            if exercise.chapter == number:
                mark = "solved" if exercise.solved() else ""
                print(f"  {mark:6} {exercise.number:5} {exercise.title:60} {exercise.name}")


def find(wanted):
    found = [exercise for exercise in exercises() if wanted in (exercise.number, str(exercise.chapter))]
    if not found:
        numbers = " ".join(exercise.number for exercise in exercises())
        sys.exit(usage(f"no exercise '{wanted}'; there are the chapters 1 to 12, and {numbers}"))
    return found


def usage(why):
    print(f"learn: {why} (see script/learn --help)", file=sys.stderr)
    return 2


def judge(exercise, source, program):
    """Compiles a file, and checks what comes of it.  Nothing, or what is wrong with it."""
    try:
        frame.build(exercise.path[:-3] + "c" if exercise.predicted else source, program, exercise.check.sanitize)
        exercise.check(program, *([answers(source)] if exercise.predicted else []))
    except frame.Unfit as error:
        return f"it cannot be compiled:\n{error}"
    except subprocess.TimeoutExpired as error:
        return f"expected the program to end; came nothing within {error.timeout:.0f} s"
    except (frame.Wrong, OSError, AssertionError) as error:
        ends = [end for server in tap.Program.running if not server.may_end and (end := server.end())]
        if not ends:
            return str(error)
        freed = ", and to use no memory that is freed" if exercise.check.sanitize else ""
        return f"expected the server to go on{freed}; came its end: {ends[0]}"
    finally:
        tap.Program.kill_all()
    return None


def check(exercise, solution):
    program = os.path.join(BUILD, "exercises", "solutions" if solution else "", exercise.name.split(".")[0])
    why = judge(exercise, exercise.file(solution), program)
    print(f"{exercise.number} {exercise.title}: {why or 'passed'}", flush=True)
    if why:
        print(f"    in {os.path.relpath(exercise.file(solution), SOURCE)}; read {page(exercise)}", flush=True)
    elif not solution:
        exercise.remember()
    return why is None


def main(arguments):
    solution = "--solution" in arguments
    words = [word for word in arguments if word != "--solution"]
    if not words and not solution:
        return list_all()
    if words[:1] == ["check"]:
        words = words[1:]
    elif not solution:
        return usage(f"what is '{' '.join(words)}'? want: check N")
    if not words:
        return usage("check what? want a chapter, 5, or an exercise, 5.1")
    chosen = [exercise for word in words for exercise in find(word)]
    return 0 if all([check(exercise, solution) for exercise in chosen]) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
