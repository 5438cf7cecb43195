"""What has come on a scripted connection, taken exactly as far as a step asks, and kept whole in the order it came.

What is asked for is looked at before it is received, as in `gauge`: what a step does not take stays in the kernel's
buffers, for the next step, or for the kernel to answer with RST when we close. Raw bytes that come while a request is
open are its body as well.

Loop thread only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_epoll._core import clock, limits, timeline
from pytest_epoll._eventloop.gauged_reads import MORE
from pytest_epoll._serving import gauge
from pytest_epoll._serving.intake import Intake

if TYPE_CHECKING:
    from pytest_epoll._core.messages import RequestRecord, Transcript
    from pytest_epoll._eventloop.transport import Transport
    from pytest_epoll._serving.context import Context
    from pytest_epoll._serving.exchange import Exchange


@dataclass(frozen=True, slots=True)
class NextHead:
    """The end of the next request's head."""


@dataclass(frozen=True, slots=True)
class Exactly:
    """So many bytes further."""

    size: int


@dataclass(frozen=True, slots=True)
class Until:
    """Right behind the next occurrence of these bytes."""

    mark: bytes


@dataclass(frozen=True, slots=True)
class UpTo:
    """Whatever is there, but no more than so many bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class ToEof:
    """All that comes until the client sends FIN."""


class Inbox:
    """One scripted connection's reading."""

    __slots__ = (
        "_context",
        "_earlier",
        "_found",
        "_position",
        "_tail",
        "_transcript",
        "_transport",
        "_within",
        "intake",
        "last",
        "newest",
        "taken",
    )

    def __init__(self, context: Context, transport: Transport, transcript: Transcript) -> None:
        self.intake = Intake(context, transport, self, is_lenient=True)
        self.newest: Exchange | None = None  # the request that was listed last
        self.taken = 0  # bytes, by the step that reads
        self.last = b""  # what came last
        self._context = context
        self._transport = transport
        self._transcript = transcript
        self._found: tuple[object, int] | None = None  # a position that looking ahead has found, and behind how much
        self._earlier: Exchange | None = None  # the newest request when the step began
        self._position: Any = "end"
        self._within: Any = "end"
        self._tail = b""  # what was taken last, as far as the bytes that are looked for may have begun in it

    # -- what the intake tells --

    def request_listed(self, exchange: Exchange) -> None:
        """A request's head has come."""
        self.newest = exchange

    def request_ended(self, exchange: Exchange) -> None:
        """A request has been read, or will not be."""
        self.newest = exchange

    # -- what is wanted --

    def want(self, position: object, within: object) -> bool:
        """Read up to a position from now on, or to the end of what it lies in; return whether that is there.

        The same `within` goes on where it was: a fault has put a position before its end.
        """
        self._position = position
        if within is not self._within:
            self._within = within
            self._earlier, self.taken, self._tail = self.newest, 0, b""
        return self.is_done

    @property
    def is_done(self) -> bool:
        """Whether there is nothing more to read for what is wanted."""
        return self.has_reached or self._is_over(self._within)

    @property
    def has_reached(self) -> bool:
        """Whether the position was reached."""
        position = self._position
        if isinstance(position, int):
            return self._transport.record.bytes_received >= position
        if position == self._within:
            return self._is_over(position)
        record = self._record
        if record is None or record.head is None:
            return False
        if record.complete is not None:
            return gauge.is_within(record, position)
        if self._found == (position, record.raw_size):
            return True
        return gauge.look(self.intake.reader, record, position).is_reached

    @property
    def _record(self) -> RequestRecord | None:
        """The request that is meant: the newest one, or the next one while its head is read."""
        exchange = self.newest
        if exchange is None or (isinstance(self._within, NextHead) and exchange is self._earlier):
            return None
        return exchange.record

    def _is_over(self, within: Any) -> bool:
        if within == "end":
            return self.newest is not None and self.newest.record.complete is not None
        if isinstance(within, NextHead):
            return self.newest is not self._earlier
        if isinstance(within, Exactly):
            return self.taken >= within.size
        if isinstance(within, UpTo):
            return self.taken > 0
        return isinstance(within, Until) and self._tail.endswith(within.mark)

    # -- what the transport asks and gives --

    def room(self, data: bytes) -> int:
        """Return how many of these bytes, which come next, may be taken; `MORE` if more must be looked at before."""
        position = self._position
        room = self._room_within(data)
        if isinstance(position, int):
            return max(min(room, position - self._transport.record.bytes_received), 0)
        record = self._record
        if position == self._within or record is None or record.head is None or record.complete is not None:
            return room
        size, is_there = gauge.room(self.intake.reader, record, position, data)
        if size == MORE:
            return MORE
        if is_there:
            self._found = position, record.raw_size + size
        return min(room, size)

    def _room_within(self, data: bytes) -> int:
        within = self._within
        if isinstance(within, (Exactly, UpTo)):
            return min(within.size - self.taken, len(data))
        if isinstance(within, Until):
            return self._room_until(within.mark, data)
        if isinstance(within, ToEof):
            return len(data)
        exchange = self.intake.current
        return gauge.room(self.intake.reader, None if exchange is None else exchange.record, "end", data)[0]

    def _room_until(self, mark: bytes, data: bytes) -> int:
        known = self._tail
        end = (known + data).find(mark)
        return len(data) if end < 0 else end + len(mark) - len(known)

    def take(self, data: bytes) -> None:
        """Take what was received."""
        at_ns = clock.now_ns()
        self._transcript.received.add(data)
        self.taken += len(data)
        self.last = data
        within = self._within
        if isinstance(within, Until):
            self._tail = (self._tail + data)[-len(within.mark) :]
            if len(self._tail) == len(within.mark) and self._tail != within.mark:
                self._tail = self._tail[1:]
        if within == "end" or isinstance(within, NextHead):
            self.intake.take(data, at_ns)
        else:
            self._take_raw(data, at_ns)

    def _take_raw(self, data: bytes, at_ns: int) -> None:
        """Take bytes as the rest of the open request, as far as it goes, and note what is left."""
        intake = self.intake
        exchange = intake.current
        if intake.is_open and exchange is not None and exchange.record.head is not None:
            size, _ = gauge.room(intake.reader, exchange.record, "end", data)
            if size:
                intake.take(data[:size], at_ns)
            data = data[size:]
        if data:
            where = self._transport.record.index, timeline.NO_EXCHANGE
            self._context.journal.facts.append((at_ns, *where, timeline.RECEIVED, len(data), data[: limits.PREVIEW]))

    def discard(self, data: bytes) -> None:
        """Take bytes that nobody wants any more."""
        self._transcript.received.add(data)

    def end(self, reason: str | None) -> None:
        """The client's stream has ended; a request that was being read is incomplete for that reason."""
        if self.intake.is_open:
            self.intake.break_off(clock.now_ns(), reason)

    def close(self, reason: str) -> None:
        """Nothing more will be taken apart; a request that was being read is incomplete for that reason."""
        self.intake.close(clock.now_ns(), reason)

    # -- what steps ask --

    @property
    def has_open_body(self) -> bool:
        """Whether a request's head has been read, and its body not to its end."""
        exchange = self.intake.current
        return exchange is not None and exchange.record.head is not None

    @property
    def is_open(self) -> bool:
        """Whether requests can be read: none of them was malformed, and the client's stream has not ended."""
        return self.intake.is_open
