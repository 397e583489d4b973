"""sources.py BUILD FLAGS: writes BUILD/sources/compile_commands.json, which has each source once, as it is
compiled first, and without these flags; and prints the sources."""

import json
import os
import sys

build, flags = sys.argv[1:]
with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
    commands = json.load(file)
sources = {}
for command in commands:
    path = os.path.normpath(os.path.join(command["directory"], command["file"]))
    command["command"] = command["command"].replace(flags, "").replace(command["file"], path)
    command["file"] = path
    sources.setdefault(path, command)
os.makedirs(os.path.join(build, "sources"), exist_ok=True)
with open(os.path.join(build, "sources", "compile_commands.json"), "w", encoding="utf-8") as file:
    json.dump(list(sources.values()), file)
print("\n".join(map(os.path.relpath, sources)))
