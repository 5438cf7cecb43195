"""How a route compares with a request, criterion by criterion, as plain values for a report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that a route asks of a request: `got` is None if it holds, else what was there instead, as text.

    `details` has the lines of a diff where there is one.
    """

    name: str
    expected: str
    got: str | None = None
    details: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """A route beside a request; `state` says why it did not answer although everything holds ("used up")."""

    text: str
    location: str
    criteria: tuple[Criterion, ...]
    state: str = ""

    @property
    def distance(self) -> tuple[bool, bool, int]:
        """How far it is from the request: another path is further away than another method, and that than the rest."""
        missed = [criterion.name for criterion in self.criteria if criterion.got is not None]
        return "path" in missed, "method" in missed, len(missed)
