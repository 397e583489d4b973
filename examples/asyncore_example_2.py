# asyncore_example_2.py - a time server (RFC 868); asyncore_example_2.c is its twin.
#
#     python3 -W ignore asyncore_example_2.py [PORT]
#
# From Python 3.12 on, "pip install pyasyncore" first.

import asyncore
import re
import signal
import socket
import struct
import sys
import time

PORT = 8037  # the protocol's own is 37, which only root may take
TIME1970 = 2208988800  # seconds from 1900, where the protocol begins to count, to 1970


class TimeChannel(asyncore.dispatcher):

    def readable(self):
        return False  # what the client says is of no interest

    def handle_write(self):
        t = struct.pack("!I", (int(time.time()) + TIME1970) & 0xFFFFFFFF)
        # A new connection always has room for four bytes.
        self.send(t)
        self.close()


class TimeServer(asyncore.dispatcher):

    def __init__(self, port):
        asyncore.dispatcher.__init__(self)
        try:
            self.create_socket(socket.AF_INET, socket.SOCK_STREAM)
            self.set_reuse_addr()
            self.bind(("", port))
            self.listen(socket.SOMAXCONN)
        except OSError as error:
            print(f"bind 0.0.0.0:{port}: {error.strerror} (give another port as argument)",
                  file=sys.stderr)
            sys.exit(1)

    def handle_accept(self):
        # Not in C, where the library does as much.  An error, too many open files, say, would close
        # the listener; and the client still waits: to go on at once would be to spin.
        try:
            asyncore.dispatcher.handle_accept(self)
        except OSError as error:
            print("accept:", error.strerror, file=sys.stderr)
            time.sleep(1)

    def handle_accepted(self, sock, addr):
        TimeChannel(sock)


def parse_port(text):
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        return -1
    return int(text)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    sys.stdout.reconfigure(line_buffering=True)
    port = parse_port(sys.argv[1]) if len(sys.argv) > 1 else PORT
    if len(sys.argv) > 2 or port < 0:
        print("usage: asyncore_example_2 [PORT], a number from 0 to 65535", file=sys.stderr)
        sys.exit(2)
    server = TimeServer(port)
    print("listening on port", server.socket.getsockname()[1])
    asyncore.loop()


main()
