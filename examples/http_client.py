# http_client.py - prints what an HTTP server answers to one GET; http_client.c is its twin.
#
#     python3 -W ignore http_client.py HOST PORT PATH
#
# From Python 3.12 on, "pip install pyasyncore" first.

import asyncore
import signal
import socket
import sys


class HttpClient(asyncore.dispatcher_with_send):

    error = None

    def handle_connect(self):
        self.send(f"GET {self.path} HTTP/1.0\r\nHost: {self.host}\r\n\r\n".encode())

    def handle_read(self):
        data = self.recv(8192)
        if data:
            sys.stdout.buffer.write(data)

    def handle_error(self):
        self.error = sys.exc_info()[1]
        self.close()


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    if len(sys.argv) != 4:
        print("usage: http_client HOST PORT PATH", file=sys.stderr)
        sys.exit(2)
    client = HttpClient()
    client.host, port, client.path = sys.argv[1:]
    # Names are resolved before the loop runs, which they would stop.
    try:
        info = socket.getaddrinfo(client.host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        print(f"http_client: {client.host}: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    try:
        client.create_socket(info[0], socket.SOCK_STREAM)
        client.connect(info[4])
        asyncore.loop()
    except OSError as error:
        client.error = error
    if client.error is not None:
        print(f"http_client: {client.host}:{port}: {client.error.strerror}", file=sys.stderr)
        sys.exit(1)
    sys.stdout.flush()


main()
