# proxy.py - hands on what comes between its clients and another server; proxy.c is its twin.
#
#     python3 -W ignore proxy.py LISTEN_PORT HOST PORT
#
# HOST is an IPv4 address.  From Python 3.12 on, "pip install pyasyncore" first.

import asyncore
import os
import re
import signal
import socket
import sys
import time

MAX_WAITING = 65536  # bytes that wait for one side before the other is heard no more


class ProxyChannel(asyncore.dispatcher_with_send):

    def __init__(self, sock=None):
        self.other = None  # the other side; None when it is gone
        self.eof = False  # this side has sent all
        self.closes_when_done = False
        asyncore.dispatcher_with_send.__init__(self, sock)

    def readable(self):
        # With nobody to hear it, all is read and forgotten: this side may read only once heard.
        if self.other is None:
            return not self.eof
        # What the other side does not take is not read, so that TCP makes this one wait.
        return (not self.eof and self.other.connected and
                len(self.other.out_buffer) <= MAX_WAITING)

    def handle_read(self):
        data = self.recv(8192)
        if data and self.other is not None:
            self.other.send(data)

    def finish(self):
        """Nothing more comes for this side: once all is sent, it is told."""
        if self.out_buffer:
            return
        if self.eof:
            self.handle_close()
            return
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def handle_eof(self):
        self.eof = True
        if self.other is not None:
            self.other.finish()

    def handle_write(self):
        self.initiate_send()
        if self.closes_when_done and not self.out_buffer:
            self.handle_close()
        if self.other is not None and self.other.eof:
            self.finish()

    def handle_close(self):
        other = self.other
        self.close()
        self.other = None
        if other is None:
            return
        other.other = None
        other.close_when_done()  # it still gets what came for it

    def handle_error(self):
        error = sys.exc_info()[1]
        why = os.strerror(error.errno) if isinstance(error, OSError) else repr(error)
        self.log(f"connection dropped: {why}")
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

    def close_when_done(self):
        self.closes_when_done = True
        if not self.out_buffer:
            self.handle_close()

    def handle_expt(self):
        # Left unread, out-of-band data would be reported in each pass.
        try:
            self.socket.recv(1, socket.MSG_OOB)
        except OSError:
            pass


class ProxyServer(asyncore.dispatcher):

    def __init__(self, listen_port, host, port):
        asyncore.dispatcher.__init__(self)
        self.resume_at = 0
        self.upstream = host, port  # where its clients are connected to
        try:
            self.create_socket(socket.AF_INET, socket.SOCK_STREAM)
            self.set_reuse_addr()
            self.bind(("", listen_port))
            self.listen(socket.SOMAXCONN)
        except OSError as error:
            print(f"bind 0.0.0.0:{listen_port}: {error.strerror} (give another port as argument)",
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
        client = ProxyChannel(sock)
        upstream = ProxyChannel()
        client.other = upstream
        upstream.other = client
        try:
            upstream.create_socket(socket.AF_INET, socket.SOCK_STREAM)
            upstream.connect(self.upstream)
        except OSError:
            upstream.handle_error()


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
    sys.stdout.reconfigure(line_buffering=True)
    if (len(sys.argv) != 4 or parse_port(sys.argv[1]) < 0 or not is_address(sys.argv[2]) or
            parse_port(sys.argv[3]) < 1):
        print("usage: proxy LISTEN_PORT HOST PORT, an IPv4 address and numbers up to 65535",
              file=sys.stderr)
        sys.exit(2)
    server = ProxyServer(parse_port(sys.argv[1]), sys.argv[2], parse_port(sys.argv[3]))
    print("listening on port", server.socket.getsockname()[1])
    asyncore.loop(timeout=1)  # seconds; so long a listener may have to wait that could not accept


main()
