"""inetd.py DIRECTORY NAME: runs an inetd that others wrote for its own time service alone, on a port of
the loopback, which is printed once it listens.  DIRECTORY is where script/unpack has put it.

The process becomes the inetd, so that it can be measured.
"""
import os
import socket
import subprocess
import sys
import tempfile
import time

NOT_HERE = 77
PATIENCE = 20

XINETD = """
service time
{{
    type = INTERNAL UNLISTED
    id = time-stream
    socket_type = stream
    protocol = tcp
    wait = no
    user = root
    bind = 127.0.0.1
    port = {port}
    cps = 1000000 1
    instances = UNLIMITED
}}
"""
INETD = "127.0.0.1:time stream tcp nowait.1000000 root internal\n"


def skip(why):
    print(why, flush=True)
    sys.exit(NOT_HERE)


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def file_with(text):
    """It is read at the start; nobody needs its name then."""
    with tempfile.NamedTemporaryFile("w", prefix="bench-inetd-", delete=False) as file:
        file.write(text)
    return file.name


def tell_when_it_listens(port, files):
    """In a child: the parent becomes the server meanwhile."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            break
        except OSError:
            time.sleep(0.01)
    for name in files:
        os.unlink(name)
    print(port if time.monotonic() < end else "it does not listen", flush=True)
    os._exit(0)


def xinetd(program, port):
    config = file_with(XINETD.format(port=port))
    return [program, "-dontfork", "-filelog", "/dev/null", "-f", config], [config]


def openbsd_inetd(program, port):
    """Its services have the ports that /etc/services says: this process has one of its own."""
    services, config = file_with(f"time {port}/tcp\n"), file_with(INETD)
    subprocess.run(["mount", "--bind", services, "/etc/services"], check=True)
    return [program, "-i", config], [services, config]


INETDS = {"xinetd": ("xinetd", xinetd), "openbsd-inetd": ("inetd", openbsd_inetd)}


def main(directory, name):
    program = os.path.join(directory, "usr", "sbin", INETDS[name][0])
    if not os.path.exists(program):
        skip("it is not unpacked")
    if os.getuid() != 0:
        skip("only root may start services for others")
    port = free_port()
    command, files = INETDS[name][1](program, port)
    if os.fork() == 0:
        tell_when_it_listens(port, files)
    os.execv(command[0], command)


if __name__ == "__main__":
    main(*sys.argv[1:])
