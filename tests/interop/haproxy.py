"""timed behind haproxy, with the configuration of docs/deploy.md."""

import socket
import threading

from deploy import put, shown
from others import configuration, is_about_now_text, program

import tap
from tap import Program, Timed, equal, run


class DoesNotKnow:
    """A server that does not know the time: it closes without an answer, as the RFC asks."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        try:
            while True:
                self.socket.accept()[0].close()
        except OSError:
            pass  # close()

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def config(port, first, second):
    return put(shown("/etc/haproxy/haproxy.cfg"), [
        (r"bind :37$", f"bind 127.0.0.1:{port}"),
        (r"192\.0\.2\.11:37", f"127.0.0.1:{first}"),
        (r"192\.0\.2\.12:37", f"127.0.0.1:{second}"),
        (r"inter 2s", "inter 100ms"),
    ])


def start(file, port):
    proxy = Program(program("haproxy"), "-f", file.name)
    tap.connect_when_up(port).close()
    return proxy


def line_with(proxy, text):
    """Waits until it says so."""
    while text not in proxy.line():
        pass


def answers(port, count):
    status, out, err = run(tap.timec(), "-c", str(count), "-i", "0.001", f"127.0.0.1:{port}")
    equal(err, "")
    equal(status, 0)
    assert f"{count} requests, {count} answers" in out, out


def test_configuration_is_right():
    haproxy = program("haproxy")
    with configuration(config(8037, 8038, 8039)) as file:
        status, out, err = run(haproxy, "-c", "-f", file.name)
    assert status == 0 and "WARNING" not in out + err, out + err


def test_one_server_ends():
    first, second, port = Timed(), Timed(), tap.free_port()
    with configuration(config(port, first.port, second.port)) as file:
        proxy = start(file, port)
        answers(port, 100)
        equal(second.stop(), 0)
        line_with(proxy, "Server timed/two is DOWN")
        answers(port, 100)
        proxy.stop()
    equal(first.stop(), 0)


def test_one_server_does_not_know_the_time():
    first, second, port = Timed(), DoesNotKnow(), tap.free_port()
    with configuration(config(port, first.port, second.port)) as file:
        proxy = start(file, port)
        line_with(proxy, "Server timed/two is DOWN")
        answers(port, 100)
        proxy.stop()
    second.close()
    equal(first.stop(), 0)


def test_rdate_through_it():
    program("rdate")
    first, second, port = Timed(), Timed(), tap.free_port()
    with configuration(config(port, first.port, second.port)) as file:
        proxy = start(file, port)
        status, out, err = run("rdate", "-p", "-o", str(port), "127.0.0.1")
        proxy.stop()
    equal((status, err), (0, ""))
    is_about_now_text(out)
    for server in first, second:
        equal(server.stop(), 0)


tap.main()
