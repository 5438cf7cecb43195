"""What a look at the kernel costs by itself: select(2), poll(2), epoll(7) beside idle connections, and the two modes.

No server is involved: real TCP connections, whose other ends another process holds, one of which has something to read.
This is what the page about the event loop tells of, and why there is an epoll in our name.
"""

from __future__ import annotations

import resource
import select
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from benchmarks.idle import FEW, MANY, SOME
from benchmarks.measure import spread
from benchmarks.processes import NotYet, in_fresh_process
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from benchmarks.measure import Scale

SELECTABLE = 900
"""Connections that select(2) can still watch, with room for what else a process has open below descriptor 1024."""

_HOLDER = """
import socket, sys
ends = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range(int(sys.argv[2]))]
ends[-1].sendall(b"x" * 8)
print("ready", flush=True)
sys.stdin.read()
"""
_SECONDS = 0.05


def pollers(scale: Scale) -> Iterator[Row]:
    """One of so many connections is ready: what a call costs that finds it; and what is left unread in either mode."""
    counts = (FEW, SOME, MANY // 5 if scale.is_quick else MANY)
    found = in_fresh_process("benchmarks.pollers:measure", counts=counts, rounds=scale.rounds)
    for name, by_count in found["calls"].items():
        for count, values in by_count.items():
            figure = spread([value / 1000 for value in values])
            yield Row("pollers", f"{name}, one of {int(count):,} connections is ready", figure, "us")
    for mode, (calls, events) in found["left"].items():
        what = f"events in {_SECONDS * 1000:g} ms, 7 of 8 bytes left unread, {mode}-triggered"
        yield Row("pollers", what, float(events), "", note=f"{calls:,} calls; nothing new has come")
    plain, cost = (spread([value / 1000 for value in found[what]]) for what in ("recv", "eagain"))
    note = f"a recv that finds a byte: {plain.median:.2f} us; the difference is the exception"
    yield Row("pollers", "a recv that finds nothing, EAGAIN", cost, "us", note=note)


class _Connections:
    """So many accepted connections, whose other ends another process holds; the last one has eight bytes to read."""

    def __init__(self, count: int) -> None:
        with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
            listener.settimeout(30)
            words = (sys.executable, "-c", _HOLDER, str(listener.getsockname()[1]), str(count))
            self._holder = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            self.sockets = [listener.accept()[0] for _ in range(count)]
        assert self._holder.stdout is not None
        self._holder.stdout.readline()

    def close(self) -> None:
        self._holder.communicate()
        for sock in self.sockets:
            sock.close()


def measure(*, counts: list[int], rounds: int) -> dict[str, object]:
    """Return the CPU time of calls in ns, by poller and count; of the events in both modes; of EAGAIN."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    calls: dict[str, dict[str, list[float]]] = {"epoll": {}, "poll": {}, "select": {}}
    for count in counts:
        if count > hard - 200:
            raise NotYet(f"this process may not have {count} connections")
        connections = _Connections(count)
        looks = {"epoll": _epoll(connections.sockets), "poll": _poll(connections.sockets)}
        for name, look in looks.items():
            calls[name][str(count)] = [_time_of(look) for _ in range(rounds)]
        connections.close()
    for count in sorted({min(count, SELECTABLE) for count in counts}):
        connections = _Connections(count)
        look = _select(connections.sockets)
        calls["select"][str(count)] = [_time_of(look) for _ in range(rounds)]
        connections.close()
    connections = _Connections(1)
    left = {mode: _events_left(connections.sockets[0], flag) for mode, flag in (("level", 0), ("edge", select.EPOLLET))}
    sock = connections.sockets[0]
    sock.setblocking(False)
    recv = [_time_of(lambda: sock.recv(1, socket.MSG_PEEK)) for _ in range(rounds)]
    sock.recv(8)
    eagain = [_time_of(lambda: _recv_nothing(sock)) for _ in range(rounds)]
    connections.close()
    return {"calls": calls, "left": left, "recv": recv, "eagain": eagain}


def _epoll(sockets: list[socket.socket]) -> Callable[[], object]:
    epoll = select.epoll()
    for sock in sockets:
        epoll.register(sock.fileno(), select.EPOLLIN)
    return lambda: epoll.poll(0)


def _poll(sockets: list[socket.socket]) -> Callable[[], object]:
    poll = select.poll()
    for sock in sockets:
        poll.register(sock.fileno(), select.POLLIN)
    return lambda: poll.poll(0)


def _select(sockets: list[socket.socket]) -> Callable[[], object]:
    fds = [sock.fileno() for sock in sockets]
    return lambda: select.select(fds, (), (), 0)


def _time_of(look: Callable[[], object]) -> float:
    """Return the CPU time of a call, from as many as take a few milliseconds."""
    calls = 1
    while True:
        begin = time.process_time_ns()
        for _ in range(calls):
            look()
        taken = time.process_time_ns() - begin
        if taken > 3_000_000:
            return taken / calls
        calls *= 4


def _events_left(sock: socket.socket, flag: int) -> tuple[int, int]:
    """Return the calls that came back, and their events, while something stays unread that was reported once."""
    with select.epoll() as epoll:
        epoll.register(sock.fileno(), select.EPOLLIN | flag)
        epoll.poll(0)
        sock.recv(1, socket.MSG_PEEK)
        calls = events = 0
        end = time.monotonic() + _SECONDS
        while (left := end - time.monotonic()) > 0:
            events += len(epoll.poll(left))
            calls += 1
        return calls, events


def _recv_nothing(sock: socket.socket) -> None:
    try:
        sock.recv(1)
    except BlockingIOError:
        pass
