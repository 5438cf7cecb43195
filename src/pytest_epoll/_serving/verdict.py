"""What a test left unmet: a pure function of the record and the routes."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

from pytest_epoll._core import timeline
from pytest_epoll._core.finding import KINDS, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._serving.journal import Journal
    from pytest_epoll._serving.route_entry import RouteEntry


def findings(journal: Journal, routes: list[RouteEntry]) -> list[Finding]:
    """Return every finding, kind by kind."""
    found = [
        *_unmatched(journal),
        *_unused(routes),
        *_unfired(journal, routes),
        *_mishaps(journal),
        *_malformed(journal),
        *_inexact(journal),
    ]
    return sorted(found, key=lambda finding: KINDS.index(finding.kind))


_PROMISED = (timeline.DELIVERED, timeline.PEER_READ)
"""What a fault promises to wait for; that a goodbye or a waiting client can't be seen breaks no promise."""


def _name(record: RequestRecord) -> str:
    head = record.head
    what = f" {head.method} {head.target}" if head is not None else ""
    return f"c{record.connection}.{record.exchange}{what}"


def _unmatched(journal: Journal) -> Iterator[Finding]:
    for record, text in journal.unmatched:
        yield Finding("unmatched", f"{_name(record)}\n{text}", record.connection, record.exchange)


def _unused(routes: list[RouteEntry]) -> Iterator[Finding]:
    for entry in routes:
        where = f"{entry.text}, {entry.location}"
        if not entry.replies:
            yield Finding("unused", f"{where}: it has no reply, so it is not live\n  add one: .respond(...)")
        elif not entry.is_required:
            continue
        elif not entry.is_used:
            yield Finding(
                "unused",
                f'{where}: never requested\n  not required? .route(..., optional=True), or server.allow("unused")',
            )
        else:
            for reply in entry.replies:
                if reply.used < (reply.times or 1):
                    used = f"used {reply.used} of {reply.times} times" if reply.times else "never used"
                    yield Finding(
                        "unused", f"{where}: reply {reply.number + 1} of {len(entry.replies)}, {reply.location}: {used}"
                    )


def _unfired(journal: Journal, routes: list[RouteEntry]) -> Iterator[Finding]:
    known = {entry.index: entry for entry in routes}
    for route, reply, _, text in journal.unfired():
        entry = known.get(route)
        if entry is None:
            continue  # forgotten in the meantime, by clear()
        where = f"{entry.text}, {entry.replies[reply].location}"
        yield Finding(
            "unfired",
            f"{text} on {where}: armed but never fired\n"
            '  its position was never reached; is the reply shorter than that? server.allow("unfired") accepts it',
        )


def _mishaps(journal: Journal) -> Iterator[Finding]:
    for mishap in journal.mishaps:
        where = f"c{mishap.connection}.{mishap.exchange} " if mishap.exchange >= 0 else ""
        text = f"{where}{mishap.summary}\n" + indent(mishap.traceback, "  ")
        yield Finding("handler-error", text, mishap.connection, mishap.exchange)


def _malformed(journal: Journal) -> Iterator[Finding]:
    for record in journal.malformed:
        yield Finding("malformed", f"{_name(record)}: {record.error}", record.connection, record.exchange)


def _inexact(journal: Journal) -> Iterator[Finding]:
    for fact in journal.facts:
        if fact[3] == timeline.UNOBSERVED and fact[5].startswith(_PROMISED):
            yield Finding(
                "inexact", f"c{fact[1]}.{fact[2]} {fact[5]}\n  exact=False on the fault accepts it", fact[1], fact[2]
            )
