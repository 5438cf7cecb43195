"""What a client did, connection by connection: the facts of a server gathered in one pass.

What can be known of a client from the server's side, and what not:

- A client that closes with bytes unread sends RST (its kernel does, RFC 2525 section 2.17), one that has read
  everything FIN. So behind the client's goodbye it is known whether it had read to the end; before that, the client's
  kernel can be asked. A FIN that came before the answer was sent is a half-close and tells nothing.
- The time at which a client learned of something lies between two of our stamps: the one before the bytes left and the
  one behind that. A gap between two attempts begins at the former, so it is never shorter than the client's wait, and
  a lower bound that the client keeps never fails.
- A request is seen to be pipelined if it was there before the answer to the one before it had been sent. One that came
  while that answer was on its way looks like any other.
- Bytes that wait because the kernel takes no more: the client reads slowly, or has stopped.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from pytest_epoll._core import timeline
from pytest_epoll._core.showing import shortened
from pytest_epoll._reporting.sent_bytes import first_line, is_interim
from pytest_epoll._reporting.timeline_rows import GOODBYES, name_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_epoll._core.timeline import Fact

_LINE = 80
"""Characters of a request line that a text has."""

_TAIL = 64
"""Bytes that tell whether a last chunk went out: more than it has without trailers."""

_LAST_CHUNK = re.compile(rb"(?:^|\r\n)0\r\n(?:[^\r\n]+\r\n)*\r\n$")
"""The end of a chunked body (RFC 9112 section 7.1)."""

_CONTENT_LENGTH = re.compile(rb"\r\nContent-Length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)

_PARTIES = {
    timeline.FIN_RECEIVED: ("client", "fin"),
    timeline.RST_RECEIVED: ("client", "rst"),
    timeline.FIN_SENT: ("server", "fin"),
    timeline.RST_SENT: ("server", "rst"),
}


class Goodbye:
    """A FIN or an RST of either side."""

    __slots__ = ("at_ns", "by", "how", "place")

    def __init__(self, place: int, at_ns: int, by: str, how: str) -> None:
        self.place = place
        self.at_ns = at_ns
        self.by = by
        self.how = how


class Hold:
    """A time in which bytes waited for the client to read; `end_ns` is None while they still do."""

    __slots__ = ("begin_ns", "end_ns")

    def __init__(self, begin_ns: int) -> None:
        self.begin_ns = begin_ns
        self.end_ns: int | None = None

    def lasted_ns(self, now_ns: int) -> int:
        """Return how long it has lasted."""
        return (now_ns if self.end_ns is None else self.end_ns) - self.begin_ns


class Exchange:
    """One request and what was sent for it. Places are those in the record."""

    __slots__ = (
        "begun_ns",
        "body",
        "connection",
        "depth",
        "due",
        "exchange",
        "head",
        "holds",
        "is_complete",
        "is_delimited",
        "is_disturbed",
        "is_stalled",
        "place",
        "sent",
        "sent_place",
        "spoken_ns",
        "status",
        "tail",
        "was_continued",
    )

    def __init__(self, place: int, fact: Fact) -> None:
        self.place = place
        self.begun_ns: int = fact[0]
        self.connection: int = fact[1]
        self.exchange: int = fact[2]
        self.head = b""  # empty if it never completed, or was forgotten
        self.body = 0
        self.is_complete = False
        self.was_continued = False
        self.status = 0
        self.due = 0  # bytes of the whole answer, 0 if that is not known
        self.sent = 0
        self.sent_place = -1  # of the last send
        self.spoken_ns: int | None = None  # not later than the last byte, or our goodbye, left
        self.tail = b""
        self.is_delimited = False  # by our FIN, or by the answer to the next request
        self.is_disturbed = False  # a fault fired, or code of the test's failed
        self.is_stalled = False
        self.depth = 1  # of the pipeline: requests that were not answered yet when it came, itself included
        self.holds: list[Hold] = []

    @property
    def key(self) -> tuple[int, int]:
        """By what it is found: its connection and its place there."""
        return self.connection, self.exchange

    @property
    def name(self) -> str:
        """Return "c0.1"."""
        return name_of(self.connection, self.exchange)

    @property
    def line(self) -> str:
        """Return "GET /a"."""
        if not self.head:
            return "(no complete head)"
        return shortened(first_line(self.head).rpartition(" ")[0], _LINE)

    @property
    def is_whole(self) -> bool:
        """Whether the whole answer was sent, as far as its size is known; of a stream its end tells."""
        if self.due:
            return self.sent >= self.due
        return self.is_delimited or _LAST_CHUNK.search(self.tail) is not None

    def is_owed(self, place: int) -> bool:
        """Whether the client still had to wait for the answer, or for the rest of it, at that place of the record."""
        return not self.sent or self.sent_place > place or (self.is_stalled and not self.is_whole)

    def add(self, place: int, fact: Fact, spoken_ns: int) -> bool:
        """Take the next fact about this exchange; return whether it is about the answer."""
        kind, size, detail = fact[3:6]
        if kind == timeline.SENT and not is_interim(detail):
            self._add_sent(place, size, detail)
            self.spoken_ns = spoken_ns
        elif kind in {timeline.MATCHED, timeline.DUE}:
            self.due = size
        elif kind == timeline.HEAD:
            self.head = detail
        elif kind == timeline.BODY:
            self.body = size
        elif kind == timeline.REQUEST_ENDED:
            self.is_complete = detail is None
        elif kind == timeline.CONTINUE_SENT:
            self.was_continued = True
        elif kind in {timeline.FAULT, timeline.HANDLER_ERROR}:
            self.is_disturbed = True
        elif kind == timeline.STALLED:
            self.is_stalled = True
        return kind in _OF_ANSWER

    def _add_sent(self, place: int, size: int, preview: bytes) -> None:
        if not self.sent:
            words = first_line(preview).split(" ", 2)
            self.status = int(words[1]) if len(words) > 1 and words[1].isdecimal() else 0
            has_content = not (self.head.startswith(b"HEAD ") or self.status in {204, 304})
            self.due = self.due or _announced_size(preview, has_content=has_content)
        self.sent += size
        self.sent_place = place
        self.tail = (self.tail + preview)[-_TAIL:] if size == len(preview) else b""


class Conversation:
    """One connection: what came on it, and how it ended."""

    __slots__ = ("_current", "_floor_ns", "_hold", "_latest_ns", "_stamp_ns", "_stories", "goodbyes", "has_ended",
                 "index", "opened_ns", "opened_place")  # fmt: skip

    def __init__(self, index: int) -> None:
        self.index = index
        self.opened_ns: int | None = None  # None: before the record was cleared
        self.opened_place = -1
        self.goodbyes: list[Goodbye] = []
        self.has_ended = False
        self._stories: dict[int, Exchange] = {}
        self._current: Exchange | None = None  # of which something was sent, or is about to be
        self._hold: Hold | None = None
        self._stamp_ns = self._latest_ns = self._floor_ns = 0

    @property
    def name(self) -> str:
        """Return "c0"."""
        return name_of(self.index, timeline.NO_EXCHANGE)

    @property
    def exchanges(self) -> list[Exchange]:
        """What came on it, in order."""
        return list(self._stories.values())

    @property
    def answered_last(self) -> Exchange | None:
        """The last exchange of whose answer something was sent."""
        return next((one for one in reversed(self._stories.values()) if one.sent), None)

    @property
    def goodbye(self) -> Goodbye | None:
        """The first goodbye of either side."""
        return self.goodbyes[0] if self.goodbyes else None

    @property
    def is_open(self) -> bool:
        """Whether neither side has parted."""
        return not (self.goodbyes or self.has_ended)

    def of_client(self, how: str) -> Goodbye | None:
        """Return the client's FIN or RST, if it came."""
        return next((bye for bye in self.goodbyes if bye.by == "client" and bye.how == how), None)

    def is_there(self, place: int) -> bool:
        """Whether it was open at that place of the record."""
        bye = self.goodbye
        return bye.place > place if bye is not None else not self.has_ended

    def owed_at(self, place: int) -> Exchange | None:
        """Return a request whose answer the client was waiting for at that place of the record."""
        before = [one for one in self._stories.values() if one.place < place]
        return before[-1] if before and before[-1].is_owed(place) else None

    # -- gathering --

    def add(self, place: int, fact: Fact) -> None:
        """Take the next fact of this connection."""
        at_ns, _, number, kind, _, detail = fact
        self._follow_the_clock(at_ns, kind, detail)
        if number >= 0:
            exchange = self._stories.get(number)
            if exchange is None:
                exchange = self._stories[number] = Exchange(place, fact)
            if exchange.add(place, fact, self._floor_ns):
                self._current = exchange
        elif kind == timeline.ACCEPTED:
            self.opened_ns, self.opened_place = at_ns, place
        elif kind in GOODBYES and detail != "half-close":
            self._part(place, fact)
        elif kind == timeline.ENDED:
            self.has_ended = True
        self._follow_the_buffer(at_ns, kind)

    def _follow_the_clock(self, at_ns: int, kind: str, detail: object) -> None:
        """Keep the last moment before the one of this fact; facts of one moment have it in common."""
        if at_ns != self._stamp_ns:
            self._floor_ns = min(self._latest_ns or at_ns, at_ns)
        self._stamp_ns = self._latest_ns = at_ns
        if kind == timeline.PAUSED and isinstance(detail, float):
            self._latest_ns += int(detail * 1e9)

    def _part(self, place: int, fact: Fact) -> None:
        by, how = _PARTIES[fact[3]]
        last = self._current or next(reversed(self._stories.values()), None)
        if by == "server" and not self.goodbyes and last is not None:
            last.spoken_ns = self._floor_ns
            last.is_delimited = how == "fin" and last.sent > 0 and not (last.due or last.is_disturbed)
        self.goodbyes.append(Goodbye(place, fact[0], by, how))

    def _follow_the_buffer(self, at_ns: int, kind: str) -> None:
        """Keep how long bytes wait: from a full buffer to the next bytes that it takes, again and again."""
        begins = kind == timeline.SEND_BLOCKED or (kind == timeline.SENT and self._hold is not None)
        if self._hold is not None and (begins or kind in _LETTING_GO or self.goodbyes):
            self._hold.end_ns = at_ns
            self._hold = None
        if begins and self._current is not None:
            self._hold = Hold(at_ns)
            self._current.holds.append(self._hold)

    def count_pipelines(self) -> None:
        """Count for each request how many were not answered yet when it came."""
        stories = self.exchanges
        first = 0  # of those that are not answered: they are answered in order (RFC 9112 section 9.3.2)
        for number, exchange in enumerate(stories):
            while first < number and not stories[first].is_owed(exchange.place):
                first += 1
            exchange.depth = 1 + number - first
        for before, behind in itertools.pairwise(stories):
            before.is_delimited = before.is_delimited or (behind.sent > 0 and not before.due)


_LETTING_GO = frozenset((timeline.SEND_RESUMED, timeline.SEND_FAILED, timeline.ENDED))

_OF_ANSWER = frozenset((timeline.MATCHED, timeline.DUE, timeline.UNMATCHED, timeline.SENT))


def _announced_size(preview: bytes, *, has_content: bool) -> int:
    """Return how long an answer says that it is, 0 if that is not in its first bytes: of what a script sends."""
    end = preview.find(b"\r\n\r\n") + 4
    found = _CONTENT_LENGTH.search(preview, 0, end)
    if found is None:
        return 0
    return end + int(found[1]) if has_content else end


def gather(facts: Iterable[Fact]) -> list[Conversation]:
    """Return the connections that facts are about, in the order in which they first appear."""
    found: dict[int, Conversation] = {}
    for place, fact in enumerate(timeline.expand(facts)):
        if fact[1] >= 0:
            talk = found.get(fact[1])
            if talk is None:
                talk = found[fact[1]] = Conversation(fact[1])
            talk.add(place, fact)
    for talk in found.values():
        talk.count_pipelines()
    return list(found.values())


def exchanges_of(conversations: Iterable[Conversation]) -> list[Exchange]:
    """Return all requests in the order in which they came."""
    return sorted((one for talk in conversations for one in talk.exchanges), key=lambda one: one.place)
