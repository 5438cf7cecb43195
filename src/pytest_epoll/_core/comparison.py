"""How a route compares with a request, criterion by criterion, as plain values for a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple


class _Missing:
    """The type of `MISSING`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "(absent)"


MISSING: Final = _Missing()
"""Stands for what is not there."""


class Difference(NamedTuple):
    """One place in which two JSON values differ; a name that only one of them has is `MISSING` in the other."""

    where: str
    wanted: object
    found: object


@dataclass(frozen=True, slots=True)
class Criterion:
    """One thing that a route asks of a request.

    Attributes:
        name: "method", "path", or the keyword of `server.route()`.
        expected: what is asked, as text.
        got: None if it holds, else what was there instead, as text.
        field: which name of `query`, `headers`, `cookies` or `form` it is about.
        wanted: what is asked as a value: the path as registered, the methods, the body; None if there is none.
        found: what was there as a value; a list of texts for a field.
        differences: where the two differ, if they are JSON.
    """

    name: str
    expected: str
    got: str | None = None
    field: str = ""
    wanted: object = None
    found: object = None
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """A route beside a request.

    Attributes:
        text: the code that made it, shortened to method and path: the criteria stand below it.
        location: where that code is.
        criteria: all of them, those that hold, too.
        state: why it did not answer although everything holds ("used up").
    """

    text: str
    location: str
    criteria: tuple[Criterion, ...] = ()
    state: str = ""

    @property
    def missed(self) -> tuple[Criterion, ...]:
        """The criteria that do not hold."""
        return tuple(criterion for criterion in self.criteria if criterion.got is not None)

    @property
    def distance(self) -> tuple[bool, bool, int, int]:
        """How far it is from the request: another path is further away than another method, and that than the rest."""
        missed = [criterion.name for criterion in self.missed]
        places = sum(len(criterion.differences) for criterion in self.missed)
        return "path" in missed, "method" in missed, len(missed), places


@dataclass(frozen=True, slots=True)
class Comparison:
    """The routes that are worth comparing with a request, the closest first, and what is left.

    Attributes:
        closest: compared criterion by criterion.
        others: (text, location) of some of the rest, where none is close.
        count: how many routes are live in all.
    """

    closest: tuple[RouteSummary, ...] = ()
    others: tuple[tuple[str, str], ...] = ()
    count: int = 0


class RouteLabel(NamedTuple):
    """How a timeline names a route: the code that made it, where that is, and how many replies it has."""

    text: str
    location: str
    replies: int
