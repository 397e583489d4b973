# select_example_1.py - a time server (RFC 868) on bare select(); select_example_1.c is its twin.
#
#     python3 select_example_1.py [PORT]

import re
import select
import signal
import socket
import struct
import sys
import time

PORT = 8037  # the protocol's own is 37, which only root may take
TIME1970 = 2208988800  # seconds from 1900, where the protocol begins to count, to 1970


def start_service(port):
    try:
        service = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        service.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Non-blocking: if the client is gone again, accept() must not wait for the next one.
        service.setblocking(False)
        service.bind(("", port))
        service.listen(socket.SOMAXCONN)
    except OSError as error:
        print(f"bind 0.0.0.0:{port}: {error.strerror} (give another port as argument)",
              file=sys.stderr)
        sys.exit(1)
    # No check for FD_SETSIZE, as in C: Python's select() makes it.
    return service


def serve(service):
    try:
        channel, info = service.accept()
    except (BlockingIOError, ConnectionAbortedError):
        return  # the client is gone
    except OSError as error:
        # Too many open files, say.  The client still waits: to go on at once would be to spin.
        print("accept:", error.strerror, file=sys.stderr)
        time.sleep(1)
        return
    print("connection from", info)
    t = struct.pack("!I", (int(time.time()) + TIME1970) & 0xFFFFFFFF)
    try:
        # A new connection always has room for four bytes.
        channel.send(t, socket.MSG_DONTWAIT)
    except OSError:
        pass  # the client is gone
    channel.close()


def parse_port(text):
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        return -1
    return int(text)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    sys.stdout.reconfigure(line_buffering=True)
    port = parse_port(sys.argv[1]) if len(sys.argv) > 1 else PORT
    if len(sys.argv) > 2 or port < 0:
        print("usage: select_example_1 [PORT], a number from 0 to 65535", file=sys.stderr)
        sys.exit(2)
    service = start_service(port)
    print("listening on port", service.getsockname()[1])

    while True:
        is_readable = [service]
        r, w, e = select.select(is_readable, [], [], 1.0)
        if r:
            serve(service)
        else:
            print("still waiting")


main()
