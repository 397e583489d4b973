"""The HTTP examples: each C program and its Python twin give the same answers, also to those who ask
badly, and to other people's clients."""

import hashlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import tap
from tap import Skip, connect, equal, matches, receive

BUILD = os.path.join(os.environ["BUILD"], "examples")
SOURCE = os.path.join(os.environ["SOURCE"], "examples")
PYTHON = [sys.executable, "-W", "ignore", "-u"]
HAVE_ASYNCHAT = subprocess.run([*PYTHON, "-c", "import asynchat"], stderr=subprocess.DEVNULL,
                               check=False).returncode == 0
DIRECTORY = tempfile.TemporaryDirectory(prefix="asyncore-http-")
ROOT = os.path.join(DIRECTORY.name, "root")
BIG = b"".join(hashlib.sha256(str(i).encode()).digest() for i in range(50000))


def make_files():
    os.makedirs(os.path.join(ROOT, "below"))
    for name, data in (("index.html", b"hello\n"), ("below/index.html", b"below\n"),
                       ("big.bin", BIG), ("a b.txt", b"space\n"), ("../secret", b"secret\n")):
        with open(os.path.join(ROOT, name), "wb") as file:
            file.write(data)
    os.symlink(os.path.join(DIRECTORY.name, "secret"), os.path.join(ROOT, "link"))


def command(name, language):
    if language == "c":
        return [os.path.join(BUILD, name)]
    if not HAVE_ASYNCHAT:
        raise Skip("this python3 has no asynchat")
    return [*PYTHON, os.path.join(SOURCE, name + ".py")]


class Server(tap.Program):

    def __init__(self, language):
        super().__init__(*command("http_server", language), "0", ROOT, stream="stdout",
                         stderr=subprocess.STDOUT, tidy=False)
        self.port = int(matches(self.line(), r"listening on port (\d+)")[1])

    def ask(self, request):
        """The whole answer to what is sent at once; the server closes."""
        peer = connect(self.port)
        try:
            peer.sendall(request)
        except ConnectionError:
            pass  # it has refused, and closed
        data = b""
        try:
            while part := peer.recv(65536):
                data += part
        except ConnectionError:
            pass
        peer.close()
        return data

    def end(self):
        equal(self.stop(), -signal.SIGTERM)
        equal(self.rest(), "")


def get(target, *headers, method="GET", version="1.0", body=b""):
    lines = [f"{method} {target} HTTP/{version}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1") + body


REQUESTS = {
    "index": get("/"),
    "below": get("/below"),
    "below with a slash": get("/below/"),
    "big": get("/big.bin"),
    "quoted": get("/a%20b.txt"),
    "with a query": get("/?x=1"),
    "head": get("/big.bin", method="HEAD"),
    "missing": get("/nothing"),
    "missing head": get("/nothing", method="HEAD"),
    "dots": get("/../secret"),
    "quoted dots": get("/%2e%2e/secret"),
    "deep dots": get("/below/../../secret"),
    "link out": get("/link"),
    "nul": get("/index.html%00.txt"),
    "post": get("/", "Content-Length: 5", method="POST", body=b"hello"),
    "post nothing": get("/", "Content-Length: 0", method="POST"),
    "post without a length": get("/", method="POST"),
    "post with a bad length": get("/", "Content-Length: -5", method="POST"),
    "post too much": get("/", "Content-Length: 1048577", method="POST"),
    "post far too much": get("/", "Content-Length: 99999999999999999999", method="POST"),
    "chunked": get("/", "Transfer-Encoding: chunked", method="POST"),
    "two lengths": get("/", "Content-Length: 5", "Content-Length: 0", method="POST", body=b"hello"),
    "a length in two": get("/", "Content-Length: 5, 5", method="POST", body=b"hello"),
    "a blank before the colon": get("/", "Content-Length : 5", method="POST", body=b"hello"),
    "a folded header": get("/", "X: y", " Transfer-Encoding: chunked"),
    "a header without a name": get("/", ": y"),
    "a header without a colon": get("/", "Transfer-Encoding chunked"),
    "a nul in the head": get("/", "X: \0"),
    "a newline in the head": get("/", "X: y\nTransfer-Encoding: chunked"),
    "get with a body": get("/", "Content-Length: 18", version="1.1", body=get("/", version="1.1")),
    "get with a length of nothing": get("/", "Content-Length: "),
    "get with a length of 0": get("/", "Content-Length: 0"),
    "two blanks": b"GET  / HTTP/1.0\r\n\r\n",
    "no blank": b"GET/ HTTP/1.0\r\n\r\n",
    "delete": get("/", method="DELETE"),
    "no request": b"hello\r\n\r\n",
    "bad version": b"GET / HTTP/2.0\r\n\r\n",
    "no target": b"GET  HTTP/1.1\r\n\r\n",
    "keep-alive, then close": get("/", version="1.1") + get("/", "Connection: close", version="1.1"),
    "post, then get": get("/", "Content-Length: 3", method="POST", version="1.1", body=b"abc")
                      + get("/"),
    "old keep-alive": get("/", "Connection: Keep-Alive") + get("/"),
    "large head": get("/", "X: " + "y" * 9000),
}


def check_answers(language):
    server = Server(language)
    for name, request in REQUESTS.items():
        answer = server.ask(request)
        assert b"secret" not in answer, name
        if HAVE_ASYNCHAT and language == "c":
            check_answers.c[name] = answer
        elif name in check_answers.c:
            assert answer == check_answers.c[name], (name, answer[:300], check_answers.c[name][:300])
    server.end()


check_answers.c = {}


def check_what_is_answered(language):
    server = Server(language)
    head, body = server.ask(REQUESTS["index"]).split(b"\r\n\r\n")
    equal(body, b"hello\n")
    equal(head, b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\nConnection: close")
    equal(server.ask(REQUESTS["big"]).split(b"\r\n\r\n", 1)[1], BIG)
    equal(server.ask(REQUESTS["head"]).split(b"\r\n\r\n", 1)[1], b"")
    equal(server.ask(REQUESTS["post"]).split(b"\r\n\r\n", 1)[1], b"hello")
    for name, status in (("missing", 404), ("dots", 404), ("link out", 404), ("post too much", 413),
                         ("post far too much", 413), ("chunked", 501), ("delete", 405),
                         ("no request", 400), ("large head", 431), ("nul", 404), ("two lengths", 400),
                         ("a length in two", 400), ("a blank before the colon", 400),
                         ("a folded header", 400), ("a header without a name", 400),
                         ("a header without a colon", 400), ("a nul in the head", 400),
                         ("a newline in the head", 400), ("get with a body", 400),
                         ("get with a length of nothing", 400), ("get with a length of 0", 200),
                         ("two blanks", 400), ("no blank", 400)):
        answer = server.ask(REQUESTS[name])
        assert answer.startswith(b"HTTP/1.1 %d " % status), (name, answer[:100])
    server.end()


def check_byte_by_byte(language):
    server = Server(language)
    peer = connect(server.port)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in REQUESTS["post"]:
        peer.send(bytes([byte]))
    assert receive(peer).endswith(b"\r\n\r\nhello")
    server.end()


def check_pipelining_is_bounded(language):
    server = Server(language)
    answer = server.ask(get("/big.bin", version="1.1") * 3000)
    assert answer.endswith(b"503 Service Unavailable\n"), answer[-100:]
    equal(answer.count(b"HTTP/1.1 200 OK"), 8)
    server.end()


def check_half_close(language):
    """Who has asked for the last time, and says so, gets all of the answer."""
    if language == "py":
        raise Skip("asyncore takes the end of what comes for the end of the connection")
    server = Server(language)
    for requests in 1, 3:
        peer = connect(server.port)
        peer.sendall(get("/big.bin", version="1.1") * requests)
        peer.shutdown(socket.SHUT_WR)
        answer = receive(peer)
        equal((answer.count(b"HTTP/1.1 200 OK"), answer[-len(BIG):] == BIG), (requests, True))
    peer = connect(server.port)
    peer.shutdown(socket.SHUT_WR)
    equal(receive(peer), b"")
    server.end()


def check_no_descriptors(language):
    if os.environ.get("VALGRIND"):
        raise Skip("valgrind has a limit of descriptors of its own")
    server = Server(language)
    for request, status in ((get("/"), 503), (get("/missing"), 404)):
        peer = connect(server.port)
        peer.sendall(request[:-1])
        assert server.ask(REQUESTS["index"]).endswith(b"hello\n")  # so that both have been accepted
        held = os.listdir(f"/proc/{server.process.pid}/fd")
        limits = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (len(held), limits[1]))
        peer.sendall(request[-1:])
        matches(receive(peer), rb"HTTP/1\.1 %d .*" % status)
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, limits)
    server.end()


def check_bad_clients(language):
    server = Server(language)
    silent = [connect(server.port) for _ in range(50)]
    for request in (b"", b"GET /big.bin HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nx"):
        peer = connect(server.port)
        peer.sendall(request)
        tap.reset(peer)
    peer = connect(server.port)  # asks for much and never reads
    peer.sendall(get("/big.bin", version="1.1") * 5)
    assert server.ask(REQUESTS["index"]).endswith(b"hello\n")
    peer.close()
    for peer in silent:
        peer.close()
    server.end()


def check_curl(language):
    if shutil.which("curl") is None:
        raise Skip("curl is not installed")
    server = Server(language)
    url = f"http://127.0.0.1:{server.port}"
    done = subprocess.run(["curl", "-s", "-m", "20", f"{url}/", f"{url}/a%20b.txt", f"{url}/below"],
                          capture_output=True, check=False)
    equal((done.returncode, done.stdout), (0, b"hello\nspace\nbelow\n"))
    done = subprocess.run(["curl", "-s", "-m", "20", "--data-binary", "@-", f"{url}/"],
                          input=BIG[:900000], capture_output=True, check=False)
    equal((done.returncode, done.stdout == BIG[:900000]), (0, True))
    server.end()


def check_client(language):
    server = Server("c")
    status, out, err = tap.run(*command("http_client", language), "127.0.0.1", str(server.port), "/",
                               tidy=False)
    equal((status, err), (0, ""))
    assert out.endswith("hello\n"), out
    server.end()
    port = str(tap.free_port())
    equal(tap.run(*command("http_client", language), "127.0.0.1", port, "/", tidy=False),
          (1, "", f"http_client: 127.0.0.1:{port}: Connection refused\n"))
    status, out, err = tap.run(*command("http_client", language), "127.0.0.1", tidy=False)
    equal((status, out, err), (2, "", "usage: http_client HOST PORT PATH\n"))


def check_client_cannot_write(language):
    server = Server("c")
    with open("/dev/full", "w", encoding="ascii") as full:
        client = tap.Program(*command("http_client", language), "127.0.0.1", str(server.port), "/big.bin",
                             stdout=full, tidy=False)
        equal(client.rest(), f"http_client: 127.0.0.1:{server.port}: No space left on device\n")
        equal(client.wait(), 1)
    server.end()


def check_usage(language):
    for arguments in ["x"], ["65536"], ["0", ".", "."]:
        equal(tap.run(*command("http_server", language), *arguments, tidy=False),
              (2, "", "usage: http_server [PORT [DIRECTORY]], a number from 0 to 65535\n"))
    equal(tap.run(*command("http_server", language), "0", "/no/such/directory", tidy=False),
          (1, "", "/no/such/directory: No such file or directory\n"))


make_files()
tap.main((f"{check.__name__[6:]} {language}", lambda check=check, language=language: check(language))
         for check in (check_answers, check_what_is_answered, check_byte_by_byte, check_half_close, check_no_descriptors,
                       check_pipelining_is_bounded, check_bad_clients, check_curl, check_client,
                       check_client_cannot_write, check_usage)
         for language in ("c", "py"))
