"""How a route compares with a request, criterion by criterion, as plain values for a report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that a route asks of a request: `got` is None if it holds, else what was there instead, as text."""

    name: str
    expected: str
    got: str | None = None


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """A route beside a request; `state` says why it did not answer although everything holds ("used up")."""

    text: str
    location: str
    criteria: tuple[Criterion, ...]
    state: str = ""

    @property
    def misses(self) -> int:
        """How many criteria do not hold."""
        return sum(criterion.got is not None for criterion in self.criteria)
