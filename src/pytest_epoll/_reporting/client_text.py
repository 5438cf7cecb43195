"""What a client did, in words: lines beside a failure that may explain it, and why an assertion about it fails.

the client opened 2 connections, expected exactly 1
  c0  GET /a          closed by the server, FIN
  c1  GET /b          open
                      opened when c0 had been closed by the server, FIN
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._core.showing import count
from pytest_epoll._reporting import client_checks, received_text
from pytest_epoll._reporting.client_story import Conversation, Exchange, gather
from pytest_epoll._reporting.timeline_rows import name_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._core.timeline import Fact
    from pytest_epoll._reporting.client_checks import Attempt, Reading, Retry

_NAMED = 6
"""Connections or requests that a line names."""

_LISTED = 12
"""Connections or requests that a list of an assertion has."""

# -- lines of the report --


def describe(facts: Sequence[Fact]) -> list[str]:
    """Return what the record says of the client's hygiene: no finding, only lines beside a failure; [] if nothing.

    A connection that was left open, an answer that was left unread, a request that is not idempotent and came twice
    (RFC 9110 section 9.2.2), a body that did not wait for the 100 that it had announced: each is what a client is
    allowed to do and seldom means to.
    """
    talks = gather(facts)
    return [*_left_open(talks), *_left_unread(talks), *_came_twice(talks), *_not_awaited(talks)]


def _left_open(talks: Sequence[Conversation]) -> Iterator[str]:
    still = [talk.name for talk in talks if talk.is_open and talk.opened_ns is not None]
    if len(still) > 1:  # one is what every pool keeps for its next request
        yield f"{len(still)} connections are still open ({_listed(still)}): is a response or a pool alive?"


def _left_unread(talks: Iterable[Conversation]) -> Iterator[str]:
    """Yield the answers that the client did not read to the end: its kernel makes an RST of what is unread."""
    for talk in talks:
        last = talk.answered_last
        if last is not None and talk.of_client("rst") is not None and talk.of_client("fin") is None:
            yield (
                f"{last.name} {last.line}: the client reset the connection behind {count(last.sent, 'byte')} of the "
                "reply: closed before it was read?"
            )


def _came_twice(talks: Iterable[Conversation]) -> Iterator[str]:
    """Yield what was sent again without an answer to the first; after a status that asks for it nobody wonders."""
    again: dict[str, list[Retry]] = {}
    for retry in client_checks.hidden_retries(talks):
        if not retry.first.is_whole:
            again.setdefault(retry.again.line, []).append(retry)
    for line, retries in again.items():
        names = _listed(list(dict.fromkeys(one.name for retry in retries for one in retry)))
        yield (
            f"{line} came {_times(len(retries) + 1)} ({names}), the first without a whole answer: "
            "a retry of what is not idempotent?"
        )


def _not_awaited(talks: Iterable[Conversation]) -> Iterator[str]:
    names = [
        f"{one.name} {one.line}"
        for talk in talks
        for one in talk.exchanges
        if one.body and not (one.was_continued or one.is_disturbed) and client_checks.announces_expect(one.head)
    ]
    if names:
        yield f"{_listed(names)}: said Expect: 100-continue and did not wait for it"


def _listed(names: Sequence[str]) -> str:
    if len(names) <= _NAMED:
        return ", ".join(names)
    return f"{', '.join(names[:_NAMED])} and {len(names) - _NAMED} more"


def _times(number: int) -> str:
    return "twice" if number == 2 else f"{number} times"  # noqa: PLR2004 - two


# -- why an assertion fails --


def connections(talks: Sequence[Conversation], expected: str) -> str:
    """Return why the number of connections is wrong: each with what came on it, how it ended, and why it was opened."""
    lines = [f"the client opened {count(len(talks), 'connection')}, expected {expected}"]
    shown = talks[:_LISTED]
    width = max((len(_what_came(talk)) for talk in shown), default=0)
    names = max((len(talk.name) for talk in shown), default=0)
    for talk in shown:
        lines.append(f"  {talk.name:<{names}}  {_what_came(talk):<{width}}  {how_it_stands(talk)}")
        reason = why_opened(talks, talk)
        if reason:
            lines.append(f"  {'':<{names}}  {'':<{width}}  opened when {reason}")
    return "\n".join([*lines, *_more(talks)])


def number_in_words(least: int, most: int | None) -> str:
    """Return "exactly 1": how many are right."""
    if most is None:
        return f"at least {least}"
    if least == most:
        return f"exactly {least}" if least else "none"
    return f"at most {most}" if not least else f"{least} to {most}"


def _what_came(talk: Conversation) -> str:
    if not talk.exchanges:
        return "(no request)"
    lines = [one.line for one in talk.exchanges]
    return ", ".join(lines) if len(lines) <= 2 else f"{lines[0]} and {len(lines) - 1} more"  # noqa: PLR2004 - two fit


def how_it_stands(talk: Conversation) -> str:
    """Return "open", or "closed by the client, FIN"."""
    bye = talk.goodbye
    if bye is None:
        return "ended" if talk.has_ended else "open"
    return f"closed by the {bye.by}, {bye.how.upper()}"


def why_opened(talks: Iterable[Conversation], talk: Conversation) -> str:
    """Return how the connections before it stood when a connection was opened: busy, idle or closed; "" of the first.

    Those that still were there come first, the latest of each kind: they are what the client could have used.
    """
    if talk.opened_ns is None:
        return ""
    place = talk.opened_place
    before = [other for other in talks if other is not talk and other.opened_place < place]
    there = [other for other in before if other.is_there(place)]
    for other in reversed(there):
        if other.owed_at(place) is None:
            return f"{other.name} was open and idle"
    for other in reversed(there):
        owed = other.owed_at(place)
        if owed is not None:
            return f"{other.name} was busy with {owed.line}"
    return f"{before[-1].name} had been {how_it_stands(before[-1])}" if before else ""


def reuse(talks: Sequence[Conversation], wrong: Sequence[Exchange], of: int, *, is_wanted: bool) -> str:
    """Return why requests should have come on other connections than they did."""
    by_index = {talk.index: talk for talk in talks}
    happened = (
        "opened a connection instead of reusing one" if is_wanted else "reused a connection, instead of a new one"
    )
    lines = [f"{_share(len(wrong), of, 'request')} {happened}"]
    for one in wrong[:_LISTED]:
        talk = by_index[one.connection]
        if is_wanted:
            reason = why_opened(talks, talk) or "it is the first connection"
        else:
            before = [other for other in talk.exchanges if other.exchange < one.exchange]
            reason = f"came behind {before[-1].name} {before[-1].line}" if before else "came behind what was cleared"
        lines.append(f"  {one.name} {one.line}: {reason}")
    return "\n".join([*lines, *_more(wrong)])


def closing(talks: Sequence[Conversation], wrong: Sequence[Conversation], by: str, how: str | None) -> str:
    """Return why connections should have been closed otherwise than they were."""
    kind = f" with {how.upper()}" if how else ""
    lines = [f"{_share(len(wrong), len(talks), 'connection')} {_was(wrong)} not closed by the {by}{kind}"]
    width = max(len(_what_came(talk)) for talk in wrong)
    for talk in wrong[:_LISTED]:
        hint = ": is a response or a pool alive?" if talk.is_open and by == "client" else ""
        lines.append(f"  {talk.name}  {_what_came(talk):<{width}}  {how_it_stands(talk)}{hint}")
    return "\n".join([*lines, *_more(wrong)])


def readings(wrong: Sequence[tuple[Exchange, Reading]], of: int) -> str:
    """Return which answers were not read to their end, as far as it is known."""
    lines = [f"{_share(len(wrong), of, 'reply', 'replies')} {_was(wrong)} not read to the end"]
    lines += [f"  {one.name} {one.line}: {reading.word}, {reading.reason}" for one, reading in wrong[:_LISTED]]
    return "\n".join([*lines, *_more(wrong)])


def pipelines(talks: Sequence[Conversation], wrong: Sequence[Exchange]) -> str:
    """Return which requests came before those in front of them were answered."""
    by_index = {talk.index: talk for talk in talks}
    lines = [f"the client pipelined {count(len(wrong), 'request')}"]
    for one in wrong[:_LISTED]:
        owed = [other for other in by_index[one.connection].exchanges if other.exchange < one.exchange]
        owed = [other for other in owed if other.is_owed(one.place)]
        waiting = _listed([other.name for other in owed])
        lines.append(f"  {one.name} {one.line}: came while {waiting} {'was' if len(owed) == 1 else 'were'} unanswered")
    return "\n".join([*lines, *_more(wrong)])


def unasked(record: RequestRecord) -> tuple[str, float]:
    """Return how a request that did not wait is called, and how many seconds behind its head its body began."""
    head_ns, body_ns = record.head_received_ns or 0, record.body_started_ns or 0
    name = f"{name_of(record.connection, record.exchange)} {received_text.name_of(record)}"
    return name, max(0, body_ns - head_ns) / 1e9


def expects(wrong: Sequence[tuple[str, float]], of: int) -> str:
    """Return which requests did not wait for the 100 that they had announced.

    Args:
        wrong: the name and line of each, and how many seconds behind its head the body began.
        of: how many had announced it.
    """
    lines = [f'{_share(len(wrong), of, "request")} with "Expect: 100-continue" did not wait to be asked']
    for name, behind in wrong[:_LISTED]:
        when = f"{behind:.3f} s behind the head" if behind else "together with the head"
        lines.append(f"  {name}: the body came {when}, before any 100 Continue")
    return "\n".join([*lines, *_more(wrong)])


def retries(wrong: Sequence[Retry]) -> str:
    """Return which requests were sent again although they are not idempotent."""
    lines = [f"the client repeated {count(len(wrong), 'request')} of a method that is not idempotent"]
    lines += [
        f"  {retry.again.name} {retry.again.line}: the same as {retry.first.name}, which {retry.outcome}"
        for retry in wrong[:_LISTED]
    ]
    return "\n".join([*lines, *_more(wrong)])


def gaps(attempts: Sequence[Attempt], lengths: Sequence[float], wrong: dict[int, str], expected: str) -> str:
    """Return why the gaps between attempts are wrong.

    Args:
        attempts: all of them.
        lengths: the gap behind each but the last.
        wrong: by place of a gap, what was expected of it.
        expected: what was asked for as a whole.
    """
    lines = [f"{count(len(attempts), 'attempt')}, expected {expected}"]
    names = [f"{attempt.name} {attempt.line}" for attempt in attempts]
    width = max((len(name) for name in names), default=0)
    for place, name in enumerate(names):
        behind = f"{_cut(lengths[place - 1])} s later" if place else ""
        reason = f", expected {wrong[place - 1]}" if place - 1 in wrong else ""
        lines.append(f"  {name:<{width}}  {behind}{reason}".rstrip())
    return "\n".join(lines)


def holds(found: Sequence[tuple[Exchange, float]], wanted: float) -> str:
    """Return how long answers waited for the client to read, where one should have waited longer."""
    lines = [f"no reply had to wait {wanted:g} s for the client to read"]
    for one, longest in found[:_LISTED]:
        of = f" of {one.due}" if one.due else ""
        waited = f"waited {_cut(longest)} s" if one.holds else "never waited"
        lines.append(f"  {one.name} {one.line}: {waited}, {one.sent}{of} bytes sent")
    if not any(one.holds for one, _ in found):
        lines.append("  some 4 MB fit into the buffers of both kernels: is the reply larger than that?")
    return "\n".join([*lines, *_more(found)])


def _share(part: int, of: int, noun: str, plural: str = "") -> str:
    """Return "the request", or "1 of 3 requests"."""
    return f"the {noun}" if of == 1 else f"{part} of {count(of, noun, plural)}"


def _was(things: Sequence[object]) -> str:
    return "was" if len(things) == 1 else "were"


def _cut(seconds: float) -> str:
    """Return seconds to the millisecond, cut off: what is too short by less must not read like enough."""
    return f"{int(seconds * 1000) / 1000:.3f}"


def _more(rows: Sequence[object]) -> Iterator[str]:
    if len(rows) > _LISTED:
        yield f"  and {len(rows) - _LISTED} more"
