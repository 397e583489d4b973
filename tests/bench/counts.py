"""What can be counted exactly: system calls, instructions and allocations per message.

Of a number of messages and of many more: the difference is what the messages cost, without the
start.  How many messages one pass of a loop serves changes what it costs, and tools slow servers
down.  So the load works in lockstep: all its connections send, then it waits; and it has the same
CPU as the server, which the kernel does not wake at its cost, so that each pass finds all of them.
"""
import re
import tempfile

import measure
from measure import Failure

FEW, MORE = 500, 4500


def run(command, load_program, active, messages):
    with measure.server(command, measure.LOAD_CPU, patient=True) as (_, port):
        with measure.echo_load(load_program, active, port) as load:
            load.run(messages, "lockstep")


def per_message(tool, pattern, command, load_program, active):
    """tool is a command that wraps another and writes its report to a file, whose name is put for
    %s; what pattern finds there is added up."""
    totals = []
    for messages in FEW, FEW + MORE:
        with tempfile.NamedTemporaryFile("r") as report:
            wrapped = [word.replace("%s", report.name) for word in tool] + command
            run(wrapped, load_program, active, messages)
            found = re.findall(pattern, report.read(), re.MULTILINE)
        if not found:
            raise Failure(f"{tool[0]} does not say what it has counted")
        totals.append(sum(int(number.replace(",", "")) for number in found))
    return (totals[1] - totals[0]) / MORE


def syscalls(*what):
    return per_message(["strace", "-c", "-f", "-U", "name,calls", "-o", "%s"],
                       r"^(?!total)\w+ +(\d+)$", *what)


def instructions(*what):
    return per_message(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                        "--log-file=%s"], r"Collected : (\d+)$", *what)


def allocations(*what):
    return per_message(["valgrind", "--leak-check=no", "--log-file=%s"],
                       r"total heap usage: ([\d,]+) allocs", *what)
