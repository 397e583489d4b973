"""Chapter 4: connecting is a write event."""

import contextlib
import socket
import threading

from frame import PATIENCE, byte_by_byte, calls, exercise, expect, prediction, tap


def answered(program, answer):
    """What the client says to a server that answers it so, and its exit status."""
    with socket.create_server(("127.0.0.1", 0)) as service:
        service.settimeout(PATIENCE)

        def serve():
            with contextlib.suppress(OSError):  # it does not come, or has gone before it had all
                answer(service.accept()[0])

        thread = threading.Thread(target=serve)
        thread.start()
        status, said, _ = tap.run(program, str(service.getsockname()[1]))
        thread.join()
        return said, status


def must_say(program, answer, expected, who):
    came = answered(program, answer)
    expect(came == expected, f"{expected[0]!r} and exit status {expected[1]}, {who}",
           f"{came[0]!r} and exit status {came[1]}")


def in_pieces(data):
    def answer(peer):
        byte_by_byte(peer, data)
        peer.close()
    return answer


@exercise("4.1", stub=r"expected 'answer: 12345678\\n' .* byte by byte; came 'answer: 1[2-7]*\\n'")
def pieces(program):
    must_say(program, in_pieces(b"12345678"), ("answer: 12345678\n", 0), "for an answer that comes byte by byte")
    must_say(program, in_pieces(b"123"), ("no answer: the end after 3 of 8 bytes\n", 1), "for an end too early")
    must_say(program, in_pieces(b""), ("no answer: the end after 0 of 8 bytes\n", 1), "for an end at once")
    status, said, _ = tap.run(program, str(tap.free_port()))
    expect((said, status) == ("no answer: Connection refused\n", 1),
           "'no answer: Connection refused\\n' and exit status 1, if nobody is there", f"{said!r} and exit status {status}")


@prediction("4.2", stub="expected an answer to 'refused'; came none yet")
def outcome(events):
    for name in ("refused", "heard", "patient"):
        mine = [event for event in events if event.get("class") == name]
        yield name, calls(mine).replace(f"{name}.", "")
