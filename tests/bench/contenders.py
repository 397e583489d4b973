"""Who takes part: the commands of each, by work.  A command may begin with its environment.

A group is compared to its first contender, the loop written by hand.
"""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
CPYTHON = os.path.join(HERE, "asyncore_cpython.py")
INETD = os.path.join(HERE, "inetd.py")
# Where script/unpack puts what is not installed.
PACKAGES = os.path.join(HERE, "..", "..", "build-packages")

OURS = "asyncore", "timed"
NAMES = "epoll", "asyncore", "libev", "libevent", "libuv"


def program(build, name):
    return os.path.join(build, "tests", "bench", name)


def bench(build, name, poller=None):
    return [program(build, f"bench_{name}"), *(["--poller", poller] if poller else [])]


def echo(build):
    """The echo servers, in groups."""
    ours = "asyncore"
    return {
        "epoll": {
            "hand-written epoll": bench(build, "epoll") + ["echo"],
            "asyncore dispatcher": bench(build, ours, "epoll") + ["echo"],
            "asyncore dispatcher_with_send": bench(build, ours, "epoll") + ["echo-buffered"],
            "libev": bench(build, "libev", "epoll") + ["echo"],
            "libevent": bench(build, "libevent", "epoll") + ["echo"],
            "libevent bufferevent": bench(build, "libevent", "epoll") + ["echo-buffered"],
            "libuv": bench(build, "libuv") + ["echo"],
        },
        "select": {
            "hand-written select": bench(build, "select") + ["echo"],
            "asyncore on select": bench(build, ours, "select") + ["echo"],
            "asyncore on poll": bench(build, ours, "poll") + ["echo"],
            "libev on select": bench(build, "libev", "select") + ["echo"],
            "libevent on select": bench(build, "libevent", "select") + ["echo"],
            "CPython asyncore": [sys.executable, CPYTHON, "echo"],
        },
    }


def trace(build):
    """The trace: not built in, off, and on, with a sink that does nothing and with ours."""
    off = bench(build, "asyncore", "epoll")
    return {mode: {
        "not built in": bench(build, "asyncore_untraced", "epoll") + [mode],
        "off": off + [mode],
        "on": ["BENCH_SINK=1", *off, mode],
        "on, as text": ["ASYNCORE_TRACE=all:/dev/null", *off, mode],
    } for mode in ("echo", "echo-buffered")}


def inetd(name):
    """In a file system of its own, as far as /etc/services goes."""
    return ["unshare", "--mount", sys.executable, INETD, PACKAGES, name]


def timed(build, *options):
    return [os.path.join(build, "dispatchers", "timed"), "--port", "0", "--address", "127.0.0.1",
            *options]


def time(build):
    return {
        "epoll": {
            "hand-written epoll": bench(build, "epoll") + ["time"],
            "hand-written, one segment": bench(build, "epoll") + ["time-more"],
            "one segment, reads": bench(build, "epoll") + ["time-more-read"],
            "one segment, reads, shut in": bench(build, "epoll") + ["time-more-shut"],
            "timed on epoll": ["ASYNCORE_POLLER=epoll", *timed(build)],
            "libev": bench(build, "libev", "epoll") + ["time"],
            "libevent": bench(build, "libevent", "epoll") + ["time"],
            "libuv": bench(build, "libuv") + ["time"],
            "xinetd": inetd("xinetd"),
            "openbsd-inetd": inetd("openbsd-inetd"),
        },
        "select": {
            "hand-written select": bench(build, "select") + ["time"],
            "timed on select": ["ASYNCORE_POLLER=select", *timed(build)],
            "CPython asyncore": [sys.executable, CPYTHON, "time"],
        },
    }


def time_udp(build):
    """All requests come from one address: a limit for each would be what is measured."""
    udp = timed(build, "--udp", "--rate", "0")
    return {
        "epoll": {
            "recvfrom, sendto": bench(build, "epoll") + ["time-udp"],
            "hand-written epoll": bench(build, "epoll") + ["time-udp-epoll"],
            "timed on epoll": ["ASYNCORE_POLLER=epoll", *udp],
            "timed on select": ["ASYNCORE_POLLER=select", *udp],
        },
    }


def chain(build):
    return {
        "epoll": {
            "hand-written epoll": bench(build, "epoll"),
            "asyncore": bench(build, "asyncore", "epoll"),
            "libev": bench(build, "libev", "epoll"),
            "libevent": bench(build, "libevent", "epoll"),
            "libuv": bench(build, "libuv"),
        },
        "select": {
            "hand-written select": bench(build, "select"),
            "asyncore on select": bench(build, "asyncore", "select"),
            "libev on select": bench(build, "libev", "select"),
            "libevent on select": bench(build, "libevent", "select"),
        },
    }


def timers(build):
    return {
        "heap": {
            "libev": bench(build, "libev"),
            "asyncore": bench(build, "asyncore"),
            "libevent": bench(build, "libevent"),
            "libuv": bench(build, "libuv"),
        },
    }


def is_script(command):
    """An interpreter's instructions and allocations say little."""
    return sys.executable in command
