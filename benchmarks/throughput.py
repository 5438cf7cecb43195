"""Answers a second of CPU time against the raw loop: does the load saturate, who is how fast, what do fields cost."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from benchmarks.arena import Arena
from benchmarks.load import LoadError, Reconnecting, bare, like_httpx
from benchmarks.measure import Subject, interleave, ratio_while_busy, spread
from benchmarks.processes import NotYet
from benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.measure import Figures, Scale

OURS = "pytest-epoll"
RAW = "the raw loop"

PEERS = (
    ("uvicorn", "uvicorn", "an application of one line; it adds Date and Server"),
    ("aiohttp's test server", "aiohttp", "a handler of one line; it adds Content-Type, Date and Server"),
    ("pytest-httpserver", "httpserver", "it closes after each answer, so each request brings a connection"),
)


def _pace(figures: Figures) -> str:
    return f"{figures.median_us:.2f} us a request, {statistics.median(figures.busy):.0%} of a core"


def saturation(scale: Scale) -> Iterator[Row]:
    """Whether the load keeps the fastest server busy: a server that sleeps pays for its wake-ups alone."""
    with Arena() as arena:
        subjects = [arena.subject(RAW, "raw"), arena.subject(OURS, "epoll")]
        for figures in interleave(subjects, scale):
            what = f"sleeps of {figures.name} in 1,000 answers"
            sleeps = [count * 1000 for count in figures.sleeps]
            yield Row("saturation", what, spread(sleeps), "", note=_pace(figures))
    with Arena() as arena:
        for name, contestant in ((RAW, "raw"), (OURS, "epoll")):
            subject = arena.subject(name, contestant, counts_wakeups=True)
            subject.load.run(20)
            before = subject.host.do("counts")
            subject.load.run(round(scale.round_seconds * 1000))
            after = subject.host.do("counts")
            share = (after["events"] - before["events"]) / (after["wakeups"] - before["wakeups"])
            yield Row("saturation", f"events at a wake-up of {name}", share, "", note="of 64 connections")


def throughput(scale: Scale) -> Iterator[Row]:
    """13 bytes, keep-alive, one head: the smallest request there is."""
    with Arena() as arena:
        subjects = [
            arena.subject(RAW, "raw"),
            arena.subject(OURS, "epoll"),
            arena.subject(f"{OURS}, edge-triggered", "epoll", edge_triggered=True),
            arena.subject(f"{OURS}, poll", "epoll", poller="poll"),
        ]
        missing = []
        for name, contestant, _ in PEERS:
            try:
                subjects.append(_peer(arena, name, contestant))
            except (NotYet, LoadError) as error:
                missing.append(Row("throughput", name, None, note=f"not measured: {error}"))
        raw, *others = interleave(subjects, scale)
        yield Row("throughput", f"CPU time a request of {RAW}", raw.median_us, "us", note=_pace(raw))
        notes = {name: note for name, _, note in PEERS}
        for figures in others:
            against, rounds = ratio_while_busy(raw, figures)
            note = "\n".join(filter(None, (_pace(figures), notes.get(figures.name), rounds)))
            is_ours = figures.name == OURS
            sign, bar, goal = (">=", 0.7, 0.9) if is_ours else ("", None, None)
            yield Row("throughput", f"answers of {figures.name} against {RAW}", against, "x", sign, bar, goal, note)
        yield from missing


def _peer(arena: Arena, name: str, contestant: str) -> Subject:
    host = arena.host(contestant)
    if contestant == "httpserver":
        return Subject(name, host, Reconnecting(host.port, bare()))
    return Subject(name, host, arena.load(host, bare()))


def like_a_client(scale: Scale) -> Iterator[Row]:
    """The same with the five header fields that httpx sends."""
    with Arena() as arena:
        subjects = []
        for name, contestant in ((RAW, "raw"), (OURS, "epoll")):
            host = arena.host(contestant)
            subjects.append(Subject(name, host, arena.load(host, like_httpx("/", host.port))))
        raw, ours = interleave(subjects, scale)
        against, rounds = ratio_while_busy(raw, ours)
        what = f"answers to httpx's five fields against {RAW}"
        yield Row("httpx", what, against, "x", ">=", 0.6, 0.85, "\n".join(filter(None, (_pace(ours), rounds))))
