"""The contender CPython: its own asyncore, where python3 has it still.

    asyncore_cpython.py echo | time
"""
import socket
import struct
import sys
import time
import warnings

warnings.simplefilter("ignore", DeprecationWarning)
try:
    import asyncore
except ImportError:
    print("python3: no asyncore in this version", file=sys.stderr)
    sys.exit(77)


class Echo(asyncore.dispatcher_with_send):
    def handle_read(self):
        data = self.recv(16384)
        if data:
            self.send(data)

    def handle_close(self):
        self.close()


class Server(asyncore.dispatcher):
    def __init__(self):
        super().__init__()
        self.create_socket()
        self.bind(("127.0.0.1", 0))
        self.listen(socket.SOMAXCONN)

    def writable(self):
        return False


class EchoServer(Server):
    def handle_accepted(self, sock, addr):
        Echo(sock)


class TimeServer(Server):
    def handle_accepted(self, sock, addr):
        sock.send(struct.pack("!I", (int(time.time()) + 2208988800) % 2**32))
        sock.close()


server = {"echo": EchoServer, "time": TimeServer}[sys.argv[1]]()
print(server.socket.getsockname()[1], flush=True)
asyncore.loop()
