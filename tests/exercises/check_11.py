"""Chapter 11: scale."""

import resource

from frame import Server, exercise, expect, must_hear, receive, tap

CROWD = 1100


@exercise("11.1", stub=r"expected the server to sleep while clients wait and .*; came .*the loop spins")
def last(program):
    server = Server(program, files=16)
    crowd = [server.connect() for _ in range(20)]
    crowd[0].sendall(b"first\n")
    must_hear(crowd[0], b"first\n", "the first")
    server.must_rest("while clients wait and there is no descriptor")
    crowd[1].sendall(b"second\n")
    must_hear(crowd[1], b"second\n", "one who is there, meanwhile")
    for peer in crowd[:15]:
        peer.close()
    crowd[-1].sendall(b"last\n")
    must_hear(crowd[-1], b"last\n", "the last, once others have gone")
    tap.reset(crowd[-1])
    server.must_rest("when the last has been served")


@exercise("11.2", stub=r"expected the server to go on; came its end: signal SIGABRT")
def too_many(program):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    expect(limit >= 4000, "a limit of 4000 descriptors or more (ulimit -Hn)", str(limit))
    resource.setrlimit(resource.RLIMIT_NOFILE, (4000, limit))  # the clients are here
    server = Server(program, files=4000)
    first = server.connect()
    crowd = [server.connect() for _ in range(CROWD)]
    crowd[-1].sendall(b"good morning")  # who may be let in or not
    receive(crowd[-1], 4)
    first.sendall(b"good morning")
    must_hear(first, b"bye\n", "the first of 1100, who says something")
    for peer in crowd:
        tap.reset(peer)
    peer = server.connect()
    peer.sendall(b"good morning")
    must_hear(peer, b"bye\n", "the next one, when all have gone")
