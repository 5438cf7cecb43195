"""What was asked, what was expected instead: of a request that no route answers, and of an assertion that fails.

closest: post("/v1/orders"), test_orders.py:12: headers and json differ
  method   POST                       ok
  path     /v1/orders                 ok
  headers  authorization: Bearer abc  got: (absent)
  json     {"sku": 7, "qty": 1}       got: {"sku": "7", "qty": 1}
                                      - "sku": 7
                                      + "sku": "7"
would have matched: headers without authorization, json={"sku": "7", "qty": 1}
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core.comparison import RouteSummary
from pytest_epoll._core.showing import as_code, count, printable, shortened
from pytest_epoll._reporting import comparison_text
from pytest_epoll._reporting.hints import hints
from pytest_epoll._reporting.received_text import LINE, name_of, what_came

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_epoll._core.comparison import Comparison, Criterion
    from pytest_epoll._core.messages import RequestRecord

_COMPARED = 3
"""Requests that a failing assertion compares: beyond three nobody reads on."""


# -- unmatched requests --


def explain(record: RequestRecord, compared: Comparison) -> str:
    """Return why no route answered a request: the closest routes, criterion by criterion."""
    return "".join(f"  {line}\n" for line in _near_miss(record, compared))


def _near_miss(record: RequestRecord, compared: Comparison) -> Iterator[str]:
    if not compared.count:
        yield f"no route is registered; {name_of(record)} came"
        yield f"would have matched: {_route_for(record)}"
        return
    told: set[str] = set()
    for route in compared.closest:
        for line in _compared(route, record):
            if not line.startswith(("would", "hint")) or line not in told:
                yield line
            told.add(line)
    left = compared.count - len(compared.closest) - len(compared.others)
    if compared.closest:
        if left:
            yield f"and {count(left, 'other route')}"
        return
    yield "the only route is not like it:" if compared.count == 1 else f"none of {compared.count} routes is like it:"
    for text, location in compared.others:
        yield f"  {shortened(printable(text), LINE)}, {location}"
    if left:
        yield f"  and {count(left, 'other')}"
    yield f"would have matched: {_route_for(record)}"


def _compared(route: RouteSummary, record: RequestRecord) -> Iterator[str]:
    reason = route.state or comparison_text.misses_in_words(route)
    yield f"closest: {printable(route.text)}, {route.location}" + (f": {reason}" if reason else "")
    yield from (f"  {line}" for line in comparison_text.lines(route.criteria))
    if route.state:
        yield "to answer more: append a reply, or leave out times= of the last one, which then repeats"
    remedy = comparison_text.would_have_matched(route)
    if remedy:
        yield f"would have matched: {remedy}"
    for hint in hints(route, record.head):
        yield f"hint: {hint}"


def _route_for(record: RequestRecord) -> str:
    """Return the code of a route that would have taken a request."""
    head = record.head
    if head is None:
        return "nothing: the head never completed"
    method, path = head.method.lower(), head.path or head.target
    name = f"{method}(" if method in _SHORTCUTS else f"route({as_code(head.method)}, "
    return f"server.{name}{as_code(path.replace('{', '{{').replace('}', '}}'))})"


_SHORTCUTS = ("get", "post", "put", "patch", "delete", "head", "options")
"""Methods that have a method of their own at the server."""


# -- assertions that requests came --


def describe_assertion(
    asked: str,
    matched: int,
    bounds: tuple[int, int | None],
    others: Sequence[tuple[str, tuple[Criterion, ...]]],
    came: Sequence[str],
) -> str:
    """Return why an `assert_requested()` fails: what was asked, what came close, and everything that came.

    Args:
        asked: what was asked for, as code: 'post("/v1/orders", json={"sku": 7})'.
        matched: how many requests are what was asked for.
        bounds: how many there should have been, at the least and at the most (None: any number).
        others: the name of each request that is worth comparing, with what was asked beside what it has.
        came: the names of all requests, in order of arrival.
    """
    happened = f"requested {_times(matched)}" if matched else "never requested"
    lines = [f"{shortened(printable(asked), 2 * LINE)} was {happened}, expected {_in_words(*bounds)}"]
    compared = [RouteSummary(name, "", criteria) for name, criteria in others]
    compared.sort(key=lambda summary: summary.distance)
    for summary in compared[:_COMPARED]:
        if summary.missed:
            lines.append(f"  closest: {summary.text}: {comparison_text.misses_in_words(summary)}")
            lines += [f"    {line}" for line in comparison_text.lines(summary.criteria)]
            lines += [f"    hint: {hint}" for hint in hints(summary)]
        else:
            lines.append(f"  matches: {summary.text}")
    lines += [f"  {line}" for line in what_came(came)]
    return "\n".join(lines)


def _in_words(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {_times(least)}"
    if least == most:
        return f"exactly {_times(least)}" if least else "never"
    return f"at most {_times(most)}" if not least else f"{least} to {most} times"


def _times(number: int) -> str:
    return {0: "", 1: "once", 2: "twice"}.get(number, f"{number} times")
