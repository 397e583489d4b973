"""Inputs of fuzzers as text, one a line, and as libFuzzer has them, one a file: see driver.c.

corpus.py unpack FILE... DIRECTORY      the inputs of the files, into the directory
corpus.py pack DIRECTORY FILE [OTHER]   the other way round, the shortest first, without the other's
corpus.py line FILE...                  libFuzzer's files, each as a line
"""

import hashlib
import os
import sys

NAMES = {0x0a: "\\n", 0x0d: "\\r", 0x09: "\\t", 0x5c: "\\\\"}
ESCAPES = {"n": 0x0a, "r": 0x0d, "t": 0x09, "\\": 0x5c}


def escaped(data):
    """A # at the beginning would be a comment."""
    return "".join(
        NAMES[byte] if byte in NAMES else
        chr(byte) if 0x20 <= byte <= 0x7e and (byte != 0x23 or place > 0) else f"\\x{byte:02x}"
        for place, byte in enumerate(data))


def unescaped(line):
    data, at = bytearray(), 0
    while at < len(line):
        if line[at] != "\\":
            data.append(ord(line[at]))
            at += 1
        elif line[at + 1] == "x":
            data.append(int(line[at + 2:at + 4], 16))
            at += 4
        else:
            data.append(ESCAPES[line[at + 1]])
            at += 2
    return bytes(data)


def read(name):
    with open(name, encoding="ascii") as file:
        lines = [line.rstrip("\n") for line in file]
    return [unescaped(line) for line in lines if line and not line.startswith("#")]


def contents(name):
    with open(name, "rb") as file:
        return file.read()


def unpack(*names):
    os.makedirs(names[-1], exist_ok=True)
    for name in names[:-1]:
        for data in read(name):
            with open(os.path.join(names[-1], hashlib.sha1(data).hexdigest()), "wb") as file:
                file.write(data)


def pack(directory, name, *others):
    inputs = {contents(os.path.join(directory, entry)) for entry in os.listdir(directory)} - {b""}
    inputs.difference_update(*(read(other) for other in others))
    with open(name, "w", encoding="ascii") as file:
        for data in sorted(inputs, key=lambda data: (len(data), data)):
            file.write(escaped(data) + "\n")


def line(*names):
    for name in names:
        print(escaped(contents(name)))


if len(sys.argv) < 2 or sys.argv[1] not in ("unpack", "pack", "line"):
    sys.exit(__doc__)
globals()[sys.argv[1]](*sys.argv[2:])
