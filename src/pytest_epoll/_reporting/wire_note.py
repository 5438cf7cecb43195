"""The wire's side of a client's exception, in one line: what the last exchange came to.

wire: c0.0 GET /big: 137 of 4155 bytes delivered, then RST (faults.Reset(after=137))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_epoll._core import timeline
from pytest_epoll._core.showing import count, printable, shortened
from pytest_epoll._reporting.client_story import gather
from pytest_epoll._reporting.sent_bytes import first_line, is_interim
from pytest_epoll._reporting.timeline_rows import GOODBYES, name_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_epoll._core.timeline import Fact

_TEXT = 160
"""Characters of a reason that a note has: it is one line below an exception."""

_WAITS = frozenset((timeline.PAUSED, timeline.GATE, timeline.STALLED, timeline.SEND_BLOCKED))
"""What an exchange may stand at."""

_PARTED = {
    timeline.FIN_SENT: "FIN",
    timeline.RST_SENT: "RST",
    timeline.FIN_RECEIVED: "the client closed",
    timeline.RST_RECEIVED: "the client reset the connection, or closed it with bytes unread",
}


def note(facts: Sequence[Fact], *, url: str = "", is_running: bool = True) -> str:
    """Return what a server saw of the exchange in which its client failed, "" if that was uneventful.

    Args:
        facts: what happened in the test, in order.
        url: the server's address, for a server that nobody reached.
        is_running: whether the server still runs.
    """
    at = f" at {url}" if url else ""
    whole = list(timeline.expand(facts))
    of_clients = [fact for fact in whole if fact[1] >= 0]
    listening = _listening(whole) if is_running else ", which has been stopped"
    if not of_clients:
        return f"wire: no connection reached the server{at}{listening}"
    stopped = f"; the server{at}{listening.removeprefix(', which')}" if listening else ""
    connection, exchange = _last(of_clients)
    own = [fact for fact in of_clients if fact[1] == connection]
    text = _exchange(own, exchange) if exchange >= 0 else _connection(own)
    if not text:
        return f"wire:{stopped[1:]}" if stopped else ""
    return f"wire: {name_of(connection, exchange)} {text}{stopped}"


def _listening(facts: Sequence[Fact]) -> str:
    """Return what the listener did with who connects, if that was the last thing that happened and not to accept.

    A block is left by the exception that is explained, so it may have been told to accept again since.
    """
    is_over = False
    for fact in reversed(facts):
        if fact[3] == timeline.ACCEPTED:
            return ""
        if fact[3] == timeline.LISTENER:
            if not fact[5].startswith("accepts"):
                return f", which {_in_the_past(fact[5])} until then" if is_over else f", which {fact[5]}"
            is_over = True
    return ""


def _in_the_past(words: str) -> str:
    return words.replace("refuses", "refused").replace("leaves", "left")


def _last(facts: Sequence[Fact]) -> tuple[int, int]:
    """Return the exchange that a failure is most likely about: of the last fault, else of the last thing that came."""
    for fact in reversed(facts):
        if fact[3] == timeline.FAULT:
            return fact[1], fact[2]
    begun = [fact for fact in facts if fact[3] in {timeline.ACCEPTED, timeline.HEAD, timeline.REFUSED}]
    connection = (begun or facts)[-1][1]
    exchange = max((fact[2] for fact in facts if fact[1] == connection), default=timeline.NO_EXCHANGE)
    return connection, exchange


def _connection(own: Sequence[Fact]) -> str:
    """Return what became of a connection on which no request came."""
    refused = next((fact for fact in own if fact[3] == timeline.REFUSED), None)
    if refused is not None:
        return f"was refused: {_reason(refused[5])}"
    return f"was accepted, no request came{_end(own)}"


def _exchange(own: Sequence[Fact], exchange: int) -> str:
    facts = [fact for fact in own if fact[2] == exchange]
    by_kind: dict[str, Fact] = {fact[3]: fact for fact in facts}
    head = by_kind.get(timeline.HEAD)
    line = "(no complete head)" if head is None else shortened(first_line(head[5]).rpartition(" ")[0], _TEXT)
    is_whole = any(one.exchange == exchange and one.is_whole for talk in gather(own) for one in talk.exchanges)
    story = _story(own, facts, by_kind, is_whole=is_whole)
    return f"{line}: {story}" if story else ""


def _story(own: Sequence[Fact], facts: Sequence[Fact], by_kind: dict[str, Fact], *, is_whole: bool) -> str:
    fired = ", ".join(dict.fromkeys(_fault(fact[5]) for fact in facts if fact[3] == timeline.FAULT))
    after = [fact for fact in own if fact[0] >= facts[0][0]]
    if fired:
        end = _end(after).removeprefix("; ") or "then nothing more"
        return f"{_progress(facts, by_kind, is_whole=is_whole)}, {end} ({fired})"
    troubles = list(_troubles(after, facts, by_kind, is_whole=is_whole))
    return "; ".join(troubles) + (_end(after) if troubles else "")


def _fault(detail: Any) -> str:
    return shortened(str(detail[3] if isinstance(detail, tuple) else detail), _TEXT)


def _troubles(own: Sequence[Fact], facts: Sequence[Fact], by_kind: dict[str, Fact], *, is_whole: bool) -> Iterator[str]:
    """Yield what was out of the ordinary; how an answer stands if it is not whole."""
    error = by_kind.get(timeline.HANDLER_ERROR)
    if error is not None:
        yield _reason(error[5])
    refused = by_kind.get(timeline.REFUSED)
    if refused is not None:
        yield f"refused{f' with {refused[4]}' if refused[4] else ''}: {_reason(refused[5])}"
        return
    unmatched = by_kind.get(timeline.UNMATCHED)
    if unmatched is not None:
        closest = unmatched[5] or "no route wants it"
        yield f"unmatched, answered 501; {_reason(closest).rstrip(':')}"
        return
    ended = by_kind.get(timeline.REQUEST_ENDED)
    if ended is None:
        yield "the request has not come to its end"
    elif ended[5] is not None:
        yield f"the request broke off: {_reason(ended[5])}"
    elif not is_whole or error is not None:
        yield _progress(facts, by_kind, is_whole=is_whole)
        waiting = next((fact for fact in reversed(own) if fact[3] in {*_WAITS, timeline.SENT}), None)
        if waiting is not None and waiting[3] in _WAITS:
            yield _standing(waiting)


def _due(by_kind: dict[str, Fact]) -> int:
    return next((int(by_kind[kind][4]) for kind in (timeline.DUE, timeline.MATCHED) if kind in by_kind), 0)


def _sent(facts: Sequence[Fact]) -> int:
    return sum(fact[4] for fact in facts if fact[3] == timeline.SENT and not is_interim(fact[5]))


def _progress(facts: Sequence[Fact], by_kind: dict[str, Fact], *, is_whole: bool) -> str:
    sent, due = _sent(facts), _due(by_kind)
    if sent and is_whole and timeline.FAULT not in by_kind:
        return f"answered {_status(facts)}"
    verb = "delivered" if timeline.DELIVERED in by_kind else "sent"
    if not sent:
        return f"nothing of {count(due, 'byte')} {verb}" if due else "nothing sent"
    return f"{sent} of {count(due, 'byte')} {verb}" if due else f"{count(sent, 'byte')} {verb}"


def _status(facts: Sequence[Fact]) -> str:
    """Return the status that went out on the wire."""
    first = next(fact[5] for fact in facts if fact[3] == timeline.SENT and not is_interim(fact[5]))
    return [*first_line(first).split(" ", 2), "?"][1]


def _standing(fact: Fact) -> str:
    kind, detail = fact[3], fact[5]
    if kind == timeline.PAUSED:
        return f"pausing for {detail:g} s"
    if kind == timeline.GATE:
        return f"waiting at {detail[0]}" if detail[1] == "reached" else f"{detail[0]} {detail[1]}"
    return "stalled" if kind == timeline.STALLED else "the client does not read"


def _end(own: Sequence[Fact]) -> str:
    """Return the first goodbye, and who said it, if there was one; a half-close of ours comes before it, or is all."""
    ends = []
    for fact in own:
        if fact[3] not in GOODBYES:
            continue
        if fact[5] != "half-close":
            ends.append(_PARTED[fact[3]] + (f", {_reason(fact[5])}" if fact[5] else ""))
            break
        ends.append("FIN as a half-close")
    return f"; then {', then '.join(ends)}" if ends else ""


def _reason(text: object) -> str:
    return shortened(printable(str(text)), _TEXT)
