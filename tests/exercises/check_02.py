"""Chapter 2: the two questions."""

from frame import Server, byte_by_byte, exercise, expect, flood, must_hear, passes, prediction, receive, sets, tap


@prediction("2.1", stub="expected an answer to 'ask 2'; came none yet")
def asked(events):
    for number, events_of in enumerate(passes(events), 1):
        yield f"ask {number}", sets(events_of[0])


@exercise("2.2", stub=r"expected the server to sleep while a box is empty; came .*the loop spins")
def box(program):
    server = Server(program)
    peer = server.connect()
    byte_by_byte(peer, b"byte by byte")
    must_hear(peer, b"byte by byte", "who sends so")
    server.must_rest("while a box is empty")
    slow = server.connect(receive_buffer=4096)
    sent = flood(slow, 64 * 2**20, data=bytes(range(256)) * 4)
    server.must_rest("while one does not read")
    data = receive(slow, sent, window=2**20)
    expect(data == (bytes(range(256)) * (sent // 256 + 1))[:sent], f"{sent} bytes as they were sent",
           f"{len(data)} bytes, and " + ("others" if len(data) == sent else "no more"))
    tap.reset(slow)
    peer.sendall(b"again")
    must_hear(peer, b"again", "the first, when another was reset")
    peer.close()
    server.must_rest("when all have gone")
