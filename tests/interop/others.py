"""others.py - what others wrote, and what is needed to run it: a program, or a reason to skip.

Servers that exclude each other, or that an installation would start, are not installed, but unpacked
below PACKAGES (script/unpack).
"""

import calendar
import os
import re
import shutil
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "programs"))

import tap  # noqa: E402

PLACES = "usr/local/sbin", "usr/sbin", "sbin", "usr/bin", "bin", "usr/lib/nagios/plugins"


def program(name):
    """Where it is."""
    unpacked = os.environ.get("PACKAGES", "/nowhere")
    path = [*os.environ.get("PATH", "").split(":"), *("/" + place for place in PLACES),
            *(os.path.join(unpacked, place) for place in PLACES)]
    found = shutil.which(name, path=":".join(path))
    if found is None:
        raise tap.Skip(f"{name} is not installed")
    return found


def run(name, *arguments, **keywords):
    """Runs it to its end: (exit status, standard output, standard error)."""
    return tap.run(program(name), *arguments, **keywords)


def needs_option(option):
    """timed must know this one."""
    if not re.search(rf"^  .*{option}\b", tap.run(tap.timed(), "--help")[1], re.MULTILINE):
        raise tap.Skip(f"timed has no {option}")


def needs_ipv6():
    if not os.path.exists("/proc/net/if_inet6"):
        raise tap.Skip("no IPv6 here")


def needs_root(why):
    if os.getuid() != 0:
        raise tap.Skip(f"only root may {why}")


def is_about_now(seconds):
    """Since 1970.  Some clients take their time until they say it."""
    off = seconds - time.time()
    assert -tap.PATIENCE <= off <= 2, f"off by {off} seconds"


def is_about_now_bytes(answer):
    """As the protocol has it."""
    tap.equal(len(answer), 4)
    is_about_now(int.from_bytes(answer, "big") - tap.TIME1970)


def is_about_now_text(text):
    """As rdate prints it: "Mon Nov 23 14:39:41 UTC 2026", in local time, with the zone or without."""
    told = time.strptime(re.sub(r" [A-Z]+ (\d{4})$", r" \1", text.strip()))
    is_about_now(time.mktime(told))


def is_about_now_iso(text):
    """In UTC: "2026-11-23T14:39:42"."""
    is_about_now(calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%S")))


def configuration(text):
    """A file with this text; its name is file.name, and it is gone when the object is."""
    file = tempfile.NamedTemporaryFile("w", prefix="interop-", encoding="utf-8")
    file.write(text)
    file.flush()
    return file


def empty_network():
    """The words that a command begins with to have a network with nothing in it."""
    needs_root("have a network of its own")
    words = [program("unshare"), "--net"]
    status, _, err = tap.run(*words, "true")
    if status != 0:
        raise tap.Skip(f"no network of its own: {err.strip()}")
    return words
