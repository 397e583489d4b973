"""Chapter 9: producers."""

from frame import Server, byte_by_byte, exercise, expect, must_end, must_hear, receive, tap

FAR = 1000000
SIZE = 8000000


@exercise("9.1", stub=r"expected b?'1\\n2\\n3\\n' for who wants to be counted for to 3; came nothing")
def more(program):
    server = Server(program)
    held = server.descriptors()
    peer = server.connect()
    byte_by_byte(peer, b"3\n")
    must_hear(peer, b"1\n2\n3\n", "who wants to be counted for to 3")
    must_end(peer, "who has been counted for")
    peer = server.connect()
    peer.sendall(b"0\n")
    must_end(peer, "who wants to be counted for to 0")
    before = server.memory()
    deaf = server.connect(receive_buffer=4096)
    deaf.sendall(b"4000000000\n")
    peer = server.connect()
    peer.sendall(b"%d\n" % FAR)
    server.settle()  # he is slow
    server.must_not_grow(before, 4096, "however far it counts")
    truth = b"".join(b"%d\n" % n for n in range(1, FAR + 1))
    data = receive(peer, len(truth) + 1)
    wrong = next((n for n, (a, b) in enumerate(zip(data, truth)) if a != b), min(len(data), len(truth)))
    expect(data == truth, f"the numbers to {FAR}, {len(truth)} bytes",
           f"{len(data)} bytes, the first {wrong} of which are right")
    server.must_rest("while one does not read")
    tap.reset(deaf)
    server.must_hold(held, "when all have gone, one by a reset")


@exercise("9.2", stub=r"expected \d+ open descriptors when ten have gone in the middle; came \d+")
def files(program):
    server = Server(program)
    held = server.descriptors()
    data = receive(server.connect(), SIZE + 1)
    expect(data == b"\0" * SIZE, f"a file of {SIZE} bytes", f"{len(data)} bytes")
    server.must_hold(held, "when one has had all of it")
    crowd = [server.connect(receive_buffer=4096) for _ in range(10)]
    for peer in crowd:
        must_hear(peer, b"\0" * 4096, "those who go in the middle")
    for peer in crowd[:5]:
        tap.reset(peer)
    for peer in crowd[5:]:
        peer.close()
    server.must_hold(held, "when ten have gone in the middle")
    server.must_rest("when nobody is there")
