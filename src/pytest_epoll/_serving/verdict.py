"""What a test left unmet: a pure function of the record and the routes.

The first line of a finding stands alone: which request, route or fault, and the line of code it was made in. Below it
stands what explains it, and last how to go on.
"""

from __future__ import annotations

from dataclasses import replace
from textwrap import indent
from typing import TYPE_CHECKING

from pytest_epoll._core import timeline
from pytest_epoll._core.checks import checked_words
from pytest_epoll._core.finding import KINDS, Finding
from pytest_epoll._core.secrets import masked
from pytest_epoll._core.showing import count, printable, shortened
from pytest_epoll._serving.replies import acts_on_reading
from pytest_epoll._serving.route_entry import ATTEMPTS
from pytest_epoll._serving.scripts.verdict import script_findings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._serving.journal import Journal
    from pytest_epoll._serving.replies import Reply
    from pytest_epoll._serving.route_entry import RouteEntry
    from pytest_epoll._serving.scripts.book import Script, ScriptBook

_LINE = 160
"""Characters of a first line: it may name a route with its criteria."""

_ROUTE = 72
"""Characters of a route that is named with its criteria."""

_BYTES = 60
"""Bytes of a malformed request that its finding shows."""


def findings(journal: Journal, routes: list[RouteEntry], scripts: ScriptBook) -> list[Finding]:
    """Return every finding, kind by kind."""
    where = {entry.index: entry for entry in routes}
    found = [
        *_unmatched(journal),
        *_unused(routes, journal),
        *_unfired(journal, where, {script.index: script for script in scripts.all()}),
        *_mishaps(journal),
        *_malformed(journal),
        *script_findings(scripts, journal),
        *_inexact(journal),
    ]
    return sorted(found, key=lambda finding: KINDS.index(finding.kind))


_JUDGED_IN_THE_END = frozenset(("unused", "unfired", "script"))
"""What may still be met until it is asked for; the other kinds have happened at some time."""


class Allowance:
    """Which findings count: those of the strict kinds, but for what the test provokes after it has said so."""

    def __init__(self, strict: bool | Iterable[str]) -> None:  # noqa: FBT001 - what `EpollServer` takes
        kinds = (KINDS if strict else ()) if isinstance(strict, bool) else strict
        self._strict = checked_words("strict", kinds, KINDS)
        self._earlier: dict[str, set[object]] = {}  # by kind: what had happened before, and counts

    def extend(self, kinds: Iterable[str], so_far: Callable[[], Iterable[Finding]]) -> None:
        """Accept these kinds from now on; `so_far` returns what was found until now."""
        new = sorted(checked_words("kinds", kinds, KINDS) - self._earlier.keys())
        earlier = list(so_far()) if set(new) - _JUDGED_IN_THE_END else []
        for kind in new:
            self._earlier[kind] = {
                _identity(finding) for finding in earlier if finding.kind == kind and kind not in _JUDGED_IN_THE_END
            }

    def clear(self) -> None:
        """Accept nothing any more."""
        self._earlier.clear()

    def apply(self, found: Iterable[Finding]) -> list[Finding]:
        """Return what counts."""
        counted = []
        for finding in found:
            if finding.kind not in self._strict:
                continue
            earlier = self._earlier.get(finding.kind)
            if earlier is None:
                counted.append(finding)
            elif _identity(finding) in earlier:
                how = f"  it came before {_accepts(finding.kind)}, which accepts what comes after it"
                counted.append(replace(finding, text=f"{finding.text}\n{how}"))
        return counted


def _identity(finding: Finding) -> object:
    """Return what tells a finding from others of its kind; what explains it may have grown in the meantime."""
    return finding.connection, finding.exchange, finding.text.partition("\n")[0]


_OF_BUFFERS = "receive-buffer"

_NOT_KEPT = {
    timeline.DELIVERED: "nobody can tell whether the {} arrived",
    timeline.PEER_READ: "nobody can tell whether the {} were read",
    timeline.RST_SENT: "no RST could be sent",
    _OF_BUFFERS: "receive_buffer= has no effect",
}
"""What a fault promises; that a goodbye or a waiting client can't be seen breaks no promise."""


def _name(record: RequestRecord) -> str:
    head = record.head
    what = f" {head.method} {head.target}" if head is not None else ""
    return shortened(printable(f"c{record.connection}.{record.exchange}{what}"), _LINE)


def _place(connection: int, exchange: int) -> str:
    return f"c{connection}" if exchange == timeline.NO_EXCHANGE else f"c{connection}.{exchange}"


def _index(number: int) -> int | None:
    return None if number < 0 else number


def _where(entry: RouteEntry) -> str:
    text = entry.text if len(entry.text) <= _ROUTE else entry.name  # its line of code has the criteria
    return f"{shortened(printable(text), _LINE)}, {entry.location}"


def _accepts(kind: str) -> str:
    return f'server.allow("{kind}")'


def _unmatched(journal: Journal) -> Iterator[Finding]:
    for record, text in journal.unmatched:
        how = f"  not to be answered? {_accepts('unmatched')}"
        yield Finding("unmatched", f"{_name(record)}\n{text.rstrip()}\n{how}", record.connection, record.exchange)


def _unused(routes: list[RouteEntry], journal: Journal) -> Iterator[Finding]:
    for entry in routes:
        where = _where(entry)
        if not entry.replies:
            yield Finding("unused", f"{where}: it has no reply, so it is not live\n  add one: .respond(...)")
        elif not entry.is_required:
            continue
        elif not entry.is_used:
            how = _not_required(entry, ".route(..., optional=True)")
            yield Finding("unused", f"{where}: never requested\n{_came_close(entry, journal)}  {how}")
        else:
            for reply in entry.replies:
                if reply.used < (reply.times or 1):
                    yield _unused_reply(entry, reply)


def _not_required(entry: RouteEntry, how: str) -> str:
    ways = [how] if entry.name != ATTEMPTS else []  # attempts() takes no optional=
    return f"not required? {', or '.join((*ways, _accepts('unused')))}"


def _came_close(entry: RouteEntry, journal: Journal) -> str:
    """Return which unmatched request a route is the closest to: then the two findings have one cause."""
    closest = f"  closest: {printable(entry.name)}, {entry.location}"
    near = next((record for record, text in journal.unmatched if text.startswith(closest)), None)
    return "" if near is None else f"  the unmatched {_name(near)} came closest\n"


def _unused_reply(entry: RouteEntry, reply: Reply) -> Finding:
    used = f"used {reply.used} of {reply.times} times" if reply.times else "never used"
    first = f"{_where(entry)}: reply {reply.number + 1} of {len(entry.replies)}, {reply.location}: {used}"
    came = f"{count(entry.calls, 'request')} came to the route, and replies are used in order"
    how = _not_required(entry, "optional=True on the route")
    return Finding("unused", f"{first}\n  {came}\n  {how}")


def _unfired(journal: Journal, routes: Mapping[int, RouteEntry], scripts: Mapping[int, Script]) -> Iterator[Finding]:
    for route, reply, _, fault, why in journal.unfired():
        if route in scripts:
            faults = scripts[route].faults
            where = scripts[route].name
        elif route in routes:
            chosen = routes[route].replies[reply]
            faults = chosen.faults
            where = f"{shortened(printable(routes[route].text), _LINE)}, {chosen.location}"
        else:
            continue  # forgotten by clear(), and with it what was expected of it
        is_about_request = any(acts_on_reading(one) for one in faults if repr(one) == fault)
        far = _how_far(journal, (route, reply), timeline.REQUEST_ENDED if is_about_request else timeline.SENT)
        lines = [f"{shortened(fault, _LINE)} on {where}: armed but never fired", f"  {why}: {far}"]
        lines.append(f"  not required? {_accepts('unfired')}")
        yield Finding("unfired", "\n".join(lines))


def _how_far(journal: Journal, reply: tuple[int, int], kind: str) -> str:
    """Return how far the answers went in which a fault was armed, or the requests (`kind`: what tells of them)."""
    armed = {fact[1:3] for fact in journal.facts if fact[3] == timeline.ARMED and fact[5][:2] == reply}
    sizes: dict[tuple[int, int], int] = dict.fromkeys(sorted(armed), 0)
    for fact in journal.facts:
        if fact[3] == kind:
            for place in {fact[1:3], (fact[1], timeline.NO_EXCHANGE)}:  # a script's fault acts on all of a connection
                if place in sizes:
                    sizes[place] += fact[4]
    connection, exchange = longest = max(sizes, key=lambda place: sizes[place])
    size = count(sizes[longest], "byte")
    where = _place(connection, exchange)
    if kind == timeline.REQUEST_ENDED:
        told, what = f"{where} had {size}", "requests"
    else:
        told, what = f"in {where} {size} were sent", "replies"
    return told if len(sizes) == 1 else f"{told}, the longest of {len(sizes)} {what}"


def _mishaps(journal: Journal) -> Iterator[Finding]:
    for mishap in journal.mishaps:
        where = f"{_place(mishap.connection, mishap.exchange)} " if mishap.connection >= 0 else ""
        details = mishap.traceback.removeprefix(f"{mishap.summary}\n").rstrip()
        text = f"{where}{mishap.summary}\n{indent(details, '  ')}\n  meant to happen? {_accepts('handler-error')}"
        yield Finding("handler-error", text, _index(mishap.connection), _index(mishap.exchange))


def _malformed(journal: Journal) -> Iterator[Finding]:
    for record in journal.malformed:
        lines = [f"{_name(record)}: {record.error}"]
        begin = b"".join(record.raw[:4])
        if begin:
            shown = printable(masked(begin[:_BYTES].decode("latin-1")))
            lines.append(f"  received: {shown}" + ("..." if len(begin) > _BYTES else ""))
        status = f"answered {record.status}; " if record.status else ""
        lines.append(f"  {status}sent on purpose? {_accepts('malformed')}")
        yield Finding("malformed", "\n".join(lines), record.connection, record.exchange)


def _inexact(journal: Journal) -> Iterator[Finding]:
    for fact in journal.facts:
        if fact[3] != timeline.UNOBSERVED:
            continue
        kind, _, why = fact[5].partition(": ")
        if kind in _NOT_KEPT:
            what = _NOT_KEPT[kind].format(count(fact[4], "byte"))
            how = "exact=False on the fault accepts it"
            if kind == _OF_BUFFERS:  # no fault with an exact= of its own
                how = "leave it out"
            text = f"{_place(fact[1], fact[2])} {what}: {why}\n  {how}, or {_accepts('inexact')}"
            yield Finding("inexact", text, fact[1], _index(fact[2]))
