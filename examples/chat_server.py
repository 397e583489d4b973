# chat_server.py - what one client says, line by line, all others hear; chat_server.c is its twin.
#
#     python3 -W ignore chat_server.py [PORT]
#
# Come in with "nc 127.0.0.1 8023".  From Python 3.12 on, "pip install pyasyncore pyasynchat" first.

import asynchat
import asyncore
import errno
import os
import re
import signal
import socket
import sys
import time

PORT = 8023
MAX_LINE = 1024  # bytes of a line, without its end
MAX_QUEUED = 262144  # bytes that wait for a client before it is dropped


class ChatSession(asynchat.async_chat):

    def __init__(self, server, sock):
        asynchat.async_chat.__init__(self, sock)
        self.server = server
        server.count += 1
        self.name = f"guest{server.count}"
        server.sessions.append(self)
        self.incoming_length = self.queued = 0  # bytes; in C the library counts them
        self.set_terminator(b"\n")

    def found_terminator(self):
        line = self.name.encode() + b": " + self._get_data() + b"\n"
        self.incoming_length = 0
        self.server.broadcast(self, line)

    def drop(self, why):
        self.log(f"{self.name} dropped: {why}")
        self.handle_close()

    def handle_close(self):
        if self not in self.server.sessions:
            return  # it has gone already
        self.close()
        self.discard_buffers()  # of what has come from it, nothing more is heard
        self.server.sessions.remove(self)
        self.server.leave(self)

    def handle_error(self):
        error = sys.exc_info()[1]
        self.drop(os.strerror(error.errno) if isinstance(error, OSError) else repr(error))

    # The next four are not in C, where the library does as much.

    def collect_incoming_data(self, data):
        self._collect_incoming_data(data)
        self.incoming_length += len(data)
        if self.incoming_length > MAX_LINE:
            raise OSError(errno.EMSGSIZE, "")

    def push(self, data):
        self.queued += len(data)
        asynchat.async_chat.push(self, data)

    def send(self, data):
        num_sent = asynchat.async_chat.send(self, data)
        self.queued -= num_sent
        return num_sent

    def handle_expt(self):
        # Left unread, out-of-band data would be reported in each pass.
        try:
            self.socket.recv(1, socket.MSG_OOB)
        except OSError:
            pass


class ChatServer(asyncore.dispatcher):

    def __init__(self, port):
        asyncore.dispatcher.__init__(self)
        self.resume_at = 0
        self.sessions = []  # all who are here
        self.gone = []  # those of whose going nobody knows
        self.telling = False
        self.count = 0
        try:
            self.create_socket(socket.AF_INET, socket.SOCK_STREAM)
            self.set_reuse_addr()
            self.bind(("", port))
            self.listen(socket.SOMAXCONN)
        except OSError as error:
            print(f"bind 0.0.0.0:{port}: {error.strerror} (give another port as argument)",
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
        session = ChatSession(self, sock)
        self.announce(session, "has joined")

    def broadcast(self, sender, line):
        for session in list(self.sessions):
            if session is not sender and session.connected:
                session.push(line)
                if session.queued > MAX_QUEUED:
                    session.drop("it does not read")

    def announce(self, session, what):
        self.broadcast(None, f"{session.name} {what}\n".encode())

    def leave(self, session):
        # To tell the others may be to find that more of them have gone: they are told of in turn,
        # and not from inside of one another.
        self.gone.append(session)
        if self.telling:
            return
        self.telling = True
        while self.gone:
            session = self.gone.pop()
            self.announce(session, "has left")
        self.telling = False


def parse_port(text):
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > 65535:
        return -1
    return int(text)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    sys.stdout.reconfigure(line_buffering=True)
    port = parse_port(sys.argv[1]) if len(sys.argv) > 1 else PORT
    if len(sys.argv) > 2 or port < 0:
        print("usage: chat_server [PORT], a number from 0 to 65535", file=sys.stderr)
        sys.exit(2)
    server = ChatServer(port)
    print("listening on port", server.socket.getsockname()[1])
    asyncore.loop(timeout=1)  # seconds; so long a listener may have to wait that could not accept


main()
