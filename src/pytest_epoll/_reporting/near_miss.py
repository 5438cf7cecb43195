"""What was asked, what was expected instead: unmatched requests, findings, waits that expired."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_epoll._core.finding import Finding
    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._core.summary import RouteSummary
    from pytest_epoll._serving.request import Request
    from pytest_epoll._serving.route_entry import RouteEntry

CLOSEST_SHOWN = 3
"""Routes that a near miss compares: beyond three nobody reads on."""


def explain(record: RequestRecord, routes: Sequence[RouteSummary]) -> str:
    """Return why no route answered a request: the closest routes, criterion by criterion."""
    head = record.head
    asked = "a request without a complete head" if head is None else f"{head.method} {head.target}"
    if not routes:
        return f"  no route is registered; {asked} came\n"
    closest = sorted(routes, key=lambda route: route.distance)
    lines: list[str] = []
    for route in closest[:CLOSEST_SHOWN]:
        lines.append(f"  closest: {route.text}, {route.location}" + (f": {route.state}" if route.state else ""))
        for criterion in route.criteria:
            verdict = "ok" if criterion.got is None else f"got: {criterion.got}"
            lines.append(f"    {criterion.name:<8} {criterion.expected:<28} {verdict}")
            lines += [f"{'':<42}{line}" for line in criterion.details]
    if len(routes) > CLOSEST_SHOWN:
        lines.append(f"  and {len(routes) - CLOSEST_SHOWN} more routes")
    return "\n".join(lines) + "\n"


def explain_among(
    entries: Sequence[RouteEntry], view: Callable[[RequestRecord], Request], record: RequestRecord
) -> str:
    """Return the same for the routes of a server; those without a reply are not live."""
    request = view(record)
    return explain(record, [entry.explain(request, record.head) for entry in entries if entry.replies])


def describe_findings(found: Sequence[Finding]) -> str:
    """Return the text of an `EpollFindings`."""
    title = f"{len(found)} finding{'s' if len(found) != 1 else ''}"
    return "\n\n".join((title, *(str(finding).rstrip() for finding in found)))


def describe_requests(wanted: int, state: str, records: Sequence[RequestRecord]) -> str:
    """Return what a wait for requests wanted, and what is there."""
    ended = sum(record.complete is not None for record in records)
    there = (
        f"{ended} {'has' if ended == 1 else 'have'} ended"
        if state == "ended"
        else f"the head of {len(records)} has come"
    )
    return "\n".join((f"{wanted} request{'s' if wanted != 1 else ''}, {there}", *map(_progress, records)))


def _progress(record: RequestRecord) -> str:
    head = record.head
    name = f"  c{record.connection}.{record.exchange} " + (
        "(no complete head)" if head is None else f"{head.method} {head.target}"
    )
    if record.complete:
        return f"{name:<28} ended"
    if record.complete is False:
        return f"{name:<28} {record.error}"
    size = record.raw_size - (len(head.raw) if head is not None else 0)
    total = f" of {head.content_length}" if head is not None and head.content_length is not None else ""
    return f"{name:<28} head and {size}{total} body bytes received; the client is still sending or has stopped"
