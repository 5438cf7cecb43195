"""How far and how fast one connection's requests are read, as far as acts ask for it.

While a fault acts on reading, what is there is looked at before it is taken; without one, reads go the plain way. See
`gauge` for how a position is kept to the byte. Loop thread only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_epoll._eventloop.gauged_reads import MORE
from pytest_epoll._serving import gauge

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_epoll._core.messages import RequestRecord
    from pytest_epoll._core.pace import Pace
    from pytest_epoll._eventloop.loop import Loop
    from pytest_epoll._eventloop.transport import Transport
    from pytest_epoll._serving.intake import Intake


class Brake:
    """Holds a transport's reading at a position, and slows it down."""

    __slots__ = (
        "_found",
        "_has_more",
        "_intake",
        "_is_gauging",
        "_loop",
        "_on_found",
        "_pace",
        "_taken",
        "_transport",
        "has_reached",
        "is_awaited",
        "may_read_on",
        "position",
    )

    def __init__(self, loop: Loop, transport: Transport, intake: Intake, on_found: Callable[[], None]) -> None:
        self.position: object = "end"  # of the request that is being read
        self.may_read_on = True  # whether what stands behind the position may be read while later acts run
        self.is_awaited = False  # an act waits until the request was read to there
        self.has_reached = False  # whether the last position was reached, not only the end of the request before it
        self._loop = loop
        self._transport = transport
        self._intake = intake
        self._on_found = on_found  # the position turned out to be here: nothing is taken, so nobody else tells
        self._is_gauging = False
        self._pace: Pace | None = None
        self._taken = 0  # bytes, by the last read
        self._has_more = False  # whether something stood behind what was taken last
        self._found: tuple[object, int] | None = None  # a position that looking ahead has found, and behind how much

    def begin_gauging(self) -> None:
        """Look before reading from now on."""
        if not self._is_gauging:
            self._is_gauging = True
            self._transport.gauge_reads(self._room)

    def _room(self, data: bytes) -> int:
        intake = self._intake
        if not intake.is_open:
            return len(data)
        record = None if intake.current is None else intake.current.record
        size, is_there = gauge.room(intake.reader, record, self.position, data)
        self._taken = len(data) if size == MORE else size
        if size == MORE:
            return MORE
        self._has_more = size < len(data)
        if is_there and record is not None:
            self._found = (self.position, record.raw_size + size)
        if not size:
            self._loop.call_soon(self._on_found)
        if self._pace is not None:
            size = self._taken = min(size, self._pace.size)
        return size

    def read_to(self, record: RequestRecord, position: object, *, read_on: bool) -> bool:
        """Have a request read up to a position; return whether it is there, or has ended, else it is awaited."""
        if self._is_gauging:
            self.position = "end" if read_on else position
            self.may_read_on = read_on
            if self.is_at_position(record) and not read_on:
                self.has_reached = True
                self._transport.pause_reading()
                return True
        self._transport.resume_reading()
        self.is_awaited = record.complete is None
        self.has_reached = not self.is_awaited and self.is_at_position(record)
        return not self.is_awaited

    def set_pace(self, pace: Pace | None) -> None:
        """Take so many bytes at once, then pause; None: no pauses."""
        if self._is_gauging:
            self._pace = pace
            self._taken = 0  # what came before, the head that is being looked at now, costs no pause

    def read_on(self) -> None:
        """Have what is left of the request read, at the pace that was set."""
        self.position = "end"
        self.may_read_on = True
        self._transport.resume_reading()

    def let_go(self) -> None:
        """Read freely again, as far as it goes."""
        self.position = "end"
        self.may_read_on = True
        self._pace = None

    def rest(self) -> None:
        """Pause after a read, if there is a pace."""
        if self._pace is not None and self._transport.is_open:
            self._transport.pause_reading()
            self._loop.call_later(self._pace.pause_after(self._taken), self._transport.resume_reading)

    def is_loose(self, *, within_request: bool) -> bool:
        """Whether reading may be resumed: neither a pace nor a position holds it back."""
        return self.may_read_on and self._pace is None and not (within_request and self.position != "end")

    def wants_continue(self, record: RequestRecord, unless_at: tuple[object, ...]) -> bool:
        """Whether the client waits to be told to send its body, and none of the positions lies before it."""
        return gauge.wants_continue(self._intake.reader, record, unless_at, has_more=self._has_more)

    def is_at_position(self, record: RequestRecord) -> bool:
        """Whether a request has been read up to the position."""
        if record.complete is not None:
            return gauge.is_within(record, self.position)
        if self._found == (self.position, record.raw_size):
            return True
        return gauge.look(self._intake.reader, record, self.position).is_reached
