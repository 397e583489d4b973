"""Every solution passes, and every exercise as it is given fails, for the reason that it is meant to fail
for; and docs/tutorial/ has them all."""

import concurrent.futures
import functools
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import frame  # noqa: E402
import learn  # noqa: E402
from frame import SOURCE, tap  # noqa: E402

PAGE = os.path.join(SOURCE, "docs", "tutorial", "exercises.md")


def check(number, *options):
    """What script/learn does: exit status, what it says, what the compiler says."""
    done = subprocess.run([sys.executable, "-B", os.path.join(HERE, "learn.py"), "check", *options, number],
                          capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def check_solution(number, result):
    status, said, warnings = result.result()
    assert status == 0 and said.endswith("passed\n"), said + warnings
    tap.equal(warnings, "")


def check_exercise(number, result):
    if frame.SANITIZED:
        raise tap.Skip("sanitizers find its mistake first")
    status, said, warnings = result.result()
    tap.equal(status, 1)
    tap.equal(warnings, "")
    assert re.search(learn.CHECKS[number].stub, said), f"{said!r} is not {learn.CHECKS[number].stub!r}"
    assert re.search(r"; read docs/tutorial/\d\d-[\w-]+\.md$", said), said


def check_chapters():
    for chapter, page, _ in learn.chapters():
        mine = [exercise for exercise in learn.exercises() if exercise.chapter == chapter]
        assert len(mine) >= 2, f"chapter {chapter} has {len(mine)}"
        section = learn.contents(page).split("\n## Exercises\n")[1]
        for exercise in mine:
            assert f"**{exercise.number}**" in section, f"{page} does not name {exercise.number}"
    tap.equal(sorted(learn.CHECKS), sorted(exercise.number for exercise in learn.exercises()))


def check_page():
    listed = re.findall(r"^- \*\*([\d.]+)\*\* \[(.*)\]\(../../examples/exercises/(\w+\.\w+)\)", learn.contents(PAGE),
                        re.MULTILINE)
    tap.equal(listed, [(e.number, e.title, e.name) for e in learn.exercises()])


def check_usage():
    script = os.path.join(SOURCE, "script", "learn")
    for words in (["chek"], ["check"], ["check", "99"], ["--solution"]):
        done = subprocess.run([sys.executable, "-B", os.path.join(HERE, "learn.py"), *words], capture_output=True,
                              text=True, check=False)
        tap.equal((words, done.returncode, done.stdout), (words, 2, ""))
        tap.matches(done.stderr, r"learn: .* \(see script/learn --help\)\n")
    status, said, _ = tap.run(script, "--help")
    tap.equal(status, 0)
    tap.matches(said, r"learn \[check .*")


def tests(pool):
    yield "usage", check_usage
    yield "chapters", check_chapters
    yield "page", check_page
    for exercise in learn.exercises():
        number = exercise.number
        solution = pool.submit(check, number, "--solution")
        yield f"{number} solution", functools.partial(check_solution, number, solution)
        given = pool.submit(check, number) if not frame.SANITIZED else None
        yield f"{number} as it is given", functools.partial(check_exercise, number, given)


if __name__ == "__main__":
    if os.environ.get("VALGRIND") or os.environ.get("CROSS"):
        print("1..0 # SKIP they are for this machine, and judged by their processor time")
        sys.exit()
    with concurrent.futures.ThreadPoolExecutor(2 * os.cpu_count()) as workers:
        tap.main(tests(workers))
