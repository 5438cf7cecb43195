"""Rounds that alternate between the servers under comparison, and what is made of their figures.

A shared machine changes its pace from second to second, so absolute times mean little and means mean nothing. Hence
short rounds, A B then B A, a ratio from each pair, and of these the median with its quartiles.
"""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from benchmarks.load import LoadError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.processes import Host


class Spread(NamedTuple):
    """A median and the quartiles around it."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return the median of values and their quartiles."""
    if len(values) < 2:
        return Spread(values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return Spread(median, low, high)


def ratio(numerators: Sequence[float], denominators: Sequence[float]) -> Spread:
    """Return the spread of the ratios of figures from the same rounds."""
    return spread([above / below for above, below in zip(numerators, denominators, strict=True)])


SATURATED = 1 / 32
"""Sleeps an answer up to which a server counts as busy: it found half of 64 connections ready, or more."""


def ratio_while_busy(raw: Figures, other: Figures) -> tuple[Spread, str]:
    """Return the ratios from the rounds in which the raw loop was busy, and in words how many these were.

    When the neighbours take the core away from the load, the raw loop is the first to wait for it, and pays for its
    wake-ups; whatever is compared with it then looks better than it is.
    """
    pairs = zip(raw.cpu_us, other.cpu_us, raw.sleeps, strict=True)
    ratios = [above / below for above, below, sleeps in pairs if sleeps <= SATURATED]
    everything = len(raw.cpu_us)
    if len(ratios) == everything:
        return spread(ratios), ""
    if len(ratios) < 3:
        return ratio(
            raw.cpu_us, other.cpu_us
        ), "the raw loop waited for the load in nearly all rounds, so the ratio is too kind"
    return spread(ratios), f"{len(ratios)} of {everything} rounds count, in the others the raw loop waited for the load"


def total(*figures: Sequence[float]) -> list[float]:
    """Return the sums of figures from the same rounds."""
    return [sum(parts) for parts in zip(*figures, strict=True)]


@dataclass(frozen=True)
class Scale:
    """How much is measured: a whole run, or a short look."""

    rounds: int = 15
    round_seconds: float = 0.12  # long against a time slice of the scheduler, short against a change of the pace
    cycles: int = 300
    silence_seconds: float = 4.0
    is_quick: bool = False


QUICK = Scale(rounds=5, round_seconds=0.03, cycles=60, silence_seconds=1.0, is_quick=True)


class Turns(Protocol):
    """A load: asks so many times on each of its connections and returns the number of answers."""

    def run(self, turns: int, /) -> int: ...


@dataclass
class Subject:
    """A server under a load; `before` is done ahead of each round and not counted."""

    name: str
    host: Host
    load: Turns
    before: Callable[[], object] | None = None


@dataclass
class Figures:
    """What the rounds of one subject gave, a figure each: CPU time in us a request, CPU over wall time, sleeps."""

    name: str
    cpu_us: list[float] = field(default_factory=list)
    client_us: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    sleeps: list[float] = field(default_factory=list)

    @property
    def median_us(self) -> float:
        return statistics.median(self.cpu_us)


def interleave(subjects: Sequence[Subject], scale: Scale) -> list[Figures]:
    """Measure every subject once a round, each other round in reverse order, after rounds that count for nothing.

    Returns:
        The figures, in the order of the subjects.
    """
    figures = [Figures(subject.name) for subject in subjects]
    order = [(subject, figure, _calibrated(subject, scale)) for subject, figure in zip(subjects, figures, strict=True)]
    for _ in range(scale.rounds):
        for subject, figure, turns in order:
            _measure(subject, figure, turns)
        order.reverse()
    return figures


def _calibrated(subject: Subject, scale: Scale) -> int:
    """Warm a subject up; return how many turns make a round."""
    turns = 1
    while True:
        # The faster of two: a pause of the machine, or what a server still had to do, must not make a round short.
        taken = min(_seconds(subject, turns), _seconds(subject, turns))
        if taken >= scale.round_seconds / 3:
            return max(1, round(turns * scale.round_seconds / taken))
        turns *= 2 if taken > scale.round_seconds / 20 else 8


def _seconds(subject: Subject, turns: int) -> float:
    if subject.before is not None:
        subject.before()
    start_ns = time.perf_counter_ns()
    _run(subject, turns)
    return (time.perf_counter_ns() - start_ns) / 1e9


def _run(subject: Subject, turns: int) -> int:
    try:
        return subject.load.run(turns)
    except (LoadError, OSError) as error:
        raise LoadError(f"{subject.name}: {error}") from error


def _measure(subject: Subject, figures: Figures, turns: int) -> None:
    if subject.before is not None:
        subject.before()
    before, start_ns = subject.host.usage(), time.perf_counter_ns()
    client_ns = time.process_time_ns()
    answers = _run(subject, turns)
    client_ns = time.process_time_ns() - client_ns
    after, end_ns = subject.host.usage(), time.perf_counter_ns()
    cpu_ns = after.cpu_ns - before.cpu_ns
    figures.cpu_us.append(cpu_ns / answers / 1000)
    figures.client_us.append(client_ns / answers / 1000)
    figures.busy.append(cpu_ns / (end_ns - start_ns))
    figures.sleeps.append((after.sleeps - before.sleeps) / answers)
