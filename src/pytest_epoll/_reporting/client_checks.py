"""What the record says of the client's hygiene: no finding, only lines beside a failure that may explain it.

A connection that was left open, an answer that was left unread, a request that is not idempotent and came twice (RFC
9110 section 9.2.2): each is what a client is allowed to do and seldom means to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core import timeline
from pytest_epoll._core.showing import count, shortened
from pytest_epoll._reporting.sent_bytes import first_line, is_interim
from pytest_epoll._reporting.timeline_rows import GOODBYES, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_epoll._core.timeline import Fact

_IDEMPOTENT = frozenset((b"GET", b"HEAD", b"OPTIONS", b"TRACE", b"PUT", b"DELETE"))
"""RFC 9110 section 9.2.2; a method that is not registered may mean anything."""

_NAMED = 6
"""Connections or requests that a line names."""


def describe(facts: Sequence[Fact]) -> list[str]:
    """Return the lines; none if there is nothing to say."""
    whole = list(timeline.expand(facts))
    return [*_left_open(whole), *_left_unread(whole), *_came_twice(whole)]


def _left_open(facts: Sequence[Fact]) -> Iterator[str]:
    parted = {
        fact[1] for fact in facts if (fact[3] in GOODBYES and fact[5] != "half-close") or fact[3] == timeline.ENDED
    }
    still = [fact[1] for fact in facts if fact[3] == timeline.ACCEPTED and fact[1] not in parted]
    if len(still) > 1:  # one is what every pool keeps for its next request
        names = _listed([name_of(index, timeline.NO_EXCHANGE) for index in still])
        yield f"{len(still)} connections are still open ({names}): is a response or a pool alive?"


def _left_unread(facts: Sequence[Fact]) -> Iterator[str]:
    """Yield the connections that the client closed with bytes unread: the kernel makes an RST of that."""
    for place, fact in enumerate(facts):
        if fact[3] != timeline.RST_RECEIVED:
            continue
        before = [other for other in facts[:place] if other[1] == fact[1]]
        sent = [other for other in before if other[3] == timeline.SENT and not is_interim(other[5])]
        if not sent or any(other[3] == timeline.FIN_RECEIVED for other in before):
            continue
        exchange = sent[-1][2]
        line = _line(before, exchange)
        size = sum(other[4] for other in sent if other[2] == exchange)
        name = name_of(fact[1], exchange)
        yield (
            f"{name} {line}: the client reset the connection behind {count(size, 'byte')} of the reply: "
            "closed before it was read?"
        )


def _came_twice(facts: Sequence[Fact]) -> Iterator[str]:
    bodies = {fact[1:3]: fact[4] for fact in facts if fact[3] == timeline.BODY}
    same: dict[tuple[bytes, int], list[Fact]] = {}
    for fact in facts:
        if fact[3] == timeline.HEAD and fact[5].lstrip(b"\r\n").split(b" ", 1)[0] not in _IDEMPOTENT:
            same.setdefault((fact[5], bodies.get(fact[1:3], 0)), []).append(fact)
    for alike in same.values():
        if len(alike) > 1:
            first = alike[0]
            names = _listed([name_of(*fact[1:3]) for fact in alike])
            lost = "" if _is_answered(facts, first) else ", the first without a whole answer"
            yield (
                f"{_line([first], first[2])} came {_times(len(alike))} with the same head ({names}){lost}: "
                "a retry of what is not idempotent?"
            )


def _is_answered(facts: Sequence[Fact], head: Fact) -> bool:
    own = [fact for fact in facts if fact[1:3] == head[1:3]]
    due = [0, *(fact[4] for fact in own if fact[3] in {timeline.MATCHED, timeline.DUE})][-1]
    sent = sum(fact[4] for fact in own if fact[3] == timeline.SENT and not is_interim(fact[5]))
    return sent >= due > 0 or (not due and sent > 0)


def _line(facts: Sequence[Fact], exchange: int) -> str:
    head = next((fact[5] for fact in facts if fact[3] == timeline.HEAD and fact[2] == exchange), b"a request ?")
    return shortened(first_line(head).rpartition(" ")[0], 80)


def _listed(names: Sequence[str]) -> str:
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _times(number: int) -> str:
    return "twice" if number == 2 else f"{number} times"  # noqa: PLR2004 - two
