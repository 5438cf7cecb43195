"""Facts as rows: who, in which direction, what, how much; what says nothing new is folded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_epoll._core import timeline
from pytest_epoll._core.showing import count, printable, shortened
from pytest_epoll._reporting.sent_bytes import (
    MORE,
    MORE_OF_THE_HEAD,
    Answer,
    content_of_chunk,
    first_line,
    is_interim,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_epoll._core.comparison import RouteLabel
    from pytest_epoll._core.timeline import Fact

WIDTH = 56
"""Characters of the middle column at the most; what is longer is shortened."""

_FOLDED = 3
"""Sends, or exchanges that are alike, from which on they are one line if nothing happens in between."""

_FOLDED_WITH_WAITS = 6
"""The same if there are pauses or waits in between, of which a few are worth a line each."""

_PREVIEWED = 30
"""Sends of a folded run of which the beginning is shown: more would not fit the line."""

_FLOWING = frozenset(
    (
        timeline.SENT,
        timeline.PEER_READ,
        timeline.DELIVERED,
        timeline.PAUSED,
        timeline.SEND_BLOCKED,
        timeline.SEND_RESUMED,
    )
)
"""What goes on while an answer is sent piece by piece."""

_UNCOUNTED = "who connects now is not on record"

GOODBYES = frozenset((timeline.FIN_RECEIVED, timeline.RST_RECEIVED, timeline.FIN_SENT, timeline.RST_SENT))


class Row(NamedTuple):
    """One line of the timeline; `arrow` is ">" from the client, "<" to it, "!" out of the ordinary, or a blank."""

    at_ns: int
    name: str
    arrow: str
    what: str
    figure: str = ""


def name_of(connection: int, exchange: int) -> str:
    """Return "c0.1", "c0" or "-"."""
    return "-" if connection < 0 else f"c{connection}" if exchange < 0 else f"c{connection}.{exchange}"


def rows(facts: Sequence[Fact], routes: Mapping[int, RouteLabel]) -> Iterator[Row]:
    """Yield the rows of a server's facts."""
    yield from _Rows(routes).of(facts)


class _Rows:
    """What has to be remembered from one fact to the next."""

    def __init__(self, routes: Mapping[int, RouteLabel]) -> None:
        self._routes = routes
        self._answers: dict[tuple[int, int], Answer] = {}
        self._parted: dict[int, int] = {}  # how many goodbyes a connection has seen
        self._refused: set[tuple[int, int]] = set()  # requests of which the reason is told already

    def of(self, facts: Sequence[Fact]) -> Iterator[Row]:
        place = 0
        while place < len(facts):
            fact = facts[place]
            place += 1
            if fact[3] != timeline.UNEVENTFUL:
                taken = self._flow(facts, place - 1) if fact[3] == timeline.SENT else 0
                if taken:
                    yield self._folded(facts[place - 1 : place - 1 + taken])
                    place += taken - 1
                else:
                    yield from self._row(fact)
                continue
            is_folded = _is_repeated(facts, place - 1)
            end = place if is_folded else _end_of_batch(facts, place - 1)
            for part in timeline.expand(facts[place - 1 : end]):
                yield from self._row(part)
            if is_folded:
                while end < len(facts) and _is_alike(fact, facts[end]):
                    end += 1
                yield _repeated(facts[place:end])
            place = end

    def _answer(self, fact: Fact) -> Answer:
        return self._answers.setdefault((fact[1], fact[2]), Answer())

    # -- runs of sends --

    def _flow(self, facts: Sequence[Fact], start: int) -> int:
        """Return how many facts from here on are sends of the same answer that are worth one line; 0 if none."""
        connection, exchange = facts[start][1:3]
        answer = self._answer(facts[start])
        if (not answer.sent and b"\r\n" in facts[start][5]) or is_interim(facts[start][5]):
            return 0  # the status line has a line of its own
        sends, end = 0, 0
        for place in range(start, len(facts)):
            _, other, other_exchange, kind, *_ = facts[place]
            if other != connection or kind not in _FLOWING or other_exchange not in {exchange, timeline.NO_EXCHANGE}:
                break
            if kind == timeline.SENT:
                if sends and is_interim(facts[place][5]):
                    break
                sends += 1
            if kind in {timeline.SENT, timeline.PEER_READ, timeline.SEND_RESUMED}:
                end = place + 1 - start
        has_waits = any(fact[3] != timeline.SENT for fact in facts[start : start + end])
        return end if sends >= (_FOLDED_WITH_WAITS if has_waits else _FOLDED) else 0

    def _folded(self, run: Sequence[Fact]) -> Row:
        answer = self._answer(run[0])
        begins = answer.sent == 0
        sends = [fact for fact in run if fact[3] == timeline.SENT]
        texts = [answer.add(fact[5], fact[4]) for fact in sends]
        if begins:
            what = first_line(b"".join(fact[5] for fact in sends))
        elif all(text.startswith("chunk: ") for text in texts[:-1]):
            contents = [content_of_chunk(fact[5], fact[4]) for fact in sends[:_PREVIEWED]]
            what = f"chunks: {' | '.join(text_of(content) for content in contents if content)}"
        elif not {MORE, MORE_OF_THE_HEAD} & set(texts):
            what = f"... {text_of(b''.join(fact[5] for fact in sends[:_PREVIEWED]))}"
        else:
            what = texts[0] + (", and of the body" if answer.is_head_over else "")
        size = sum(fact[4] for fact in sends)
        parts = [count(len(sends), "send"), *_so_far(size, answer), *_in_between(run, len(sends))]
        return Row(run[0][0], name_of(*run[0][1:3]), "<", what, ", ".join(parts))

    # -- one fact --

    def _row(self, fact: Fact) -> Iterator[Row]:
        at_ns, connection, exchange, kind, size, detail = fact
        if kind in {timeline.MATCHED, timeline.DUE}:
            self._answer(fact).due = size
        if kind == timeline.REFUSED:
            self._refused.add((connection, exchange))
        if kind in timeline.INTERNAL or (kind == timeline.REQUEST_ENDED and (connection, exchange) in self._refused):
            return
        if kind == timeline.ENDED and self._parted.get(connection):
            return  # goes without saying behind a goodbye
        if kind == timeline.SENT:
            arrow, what, figure = self._sent(fact)
        elif kind == timeline.MATCHED:
            arrow, what, figure = self._matched(detail)
        elif kind in GOODBYES:
            arrow, what, figure = self._goodbye(connection, kind, detail)
        else:
            line = _LINES.get(kind, _plain)(kind, size, detail)
            if line is None:
                return
            arrow, what, figure = line
        yield Row(at_ns, name_of(connection, exchange), arrow, what, figure)

    def _sent(self, fact: Fact) -> tuple[str, str, str]:
        size, preview = fact[4], fact[5]
        if is_interim(preview):
            return "<", first_line(preview), f"{count(size, 'byte')}, interim"
        answer = self._answer(fact)
        begins = answer.sent == 0
        what = answer.add(preview, size)
        if begins:
            of = f" of {answer.due}" if answer.due and answer.sent != answer.due else ""
            return "<", what, f"{size}{of} byte{'' if size == 1 and not of else 's'}"
        return "<", what, ", ".join(_so_far(size, answer))

    def _matched(self, detail: Any) -> tuple[str, str, str]:
        route, reply, _status = detail[:3]
        if route not in self._routes:
            return " ", "a route that was forgotten since", f"reply {reply + 1}"
        text, location, replies = self._routes[route]
        room = WIDTH - len(location) - len("route , ")
        return " ", f"route {shortened(printable(text), max(room, 16))}, {location}", f"reply {reply + 1} of {replies}"

    def _goodbye(self, connection: int, kind: str, detail: Any) -> tuple[str, str, str]:
        is_ours = kind in {timeline.FIN_SENT, timeline.RST_SENT}
        arrow, what = "<" if is_ours else ">", "FIN" if kind in {timeline.FIN_SENT, timeline.FIN_RECEIVED} else "RST"
        if detail == "half-close":
            return arrow, what, "half-close, the server goes on reading"
        parts = [] if self._parted.get(connection) else [f"closed by {'server' if is_ours else 'client'}"]
        self._parted[connection] = self._parted.get(connection, 0) + 1
        if kind == timeline.RST_RECEIVED and parts and not detail:
            parts.append("a reset, or closed with bytes unread")
        return arrow, what, ", ".join([*parts, *([printable(str(detail))] if detail else [])])


def _so_far(size: int, answer: Answer) -> list[str]:
    """Return how much one line has sent, and how much that makes in all."""
    if answer.due and answer.sent != answer.due:
        return [count(size, "byte"), f"{answer.sent} of {answer.due}"]
    return [count(size, "byte"), *([f"{answer.sent} in all"] if answer.sent != size else [])]


def _in_between(run: Sequence[Fact], sends: int) -> Iterator[str]:
    """Yield what happened between the sends of a run."""
    seen = sum(fact[3] == timeline.PEER_READ for fact in run)
    if seen >= sends - 1:
        yield "each read by the client"
    pauses = sorted({fact[5] for fact in run if fact[3] == timeline.PAUSED})
    if pauses:
        yield f"pauses of {pauses[0]:g} s" if len(pauses) == 1 else f"pauses of {pauses[0]:g} to {pauses[-1]:g} s"
    blocked = sum(fact[3] == timeline.SEND_BLOCKED for fact in run)
    if blocked:
        yield f"{count(blocked, 'wait')} for the client to read"


def _is_alike(one: Fact, other: Fact) -> bool:
    """Whether two uneventful exchanges differ in nothing but their time and place."""
    return other[3] == timeline.UNEVENTFUL and one[4:9] == other[4:9]


def _is_repeated(facts: Sequence[Fact], place: int) -> bool:
    """Whether enough exchanges like this one follow it to be one line."""
    followers = facts[place + 1 : place + 1 + _FOLDED]
    return len(followers) == _FOLDED and all(_is_alike(facts[place], other) for other in followers)


def _end_of_batch(facts: Sequence[Fact], start: int) -> int:
    """Return where the exchanges end that came in one read with this one, and of which each is shown."""
    end = start + 1
    while (
        end < len(facts)
        and facts[end][3] == timeline.UNEVENTFUL
        and facts[end][:2] == facts[start][:2]
        and not _is_repeated(facts, end)
    ):
        end += 1
    return end


def _repeated(alike: Sequence[Fact]) -> Row:
    first, last = alike[0], alike[-1]
    names = f"{name_of(*first[1:3])} to {name_of(*last[1:3])}"
    duration = f"{(last[10] - first[0]) / 1e6:.1f} ms"
    return Row(first[0], name_of(*first[1:3]), " ", f"... {len(alike)} more exchanges like it", f"{names}, {duration}")


def _plain(kind: str, size: int, detail: Any) -> tuple[str, str, str] | None:
    shown = "" if detail is None else shortened(printable(str(detail)), WIDTH)
    return " ", kind, " ".join(part for part in (str(size) if size else "", shown) if part)


def _head(_kind: str, size: int, detail: Any) -> tuple[str, str, str] | None:
    fields = detail.lstrip(b"\r\n").count(b"\r\n") - 2
    return ">", first_line(detail), f"{count(size, 'byte')}, {count(max(fields, 0), 'header')}"


def _refused(_kind: str, size: int, detail: Any) -> tuple[str, str, str] | None:
    return "!", "refused" + (f", answered {size}" if size else ""), printable(str(detail))


def _gate(_kind: str, _size: int, detail: Any) -> tuple[str, str, str] | None:
    name, state = detail
    return " ", f"at {name}" if state == "reached" else f"{name} {state}", ""


def _unobserved(_kind: str, _size: int, detail: Any) -> tuple[str, str, str] | None:
    what, _, why = detail.partition(": ")
    return "!", f"not seen: {what}", why


def _listener(_kind: str, _size: int, detail: Any) -> tuple[str, str, str] | None:
    is_usual = detail.startswith("accepts")
    return " " if is_usual else "!", f"the listener {detail}", "" if is_usual else _UNCOUNTED


_LINES: dict[str, Callable[[str, int, Any], tuple[str, str, str] | None]] = {
    timeline.LISTENER: _listener,
    timeline.ACCEPTED: lambda _k, _s, detail: (" ", f"accepted from {detail}", ""),
    timeline.HEAD: _head,
    timeline.BODY: lambda _k, size, _d: (">", "body", count(size, "byte")),
    timeline.REQUEST_ENDED: lambda _k, size, detail: (
        None if detail is None else ("!", f"broken off: {printable(detail)}", f"{count(size, 'byte')} received")
    ),
    timeline.ASKED: lambda _k, _s, detail: (" ", f"asked {detail}", "no route wants it"),
    timeline.UNMATCHED: lambda _k, _s, detail: ("!", "unmatched, answered 501", detail or "no route wants it"),
    timeline.REFUSED: _refused,
    timeline.CONTINUE_SENT: lambda *_: ("<", "HTTP/1.1 100 Continue", "interim"),
    timeline.SEND_BLOCKED: lambda _k, size, _d: ("!", "the client does not read", f"{count(size, 'byte')} wait"),
    timeline.SEND_RESUMED: lambda *_: (" ", "the client reads again", "all is sent"),
    timeline.SEND_FAILED: lambda _k, _s, detail: ("!", "sending failed", str(detail)),
    timeline.RECEIVED: lambda _k, size, detail: (">", f"raw: {text_of(detail or b'')}", count(size, "byte")),
    timeline.DELIVERED: lambda _k, size, _d: (
        (" ", "delivered to the client", f"{count(size, 'byte')} in all") if size else None
    ),
    timeline.PEER_READ: lambda _k, size, _d: (" ", "read by the client", f"{count(size, 'byte')} in all"),
    timeline.FAULT: lambda _k, _s, detail: ("!", detail[3] if isinstance(detail, tuple) else str(detail), "fired"),
    timeline.PAUSED: lambda _k, _s, detail: (" ", f"pausing for {detail:g} s", ""),
    timeline.STALLED: lambda *_: ("!", "stalled", "nothing more is sent or read"),
    timeline.GATE: _gate,
    timeline.MARK: lambda _k, _s, detail: (" ", f"mark {detail!r}", ""),
    timeline.STEP: lambda _k, _s, detail: (" ", f"step {printable(str(detail))}", ""),
    timeline.UNOBSERVED: _unobserved,
    timeline.HANDLER_ERROR: lambda _k, _s, detail: ("!", printable(str(detail)), ""),
    timeline.ENDED: lambda *_: (" ", "ended", ""),
}
