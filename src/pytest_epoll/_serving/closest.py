"""Which routes are worth comparing with a request that none answered, and which requests with what was asserted.

Cheap first: method and path of all, then the number of criteria that hold, and only a few are explained in full; a
thousand routes must not make an unmatched request slow. Code of the test's that raises here (it may never have been
asked before) makes its route a distant one, not a defect of ours.
"""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from pytest_epoll._core.comparison import Comparison, Criterion, RouteSummary
from pytest_epoll._serving.criteria import Facets
from pytest_epoll._serving.paths import subject

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._core.request_head import Head
    from pytest_epoll._serving.request import Request
    from pytest_epoll._serving.route_entry import Pattern, RouteEntry

_SHOWN = 3
"""Routes that are compared: beyond three nobody reads on."""

_OTHERS = 6
"""Routes that are only named, where none is close."""

_COUNTED = 200
"""Routes of the same method and path whose criteria are counted; those behind them are further away by decree."""

_MEASURED = 12
"""Paths that are measured by difflib, which takes 50 us for each: those that share most at their ends."""

_AS_GOOD = 0.15
"""How much less alike than the closest one a path may be to be shown beside it."""

_ALIKE = 0.6
"""How alike two paths are, as difflib measures it, so that one may have been meant for the other."""


def closest_routes(
    entries: Sequence[RouteEntry], view: Callable[[RequestRecord], Request], record: RequestRecord
) -> Comparison:
    """Return the live routes that come closest to a request, compared with it. Loop thread only."""
    live = [entry for entry in entries if entry.replies]
    head = record.head
    if head is None or not live:
        return Comparison(others=_named(live), count=len(live))
    request = view(record)
    path = subject(head)
    with_path = [entry for entry in live if _takes_path(entry, path)]
    with_both = [entry for entry in with_path if entry.takes_method(head.method)]
    if with_both:
        facets = Facets(request)
        near = sorted(with_both[:_COUNTED], key=lambda entry: _misses(entry, facets))
    else:
        near = with_path or _alike(live, path, head.method)
    summaries = [_explain(entry, request, head) for entry in near[: _MEASURED if with_both else _SHOWN]]
    if with_both:
        summaries.sort(key=lambda summary: summary.distance)
    return Comparison(tuple(_worth_reading(summaries)), () if summaries else _named(live), len(live))


def _worth_reading(summaries: list[RouteSummary]) -> list[RouteSummary]:
    """Return those that are about as close as the closest."""
    best = min((len(summary.missed) for summary in summaries), default=0)
    return [summary for summary in summaries if len(summary.missed) <= best + 1][:_SHOWN]


def closest_requests(pattern: Pattern, requests: Sequence[Request]) -> list[tuple[str, tuple[Criterion, ...]]]:
    """Return the names of the requests that come closest to what was asked for, each with its criteria.

    Args:
        pattern: what was asked for.
        requests: the requests that were read to their end; of those that are equally close the last one counts.
    """
    ranked: list[tuple[tuple[int, int], Request, Head]] = []
    for request in reversed(requests):
        head = request._record.head  # noqa: SLF001 - without the barrier: the caller has passed it
        if head is not None:
            path = subject(head)
            if _takes_path(pattern, path):
                ranked.append(((0, not pattern.takes_method(head.method)), request, head))
            else:
                ranked.append(((1, -_affinity(pattern.path.text, path)), request, head))
    ranked.sort(key=lambda item: item[0])
    with_path = [item for item in ranked if not item[0][0]][:_COUNTED]
    others = [item for item in ranked if item[0][0]][:_MEASURED]
    alike = [item for item in others if _likeness(pattern.path.text, subject(item[2])) >= _ALIKE]
    compared = [(repr(request), _explain(pattern, request, head)) for _, request, head in (*with_path, *alike)]
    compared.sort(key=lambda item: item[1].distance)
    return [(name.strip("<>").removeprefix("Request "), summary.criteria) for name, summary in _distinct(compared)]


def _distinct(compared: list[tuple[str, RouteSummary]]) -> list[tuple[str, RouteSummary]]:
    """Return those that differ from what was asked in different ways: a hundred retries are one near miss."""
    distinct: list[tuple[str, RouteSummary]] = []
    for name, summary in compared:
        if len(distinct) < _SHOWN and all(repr(summary.criteria) != repr(other.criteria) for _, other in distinct):
            distinct.append((name, summary))
    return distinct


def _takes_path(asking: RouteEntry | Pattern, path: str) -> bool:
    try:
        return asking.path.match(path) is not None
    except Exception:  # noqa: BLE001 - a predicate of the test's
        return False


def _misses(entry: RouteEntry, facets: Facets) -> int:
    try:
        return entry.misses(facets)
    except Exception:  # noqa: BLE001 - a predicate or an `==` of the test's
        return len(_CRITERIA)


_CRITERIA = ("query", "headers", "cookies", "body", "json", "form", "where")


def _alike(entries: Sequence[RouteEntry], path: str, method: str) -> list[RouteEntry]:
    """Return the routes whose path is like the request's, the closest first."""
    ranked = [(_affinity(entry.path.text, path), entry.takes_method(method), -entry.index, entry) for entry in entries]
    ranked.sort(key=lambda item: item[:3], reverse=True)
    near = [
        (likeness, takes_method, place, entry)
        for _, takes_method, place, entry in ranked[:_MEASURED]
        if (likeness := _likeness(entry.path.text, path)) >= _ALIKE
    ]
    near.sort(key=lambda item: item[:3], reverse=True)
    return [entry for likeness, *_, entry in near if likeness >= near[0][0] - _AS_GOOD]


def _affinity(text: str, path: str) -> int:
    """Return how many letters two paths share at their beginning and at their end: a first look that costs 2 us."""
    route, path = text.strip('"').casefold(), path.casefold()
    first = _shared(route, path)
    return first + _shared(route[first:][::-1], path[first:][::-1])


def _shared(one: str, other: str) -> int:
    """Return how many letters two texts have in common at the beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:  # one[:low] is the same
        middle = (low + high + 1) // 2
        if one.startswith(other[low:middle], low):
            low = middle
        else:
            high = middle - 1
    return low


def _likeness(text: str, path: str) -> float:
    """Return how alike two paths are, from 0 to 1."""
    route = text.strip('"')
    if route.casefold().strip("/") == path.casefold().strip("/"):
        return 1.0
    if len(path) > 1 and len(route) > 1 and (route.endswith(path) or path.endswith(route)):
        return 0.95
    return SequenceMatcher(None, route, path, autojunk=False).ratio()


def _explain(asking: RouteEntry | Pattern, request: Request, head: Head | None) -> RouteSummary:
    name, location = asking.name, getattr(asking, "location", "")
    try:
        explained = asking.explain(request, head)
        if isinstance(explained, RouteSummary):
            return explained
        return RouteSummary(name, location, tuple(explained))
    except Exception as error:  # noqa: BLE001 - a predicate or an `==` of the test's
        return RouteSummary(name, location, (Criterion("criteria", "to be asked", f"raised {error!r}"),))


def _named(entries: Sequence[RouteEntry]) -> tuple[tuple[str, str], ...]:
    return tuple((entry.text, entry.location) for entry in entries[:_OTHERS])
