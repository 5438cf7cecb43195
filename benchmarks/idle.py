"""Connections that say nothing: what they cost a busy server, what they cost a silent one, and in memory."""

from __future__ import annotations

import resource
import time
from typing import TYPE_CHECKING

from benchmarks.arena import Arena
from benchmarks.contestants import LATE_PATH, LATE_SECONDS, route_path
from benchmarks.load import LoadError, bare, read_answer
from benchmarks.measure import Subject, interleave, ratio
from benchmarks.table import Row

if TYPE_CHECKING:
    import socket
    from collections.abc import Iterator

    from benchmarks.measure import Scale

FEW, SOME, MANY = 10, 1_000, 10_000
SPARE_DESCRIPTORS = 200
"""What a process has open beside its idle connections: the busy ones, and what Python needs."""

BEYOND_SELECT = 1_100

STALLED = 1_000
RECORDS = 20_000


def room_for_connections() -> int:
    """Raise the soft limit of descriptors to the hard one, for the processes started from now on, too; return it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return (1 << 30 if hard == resource.RLIM_INFINITY else hard) - SPARE_DESCRIPTORS


def idle(scale: Scale) -> Iterator[Row]:
    """CPU time a request beside idle connections; epoll(7) asks only about the ready, poll(2) about all."""
    room = room_for_connections()
    most = MANY // 5 if scale.is_quick else MANY
    counts = [FEW, SOME, min(most, room - 2 * SOME)]
    for poller in ("epoll", "poll"):
        with Arena() as arena:
            subjects = [_beside(arena, poller, count) for count in counts]
            few, *others = interleave(subjects, scale)
            for figures, count in zip(others, counts[1:], strict=True):
                what = f"CPU time a request with {count:,} idle connections against {FEW}, {poller}"
                note = f"{few.median_us:.2f} and {figures.median_us:.2f} us"
                if most > count > SOME:
                    note += f"; the limit of descriptors leaves no room for {most:,}"
                is_promised = poller == "epoll" and count == counts[-1]
                sign, bar, goal = ("<=", 1.1, 1.05) if is_promised else ("", None, None)
                yield Row("idle", what, ratio(figures.cpu_us, few.cpu_us), "x", sign, bar, goal, note)
    yield from _select(scale)


def _beside(arena: Arena, poller: str, count: int) -> Subject:
    host = arena.host("epoll", poller=poller)
    arena.connections(host, count)
    # Few busy ones, as in a test: with 64 of them ready at a time poll(2) would share its cost among 64.
    return Subject(f"{poller} {count}", host, arena.load(host, bare(), connections=8))


def _select(scale: Scale) -> Iterator[Row]:
    """As far as select(2) goes, and what happens beyond."""
    most = 900
    with Arena() as arena:
        few, many = interleave([_beside(arena, "select", count) for count in (FEW, most)], scale)
        what = f"CPU time a request with {most} idle connections against {FEW}, select"
        note = f"{few.median_us:.2f} and {many.median_us:.2f} us; descriptor 1023 is the last that select(2) can watch"
        yield Row("idle", what, ratio(many.cpu_us, few.cpu_us), "x", note=note)
    with Arena() as arena:
        host = arena.host("epoll", poller="select")
        first, *_ = arena.connections(host, FEW)
        opened = FEW
        try:
            while opened < BEYOND_SELECT:
                _ask(arena.connections(host, 1)[0])
                opened += 1
            beyond = "all of them are answered"
        except (LoadError, OSError) as error:
            beyond = f"connection {opened + 1} is not served ({type(error).__name__})"
        try:
            _ask(first)
            beyond += ", the first one still is"
        except (LoadError, OSError) as error:
            beyond += f", and neither is the first one any more ({type(error).__name__})"
        yield Row("idle", f"{BEYOND_SELECT:,} connections, select", None, note=beyond)


def _ask(sock: socket.socket) -> None:
    sock.sendall(bare())
    read_answer(sock)


def silence(scale: Scale) -> Iterator[Row]:
    """How often the loop wakes up while nothing happens."""
    room_for_connections()
    with Arena() as arena:
        hosts = {name: arena.host("epoll", counts_wakeups=True) for name in ("alone", "idle", "stalled")}
        arena.connections(hosts["idle"], STALLED)
        for sock in arena.connections(hosts["stalled"], STALLED):
            sock.sendall(bare(LATE_PATH))
        for host in hosts.values():
            arena.connections(host, 1)  # answered: so all that was sent before has been taken
        time.sleep(0.2)
        before = {name: host.do("counts")["wakeups"] for name, host in hosts.items()}
        time.sleep(scale.silence_seconds)
        after = {name: host.do("counts")["wakeups"] for name, host in hosts.items()}
    texts = {
        "alone": "after one request",
        "idle": f"with {STALLED:,} idle connections",
        "stalled": f"with {STALLED:,} replies delayed by {LATE_SECONDS:g} s",
    }
    for name, text in texts.items():
        woken = float(after[name] - before[name])
        what = f"wake-ups in {scale.silence_seconds:g} s of silence {text}"
        yield Row("silence", what, woken, "", "<=", 0, 0)


def memory(scale: Scale) -> Iterator[Row]:
    """What stays in Python's memory; what the kernel keeps for a connection is the same for every server."""
    room_for_connections()
    records = RECORDS // 10 if scale.is_quick else RECORDS
    with Arena() as arena:
        host = arena.host("epoll", traces_memory=True)
        load = arena.load(host, bare(), connections=8)
        load.run(1)
        before = host.do("traced")
        arena.connections(host, SOME)
        size = (host.do("traced") - before) / SOME / 1024
        yield Row("memory", "an idle connection with its record", size, "KiB", "<=", 3, 1.5)
        before = host.do("traced")
        answers = load.run(records // 8)
        size = (host.do("traced") - before) / answers / 1024
        yield Row("memory", "a recorded request with its facts", size, "KiB", "<=", 2, 1, "always the same head")
    with Arena() as arena:
        host = arena.host("epoll", traces_memory=True, routes=records)
        load = arena.load(host, [bare(route_path(index)) for index in range(records)], connections=8)
        before = host.do("traced")
        answers = load.run(records // 8)
        size = (host.do("traced") - before) / answers / 1024
        yield Row("memory", "a recorded request with its facts, each for the first time", size, "KiB", "<=", 2, 1)
