"""Every solution passes; every exercise as it is given fails, and so do solutions of which a part is missing,
for the reason that they are meant to fail for; and docs/tutorial/ has them all."""

import concurrent.futures
import functools
import os
import re
import subprocess
import sys
import tempfile

os.environ["STRICT"] = "yes"
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import frame  # noqa: E402
import learn  # noqa: E402
from frame import SOURCE, tap  # noqa: E402

PAGE = os.path.join(SOURCE, "docs", "tutorial", "exercises.md")
LEARN = os.path.join(HERE, "learn.py")

# Of solutions: what is replaced, by what, and what is said then.
HALF = [
    ("1.1", r"r = select\(service \+ 1", "r = select(service + 1 + (timeout.tv_usec = 0)", "in a second or more"),
    ("2.1", r"ask 4: .*", "ask 4: r[1 2] w[]", r"ask 4: 'r\[1 2\] w\[2\]'; came 'r\[1 2\] w\[\]'"),
    ("2.2", r"return !is_empty\(base\);", "return base != NULL;", "the loop spins"),
    ("3.2", r"    if \(rc < 0\)\n", "    if (rc == 0)\n        sock = dup(sock);\n    if (rc < 0)\n", "to be closed"),
    ("4.1", r"    printf\(\"no answer: the end[^;]*;\n", "    (void)self;\n", "for an end too early"),
    ("5.2", r"return self->sent < self->due;", "return self != NULL;", "between two ticks; .*the loop spins"),
    ("6.1", r"return self->sent < sizeof report \? 0 :", "while (self->sent < sizeof report && n >= 0)\n"
     "        self->sent += (size_t)(n = asyncore_send(base, report + self->sent, sizeof report - self->sent));\n"
     "    return", "while another does not read"),
    ("6.2", r"<= MAX_WAITING", "<= 100 * MAX_WAITING", "its memory to grow"),
    ("7.2", r"return asyncore_close_when_done\(&other->base\);", "return 0;", "the one who is left"),
    ("8.1", r"asynchat_set_terminator\(&self->chat, \"\\n\", 1\);\n    free", "0;\n    free", "two and a half messages"),
    ("9.1", r"\+ 24 < sizeof self->piece", "< 5000", "bytes, the first|its end"),
    ("9.2", r"    close\(self->fd\);\n", "", "when one has had all of it"),
    ("10.1", r"    asyncore_cancel.*\n", "", "that is freed"),
    ("10.2", r"asyncore_close\(&server\);", "asyncore_close_all(NULL, true);", "who is here to be served"),
    ("12.1", r"asynchat_queued\(&other->chat\) > MAX_QUEUED", "false", "for those who do not read"),
    ("12.1", r"\(rc = asyncore_set_idle_timeout.*?\) < 0\)", "PATIENCE < 0)", "says and hears nothing"),
    ("12.1", r"    asyncore_close\(&board\);.*\n", "", "nobody to be let in"),
    ("12.2", r"if \(size != sizeof t\)\n        return true;", "if (size != sizeof t)\n        return false;",
     "an answer to b''"),
]


def judge(number, source, change=None):
    """What learn.py says of a file, or of one that is changed."""
    exercise = next(exercise for exercise in learn.exercises() if exercise.number == number)
    with tempfile.TemporaryDirectory() as directory:
        if change:
            text = learn.contents(source)
            source = os.path.join(directory, exercise.name)
            with open(source, "w", encoding="utf-8") as file:
                file.write(re.sub(*change, text))
            tap.equal(text == learn.contents(source), False)
        return learn.judge(exercise, source, os.path.join(directory, "program"))


def check_passes(result):
    why = result.result()
    assert why is None, why


def check_fails(reason, result):
    why = result.result()
    assert why and re.search(reason, why), f"{why!r} is not {reason!r}"


def check_chapters():
    for chapter, page, _ in learn.chapters():
        mine = [exercise for exercise in learn.exercises() if exercise.chapter == chapter]
        assert len(mine) >= 2, f"chapter {chapter} has {len(mine)}"
        section = learn.contents(page).split("\n## Exercises\n")[1]
        for exercise in mine:
            assert f"**{exercise.number}**" in section, f"{page} does not name {exercise.number}"
    tap.equal(sorted(learn.CHECKS), sorted(exercise.number for exercise in learn.exercises()))


def check_page():
    listed = re.findall(r"^- \*\*([\d.]+)\*\* (.*)\. \[(\w+\.\w+)\]\(", learn.contents(PAGE), re.MULTILINE)
    tap.equal(listed, [(e.number, e.title, e.name) for e in learn.exercises()])


def call(*words):
    done = subprocess.run([sys.executable, "-B", LEARN, *words], capture_output=True, text=True, check=False,
                          timeout=5 * tap.PATIENCE)
    return done.returncode, done.stdout, done.stderr


def check_usage():
    for words in (["chek"], ["check"], ["check", "99"], ["--solution"]):
        status, out, err = call(*words)
        tap.equal((words, status, out), (words, 2, ""))
        tap.matches(err, r"learn: .* \(see script/learn --help\)\n")
    status, out, _ = tap.run(os.path.join(SOURCE, "script", "learn"), "--help")
    tap.equal(status, 0)
    tap.matches(out, r"learn \[check .*")


def check_report():
    tap.equal(call("check", "--solution", "2.1"), (0, "2.1 Predict: whom the loop asks for: passed\n", ""))
    status, out, _ = call("check", "2.1")
    tap.equal(status, 1)
    tap.matches(out, r"2\.1 Predict: .*: expected an answer to 'ask 2'; came none yet\n"
                     r"    in examples/exercises/02_1_sets\.txt; read docs/tutorial/02-two-questions\.md\n")
    tap.matches(call()[1], r"in examples/exercises/:\n1\. Readiness\n.* 1\.1   Fix: .*\n12\. Production.*")


def tests(pool):
    yield "usage", check_usage
    yield "report", check_report
    yield "chapters", check_chapters
    yield "page", check_page
    for exercise in learn.exercises():
        result = pool.submit(judge, exercise.number, exercise.file(True))
        yield f"{exercise.number} solution", functools.partial(check_passes, result)
        if not frame.SANITIZED:  # sanitizers find what is wrong before we do
            result = pool.submit(judge, exercise.number, exercise.file(False))
            yield f"{exercise.number} as it is given", functools.partial(check_fails, exercise.check.stub, result)
    for number, *change, reason in [] if frame.SANITIZED else HALF:
        exercise = next(exercise for exercise in learn.exercises() if exercise.number == number)
        result = pool.submit(judge, number, exercise.file(True), change)
        yield f"{number} with {change[1].strip()!r}", functools.partial(check_fails, reason, result)


if __name__ == "__main__":
    if os.environ.get("VALGRIND") or os.environ.get("CROSS"):
        print("1..0 # SKIP they are for this machine, and judged by their processor time")
        sys.exit()
    with concurrent.futures.ProcessPoolExecutor(2 * os.cpu_count()) as workers:
        tap.main(tests(workers))
