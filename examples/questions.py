# questions.py - two dispatchers that say what they are asked; questions.c is its twin.
#
#     python3 -W ignore questions.py
#
# From Python 3.12 on, "pip install pyasyncore" first.

import asyncore
import itertools
import socket


class Party(asyncore.dispatcher):

    def __init__(self, sock, name, message, answer):
        self.name = name
        self.message = message  # what it has to say now; None: nothing
        self.answer = answer  # what it will say once it has heard something; None: it goes
        asyncore.dispatcher.__init__(self, sock)

    def readable(self):
        print(f"  {self.name}: readable? yes")
        return True

    def writable(self):
        print(f"  {self.name}: writable? {'yes' if self.message is not None else 'no'}")
        return self.message is not None

    def handle_read(self):
        data = self.recv(64)
        if not data:  # at the end handle_close has been called
            return
        print(f"  {self.name}: handle_read: '{data.decode()}'")
        if self.answer is None:
            self.close()
        self.message = self.answer

    def handle_write(self):
        num_sent = self.send(self.message.encode())
        print(f"  {self.name}: handle_write: {num_sent} bytes")
        self.message = None  # a new socket takes so few at once; chapter 6 is about those that do not

    def handle_close(self):
        print(f"  {self.name}: handle_close")
        self.close()


def main():
    socks = socket.socketpair()
    Party(socks[0], "alice", "hello", None)
    Party(socks[1], "bob", None, "hello yourself")
    for number in itertools.count(1):
        if not asyncore.socket_map:
            break
        print("pass", number)
        asyncore.loop(30, count=1)


main()
