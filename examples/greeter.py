# greeter.py - greets whoever says his name in time, until SIGTERM; greeter.c is its twin.
#
#     python3 -W ignore greeter.py [PORT [SECONDS]]
#
# Come in with "nc 127.0.0.1 8013", and say your name.  SIGUSR1 has it say how many are here; after
# SIGTERM nobody is let in any more, and it ends when the last one has gone.
#
# From Python 3.12 on, "pip install pyasyncore pyasynchat" first.

import asynchat
import asyncore
import re
import signal
import socket
import sys
import time

PORT = 8013
SECONDS = 10  # in which the whole name must have come
MAX_NAME = 64  # bytes

patience = SECONDS
signals = []  # that have come and are not handled yet


class Guest(asynchat.async_chat):

    def __init__(self, sock):
        asynchat.async_chat.__init__(self, sock)
        self.deadline = time.monotonic() + patience
        self.incoming_length = 0
        self.set_terminator(b"\n")

    def part(self, words):
        self.push(words)
        self.set_terminator(None)  # what comes now is of no interest
        self.close_when_done()

    def expired(self):
        self.deadline = float("inf")
        self.part(b"too slow\n")

    def collect_incoming_data(self, data):
        if self.get_terminator() is None:
            return  # it has been told good-bye
        self._collect_incoming_data(data)
        self.incoming_length += len(data)  # in C the library counts
        if self.incoming_length > MAX_NAME:
            self.close()

    def found_terminator(self):
        if self.connected:  # Python goes on with the input of a channel that has been closed
            self.part(b"Hello, " + self._get_data() + b".\n")

    def handle_error(self):
        self.close()


class Greeter(asyncore.dispatcher):

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
        # Not in C, where the library does it: a listener must outlive an error of accept().
        try:
            asyncore.dispatcher.handle_accept(self)
        except OSError as error:
            print("accept:", error.strerror, file=sys.stderr)
            time.sleep(1)

    def handle_accepted(self, sock, addr):
        Guest(sock)


# asyncore knows neither timers nor signals: both are looked for between its passes, which must be
# short for it.

def guests():
    return [obj for obj in asyncore.socket_map.values() if isinstance(obj, Guest)]


def run_timers():
    now = time.monotonic()
    for guest in guests():
        if guest.deadline <= now:
            guest.expired()


def run_signals(greeter):
    while signals:
        if signals.pop(0) == signal.SIGUSR1:
            print(len(guests()), "here")
        else:
            print(f"ending, {len(guests())} still here")
            greeter.close()


def loop(greeter):
    while asyncore.socket_map:
        asyncore.loop(timeout=0.1, count=1)
        run_timers()
        run_signals(greeter)


def parse_number(text, most):
    if not re.fullmatch("[0-9]{1,5}", text) or int(text) > most:
        return -1
    return int(text)


def main():
    global patience
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    sys.stdout.reconfigure(line_buffering=True)
    port = parse_number(sys.argv[1], 65535) if len(sys.argv) > 1 else PORT
    if len(sys.argv) > 2:
        patience = parse_number(sys.argv[2], 3600)
    if len(sys.argv) > 3 or port < 0 or patience < 1:
        print("usage: greeter [PORT [SECONDS]], numbers from 0 to 65535 and from 1 to 3600",
              file=sys.stderr)
        sys.exit(2)
    greeter = Greeter(port)
    for number in signal.SIGUSR1, signal.SIGTERM:
        signal.signal(number, lambda number, frame: signals.append(number))
    print("listening on port", greeter.socket.getsockname()[1])
    loop(greeter)
    print("ended")


main()
