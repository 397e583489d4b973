"""Chapter 3: map and dispatcher."""

from frame import Server, exercise, must_end, must_hear, tap


@exercise("3.1", stub=r"expected the server to go on, and to use no memory that is freed; came its end: .*free in channel_handle_read", sanitize=True)
def destroy(program):
    server = Server(program)
    held = server.descriptors()
    for message in (b"", b"good morning", b"x" * 10000):
        peer = server.connect()
        peer.sendall(message)
        peer.close()
        tap.equal(server.line(), f"{len(message)} bytes")
    for _ in range(20):
        tap.reset(server.connect())
    server.must_hold(held, "when all have gone, some by a reset")


@exercise("3.2", stub=r"expected b?'hello\\n' for the first client; came nothing")
def handle_accepted(program):
    server = Server(program, files=12)
    held = server.descriptors()
    first = server.connect()
    must_hear(first, b"hello\n", "the first client")
    must_end(first, "the first client")
    for _ in range(30):  # more than there may be descriptors
        must_hear(server.connect(), b"hello\n", "each of thirty")
        tap.reset(server.connect())
    server.must_hold(held, "when all have gone")
