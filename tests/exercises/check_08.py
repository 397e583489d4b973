"""Chapter 8: framing with terminators."""

from frame import Server, byte_by_byte, exercise, expect, flood, must_end, must_hear, tap

MIB = 2**20


@exercise("8.1", stub=r"expected b?'HELLO\\n' for a message in one piece; came nothing")
def frames(program):
    server = Server(program)
    held = server.descriptors()
    peer = server.connect()
    peer.sendall(b"5\nhello")
    must_hear(peer, b"HELLO\n", "a message in one piece")
    peer.sendall(b"3\nabc4\nd\nef1\n")
    must_hear(peer, b"ABC\nD\nEF\n", "two and a half messages in one piece")
    peer.sendall(b"x")
    must_hear(peer, b"X\n", "the other half")
    byte_by_byte(peer, b"10\nletters it")
    must_hear(peer, b"LETTERS IT\n", "a message byte by byte")
    for header in (b"-5\n", b"five\n", b"0\n", b"1001\n", b"\n", b"9" * 2000):
        bad = server.connect()
        bad.sendall(header)
        must_end(bad, f"one who announces {header[:10]!r}")
    peer.sendall(b"3\nend")
    must_hear(peer, b"END\n", "the first one, after those who were closed")
    peer.close()
    server.must_hold(held, "when all have gone")


@exercise("8.2", stub=r"expected who sends without a newline to be closed; came 64 MiB that were taken")
def endless(program):
    server = Server(program)
    peer = server.connect()
    byte_by_byte(peer, b"good morning\n")
    peer.sendall(b"x" * 1024 + b"\n\n")
    must_hear(peer, b"12\n1024\n0\n", "lines of 12, 1024 and 0 bytes")
    before = server.memory()
    sent = flood(server.connect(), 64 * MIB)
    expect(sent < 64 * MIB, "who sends without a newline to be closed", "64 MiB that were taken")
    server.must_not_grow(before, 8192, "for a line that never ends")
    deaf = server.connect(receive_buffer=4096)
    flood(deaf, 64 * MIB, data=b"\n" * 65536)
    server.must_not_grow(before, 8192, "for one who asks and does not read")
    tap.reset(deaf)
    peer.sendall(b"still\n")
    must_hear(peer, b"5\n", "the first one, after those")
    server.must_rest("when nobody asks")
