"""What can be counted exactly: system calls, instructions and allocations per message.

Of a number of messages and of many more: the difference is what the messages cost, without the
start.  How many messages one pass of a loop serves changes what it costs, and these tools slow
servers down.  So the echo's load works in lockstep: all its connections send, then it waits; and it
has the same CPU as the server, which does not take it away when it is woken, so that each pass
finds all of them.
"""
import re
import tempfile

import measure

FEW, MORE = 500, 4500


def total(tool, pattern, command, load, messages):
    """tool is a command that wraps another and writes its report to a file, whose name is put for
    %s; what pattern finds there is added up.  load(port, messages) is what counts."""
    environment, command = measure.parts(command)
    with tempfile.NamedTemporaryFile("r") as report:
        wrapped = environment + [word.replace("%s", report.name) for word in tool] + command
        with measure.server(wrapped, measure.LOAD_CPU, patient=True) as (_, port):
            load(port, messages)
        found = re.findall(pattern, report.read(), re.MULTILINE)
    if not found:
        raise measure.Failure(f"{tool[0]} does not say what it has counted")
    return sum(int(number.replace(",", "")) for number in found)


def least(count, tries):
    """What disturbs lockstep makes two passes of one, which costs more: the least is the count, once it
    has come twice, near enough."""
    seen = [count()]
    while len(seen) < tries:
        seen = sorted([*seen, count()])
        if seen[1] - seen[0] < seen[0] / 2000:
            break
    return seen[0]


def per_message(tool, pattern, command, load, tries=1):
    few, many = (least(lambda messages=messages: total(tool, pattern, command, load, messages), tries)
                 for messages in (FEW, FEW + MORE))
    return (many - few) / MORE


def system_calls(command, load):
    return per_message(["strace", "-c", "-f", "-U", "name,calls", "-o", "%s"],
                       r"^(?!total)\w+ +(\d+)$", command, load)


def instructions(command, load, tries=1):
    return per_message(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                        "--log-file=%s"], r"Collected : (\d+)$", command, load, tries)


def allocations(command, load):
    return per_message(["valgrind", "--leak-check=no", "--log-file=%s"],
                       r"total heap usage: ([\d,]+) allocs", command, load)
