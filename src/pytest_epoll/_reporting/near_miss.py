"""What was asked, what was expected instead: unmatched requests, findings, waits that expired.

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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_epoll._core.comparison import Comparison, Criterion
    from pytest_epoll._core.finding import Finding
    from pytest_epoll._core.messages import RequestRecord

_LINE = 100
"""Characters of a route or a target that a line shows."""

_COMPARED = 3
"""Requests that a failing assertion compares: beyond three nobody reads on."""

_LISTED = 12
"""Distinct requests that a list of what came has."""

_ALIKE_NAMED = 3
"""Findings that are named beside one that is the same."""

_WAITED_FOR = 20
"""Requests that an expired wait lists."""


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
        yield f"  {shortened(printable(text), _LINE)}, {location}"
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


# -- assertions about what came --


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
    lines = [f"{shortened(printable(asked), 2 * _LINE)} was {happened}, expected {_in_words(*bounds)}"]
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


def describe_order(wanted: Sequence[str], place: int, came: Sequence[str]) -> str:
    """Return why an `assert_requested_in_order()` fails: where the order breaks, and everything that came.

    Args:
        wanted: the names of what should have come, in order.
        place: the index of the first that did not come behind those before it.
        came: the names of all requests, in order of arrival.
    """
    behind = f" behind {printable(wanted[place - 1])}" if place else ""
    lines = [f"{printable(wanted[place])} did not come{behind}"]
    width = max(len(printable(name)) for name in wanted)
    for number, name in enumerate(wanted):
        state = "came" if number < place else "missing" if number == place else "not looked for"
        lines.append(f"  {number + 1}. {printable(name):<{width}}  {state}")
    lines += [f"  {line}" for line in what_came(came)]
    return "\n".join(lines)


def what_came(names: Sequence[str]) -> Iterator[str]:
    """Yield the requests, those that are alike and follow each other as one: "GET /a x3"."""
    if not names:
        yield "no request came"
        return
    runs: list[tuple[str, int]] = []
    for name in names:
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1] + 1)
        else:
            runs.append((name, 1))
    shown = runs if len(runs) <= _LISTED else [*runs[: _LISTED // 2], *runs[-_LISTED // 2 :]]
    yield f"{count(len(names), 'request')} came, in order:"
    for place, (name, times) in enumerate(shown):
        if len(runs) > _LISTED and place == _LISTED // 2:
            yield f"  ... {count(len(runs) - _LISTED, 'more line', 'more lines')}"
        yield f"  {shortened(printable(name), _LINE)}" + (f" x{times}" if times > 1 else "")


def name_of(record: RequestRecord) -> str:
    """Return "GET /a": how a request is called in a list."""
    head = record.head
    return "(no complete head)" if head is None else shortened(printable(f"{head.method} {head.target}"), _LINE)


# -- findings --


def describe_findings(found: Sequence[Finding]) -> str:
    """Return the text of an `EpollFindings`; of requests that differ only in their names one is shown in full."""
    alike: dict[tuple[str, str, str], list[str]] = {}
    for finding in found:
        first, _, details = finding.text.rstrip().partition("\n")
        is_of_request = finding.connection is not None and bool(details)
        alike.setdefault((finding.kind, "" if is_of_request else first, details), []).append(first)
    parts = [count(len(found), "finding")]
    for (kind, _, details), firsts in alike.items():
        lines = [f"{kind}: {firsts[0]}"]
        if len(firsts) > 1:
            left = len(firsts) - 1 - _ALIKE_NAMED
            names = ", ".join(firsts[1 : 1 + _ALIKE_NAMED])
            lines.append(f"  and the same of {names}" + (f" and {left} more" if left > 0 else ""))
        parts.append("\n".join([*lines, details] if details else lines))
    return "\n\n".join(parts)


# -- waits --


def describe_requests(wanted: int, state: str, records: Sequence[RequestRecord]) -> str:
    """Return what a wait for requests wanted, and what is there."""
    ended = sum(record.complete is not None for record in records)
    there = (
        f"{ended} {'has' if ended == 1 else 'have'} ended"
        if state == "ended"
        else f"the heads of {len(records)} have come"
        if len(records) != 1
        else "the head of 1 has come"
    )
    lines = [f"{count(wanted, 'request')}, {there}"]
    if not records:
        lines.append("  no request came")
    left_out = max(0, len(records) - _WAITED_FOR)
    if left_out:
        lines.append(f"  ... {count(left_out, 'earlier request')}")
    names = [f"c{record.connection}.{record.exchange} {name_of(record)}" for record in records[left_out:]]
    width = max(map(len, names), default=0)
    lines += [f"  {name:<{width}}  {progress(record)}" for name, record in zip(names, records[left_out:], strict=True)]
    return "\n".join(lines)


def describe_connections(wanted: int, accepted: int) -> str:
    """Return what a wait for connections wanted, and what is there."""
    return f"{count(wanted, 'connection')}, {accepted} {'was' if accepted == 1 else 'were'} accepted"


def progress(record: RequestRecord) -> str:
    """Return how far a request has come, and its answer."""
    head = record.head
    if record.complete:
        status = f", answered {record.status}" if record.status and record.sent.size else ", not answered"
        return f"ended{status}"
    if record.complete is False:
        return f"broken off: {record.error}"
    if head is None:
        return f"{count(record.raw_size, 'byte')} of a head received"
    size = record.raw_size - len(head.raw)
    if head.content_length is not None:
        body = f"{size} of {count(head.content_length, 'body byte')}"
    else:
        body = f"{count(size, 'body byte')}"
    if not size and head.expects_continue and record.continued_ns is None:
        return f"head and {body} received; the client waits for 100 Continue"
    return f"head and {body} received; the client is still sending or has stopped"
