# http_server.py - an HTTP/1.1 server of the files below a directory; http_server.c is its twin.
#
#     python3 -W ignore http_server.py [PORT [DIRECTORY]]
#
# GET and HEAD answer with a file, POST with what was posted.  The terminator is an empty line while
# the head of a request is awaited, a number while its body is, and none once the connection is to
# be closed.
#
# From Python 3.12 on, "pip install pyasyncore pyasynchat" first.

import asynchat
import asyncore
import errno
import os
import re
import signal
import socket
import sys
import time
import urllib.parse

PORT = 8080
MAX_HEAD = 8192  # bytes of a request's head
MAX_BODY = 1048576  # bytes of a posted body
MAX_ANSWERS = 8  # that may be under way to a client that does not wait for them
PATIENCE = 30  # seconds that a client may say nothing

root = None


class FileProducer:

    def __init__(self, file, size):
        self.file = file
        self.left = size

    def more(self):
        data = self.file.read(min(self.left, 65536))
        self.left -= len(data)
        return data


class Session(asynchat.async_chat):

    # ---- answers ----

    def start(self, status, type, length):
        connection = "keep-alive" if self.keep_alive else "close"
        self.push(f"HTTP/1.1 {status}\r\nContent-Type: {type}\r\nContent-Length: {length}\r\n"
                  f"Connection: {connection}\r\n\r\n".encode())

    def finish(self):
        self.in_body = False
        self.max_incoming = MAX_HEAD
        if self.keep_alive:
            self.set_terminator(b"\r\n\r\n")
        else:
            self.set_terminator(None)
            self.close_when_done()

    def refuse(self, status):
        self.keep_alive = False
        self.start(status, "text/plain", len(status) + 1)
        if not self.head_only:
            self.push(status.encode() + b"\n")
        self.finish()

    # ---- files ----

    def guess_type(self, path):
        types = {".html": "text/html", ".css": "text/css", ".js": "text/javascript",
                 ".txt": "text/plain", ".png": "image/png", ".jpg": "image/jpeg"}
        return types.get(os.path.splitext(path)[1], "application/octet-stream")

    def find_file(self, target):
        # The file's real path, which ends below the root whatever links and dots lead there.
        path = f"{root}/{urllib.parse.unquote(target.split('?')[0])}"
        if "\0" in path:
            return None
        if os.path.isdir(path):
            path += "/index.html"
        path = os.path.realpath(path)
        if not path.startswith(root.rstrip("/") + "/") or not os.path.isfile(path):
            return None
        return path

    def serve_file(self, target):
        path = self.find_file(target)
        try:
            file = open(path, "rb")
        except (OSError, TypeError) as error:
            if getattr(error, "errno", 0) in (errno.EMFILE, errno.ENFILE):  # it may well be there
                self.refuse("503 Service Unavailable")
            else:
                self.refuse("404 Not Found")
            return
        size = os.fstat(file.fileno()).st_size
        self.start("200 OK", self.guess_type(path), size)
        if self.head_only:
            file.close()
        else:
            self.push_with_producer(FileProducer(file, size))
        self.finish()

    # ---- requests ----

    def is_well_formed(self, head):
        # Each line behind the first is "name: value", and nothing else may be taken for the end of a
        # line: what somebody on the way understands in another way is how a request is hidden in another.
        text = r"[^\x00-\x08\x0a-\x1f\x7f]*"
        return re.fullmatch(rf"{text}(\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:{text})*", head)

    def header(self, head, name):
        # The value of a header; None if there is none.
        found = re.search(rf"\r\n{name}:[ \t]*([^\r\n]*)", head, re.IGNORECASE)
        return found[1] if found else None

    def echo(self):
        body = self._get_data()
        self.start("200 OK", "application/octet-stream", len(body))
        self.push(body)
        self.finish()

    def read_body(self, length):
        if length is None:
            self.refuse("411 Length Required")
        elif not re.fullmatch("[0-9]+", length):
            self.refuse("400 Bad Request")
        elif int(length[:10]) > MAX_BODY:
            self.refuse("413 Content Too Large")
        elif int(length) == 0:
            self.echo()
        else:
            self.in_body = True
            self.max_incoming = MAX_BODY
            self.set_terminator(int(length))

    def handle_head(self, head):
        self.head_only = False
        found = re.match(r"([A-Z]{1,7}) ([!-~]+) HTTP/1\.([0-9])(\r\n|$)", head)
        length = self.header(head, "Content-Length")
        if (not found or not self.is_well_formed(head)
                or len(re.findall(r"\r\nContent-Length:", head, re.IGNORECASE)) > 1):
            self.refuse("400 Bad Request")
            return
        method, target, minor = found[1], found[2], int(found[3])
        self.head_only = method == "HEAD"
        connection = self.header(head, "Connection")
        if connection is None:
            self.keep_alive = minor > 0
        elif minor > 0:
            self.keep_alive = not connection.lower().startswith("close")
        else:
            self.keep_alive = connection.lower().startswith("keep-alive")
        if self.header(head, "Transfer-Encoding") is not None:
            self.refuse("501 Not Implemented")
        elif method == "POST":
            self.read_body(length)
        elif length is not None and not re.fullmatch("0+", length):
            self.refuse("400 Bad Request")  # a body would be taken for the next request
        elif method in ("GET", "HEAD"):
            self.serve_file(target)
        else:
            self.refuse("405 Method Not Allowed")

    # ---- the session ----

    def collect_incoming_data(self, data):
        self.heard = time.monotonic()
        if self.get_terminator() is None:
            return  # it is being closed: what still comes is of no interest
        self._collect_incoming_data(data)
        self.unterminated += len(data)
        if self.unterminated > self.max_incoming:
            self.refuse("431 Request Header Fields Too Large")

    def found_terminator(self):
        self.unterminated = 0
        if not self.connected or self.get_terminator() is None:
            return  # Python goes on with the input of a channel that has been closed
        if self.in_body:
            self.echo()
            return
        head = self._get_data().decode("latin-1")
        self.answers = self.answers + 1 if self.writable() else 1
        if self.answers > MAX_ANSWERS:
            self.refuse("503 Service Unavailable")
        else:
            self.handle_head(head)

    def readable(self):
        # Who asks and does not read is not listened to; who says nothing for long is dropped.
        if time.monotonic() - self.heard > PATIENCE:
            self.close()
            return False
        return len(self.producer_fifo) < 100

    def handle_error(self):
        self.close()

    def __init__(self, sock):
        self.heard = time.monotonic()
        self.keep_alive, self.head_only, self.answers, self.unterminated = True, False, 0, 0
        asynchat.async_chat.__init__(self, sock)
        # The head and the file are two pieces: the second would wait until the first is acknowledged.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.finish()


class Server(asyncore.dispatcher):

    def handle_accept(self):
        # Not in C, where the library does it: a listener must outlive an error of accept().
        try:
            asyncore.dispatcher.handle_accept(self)
        except OSError as error:
            print("accept:", error.strerror, file=sys.stderr)
            time.sleep(1)

    def handle_accepted(self, sock, addr):
        Session(sock)

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


def parse_port(text):
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        return -1
    return int(text)


def main():
    global root
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    sys.stdout.reconfigure(line_buffering=True)
    port = parse_port(sys.argv[1]) if len(sys.argv) > 1 else PORT
    directory = sys.argv[2] if len(sys.argv) > 2 else "."
    if len(sys.argv) > 3 or port < 0:
        print("usage: http_server [PORT [DIRECTORY]], a number from 0 to 65535", file=sys.stderr)
        sys.exit(2)
    try:
        root = os.path.realpath(directory, strict=True)
    except OSError as error:
        print(f"{directory}: {error.strerror}", file=sys.stderr)
        sys.exit(1)
    server = Server(port)
    print("listening on port", server.socket.getsockname()[1])
    asyncore.loop()


main()
