"""Bulk transfer: 64 MiB down against a pump whose loop is C, 64 MiB up against a sink that keeps nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from benchmarks.arena import Arena
from benchmarks.load import bare, with_body
from benchmarks.measure import Subject, interleave, ratio, total
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Scale

SIZE = 64 * 1024 * 1024


def bodies(scale: Scale) -> Iterator[Row]:
    """Both directions; ours is recording, and what it recorded is cleared between the rounds.

    Who of the two ends pays for what is between them, is decided anew in each round: a segment is carried to the other
    socket by whoever finds room for it, the sender's `send` or the receiver's `recv`. So longer rounds, and beside the
    server's own time that of both ends.
    """
    scale = replace(scale, round_seconds=2 * scale.round_seconds)
    with Arena() as arena:
        pump, ours = arena.host("pump", body=SIZE), arena.host("epoll", body=SIZE)
        subjects = [
            Subject("pump", pump, arena.load(pump, bare(), connections=1)),
            Subject("ours", ours, arena.load(ours, bare(), connections=1), lambda: ours.do("clear")),
        ]
        yield from _compare("64 MiB down against a sendall of all of it", subjects, scale, 0.8, 0.9)
    with Arena() as arena:
        request = with_body(SIZE)
        sink, ours = arena.host("sink", request_size=len(request)), arena.host("epoll")
        subjects = [
            Subject("sink", sink, arena.load(sink, request, connections=1)),
            Subject("ours", ours, arena.load(ours, request, connections=1), lambda: ours.do("clear")),
        ]
        yield from _compare("64 MiB up against a sink that keeps nothing", subjects, scale, 0.4, 0.5)


def _compare(what: str, subjects: list[Subject], scale: Scale, bar: float, goal: float) -> Iterator[Row]:
    theirs, ours = interleave(subjects, scale)
    note = f"{SIZE / theirs.median_us:,.0f} and {SIZE / ours.median_us:,.0f} MB a second of CPU time"
    yield Row("bodies", what, ratio(theirs.cpu_us, ours.cpu_us), "x", ">=", bar, goal, note)
    both = ratio(total(theirs.cpu_us, theirs.client_us), total(ours.cpu_us, ours.client_us))
    yield Row("bodies", f"{what}, both ends", both, "x")
