# echo_server.py - sends back what it is sent; echo_server.c is its twin.
#
#     python3 -W ignore echo_server.py [--port N] [--poller NAME]
#
# From Python 3.12 on, "pip install pyasyncore" first.

import asyncore
import re
import signal
import socket
import sys
import time

PORT = 8007  # the protocol's own is 7, which only root may take
MAX_WAITING = 65536  # bytes that wait for a client before it is heard no more


class EchoChannel(asyncore.dispatcher_with_send):

    def __init__(self, sock):
        self.eof = False  # the client has sent all
        asyncore.dispatcher_with_send.__init__(self, sock)

    def readable(self):
        # Who floods and does not read is not read either, so that TCP makes it wait.
        return not self.eof and len(self.out_buffer) <= MAX_WAITING

    def handle_read(self):
        data = self.recv(8192)
        if data:
            self.send(data)

    def handle_eof(self):
        # It may still read, and gets all that it has sent.
        self.eof = True
        if not self.out_buffer:
            self.handle_close()

    # The next three are not in C, where the library does as much.

    def recv(self, buffer_size):
        # asyncore's does not tell the end of what is sent from a broken connection.
        try:
            data = self.socket.recv(buffer_size)
        except BlockingIOError:
            return b""
        except OSError:
            self.handle_close()
            return b""
        if not data:
            self.handle_eof()
        return data

    def handle_write(self):
        self.initiate_send()
        if self.eof and not self.out_buffer:
            self.handle_close()

    def handle_expt(self):
        # Left unread, out-of-band data would be reported in each pass.
        try:
            self.socket.recv(1, socket.MSG_OOB)
        except OSError:
            pass


class EchoServer(asyncore.dispatcher):

    def __init__(self, port):
        asyncore.dispatcher.__init__(self)
        self.resume_at = 0
        try:
            self.create_socket(socket.AF_INET, socket.SOCK_STREAM)
            self.set_reuse_addr()
            self.bind(("", port))
            self.listen(socket.SOMAXCONN)
        except OSError as error:
            print(f"bind 0.0.0.0:{port}: {error.strerror} (give another with --port)",
                  file=sys.stderr)
            sys.exit(1)

    # The next two are not in C, where the library does as much.

    def readable(self):
        return time.monotonic() >= self.resume_at

    def handle_accept(self):
        # An error, too many open files, say, would close the listener; and the client still waits:
        # to go on at once would be to spin.
        try:
            asyncore.dispatcher.handle_accept(self)
        except OSError as error:
            self.log(f"accept: {error.strerror}")
            self.resume_at = time.monotonic() + 1

    def handle_accepted(self, sock, addr):
        EchoChannel(sock)


def parse_port(text):
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        return -1
    return int(text)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    sys.stdout.reconfigure(line_buffering=True)
    poller = "select"
    port = PORT
    arguments = sys.argv[1:]
    while len(arguments) > 1 and port >= 0:
        option, value, *arguments = arguments
        if option == "--port":
            port = parse_port(value)
        elif option == "--poller":
            poller = value
        else:
            port = -1
    if arguments or port < 0:
        print("usage: echo_server [--port N] [--poller NAME], N from 0 to 65535", file=sys.stderr)
        sys.exit(2)
    if poller not in ("select", "poll"):
        print(f"error: {poller}: no such poller; there are: select poll", file=sys.stderr)
        sys.exit(2)
    server = EchoServer(port)
    print("listening on port", server.socket.getsockname()[1])
    asyncore.loop(timeout=1, use_poll=poller == "poll")  # seconds; so long a listener may have to wait that could not accept


main()
