# cat.py - copies its standard input to its standard output; cat.c is its twin.
#
#     python3 -W ignore cat.py < FILE
#
# From Python 3.12 on, "pip install pyasyncore" first.

import asyncore
import errno
import os
import signal
import sys

status = 0  # the program's exit status


def fail(name, error):
    global status
    print(f"cat: {name}: {os.strerror(error)}", file=sys.stderr)
    status = 1
    asyncore.close_all(ignore_all=True)


class Output(asyncore.file_dispatcher):

    def __init__(self, fd):
        self.buffer = b""  # what waits to be written
        asyncore.file_dispatcher.__init__(self, fd)

    def readable(self):
        return False

    def writable(self):
        return len(self.buffer) > 0

    def handle_write(self):
        num_sent = self.send(self.buffer)
        self.buffer = self.buffer[num_sent:]

    def handle_close(self):
        fail("standard output", errno.EPIPE)  # nobody reads there any more

    def handle_error(self):
        fail("standard output", sys.exc_info()[1].errno)


class Input(asyncore.file_dispatcher):

    def __init__(self, fd, output):
        self.output = output
        asyncore.file_dispatcher.__init__(self, fd)

    def readable(self):
        # Whoever reads the output slowly makes the input wait.
        return not self.output.buffer

    def writable(self):
        return False

    def handle_read(self):
        try:
            self.output.buffer = self.recv(65536)
        except BlockingIOError:  # which the library in C takes for what it is
            pass

    def handle_close(self):
        # All that came before has been written, or nothing would have been read.
        asyncore.close_all(ignore_all=True)

    def handle_error(self):
        fail("standard input", sys.exc_info()[1].errno)


def main():
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it without a traceback
    names = ["standard input", "standard output"]
    blocking = []
    if len(sys.argv) > 1:
        print("usage: cat, without arguments", file=sys.stderr)
        sys.exit(2)
    # A file_dispatcher has a dup() of its descriptor, which must not become the missing one.
    for fd in range(2):
        try:
            blocking.append(os.get_blocking(fd))
        except OSError as error:
            fail(names[fd], error.errno)
            sys.exit(status)
    try:
        output = Output(1)
        Input(0, output)
        asyncore.loop()
    except OSError as error:
        fail("loop", error.errno)
    for fd in range(2):  # not in C, where the library does as much
        os.set_blocking(fd, blocking[fd])
    sys.exit(status)


main()
