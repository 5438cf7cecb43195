"""Bulk transfer: 64 MiB down against a pump whose loop is C, 64 MiB up against a sink that keeps nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.arena import Arena
from benchmarks.load import bare, with_body
from benchmarks.measure import Subject, interleave, ratio
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Figures, Scale

SIZE = 64 * 1024 * 1024


def _note(yardstick: Figures, ours: Figures) -> str:
    speeds = [SIZE / figures.median_us for figures in (yardstick, ours)]
    return f"{speeds[0]:,.0f} and {speeds[1]:,.0f} MB a second of CPU time"


def bodies(scale: Scale) -> Iterator[Row]:
    """Both directions; ours is recording, and what it recorded is cleared between the rounds."""
    with Arena() as arena:
        pump, ours = arena.host("pump", body=SIZE), arena.host("epoll", body=SIZE)
        subjects = [
            Subject("pump", pump, arena.load(pump, bare(), connections=1)),
            Subject("ours", ours, arena.load(ours, bare(), connections=1), lambda: ours.do("clear")),
        ]
        theirs, mine = interleave(subjects, scale)
        what = "64 MiB down against a sendall of all of it"
        yield Row("bodies", what, ratio(theirs.cpu_us, mine.cpu_us), "x", ">=", 0.8, 0.9, _note(theirs, mine))
    with Arena() as arena:
        request = with_body(SIZE)
        sink, ours = arena.host("sink", request_size=len(request)), arena.host("epoll")
        subjects = [
            Subject("sink", sink, arena.load(sink, request, connections=1)),
            Subject("ours", ours, arena.load(ours, request, connections=1), lambda: ours.do("clear")),
        ]
        theirs, mine = interleave(subjects, scale)
        what = "64 MiB up against a sink that keeps nothing"
        yield Row("bodies", what, ratio(theirs.cpu_us, mine.cpu_us), "x", ">=", 0.4, 0.5, _note(theirs, mine))
