"""differences.py: prints docs/differences.md, made from the scenarios that have a NAME.why."""

import difflib
import glob
import os

HERE = os.path.dirname(os.path.abspath(__file__))

HEAD = """# Where the port differs from CPython

Everything that CPython 3.11's `asyncore.poll` and `asynchat` do, this library does, in the same order:
[tests/scenarios](../tests/scenarios/README.md) holds the two against each other. These are all the
differences there are, each a defect of CPython's that is not copied: first those that a scenario shows, with
what CPython prints for it, what this library prints, and why (lines that only one of them prints are
marked); then the others.

This page is made by `tests/scenarios/differences.py`, and a test fails when it is not what that prints.
"""


TAIL = """
## What no scenario can show

These need a limit, a signal, a second descriptor number or a failing call, and are shown by a test of
this library each.

| CPython | this library | test |
|---|---|---|
| `accept()` fails for want of descriptors or memory: the listener is closed | it pauses, lives, says so once, and the clients wait in the backlog | `accept`: no_descriptor_left |
| a connection reset before it was accepted is `connected` 0 when the constructor asks for its peer | `asyncore_init_accepted()` is given the address, and asks nobody | `accept`: reset_before_accept |
| a descriptor closed behind the library's back makes select fail for ever, and starves all others | it is found, its `handle_close` is called, the others are served | `loop`: dead_descriptor |
| `close()` of a stale object takes a new one out of the map that has its number | the new one puts the stale one out when it comes | `loop`: number_of_a_dead_descriptor_used_again |
| descriptors from FD_SETSIZE on: select raises | served; where the system cannot, `-EMFILE` when it is added | `select`, `select_limit` |
| a signal does not end the pass (PEP 475) | the pass returns 0 | `loop`: signal_ends_the_pass |
| a time-out of -1, None or less than 1 ms is an error, or a busy loop, as the poller goes | below 0 is for ever, all else is rounded up | `loop`: waits_no_shorter_than_asked, odd_timeouts |
| the only way out of `loop()` is ExitNow | `asyncore_stop()`, from handlers, threads and signal handlers | `loop`: stop_in_a_signal_handler |
| `poll()` in a handler delivers events twice | `-EBUSY` | `loop`: pass_inside_a_pass |
| a predicate that closes makes select fail with EBADF | the closed one is watched no more | `close`: close_another_in_a_predicate |
| `create_socket()` a second time leaves the first socket open and in the map | the first is closed | `dispatcher`: second_socket_replaces_the_first |
| `set_socket(sock, map)` forgets the map: `close()` cannot find it | the map is the dispatcher's from then on | `map`: set_socket_in_another_map |
| `del_channel()` forgets the descriptor: `add_channel()` breaks the map | it pauses, and `add_channel()` resumes | `map`: pause_and_resume |
| a listening socket given to the constructor is served as a channel | it is accepting | `dispatcher`: on_a_listening_socket |
| `bind()`, `listen()` and `connect()` that fail leave `addr`, `accepting` and `connecting` set | nothing has changed | `dispatcher`: failing_listen_changes_nothing; `connect`: refused_at_once |
| `connect()` to an AF_UNIX backlog that is full counts as under way, and then as made | `-EAGAIN` | `connect`: unix_backlog_full_is_an_error |
| `connect()` in a pass that has found the socket ready, as after a refusal: what is left of the event takes it for connected | what was found before is forgotten | `connect`: connect_when_found_ready, connect_again_in_handle_error |
| `connect()` on a connected socket calls `handle_connect` again | `-EISCONN` | `connect`: connected_already |
| `close_all()` stops at an error, and forgets who comes meanwhile | all are closed, the first error is returned | `map`: close_all_closes_latecomers |
| a `send` in `handle_close` calls `handle_close` until the stack ends | it is not called from itself | `data`: send_in_handle_close |
| `set_reuse_addr()` hides errors | returns them | `dispatcher`: set_reuse_addr |
| an empty datagram closes | it is a datagram | `datagram`: empty_datagram_is_no_end |
| `ENOBUFS` and `ENOMEM` close the sender; `ETIMEDOUT` and unreachable networks are crashes | nothing was sent; the connection is gone, and `handle_close` is called | by reading: `src/socket.c` |
| what is sent to a connection that is gone is kept, and nobody told | `-EPIPE`; `-ESHUTDOWN` after close_when_done | `dispatcher_with_send`: peer_is_gone; `asynchat_output`: push_after_close_when_done |
| an async_chat whose terminator was never set closes | the terminator is none | `asynchat`: none |
| input without a terminator has no limit, output has none | `asynchat_set_max_incoming()`, `asynchat_set_high_water()` | `asynchat`: limit; `asynchat_output`: flood |
| `file_dispatcher` leaves the caller's descriptor non-blocking | it is blocking again after the close | `file_dispatcher`: blocking_mode_is_restored |
| a child of `fork()` has its parent's map, and serves its clients | it may drop the map or go on with it, and touches neither poller nor wake-up of the parent | `fork`, `fork_shared` |
| SIGPIPE is ignored by the interpreter | never raised, whatever its disposition | `data`: send_on_a_broken_connection; `file_dispatcher`: never_sigpipe |
| `log_info` prints to standard output | to standard error, or where `asyncore_set_log()` says | `log`: standard_error |
"""


def read(name, ending):
    with open(os.path.join(HERE, f"{name}.{ending}"), encoding="utf-8") as file:
        return file.read().rstrip("\n")


def marked(lines, others):
    """The lines of one trace; those that the other has not, in their order, with a mark."""
    matcher = difflib.SequenceMatcher(None, lines, others, autojunk=False)
    same = {block.a + i for block in matcher.get_matching_blocks() for i in range(block.size)}
    return [("  " if i in same else "* ") + line for i, line in enumerate(lines)]


def side_by_side(left, right):
    cpython, ours = marked(left, right), marked(right, left)
    width = max(len("CPython"), *(len(line) for line in cpython))
    rows = [("CPython".ljust(width), "this library")]
    rows += [("-" * width, "-" * len("this library"))]
    for i in range(max(len(cpython), len(ours))):
        rows.append(((cpython[i] if i < len(cpython) else "").ljust(width),
                     ours[i] if i < len(ours) else ""))
    return "\n".join(f"{a}  {b}".rstrip() for a, b in rows)


def section(name):
    title = name.replace("_", " ").capitalize()
    traces = [read(name, ending).split("\n") for ending in ("cpython", "trace")]
    return f"\n## {title}\n\n{read(name, 'why')}\n\n```text\n{side_by_side(*traces)}\n```\n"


def page():
    names = sorted(os.path.basename(path)[:-4] for path in glob.glob(os.path.join(HERE, "*.why")))
    return HEAD + "".join(section(name) for name in names) + TAIL


if __name__ == "__main__":
    print(page(), end="")
