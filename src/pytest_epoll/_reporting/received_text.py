"""What came, in words: the requests in their order, how far each has come, and what an expired wait for them says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core.showing import count, printable, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_epoll._core.messages import RequestRecord

LINE = 100
"""Characters of a route or a target that a line shows."""

_LISTED = 12
"""Distinct requests that a list of what came has."""

_WAITED_FOR = 20
"""Requests that an expired wait lists."""


def name_of(record: RequestRecord) -> str:
    """Return "GET /a": how a request is called in a list."""
    head = record.head
    return "(no complete head)" if head is None else shortened(printable(f"{head.method} {head.target}"), LINE)


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
        yield f"  {shortened(printable(name), LINE)}" + (f" x{times}" if times > 1 else "")


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
