# asyncore_example_1.py - a time client (RFC 868); asyncore_example_1.c is its twin.
#
#     python3 -W ignore asyncore_example_1.py [HOST [PORT]]
#
# HOST is an IPv4 address.  From Python 3.12 on, "pip install pyasyncore" first.

import asyncore
import os
import re
import signal
import socket
import struct
import sys
import time

HOST = "127.0.0.1"
PORT = 8037  # asyncore_example_2's; not the protocol's own, 37, which only root may take
TIME1970 = 2208988800  # seconds from 1900, where the protocol begins to count, to 1970


class TimeRequest(asyncore.dispatcher):

    def __init__(self, host, port):
        asyncore.dispatcher.__init__(self)
        self.host = host
        self.port = port
        self.answer = b""
        self.status = 1  # the program's exit status: no answer
        try:
            self.create_socket(socket.AF_INET, socket.SOCK_STREAM)
            self.connect((host, port))
        except OSError:
            self.handle_error()

    def writable(self):
        return False  # there is nothing to write

    def handle_connect(self):
        pass

    def handle_read(self):
        # The four bytes may come in pieces.
        self.answer += self.recv(4 - len(self.answer))
        if len(self.answer) < 4:
            return
        here = (int(time.time()) + TIME1970) & 0xFFFFFFFF
        there, = struct.unpack("!I", self.answer)
        # In 2036 the protocol counts from 0 again: the difference is the shorter way round.
        print("time difference is", (here - there + 2**31) % 2**32 - 2**31)
        self.status = 0
        self.close()

    def handle_close(self):
        print(f"no time from {self.host}:{self.port}: closed after {len(self.answer)} of 4 bytes",
              file=sys.stderr)
        self.close()

    def handle_error(self):
        error = sys.exc_info()[1]  # its own text may be a mere "ENETUNREACH"
        print(f"no time from {self.host}:{self.port}: {os.strerror(error.errno)}", file=sys.stderr)
        self.close()


def is_address(text):
    try:
        socket.inet_pton(socket.AF_INET, text)
        return True
    except OSError:
        return False


def parse_port(text):
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        return -1
    return int(text)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    host = sys.argv[1] if len(sys.argv) > 1 else HOST
    port = parse_port(sys.argv[2]) if len(sys.argv) > 2 else PORT
    if len(sys.argv) > 3 or not is_address(host) or port < 1:
        print("usage: asyncore_example_1 [HOST [PORT]], an IPv4 address and a number "
              "from 1 to 65535", file=sys.stderr)
        sys.exit(2)
    request = TimeRequest(host, port)
    asyncore.loop()
    sys.exit(request.status)


main()
