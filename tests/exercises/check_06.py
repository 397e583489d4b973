"""Chapter 6: partial sends, buffers and back-pressure."""

from frame import Server, byte_by_byte, exercise, expect, flood, must_hear, receive, tap

REPORT = bytes(ord("a") + i % 26 for i in range(8000000))
MIB = 2**20


@exercise("6.1", stub=r"expected all of the report, 8000000 bytes, .*; came \d+ bytes")
def report(program):
    server = Server(program)
    slow = server.connect(receive_buffer=4096)  # and does not read
    peer = server.connect(receive_buffer=65536)
    server.settle()  # he is slow
    data = receive(peer, len(REPORT) + 1)
    expect(data == REPORT, "all of the report, 8000000 bytes, while another does not read",
           f"{len(data)} bytes" + (", and others" if data[:len(REPORT)] != REPORT[:len(data)] else ""))
    tap.reset(server.connect())
    server.must_rest("while one does not read")
    tap.reset(slow)
    server.must_live("when clients were reset in the middle")


@exercise("6.2", stub=r"expected its memory to grow by less than 4096 KiB .*; came \d+ KiB")
def pressure(program):
    server = Server(program)
    before = server.memory()
    peer = server.connect(receive_buffer=4096)
    sent = flood(peer, 64 * MIB)
    server.must_not_grow(before, 4096, f"for one who has sent {sent} bytes and reads nothing")
    expect(sent < 64 * MIB, "who never reads to be made to wait", "64 MiB were taken from him")
    beside = server.connect()
    byte_by_byte(beside, b"beside it\n")
    must_hear(beside, b"beside it\n", "another client")
    server.must_rest("while one does not read")
    data = receive(peer, sent, window=MIB)
    expect(data == b"x" * sent, f"all {sent} bytes, once he reads", f"{len(data)} bytes")
